"""Which other sites' scripts may use a bucket (CORS): the rules, preflights, and what answers say about them."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import (
    CORS_NOT_ALLOWED,
    CORS_NOT_ENABLED,
    NO_SUCH_CORS,
    PREFLIGHT_WITHOUT_METHOD,
    PREFLIGHT_WITHOUT_ORIGIN,
    TOO_MANY_CORS_RULES,
)
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.published import ROUTING
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements
from kowloon.wire.policy.globs import glob

_METHODS = ("GET", "PUT", "DELETE", "POST", "HEAD")
_MOST_RULES = 20
_MOST_AGE_S = 999_999_999
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARY = ("Vary", "Origin")


class CorsRule(msgspec.Struct, frozen=True, kw_only=True):
    """`origins` and `headers` are patterns with one `*` at most."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_s: int | None = None

    def allows(self, origin: str, method: str) -> bool:
        return method in self.methods and any(glob(each, ignore_case=True).match(origin) for each in self.origins)

    def allows_headers(self, names: list[str]) -> bool:
        return all(any(glob(each, ignore_case=True).match(name) for each in self.headers) for name in names)

    def answer(self, origin: str) -> list[tuple[str, str]]:
        said = [
            ("Access-Control-Allow-Origin", "*" if "*" in self.origins else origin),
            ("Access-Control-Allow-Methods", ", ".join(self.methods)),
        ]
        if self.exposed:
            said.append(("Access-Control-Expose-Headers", ", ".join(self.exposed)))
        if self.max_age_s is not None:
            said.append(("Access-Control-Max-Age", str(self.max_age_s)))
        return said


class CorsRules(BucketSetting, frozen=True, kw_only=True):
    """The first rule that fits counts. `vary`: every answer says that it depends on the origin."""

    kind: ClassVar[str] = "oss-cors"

    rules: tuple[CorsRule, ...]
    vary: bool = False


oss.setting(CorsRules)


def headers_for(call: Call, bucket: Bucket) -> list[tuple[str, str]]:
    """What the answer to any call says, failed ones included: their callers' scripts want to know why."""
    origin = call.headers.get("origin")
    if origin is None and call.parts.store.count(CorsRules) == 0:
        return []
    setting = call.parts.store.get(CorsRules, bucket.id)
    if setting is None or call.request.method == "OPTIONS":
        return []
    found = next((each for each in setting.rules if origin and each.allows(origin, call.request.method)), None)
    said = found.answer(origin or "") if found is not None else []
    return [*said, _VARY] if setting.vary or said else []


@oss.operation("OptionObject", "object", "OPTIONS", open_to_all=True, also=tuple(ROUTING))
@oss.operation("OptionObject", "bucket", "OPTIONS", open_to_all=True, also=tuple(ROUTING))
def option_object(call: Call) -> HttpResponse:
    """A browser asks before it sends: without any identity, and about any call."""
    origin, method = call.headers.get("origin"), call.headers.get("access-control-request-method")
    if not origin:
        raise PREFLIGHT_WITHOUT_ORIGIN.error()
    if not method:
        raise PREFLIGHT_WITHOUT_METHOD.error()
    asked = call.headers.get("access-control-request-headers", "")
    names = [name.strip() for name in asked.split(",") if name.strip()]
    extra = {"Method": method, "ResourceType": "Object" if call.key else "Bucket", "Origin": origin}
    setting = setting_of(call, CorsRules, call.bucket)
    if setting is None:
        raise CORS_NOT_ENABLED.error(extra=extra)
    for rule in setting.rules:
        if rule.allows(origin, method) and rule.allows_headers(names):
            said = [*rule.answer(origin), _VARY]
            return HttpResponse(200, headers=[*said, ("Access-Control-Allow-Headers", asked)] if names else said)
    raise CORS_NOT_ALLOWED.error(extra=extra)


@oss.operation("PutBucketCors", "bucket", "PUT", "cors", body=Body.DOCUMENT)
async def put_bucket_cors(call: Call) -> HttpResponse:
    node = call.document("CORSConfiguration")
    rules = tuple([_rule(child) for child in node.children("CORSRule")])
    if not rules:
        raise MALFORMED_XML.error()
    if len(rules) > _MOST_RULES:
        raise TOO_MANY_CORS_RULES.error(most=_MOST_RULES)
    return await keep(call, new_setting(call, CorsRules, rules=rules, vary=truth(node, "ResponseVary", False)))


def _rule(node: Node) -> CorsRule:
    origins, methods = _values(node, "AllowedOrigin"), _values(node, "AllowedMethod")
    headers, exposed = _values(node, "AllowedHeader"), _values(node, "ExposeHeader")
    if not (origins and methods):
        raise MALFORMED_XML.error()
    for name, values in (("AllowedOrigin", origins), ("AllowedHeader", headers)):
        for value in values:
            if value.count("*") > 1:
                raise invalid(name, value, f"{name} can have at most one wildcard *.")
    for method in methods:
        if method not in _METHODS:
            raise invalid("AllowedMethod", method)
    for name in (*headers, *exposed):
        if _HEADER_NAME.fullmatch(name) is None:
            raise invalid("AllowedHeader" if name in headers else "ExposeHeader", name)
    for name in exposed:
        if "*" in name:
            raise invalid("ExposeHeader", name, "ExposeHeader cannot have a wildcard.")
    age = node.text("MaxAgeSeconds").strip()
    if age and not (age.isascii() and age.isdigit() and len(age) <= 9 and int(age) <= _MOST_AGE_S):
        raise invalid("MaxAgeSeconds", age)
    return CorsRule(
        origins=origins, methods=methods, headers=headers, exposed=exposed, max_age_s=int(age) if age else None
    )


def _values(node: Node, name: str) -> tuple[str, ...]:
    return tuple(child.value.strip() for child in node.children(name) if child.value.strip())


@oss.operation("GetBucketCors", "bucket", "GET", "cors")
def get_bucket_cors(call: Call) -> HttpResponse:
    setting = setting_of(call, CorsRules, call.bucket)
    if setting is None:
        raise NO_SUCH_CORS.error(extra={"BucketName": call.bucket.id})
    content: dict[str, Content] = {
        "CORSRule": [
            {
                "AllowedOrigin": rule.origins,
                "AllowedMethod": rule.methods,
                "AllowedHeader": rule.headers,
                "ExposeHeader": rule.exposed,
                "MaxAgeSeconds": rule.max_age_s,
            }
            for rule in setting.rules
        ],
        "ResponseVary": setting.vary,
    }
    return answers.document(document("CORSConfiguration", elements(content)))


@oss.operation("DeleteBucketCors", "bucket", "DELETE", "cors")
async def delete_bucket_cors(call: Call) -> HttpResponse:
    return await forget(call, CorsRules)
