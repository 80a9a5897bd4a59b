"""Who signed a request, and whether the signature holds: RPC v1, ROA v1 and ACS3, from the raw request.

`identify` reads the claim, `verify` checks it against a secret. Neither looks at clocks, nonces or accounts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import msgspec

from kowloon.core.clock import parse_iso_seconds
from kowloon.core.errors import ApiError
from kowloon.wire.errors import (
    MALFORMED_AUTHORIZATION,
    MISSING_ACCESS_KEY,
    MISSING_SIGNATURE,
    SIGNATURE_MISMATCH,
    UNSUPPORTED_SIGNATURE_METHOD,
)
from kowloon.wire.http import HttpRequest
from kowloon.wire.parameters import decode_pairs, form_text

# SignatureMethod of v1 requests to the name of the digest.
_V1_DIGESTS: Final = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
# Most names and values are nothing else, and then need no encoding.
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_ACS3_DIGESTS: Final = {"ACS3-HMAC-SHA256": "sha256", "ACS3-HMAC-SM3": "sm3"}


class Variant(StrEnum):
    RPC_V1 = "RPC v1"
    ROA_V1 = "ROA v1"
    ACS3 = "ACS3"
    BEARER = "bearer"
    ANONYMOUS = "anonymous"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a request claims about its sender; nothing here is proven yet.

    `method` is the signature algorithm as the client names it, `timestamp` and `nonce` are raw texts.
    """

    variant: Variant
    method: str = ""
    access_key_id: str = ""
    signature: str = ""
    security_token: str = ""
    bearer_token: str = ""
    timestamp: str = ""
    nonce: str = ""
    signed_headers: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """`string_to_sign` is the server's, and empty when the signature holds."""

    matched: bool
    string_to_sign: str = ""

    def error(self) -> ApiError:
        return SIGNATURE_MISMATCH.error(string_to_sign=self.string_to_sign)


MATCHED: Final = Verdict(True)


def identify(request: HttpRequest, params: Mapping[str, str]) -> Credentials:
    """The credentials of an OpenAPI request. ApiError when they are malformed or of an unsupported kind."""
    authorization = (request.header("authorization") or "").strip()
    scheme, _, rest = authorization.partition(" ")
    if scheme.startswith("ACS3-"):
        return _identify_acs3(request, scheme, rest)
    if scheme == "acs":
        return _identify_roa(request, rest)
    bearer_token = request.header("x-acs-bearer-token") or params.get("BearerToken", "")
    if bearer_token and not params.get("Signature"):
        return Credentials(variant=Variant.BEARER, bearer_token=bearer_token)
    if params.get("Signature") or params.get("AccessKeyId"):
        return _identify_rpc(params)
    return Credentials(variant=Variant.ANONYMOUS)


def _identify_rpc(params: Mapping[str, str]) -> Credentials:
    if not params.get("AccessKeyId"):
        raise MISSING_ACCESS_KEY.error()
    if not params.get("Signature"):
        raise MISSING_SIGNATURE.error()
    method = params.get("SignatureMethod") or "HMAC-SHA1"
    if method not in _V1_DIGESTS:
        raise UNSUPPORTED_SIGNATURE_METHOD.error(method=method)
    return Credentials(
        variant=Variant.RPC_V1,
        method=method,
        access_key_id=params["AccessKeyId"],
        signature=params["Signature"],
        security_token=params.get("SecurityToken", ""),
        timestamp=params.get("Timestamp", ""),
        nonce=params.get("SignatureNonce", ""),
    )


def _identify_roa(request: HttpRequest, rest: str) -> Credentials:
    access_key_id, separator, signature = rest.strip().rpartition(":")
    if not (separator and access_key_id and signature):
        raise MALFORMED_AUTHORIZATION.error()
    headers = request.fields
    method = headers.get("x-acs-signature-method") or "HMAC-SHA1"
    if method not in _V1_DIGESTS:
        raise UNSUPPORTED_SIGNATURE_METHOD.error(method=method)
    return Credentials(
        variant=Variant.ROA_V1,
        method=method,
        access_key_id=access_key_id,
        signature=signature,
        security_token=headers.get("x-acs-security-token", ""),
        timestamp=headers.get("date", ""),
        nonce=headers.get("x-acs-signature-nonce", ""),
    )


