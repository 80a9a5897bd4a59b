"""Assertions of SAML identity providers: whether the provider signed them, and what exactly it signed.

Only the signed part is read, as the signature's own canonical form gives it back, so that nothing beside it, around it
or commented into it counts. Takes milliseconds: not for the loop.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from kowloon.services.sts.errors import ASSERTION_EXPIRED, ASSERTION_INVALID
from kowloon.store.identity import SamlProvider

if TYPE_CHECKING:
    from lxml.etree import _Element

AUDIENCES: Final = ("urn:alibaba:cloudcomputing", "urn:alibaba:cloudcomputing:international")
RECIPIENTS: Final = ("https://signin.aliyun.com/saml-role/sso", "https://signin.alibabacloud.com/saml-role/sso")
_ASSERTION: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_PROTOCOL: Final = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_NAME_FORMAT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
_MOST_CHARACTERS: Final = 100_000
# How much a provider's clock may be ahead.
_AHEAD_S: Final = 60.0


class Assertion(NamedTuple):
    """What a provider says of a user. `subject_type` is the format of the name, without its usual prefix; after
    `ends_at` (wall time) it is not said any more."""

    id: str
    issuer: str
    subject: str
    subject_type: str
    recipient: str
    ends_at: float
    attributes: dict[str, tuple[str, ...]]


def verify(response: str, provider: SamlProvider, wall: float) -> Assertion:
    """`response`: a whole SAML response in base64. Raises ApiError."""
    if not 4 <= len(response) <= _MOST_CHARACTERS:
        raise ASSERTION_INVALID.error()
    try:
        document = base64.b64decode("".join(response.split()), validate=True)
        element = _signed_assertion(document, provider)
        assertion = _read(element)
        _check_conditions(element, wall)
    except (ValueError, LookupError, binascii.Error):
        raise ASSERTION_INVALID.error() from None
    if assertion.issuer != provider.entity_id or not assertion.id:
        raise ASSERTION_INVALID.error()
    if assertion.ends_at <= wall:
        raise ASSERTION_EXPIRED.error()
    return assertion


# --- the signature ---


def _signed_assertion(document: bytes, provider: SamlProvider) -> _Element:
    """The one assertion of a response, from the signed part. Raises ValueError."""
    root = _parse(document)
    if root.tag != f"{_PROTOCOL}Response":
        raise ValueError("not a response")
    code = root.find(f"{_PROTOCOL}Status/{_PROTOCOL}StatusCode")
    if code is None or code.get("Value") != _SUCCESS:
        raise ValueError("not a success")
    assertions = list(root.iter(f"{_ASSERTION}Assertion"))
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        raise ValueError("not one assertion")
    ids = [value for element in root.iter() for name, value in element.items() if name.lower().endswith("id")]
    if len([value for value in ids if value == assertions[0].get("ID")]) != 1:
        raise ValueError("not one element of that ID")
    if assertions[0].find(_SIGNATURE) is not None:
        return _verified(root, f"./{_ASSERTION}Assertion/", provider)
    if root.find(_SIGNATURE) is not None:
        return _verified(root, "./", provider)
    raise ValueError("not signed")


def _parse(document: bytes) -> _Element:
    """No entities, no DTD, nothing from elsewhere."""
    import defusedxml.ElementTree
    from lxml import etree

    try:
        # It refuses what lxml would only not follow.
        defusedxml.ElementTree.fromstring(document, forbid_dtd=True)
        return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except (SyntaxError, LookupError) as problem:
        raise ValueError(f"not XML: {problem}") from None


def _verified(root: _Element, location: str, provider: SamlProvider) -> _Element:
    """The assertion within what the signature at that place covers."""
    from cryptography import x509
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    config = SignatureConfiguration(location=location)
    for certificate in provider.certificates:
        key = x509.load_der_x509_certificate(base64.b64decode(certificate))
        try:
            result = XMLVerifier().verify(root, x509_cert=key, expect_config=config)
        except Exception:
            # Whatever is wrong with what a stranger made, it is not a signature by this certificate.
            continue
        signed = result.signed_xml if not isinstance(result, list) else None
        if signed is None:
            continue
        found = [signed] if signed.tag == f"{_ASSERTION}Assertion" else signed.findall(f"{_ASSERTION}Assertion")
        if len(found) == 1 and (found[0] is signed or signed.tag == f"{_PROTOCOL}Response"):
            return found[0]
    raise ValueError("not signed by the provider")


# --- what it says ---


def _read(assertion: _Element) -> Assertion:
    """Raises ValueError, LookupError for what lacks something."""
    name = _one(assertion, "Subject/NameID")
    recipient, ends_at = _confirmation(assertion)
    return Assertion(
        id=assertion.get("ID") or "",
        issuer=_text(_one(assertion, "Issuer")),
        subject=_text(name),
        subject_type=(name.get("Format") or "").removeprefix(_NAME_FORMAT),
        recipient=recipient,
        ends_at=ends_at,
        attributes=dict(_attributes(assertion)),
    )


def _confirmation(assertion: _Element) -> tuple[str, float]:
    """Recipient and end of the confirmation by which the user is whoever brings it here, in the assertion's words."""
    for confirmation in assertion.iterfind(_path("Subject/SubjectConfirmation")):
        data = confirmation.find(_path("SubjectConfirmationData"))
        if confirmation.get("Method") != _BEARER or data is None:
            continue
        recipient = data.get("Recipient") or ""
        if recipient.lower() in RECIPIENTS:
            return recipient, _moment(data.attrib["NotOnOrAfter"])
    raise LookupError("nothing here is for this cloud")


def _check_conditions(assertion: _Element, wall: float) -> None:
    """Raises ApiError for what is over, ValueError for what is not yet or not for this cloud."""
    conditions = _one(assertion, "Conditions")
    for name in ("NotBefore", "NotOnOrAfter"):
        if name in conditions.attrib:
            moment = _moment(conditions.attrib[name])
            if name == "NotOnOrAfter" and moment <= wall:
                raise ASSERTION_EXPIRED.error()
            if name == "NotBefore" and moment > wall + _AHEAD_S:
                raise ValueError("not yet")
    restrictions = conditions.findall(_path("AudienceRestriction"))
    audiences = [{_text(item) for item in each.iterfind(_path("Audience"))} for each in restrictions]
    if not audiences or any(each.isdisjoint(AUDIENCES) for each in audiences):
        raise ValueError("for others")


def _attributes(assertion: _Element) -> Iterator[tuple[str, tuple[str, ...]]]:
    for attribute in assertion.iterfind(_path("AttributeStatement/Attribute")):
        values = tuple([_text(value) for value in attribute.iterfind(_path("AttributeValue"))])
        yield attribute.get("Name") or "", values


def _path(names: str) -> str:
    return "/".join([f"{_ASSERTION}{name}" for name in names.split("/")])


def _one(element: _Element, names: str) -> _Element:
    found = element.findall(_path(names))
    if len(found) != 1:
        raise LookupError(f"not one {names}")
    return found[0]


def _text(element: _Element) -> str:
    return "".join([str(piece) for piece in element.itertext()]).strip()


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
