"""Identity providers of both kinds, as tests have them: an issuer of OpenID Connect on loopback, and one that signs
SAML assertions."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner

CLIENT = "sts.aliyuncs.com"
ROLE_SSO = "https://signin.aliyun.com/saml-role/sso"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The same for a name: making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: Any, **fields: Any) -> dict[str, Any]:
    algorithm = (
        jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    )
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", **fields}


class Issuer:
    """`asked`: the paths that somebody fetched. `documents` can be changed; `status` is that of all answers."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.key = rsa_key("issuer")
        self.asked: list[str] = []
        self.status = 200
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = issuer.documents.get(self.path)
                self.send_response(issuer.status if body is not None else 404)
                sent = json.dumps(body).encode() if not isinstance(body, bytes) else body
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Of clients that do not trust it nothing is said."""

            def finish_request(self, request: Any, client_address: Any) -> None:
                # In the connection's own thread: a handshake that never ends holds up nobody.
                wrapped = context.wrap_socket(request, server_side=True) if context is not None else request
                super().finish_request(wrapped, client_address)

        self.http = Server(("127.0.0.1", 0), Handler)
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.http.server_port}"
        self.documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [public_jwk(self.key, kid="first")]},
        }
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Twice does no harm. A socket that is closed while its thread still selects on it would keep a core busy."""
        self.http.shutdown()
        self.http.server_close()

    def token(self, *, key: Any = None, algorithm: str = "RS256", kid: str | None = "first", **claims: Any) -> str:
        """Claims that are None are left out."""
        now = time.time()
        said = {"iss": self.url, "sub": "alice", "aud": CLIENT, "iat": now - 5, "exp": now + 600, **claims}
        head = {"kid": kid} if kid is not None else {}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, key or self.key, algorithm, headers=head)


# --- certificates ---


def certificate(
    name: str, key: Any, *, issuer: tuple[x509.Certificate, Any] | None = None, address: bool = False
) -> x509.Certificate:
    """Self-signed, or of an issuer and its key; `address`: for a server on loopback."""
    import ipaddress

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not address, path_length=None), critical=True)
    )
    if address:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1] if issuer is not None else key, hashes.SHA256())


def pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def _own_certificate(name: str) -> x509.Certificate:
    return certificate(name, rsa_key(name))


# --- SAML ---


class SamlIssuer:
    """An identity provider that signs with `key`; its metadata says `certificate`."""

    def __init__(self, entity_id: str = "https://idp.example.com/saml", key: str = "saml") -> None:
        self.entity_id = entity_id
        self.key = rsa_key(key)
        self.certificate = _own_certificate(key)

    @property
    def metadata(self) -> str:
        der = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        document = f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity_id}">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>{der}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""
        return encoded(document.encode())

    def response(
        self,
        role: str,
        provider: str,
        *,
        signed: str = "assertion",
        session_name: str | None = "alice",
        duration: str | None = None,
        recipient: str = ROLE_SSO,
        audience: str = "urn:alibaba:cloudcomputing",
        issuer: str | None = None,
        subject: str = "alice@example.com",
        begins_s: float = -60,
        ends_s: float = 300,
        confirmed_s: float = 300,
        status: str = "urn:oasis:names:tc:SAML:2.0:status:Success",
        id: str | None = None,
        change: Any = None,
    ) -> bytes:
        """A whole response as XML. `signed`: assertion, response or nothing; `change` is done to the signed tree."""
        now = datetime.now(UTC)
        id = id or f"_{rsa_key('saml').public_key().public_numbers().n % 1000}{time.monotonic_ns()}"
        attributes = {"Role": f"{role},{provider}", "RoleSessionName": session_name, "SessionDuration": duration}
        stated = "".join(
            f'<saml:Attribute Name="https://www.aliyun.com/SAML-Role/Attributes/{name}">'
            f"<saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
            for name, value in attributes.items()
            if value is not None
        )
        document = f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="{SAML}"
    ID="{id}r" Version="2.0" IssueInstant="{_instant(now)}" Destination="{ROLE_SSO}">
  <saml:Issuer>{issuer or self.entity_id}</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>
  <saml:Assertion ID="{id}" Version="2.0" IssueInstant="{_instant(now)}">
    <saml:Issuer>{issuer or self.entity_id}</saml:Issuer>
    <saml:Subject>
      <saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <saml:SubjectConfirmationData NotOnOrAfter="{_instant(now, confirmed_s)}" Recipient="{recipient}"/>
      </saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="{_instant(now, begins_s)}" NotOnOrAfter="{_instant(now, ends_s)}">
      <saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>
    </saml:Conditions>
    <saml:AttributeStatement>{stated}</saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>"""
        root = etree.fromstring(document.encode())
        if signed == "assertion":
            assertion = root.find(f"{{{SAML}}}Assertion")
            root.replace(assertion, self.sign(assertion, id))
        elif signed == "response":
            root = self.sign(root, f"{id}r")
        if change is not None:
            change(root)
        return etree.tostring(root)

    def sign(self, element: Any, id: str) -> Any:
        signer = XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
        return signer.sign(element, key=self.key, cert=[self.certificate], reference_uri=f"#{id}")


def encoded(document: bytes) -> str:
    return base64.b64encode(document).decode()


def _instant(moment: datetime, after_s: float = 0) -> str:
    return (moment + timedelta(seconds=after_s)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