def _identify_acs3(request: HttpRequest, scheme: str, rest: str) -> Credentials:
    digest = _ACS3_DIGESTS.get(scheme)
    if digest is None or not _has_digest(digest):
        raise UNSUPPORTED_SIGNATURE_METHOD.error(method=scheme)
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, separator, value = part.strip().partition("=")
        if not separator or not value or name in fields:
            raise MALFORMED_AUTHORIZATION.error()
        fields[name] = value
    if not fields.keys() >= {"Credential", "SignedHeaders", "Signature"}:
        raise MALFORMED_AUTHORIZATION.error()
    headers = request.fields
    return Credentials(
        variant=Variant.ACS3,
        method=scheme,
        access_key_id=fields["Credential"],
        signature=fields["Signature"],
        security_token=headers.get("x-acs-security-token", ""),
        timestamp=headers.get("x-acs-date", ""),
        nonce=headers.get("x-acs-signature-nonce", ""),
        signed_headers=tuple(fields["SignedHeaders"].split(";")),
    )


def _has_digest(name: str) -> bool:
    """SM3 depends on how OpenSSL was built."""
    return name in hashlib.algorithms_guaranteed or name in hashlib.algorithms_available


def parse_timestamp(text: str) -> float | None:
    """Seconds since the epoch of a signature's timestamp, in either form that clients send; None when malformed."""
    seconds = parse_iso_seconds(text)
    if seconds is not None or not text.endswith("GMT"):
        return seconds
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def verify(credentials: Credentials, request: HttpRequest, params: Mapping[str, str], secret: str) -> Verdict:
    """Whether `secret` made this signature over this request. Only for the three signed variants."""
    if credentials.variant is Variant.RPC_V1:
        return _verify_rpc(credentials, request, params, secret)
    if credentials.variant is Variant.ROA_V1:
        return _verify_roa(credentials, request, secret)
    if credentials.variant is Variant.ACS3:
        return _verify_acs3(credentials, request, secret)
    raise ValueError(f"{credentials.variant} requests carry no signature")


def _same(calculated: str, claimed: str) -> bool:
    return hmac.compare_digest(calculated.encode(), claimed.encode())


def _mac_base64(key: str, text: str, digest: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), digest)).decode("ascii")


# RPC v1 ---------------------------------------------------------------------------------------------------------------


def _verify_rpc(credentials: Credentials, request: HttpRequest, params: Mapping[str, str], secret: str) -> Verdict:
    digest = _V1_DIGESTS[credentials.method]
    key = secret + "&"
    prefix = request.method + "&%2F&"
    # Most clients already send what they signed: sort the raw pieces before paying for decode and encode.
    sent = prefix + _escape(_sorted_pieces(request))
    if _same(_mac_base64(key, sent, digest), credentials.signature):
        return MATCHED
    canonical = _canonical_query((name, value) for name, value in params.items() if name != "Signature")
    string_to_sign = prefix + _escape(canonical)
    if _same(_mac_base64(key, string_to_sign, digest), credentials.signature):
        return MATCHED
    # One official credentials library writes a space as `+` before it escapes.
    with_plus = prefix + _escape(canonical.replace("%20", "+")).replace("+", "%2B")
    if "%20" in canonical and _same(_mac_base64(key, with_plus, digest), credentials.signature):
        return MATCHED
    return Verdict(False, string_to_sign)


def _piece_name(piece: str) -> str:
    return piece.partition("=")[0]


def _sorted_pieces(request: HttpRequest) -> str:
    """Raw `name=value` pieces of query and form sorted by name, without the signature."""
    raw = request.query
    form = form_text(request)
    if form:
        raw = f"{raw}&{form}" if raw else form
    pieces = [piece for piece in raw.split("&") if piece and not piece.startswith("Signature=")]
    pieces.sort(key=_piece_name)
    # A raw plus is a space, which is signed as %20.
    return "&".join(pieces).replace("+", "%20")


def _canonical_query(pairs: Iterable[tuple[str, str]], *, encode_names: bool = True) -> str:
    ordered = sorted(pairs)
    if encode_names:
        return "&".join([f"{encode(name)}={encode(value)}" for name, value in ordered])
    return "&".join([f"{name}={encode(value)}" for name, value in ordered])


def encode(text: str) -> str:
    """Percent-encoding as RFC 3986 has it: only letters, digits and `-_.~` stay."""
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="~")


def _escape(canonical: str) -> str:
    """`encode` of text that is already encoded but for its `=` and `&`."""
    return canonical.replace("%", "%25").replace("=", "%3D").replace("&", "%26")


# ROA v1 ---------------------------------------------------------------------------------------------------------------


