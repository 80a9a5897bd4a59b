"""Whether the signature of an OSS claim holds: V1, V2, V4, and the policies of posted forms. No clocks, no accounts."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import Address
from kowloon.wire.oss.claims import V1, V2, V4, V4_ALGORITHM, V4_REQUEST, Claim
from kowloon.wire.oss.errors import SIGNATURE_MISMATCH, OssError
from kowloon.wire.oss.keyed import KeyedHash
from kowloon.wire.oss.subresources import COMMON, NEVER_SIGNED, SIGNED, SIGNED_PREFIX
from kowloon.wire.signatures import encode

_OSS: Final = "x-oss-"
_UNRESERVED_PATH: Final = re.compile(r"[A-Za-z0-9_.~/-]*")
# So many parameters of which clients disagree whether they sign them: each combination costs a digest.
_MOST_DOUBTFUL: Final = 4
_KEYS_KEPT: Final = 1024


class Verdict(NamedTuple):
    """The texts are the server's own, and empty when the signature holds; `canonical_request` is V4's."""

    matched: bool
    string_to_sign: str = ""
    canonical_request: str = ""

    def error(self, claim: Claim) -> OssError:
        """403 SignatureDoesNotMatch, with what a client needs to find its mistake."""
        extra = {
            "OSSAccessKeyId": claim.access_key_id,
            "SignatureProvided": claim.signature,
            "StringToSign": self.string_to_sign,
            "StringToSignBytes": self.string_to_sign.encode("utf-8", "surrogatepass").hex(" ").upper(),
        }
        if self.canonical_request:
            extra["CanonicalRequest"] = self.canonical_request
        return SIGNATURE_MISMATCH.error(extra=extra)


MATCHED: Final = Verdict(True)


class KeyCache:
    """Keys as they sign: the secrets themselves in V1 and V2, in V4 what is derived from them for one day. Holds a
    bounded number."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], KeyedHash] = {}

    def plain(self, secret: str, digest: str) -> KeyedHash:
        return self._keys.get((secret, digest)) or self._keep((secret, digest), secret.encode(), digest)

    def derived(self, secret: str, date_stamp: str, region: str, product: str) -> KeyedHash:
        scope = (secret, date_stamp, region, product)
        found = self._keys.get(scope)
        if found is None:
            key = f"aliyun_v4{secret}".encode()
            for text in (date_stamp, region, product, V4_REQUEST):
                key = hmac.digest(key, text.encode(), "sha256")
            found = self._keep(scope, key, "sha256")
        return found

    def _keep(self, scope: tuple[str, ...], key: bytes, digest: str) -> KeyedHash:
        if len(self._keys) >= _KEYS_KEPT:
            self._keys.clear()
        made = self._keys[scope] = KeyedHash(key, digest)
        return made


def verify(
    claim: Claim, request: HttpRequest, query: Mapping[str, str], address: Address, secret: str, keys: KeyCache
) -> Verdict:
    """Whether `secret` made this signature over this request. Not for anonymous claims, nor for those of forms."""
    if claim.scheme is V1:
        return _verify_v1(claim, request, query, address, keys.plain(secret, "sha1"))
    if claim.scheme is V4:
        return _verify_v4(claim, request, query, address, secret, keys)
    if claim.scheme is V2:
        return _verify_v2(claim, request, query, address, keys.plain(secret, "sha256"))
    raise ValueError(f"{claim.scheme} requests carry no signature")


def verify_policy(claim: Claim, policy: str, secret: str, keys: KeyCache) -> Verdict:
    """Whether `secret` signed `policy`, the base64 text of a posted form."""
    if claim.scheme is V1:
        holds = _holds_base64(keys.plain(secret, "sha1"), policy, claim.signature)
    elif claim.scheme is V4:
        key = keys.derived(secret, claim.date_stamp, claim.region, claim.product)
        holds = _same(key.digest(policy.encode("utf-8", "surrogatepass")).hex(), claim.signature)
    else:
        raise ValueError(f"{claim.scheme} forms carry no signature")
    return MATCHED if holds else Verdict(False, policy)


def _same(calculated: str, claimed: str) -> bool:
    return hmac.compare_digest(calculated.encode(), claimed.encode("utf-8", "surrogatepass"))


def _holds_base64(key: KeyedHash, text: str, claimed: str) -> bool:
    signature = claimed.encode("utf-8", "surrogatepass")
    mac = key.digest(text.encode("utf-8", "surrogatepass"))
    if hmac.compare_digest(b2a_base64(mac, newline=False), signature):
        return True
    return not text.isascii() and any(
        hmac.compare_digest(b2a_base64(key.digest(other), newline=False), signature) for other in _other_bytes(text)
    )


def _other_bytes(text: str) -> list[bytes]:
    """What else a client may have signed: headers that came as Latin-1 are text here."""
    if text.isascii():
        return []
    try:
        return [text.encode("latin-1")]
    except UnicodeEncodeError:
        return []


# V1 -------------------------------------------------------------------------------------------------------------------


