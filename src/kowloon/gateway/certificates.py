"""A certificate authority of this installation's own, and a leaf certificate for each name a client asks for."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import ssl
import tempfile
import warnings
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kowloon.core.clock import Clock
from kowloon.core.errors import ConfigurationError

CA_LIFETIME: Final = timedelta(days=3650)
# Clients refuse leaves that live longer than 398 days.
LEAF_LIFETIME: Final = timedelta(days=396)
# For clients whose clocks run behind.
BACKDATED: Final = timedelta(days=1)
# A leaf this close to its end is replaced when next asked for.
RENEW_BEFORE: Final = timedelta(days=7)
CONTEXTS_KEPT: Final = 512
_COMMON_NAME_CHARACTERS: Final = 64
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\Z")
_FALLBACK_NAME: Final = "localhost"
_TRUSTSTORE_PASSWORD: Final = b"changeit"
_PEM_END: Final = b"-----END CERTIFICATE-----\n"


class CertificateAuthority:
    """Keeps its key in `folder` (readable by the owner only) and makes server contexts, newest names kept.

    `ca.pem` there is what clients may trust. Two processes that start together end up with one authority.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._key, self._certificate = self._load_or_create(folder / "ca-key.pem")
        # One key for all leaves: they are trusted by one authority and live in one process.
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()
        self.certificate_path = folder / "ca.pem"
        _replace_file(self.certificate_path, self._certificate_pem(), mode=0o644)

    def write_bundle(self, path: Path) -> None:
        """Write the public roots and this authority, for clients that take one file of trusted certificates."""
        public = Path(certifi.where()).read_bytes()
        _replace_file(path, public.rstrip() + b"\n\n" + self._certificate_pem(), mode=0o644)

    def write_truststore(self, path: Path) -> None:
        """The same for Java: PKCS #12. It holds nothing secret; its password is the one that everybody uses."""
        trusted = [self._certificate, *_public_roots()]
        named = [pkcs12.PKCS12Certificate(each, str(number).encode()) for number, each in enumerate(trusted)]
        encryption = serialization.BestAvailableEncryption(_TRUSTSTORE_PASSWORD)
        _replace_file(path, pkcs12.serialize_java_truststore(named, encryption), mode=0o644)

    def context(self, name: str) -> ssl.SSLContext:
        """A server context whose leaf is for `name`; a client that asks for another name by SNI gets that one's.

        Names that cannot be host names get the certificate of `localhost`.
        """
        name = _normalise(name)
        now = self._now()
        kept = self._contexts.get(name)
        if kept is not None and kept[0] - RENEW_BEFORE > now:
            self._contexts.move_to_end(name)
            return kept[1]
        context = self._new_context(name, now)
        self._contexts[name] = (now - BACKDATED + LEAF_LIFETIME, context)
        self._contexts.move_to_end(name)
        if len(self._contexts) > CONTEXTS_KEPT:
            self._contexts.popitem(last=False)
        return context

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)

    def _new_context(self, name: str, now: datetime) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load_leaf(context, self._issue(name, now))
        context.sni_callback = self._on_sni
        return context

    def _on_sni(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name:
            connection.context = self.context(name)

    def _load_leaf(self, context: ssl.SSLContext, leaf: x509.Certificate) -> None:
        # The ssl module reads certificates from files only.
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="leaf-") as file:
            file.write(_private_pem(self._leaf_key))
            file.write(leaf.public_bytes(serialization.Encoding.PEM))
            file.write(self._certificate_pem())
            file.flush()
            context.load_cert_chain(file.name)

    def _issue(self, name: str, now: datetime) -> x509.Certificate:
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_COMMON_NAME_CHARACTERS])])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._certificate.subject)
            .public_key(self._leaf_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now - BACKDATED + LEAF_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_subject_of(name)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._leaf_key.public_key()), critical=False)
            .add_extension(authority_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _certificate_pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def _load_or_create(self, path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        if not path.exists():
            self._create(path)
        try:
            pem = path.read_bytes()
            key = serialization.load_pem_private_key(pem, password=None)
            certificate = x509.load_pem_x509_certificate(pem)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path} is not readable ({error}); remove it to get a new authority") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.not_valid_after_utc < self._now():
            raise ConfigurationError(f"{path} has expired or is of another kind; remove it to get a new authority")
        return key, certificate

    def _create(self, path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, self._now())
        content = _private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix="ca-key-") as file:
            # Temporary files are made with mode 0600.
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            try:
                # Unlike a rename, a link never replaces the authority that another process has just made.
                os.link(file.name, path)
            except FileExistsError:
                return


def _public_roots() -> list[x509.Certificate]:
    """Those that can be read: a few old roots break today's rules (serial numbers that are not positive)."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pem in Path(certifi.where()).read_bytes().split(_PEM_END)[:-1]:
            with contextlib.suppress(ValueError, Warning):
                found.append(x509.load_pem_x509_certificate(pem + _PEM_END))
    return found


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Kowloon"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Kowloon local authority {x509.random_serial_number() % 10**8}"),
        ]
    )
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(key_id, critical=False)
        .sign(key, hashes.SHA256())
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _normalise(name: str) -> str:
    name = name.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name if _HOST_NAME.match(name) else _FALLBACK_NAME


def _subject_of(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace_file(path: Path, content: bytes, *, mode: int) -> None:
    """Readers see the old content or the new, never a part."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