def _verify_roa(credentials: Credentials, request: HttpRequest, secret: str) -> Verdict:
    digest = _V1_DIGESTS[credentials.method]
    headers = request.fields
    content_md5 = headers.get("content-md5")
    md5_holds = content_md5 is None or _same(_md5_base64(request.body), content_md5)
    head = [request.method, *(headers.get(name, "") for name in ("accept", "content-md5", "content-type", "date"))]
    head += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-acs-")]
    candidates = [
        "\n".join([*head, resource])
        for resource in dict.fromkeys(_roa_resource(request, bare) for bare in (True, False))
    ]
    for string_to_sign in candidates:
        if _same(_mac_base64(secret, string_to_sign, digest), credentials.signature) and md5_holds:
            return MATCHED
    return Verdict(False, candidates[-1])


def _md5_base64(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii")


def _roa_resource(request: HttpRequest, bare_when_empty: bool) -> str:
    """Path and decoded query; clients differ in how they write a parameter without a value."""
    pairs = decode_pairs(request.query)
    if not pairs:
        return request.path
    rendered = [name if bare_when_empty and not value else f"{name}={value}" for name, value in sorted(pairs)]
    return request.path + "?" + "&".join(rendered)


# ACS3 -----------------------------------------------------------------------------------------------------------------


def _verify_acs3(credentials: Credentials, request: HttpRequest, secret: str) -> Verdict:
    digest = _ACS3_DIGESTS[credentials.method]
    headers = request.fields
    body_hash = hashlib.new(digest, request.body).hexdigest()
    tail = _acs3_tail(credentials.signed_headers, headers, body_hash)
    trusted = _covers_enough(credentials.signed_headers, headers) and _same(
        body_hash, headers.get("x-acs-content-sha256", "")
    )
    shown = ""
    for path_and_query in _acs3_resources(request):
        canonical = f"{request.method}\n{path_and_query}\n{tail}"
        string_to_sign = f"{credentials.method}\n{hashlib.new(digest, canonical.encode()).hexdigest()}"
        mac = hmac.digest(secret.encode(), string_to_sign.encode(), digest).hex()
        if _same(mac, credentials.signature) and trusted:
            return MATCHED
        shown = shown or string_to_sign
    return Verdict(False, shown)


def sign_acs3(
    key_id: str, secret: str, headers: Mapping[str, str], body: bytes, token: str = ""
) -> list[tuple[str, str]]:
    """The headers of a `POST /` of that body, signed; to `headers` (in lower case, host and the x-acs- ones that say
    what is called, when, and with which nonce) come the token, the body's hash and the authorization."""
    body_hash = hashlib.sha256(body).hexdigest()
    sent = {**headers, "x-acs-content-sha256": body_hash}
    if token:
        sent["x-acs-security-token"] = token
    names = tuple(sorted(name for name in sent if name == "host" or name.startswith("x-acs-")))
    canonical = f"POST\n/\n\n{_acs3_tail(names, sent, body_hash)}"
    string_to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    mac = hmac.digest(secret.encode(), string_to_sign.encode(), "sha256").hex()
    authorization = f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(names)},Signature={mac}"
    return [*sent.items(), ("authorization", authorization)]


def _acs3_tail(signed_headers: tuple[str, ...], headers: Mapping[str, str], body_hash: str) -> str:
    lines = [f"{name}:{headers.get(name, '').strip()}\n" for name in signed_headers]
    return f"{''.join(lines)}\n{';'.join(signed_headers)}\n{body_hash}"


def _covers_enough(signed_headers: tuple[str, ...], headers: Mapping[str, str]) -> bool:
    """Every listed header is there, and what decides who asks for what is listed."""
    signed = set(signed_headers)
    return (
        len(signed) == len(signed_headers)
        and signed <= headers.keys()
        and "host" in signed
        and all(name in signed for name in headers if name.startswith("x-acs-"))
    )


def _acs3_resources(request: HttpRequest) -> Iterator[str]:
    """`path\\nquery` in the ways clients write it, the usual one first."""
    path = request.path or "/"
    pairs = decode_pairs(request.query)
    query = _canonical_query(pairs)
    yield f"{path}\n{query}"
    paths, queries = [path], [query]
    raw_names = _canonical_query(pairs, encode_names=False)
    if raw_names != query:
        queries.append(raw_names)
    # The Go client escapes its path once more before it signs.
    escaped_path = path.replace("+", "%20").replace("*", "%2A").replace("%7E", "~")
    if escaped_path != path:
        paths.append(escaped_path)
    combinations = [f"{each_path}\n{each_query}" for each_path in paths for each_query in queries]
    yield from combinations[1:]
