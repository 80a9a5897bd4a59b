"""What the metadata document of a SAML identity provider says. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_METADATA: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_CERTIFICATE: Final = ".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate"
_PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"


class ProviderMetadata(NamedTuple):
    """`certificates`: those that it signs with, in base64 of DER."""

    entity_id: str
    certificates: tuple[str, ...]


def read(document: bytes) -> ProviderMetadata:
    """Raises ValueError, which says what is wrong."""
    import defusedxml.ElementTree

    try:
        root = defusedxml.ElementTree.fromstring(document, forbid_dtd=True)
    except SyntaxError:
        raise ValueError("it is not XML") from None
    except ValueError:
        raise ValueError("it must not have a document type") from None
    entity = root if root.tag == f"{_METADATA}EntityDescriptor" else root.find(f"{_METADATA}EntityDescriptor")
    entity_id = entity.get("entityID", "") if entity is not None else ""
    provider = entity.find(f"{_METADATA}IDPSSODescriptor") if entity is not None else None
    if not entity_id or provider is None or _PROTOCOL not in provider.get("protocolSupportEnumeration", "").split():
        raise ValueError("it describes no identity provider of SAML 2.0")
    certificates = tuple(dict.fromkeys(_certificates(provider)))
    if not certificates:
        raise ValueError("it has no certificate to check signatures with")
    return ProviderMetadata(entity_id, certificates)


def _certificates(provider: Element) -> list[str]:
    from cryptography import x509

    found: list[str] = []
    for key in provider.iterfind(f"{_METADATA}KeyDescriptor"):
        if key.get("use", "signing") != "signing":
            continue
        for element in key.iterfind(_CERTIFICATE):
            text = "".join((element.text or "").split())
            try:
                x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
            except (ValueError, binascii.Error):
                raise ValueError("one of its certificates is none") from None
            found.append(text)
    return found