def _verify_v1(
    claim: Claim, request: HttpRequest, query: Mapping[str, str], address: Address, key: KeyedHash
) -> Verdict:
    headers = request.fields
    own = ""
    names = [name for name in headers if name.startswith(_OSS)]
    if names:
        own = "".join([f"{name}:{headers[name]}\n" for name in sorted(names)])
    head = f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{claim.date}\n{own}"
    resource = _plain_resource(address)
    if not query:
        string_to_sign = head + resource
        if _holds_base64(key, string_to_sign, claim.signature):
            return MATCHED
        return Verdict(False, string_to_sign)
    shown = ""
    resources = [resource]
    if request.path == resource[:-1]:
        # OpenDAL lists `/bucket` and signs that as it stands.
        resources.append(request.path)
    for resource, signed_names in itertools.product(resources, _signed_sets(query, in_url=claim.in_query)):
        string_to_sign = head + resource + _subresources(signed_names, query)
        if _holds_base64(key, string_to_sign, claim.signature):
            return MATCHED
        shown = shown or string_to_sign
    return Verdict(False, shown)


def _plain_resource(address: Address) -> str:
    return f"/{address.bucket}/{address.key}" if address.bucket else "/"


def _signed_sets(query: Mapping[str, str], *, in_url: bool) -> Iterator[frozenset[str]]:
    """Which parameters the client may have signed, the likeliest first. A signed URL must cover whatever any client
    would sign: whoever is given one could otherwise add what it was not made for."""
    likely = frozenset([name for name in query if name in SIGNED or name.startswith(SIGNED_PREFIX)])
    yield likely
    sure = COMMON | NEVER_SIGNED | likely if in_url else COMMON | NEVER_SIGNED
    doubtful = [name for name in query if name not in sure][:_MOST_DOUBTFUL]
    for size in range(1, len(doubtful) + 1):
        for changed in itertools.combinations(doubtful, size):
            yield likely.symmetric_difference(changed)


def _subresources(names: Iterable[str], query: Mapping[str, str]) -> str:
    rendered = [f"{name}={query[name]}" if query[name] else name for name in sorted(names)]
    return "?" + "&".join(rendered) if rendered else ""


# V2 -------------------------------------------------------------------------------------------------------------------


def _verify_v2(
    claim: Claim, request: HttpRequest, query: Mapping[str, str], address: Address, key: KeyedHash
) -> Verdict:
    headers = request.fields
    names = sorted([name for name in headers if name.startswith(_OSS) or name in claim.additional_headers])
    own = "".join([f"{name}:{headers[name]}\n" for name in names])
    canonical_query = _canonical_query(query)
    string_to_sign = (
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{claim.date}\n{own}"
        f"{';'.join(claim.additional_headers)}\n{encode(_plain_resource(address))}"
        f"{'?' if canonical_query else ''}{canonical_query}"
    )
    if _holds_base64(key, string_to_sign, claim.signature):
        return MATCHED
    return Verdict(False, string_to_sign)


def _canonical_query(query: Mapping[str, str]) -> str:
    """Every parameter but the signature, encoded and sorted; those without a value are bare names."""
    if not query:
        return ""
    pairs = sorted([(encode(name), encode(value)) for name, value in query.items() if name != "x-oss-signature"])
    return "&".join([f"{name}={value}" if value else name for name, value in pairs])


# V4 -------------------------------------------------------------------------------------------------------------------


def _verify_v4(
    claim: Claim, request: HttpRequest, query: Mapping[str, str], address: Address, secret: str, keys: KeyCache
) -> Verdict:
    canonical_request = _canonical_request(claim, request, query, address)
    prefix = f"{V4_ALGORITHM}\n{claim.date}\n{claim.date_stamp}/{claim.region}/{claim.product}/{V4_REQUEST}\n"
    key = keys.derived(secret, claim.date_stamp, claim.region, claim.product)
    shown = ""
    for signed in (canonical_request.encode("utf-8", "surrogatepass"), *_other_bytes(canonical_request)):
        string_to_sign = prefix + hashlib.sha256(signed).hexdigest()
        if _same(key.digest(string_to_sign.encode()).hex(), claim.signature):
            return MATCHED
        shown = shown or string_to_sign
    return Verdict(False, shown, canonical_request)


def _canonical_request(claim: Claim, request: HttpRequest, query: Mapping[str, str], address: Address) -> str:
    headers = request.fields
    names = [name for name in headers if name.startswith(_OSS) or name in ("content-type", "content-md5")]
    if claim.additional_headers:
        names = list({*names, *[name for name in claim.additional_headers if name in headers]})
    names.sort()
    own = "".join([f"{name}:{headers[name].strip()}\n" for name in names])
    resource = _plain_resource(address)
    if _UNRESERVED_PATH.fullmatch(resource) is None:
        resource = quote(resource, safe="/~")
    return (
        f"{request.method}\n{resource}\n{_canonical_query(query)}\n{own}\n"
        f"{';'.join(claim.additional_headers)}\n{claim.payload_hash}"
    )
