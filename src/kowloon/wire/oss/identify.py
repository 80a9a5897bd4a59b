"""Who claims to have sent an OSS request: V1, V2 and V4 signatures in the header, the query or a form, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.claims import ANONYMOUS, UNSIGNED_PAYLOAD, V1, V2, V4, V4_ALGORITHM, V4_REQUEST, Claim
from kowloon.wire.oss.dates import parse_http_date, parse_stamp, stamp
from kowloon.wire.oss.errors import (
    INCOMPLETE_FORM_SIGNATURE,
    INCOMPLETE_QUERY_SIGNATURE,
    INCOMPLETE_V4_QUERY,
    INVALID_AUTHORIZATION,
    INVALID_CREDENTIAL,
    INVALID_DATE,
    INVALID_EXPIRES,
    INVALID_V4_DATE,
    INVALID_V4_EXPIRES,
    MISSING_V4_EXPIRES,
    TWO_SIGNATURES,
)

MOST_V4_EXPIRES_S: Final = 7 * 24 * 3600
# A number of seconds that is longer than this is none.
_EPOCH_DIGITS: Final = 12


def identify(request: HttpRequest, query: Mapping[str, str]) -> Claim:
    """The claim of a request whose decoded query is `query`.

    400 InvalidArgument when it is malformed or made twice, 403 AccessDenied for dates that are none.
    """
    headers = request.fields
    authorization = headers.get("authorization", "")
    in_query = bool(query) and ("x-oss-signature-version" in query or "OSSAccessKeyId" in query or "Signature" in query)
    if authorization:
        if in_query:
            raise TWO_SIGNATURES.error()
        return _of_header(authorization, headers, query)
    if not in_query:
        return ANONYMOUS
    version = query.get("x-oss-signature-version")
    if version is None:
        return _of_v1_query(query, headers)
    if version == V4_ALGORITHM:
        return _of_v4_query(query, headers)
    if version == "OSS2":
        return _of_v2_query(query, headers)
    raise INVALID_CREDENTIAL.error(extra=_argument("x-oss-signature-version", version))


def identify_form(fields: Mapping[str, str]) -> Claim:
    """The claim of a posted form, whose signature covers its policy alone. Errors as `identify`."""
    security_token = fields.get("x-oss-security-token", "")
    if "x-oss-signature-version" in fields:
        if fields["x-oss-signature-version"] != V4_ALGORITHM:
            raise INVALID_CREDENTIAL.error(
                extra=_argument("x-oss-signature-version", fields["x-oss-signature-version"])
            )
        date = _required(fields, "x-oss-date")
        return _v4_claim(
            credential=_required(fields, "x-oss-credential"),
            signature=_required(fields, "x-oss-signature"),
            date=date,
            signed_at=_v4_moment(date),
            security_token=security_token,
        )
    if "OSSAccessKeyId" not in fields and "Signature" not in fields:
        return ANONYMOUS
    if not (fields.get("OSSAccessKeyId") and fields.get("Signature")):
        raise INCOMPLETE_FORM_SIGNATURE.error()
    return Claim(
        scheme=V1,
        access_key_id=fields["OSSAccessKeyId"],
        signature=fields["Signature"],
        security_token=security_token,
    )


# Header ---------------------------------------------------------------------------------------------------------------


def _of_header(authorization: str, headers: dict[str, str], query: Mapping[str, str]) -> Claim:
    scheme, _, rest = authorization.partition(" ")
    if scheme == "OSS":
        access_key_id, _, signature = rest.strip().rpartition(":")
        if not (access_key_id and signature):
            raise INVALID_AUTHORIZATION.error(extra=_argument("Authorization", authorization))
        date, signed_at = _date_of(headers)
        return Claim(
            scheme=V1,
            access_key_id=access_key_id,
            signature=signature,
            security_token=_security_token(headers, query),
            date=date,
            signed_at=signed_at,
        )
    if scheme == V4_ALGORITHM:
        return _of_v4_header(authorization, rest, headers, query)
    if scheme == "OSS2":
        fields = _fields(authorization, rest, ":")
        if not (fields.get("AccessKeyId") and fields.get("Signature")):
            raise INVALID_AUTHORIZATION.error(extra=_argument("Authorization", authorization))
        date, signed_at = _date_of(headers)
        return Claim(
            scheme=V2,
            access_key_id=fields["AccessKeyId"],
            signature=fields["Signature"],
            security_token=_security_token(headers, query),
            date=date,
            signed_at=signed_at,
            additional_headers=_names(fields.get("AdditionalHeaders", "")),
        )
    raise INVALID_AUTHORIZATION.error(extra=_argument("Authorization", authorization))


def _of_v4_header(authorization: str, rest: str, headers: dict[str, str], query: Mapping[str, str]) -> Claim:
    fields = _fields(authorization, rest, "=")
    if not (fields.get("Credential") and fields.get("Signature")):
        raise INVALID_AUTHORIZATION.error(extra=_argument("Authorization", authorization))
    date = headers.get("x-oss-date")
    signed_at = parse_stamp(date) if date is not None else parse_http_date(headers.get("date", ""))
    if signed_at is None:
        raise INVALID_DATE.error()
    return _v4_claim(
        credential=fields["Credential"],
        signature=fields["Signature"],
        date=date or stamp(signed_at),
        signed_at=signed_at,
        security_token=_security_token(headers, query),
        additional_headers=_names(fields.get("AdditionalHeaders", "")),
        payload_hash=headers.get("x-oss-content-sha256") or UNSIGNED_PAYLOAD,
    )


def _date_of(headers: dict[str, str]) -> tuple[str, float]:
    date = headers.get("x-oss-date") or headers.get("date", "")
    # Some send the compact form here too.
    moment = parse_http_date(date)
    if moment is None:
        moment = parse_stamp(date)
    if moment is None:
        raise INVALID_DATE.error()
    return date, moment


def _fields(authorization: str, rest: str, separator: str) -> dict[str, str]:
    """The parts of an Authorization header in any order, spaces around them allowed."""
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, found, value = part.strip().partition(separator)
        if not found or name in fields:
            raise INVALID_AUTHORIZATION.error(extra=_argument("Authorization", authorization))
        fields[name] = value
    return fields


# Query ----------------------------------------------------------------------------------------------------------------


def _of_v1_query(query: Mapping[str, str], headers: dict[str, str]) -> Claim:
    if not (query.get("OSSAccessKeyId") and query.get("Expires") and query.get("Signature")):
        raise INCOMPLETE_QUERY_SIGNATURE.error()
    return Claim(
        scheme=V1,
        in_query=True,
        access_key_id=query["OSSAccessKeyId"],
        signature=query["Signature"],
        security_token=_security_token(headers, query),
        date=query["Expires"],
        expires_at=_epoch(query["Expires"]),
    )


def _of_v2_query(query: Mapping[str, str], headers: dict[str, str]) -> Claim:
    expires = _required(query, "x-oss-expires")
    return Claim(
        scheme=V2,
        in_query=True,
        access_key_id=_required(query, "x-oss-access-key-id"),
        signature=_required(query, "x-oss-signature"),
        security_token=_security_token(headers, query),
        date=expires,
        expires_at=_epoch(expires),
        additional_headers=_names(query.get("x-oss-additional-headers", "")),
    )


def _of_v4_query(query: Mapping[str, str], headers: dict[str, str]) -> Claim:
    credential, signature = _required(query, "x-oss-credential"), _required(query, "x-oss-signature")
    date = query.get("x-oss-date", "")
    signed_at = _v4_moment(date)
    expires = query.get("x-oss-expires")
    if expires is None:
        raise MISSING_V4_EXPIRES.error()
    if not (expires.isascii() and expires.isdigit() and len(expires) <= _EPOCH_DIGITS):
        raise INVALID_V4_EXPIRES.error(extra=_argument("x-oss-expires", expires))
    if not 1 <= int(expires) <= MOST_V4_EXPIRES_S:
        raise INVALID_V4_EXPIRES.error(extra=_argument("x-oss-expires", expires))
    return _v4_claim(
        credential=credential,
        signature=signature,
        date=date,
        signed_at=signed_at,
        in_query=True,
        expires_at=signed_at + int(expires),
        security_token=_security_token(headers, query),
        additional_headers=_names(query.get("x-oss-additional-headers", "")),
        payload_hash=headers.get("x-oss-content-sha256") or UNSIGNED_PAYLOAD,
    )


# Parts ----------------------------------------------------------------------------------------------------------------


def _v4_claim(
    *,
    credential: str,
    signature: str,
    date: str,
    signed_at: float,
    security_token: str,
    in_query: bool = False,
    expires_at: float | None = None,
    additional_headers: tuple[str, ...] = (),
    payload_hash: str = UNSIGNED_PAYLOAD,
) -> Claim:
    access_key_id, date_stamp, region, product, request = _scope(credential)
    if not (access_key_id and region and product and request == V4_REQUEST and date_stamp == date[:8]):
        raise INVALID_CREDENTIAL.error(extra=_argument("Credential", credential))
    return Claim(
        scheme=V4,
        in_query=in_query,
        access_key_id=access_key_id,
        signature=signature,
        security_token=security_token,
        date=date,
        signed_at=signed_at,
        expires_at=expires_at,
        date_stamp=date_stamp,
        region=region,
        product=product,
        additional_headers=additional_headers,
        payload_hash=payload_hash,
    )


def _scope(credential: str) -> tuple[str, str, str, str, str]:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5:
        return "", "", "", "", ""
    return parts[0], parts[1], parts[2], parts[3], parts[4]


def _security_token(headers: dict[str, str], query: Mapping[str, str]) -> str:
    """From any place that a client sends it in."""
    token = headers.get("x-oss-security-token") or headers.get("security-token")
    if token is None and query:
        token = query.get("security-token") or query.get("x-oss-security-token")
    return token or ""


def _names(text: str) -> tuple[str, ...]:
    """Header names of a `;` list: lower case, sorted, each once."""
    return tuple(sorted({name.strip().lower() for name in text.split(";")} - {""})) if text else ()


def _required(values: Mapping[str, str], name: str) -> str:
    value = values.get(name)
    if not value:
        raise INCOMPLETE_V4_QUERY.error(name=name)
    return value


def _v4_moment(date: str) -> float:
    moment = parse_stamp(date)
    if moment is None:
        raise INVALID_V4_DATE.error(extra=_argument("x-oss-date", date))
    return moment


def _epoch(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) <= _EPOCH_DIGITS):
        raise INVALID_EXPIRES.error(value=text)
    return float(text)


def _argument(name: str, value: str) -> dict[str, str]:
    return {"ArgumentName": name, "ArgumentValue": value}
