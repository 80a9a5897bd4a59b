"""Custom domains of buckets: CreateCnameToken, GetCnameToken, PutCname, ListCname, DeleteCname.

Known deviation: the vendor looks the token up in the domain's DNS. Nothing is asked outside of this cloud, so here a
domain is verified once a token of it was made for the bucket. Certificates are described, not served: hosts of this
cloud have those of its own authority, and private keys are not kept.
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import (
    DOMAIN_NOT_VERIFIED,
    DOMAIN_OF_SOMEONE_ELSE,
    DOMAIN_TAKEN,
    NO_SUCH_DOMAIN,
    NO_SUCH_DOMAIN_TOKEN,
)
from kowloon.services.oss.buckets.settings import bucket_as_it_is
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Domain, DomainToken
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import http_date, iso_milliseconds
from kowloon.wire.oss.xml import Content, Node, document, elements

_TOKEN_S = 72 * 3600
_MOST_CERTIFICATE_BYTES = 64 * 1024
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}\Z)(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")


oss.keeps(DomainToken)


def _token_id(call: Call, domain: str) -> str:
    return f"{call.bucket.id}/{domain}"


def _asked(call: Call) -> tuple[str, Node | None]:
    """The domain that the document is about, and what it says of its certificate."""
    cname = call.document("BucketCnameConfiguration").child("Cname")
    if cname is None:
        raise MALFORMED_XML.error()
    return _checked(call, cname.text("Domain")), cname.child("CertificateConfiguration")


def _checked(call: Call, text: str) -> str:
    """400 for what is no domain, and for names that are this cloud's own."""
    domain = text.strip().lower()
    if _DOMAIN.fullmatch(domain) is None or call.parts.own_host(domain):
        raise invalid("Domain", text, "The domain name is invalid.")
    return domain


# Tokens ---------------------------------------------------------------------------------------------------------------


@oss.operation("CreateCnameToken", "bucket", "POST", "cname&comp=token", body=Body.DOCUMENT)
async def create_cname_token(call: Call) -> HttpResponse:
    """One that still holds is given again."""
    domain, _ = _asked(call)

    def body(tx: Transaction) -> DomainToken:
        bucket = bucket_as_it_is(call, tx)
        known = tx.get(DomainToken, _token_id(call, domain))
        if known is not None and call.now < known.expires_at:
            return known
        made = DomainToken(
            id=_token_id(call, domain),
            account=bucket.account,
            region=bucket.region,
            created_at=call.now,
            bucket=bucket.id,
            domain=domain,
            token=call.parts.ids.hex(32).lower(),
            expires_at=call.now + _TOKEN_S,
        )
        tx.put(made)
        return made

    return _token_shown(await call.parts.store.run(body))


@oss.operation("GetCnameToken", "bucket", "GET", "cname&comp=token")
def get_cname_token(call: Call) -> HttpResponse:
    domain = _checked(call, call.query["cname"])
    known = call.parts.store.get(DomainToken, _token_id(call, domain))
    if known is None or call.now >= known.expires_at:
        raise NO_SUCH_DOMAIN_TOKEN.error(extra={"Cname": domain})
    return _token_shown(known)


def _token_shown(token: DomainToken) -> HttpResponse:
    content: dict[str, Content] = {
        "Bucket": token.bucket,
        "Cname": token.domain,
        "Token": token.token,
        "ExpireTime": http_date(int(token.expires_at)),
    }
    return answers.document(document("CnameToken", elements(content)))


# Domains --------------------------------------------------------------------------------------------------------------


@oss.operation("PutCname", "bucket", "POST", "cname&comp=add", body=Body.DOCUMENT)
async def put_cname(call: Call) -> HttpResponse:
    """Binds the domain, or changes its certificate."""
    name, certificate = _asked(call)
    described = _certificate(certificate) if certificate is not None else None

    def body(tx: Transaction) -> None:
        bucket = bucket_as_it_is(call, tx)
        known = tx.get(Domain, name)
        if known is None:
            token = tx.get(DomainToken, _token_id(call, name))
            if token is None or call.now >= token.expires_at:
                raise DOMAIN_NOT_VERIFIED.error(extra={"Cname": name})
        elif known.account != bucket.account:
            raise DOMAIN_OF_SOMEONE_ELSE.error(extra={"Cname": name})
        elif known.bucket != bucket.id:
            raise DOMAIN_TAKEN.error(extra={"Cname": name})
        kept = known.certificate if known is not None else ""
        tx.put(
            Domain(
                id=name,
                account=bucket.account,
                region=bucket.region,
                created_at=call.now,
                bucket=bucket.id,
                certificate=kept if described is None else described,
            )
        )

    await call.parts.store.run(body)
    return HttpResponse(200)


def _certificate(node: Node) -> str:
    """What to keep of it: its PEM, the id of one in another product, or nothing where it is to be deleted."""
    if node.text("DeleteCertificate").strip().lower() == "true":
        return ""
    pem, known = node.text("Certificate").strip(), node.text("CertId").strip()
    if pem:
        if len(pem) > _MOST_CERTIFICATE_BYTES or _parsed(pem) is None:
            raise invalid("Certificate", "", "The certificate is invalid.")
        return pem
    if not known or len(known) > 128 or not known.isprintable():
        raise MALFORMED_XML.error()
    return known


def _parsed(pem: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None


@oss.operation("ListCname", "bucket", "GET", "cname")
def list_cname(call: Call) -> HttpResponse:
    bucket = call.bucket
    domains = [each for each in call.parts.store.list(Domain, account=bucket.account) if each.bucket == bucket.id]
    rows: list[Content] = [
        {
            "Domain": domain.id,
            "LastModified": iso_milliseconds(domain.created_at),
            "Status": "Enabled",
            "Certificate": _certificate_shown(domain),
        }
        for domain in sorted(domains, key=lambda each: each.id)
    ]
    content: dict[str, Content] = {"Bucket": bucket.id, "Owner": bucket.account, "Cname": rows}
    return answers.document(document("ListCnameResult", elements(content)))


def _certificate_shown(domain: Domain) -> dict[str, Content] | None:
    if not domain.certificate:
        return None
    parsed = _parsed(domain.certificate)
    if parsed is None:
        return {"Type": "CAS", "CertId": domain.certificate, "Status": "Enabled"}
    return {
        "Type": "Upload",
        "CertId": f"{parsed.serial_number:x}",
        "Status": "Enabled",
        "CreationDate": http_date(int(domain.created_at)),
        "Fingerprint": parsed.fingerprint(SHA1()).hex(":").upper(),
        "ValidStartDate": http_date(int(parsed.not_valid_before_utc.timestamp())),
        "ValidEndDate": http_date(int(parsed.not_valid_after_utc.timestamp())),
    }


@oss.operation("DeleteCname", "bucket", "POST", "cname&comp=delete", body=Body.DOCUMENT)
async def delete_cname(call: Call) -> HttpResponse:
    name, _ = _asked(call)

    def body(tx: Transaction) -> None:
        known = tx.get(Domain, name)
        if known is None or known.bucket != call.bucket.id:
            raise NO_SUCH_DOMAIN.error(extra={"Cname": name})
        tx.delete(known)

    await call.parts.store.run(body)
    return HttpResponse(200)
