"""Static websites: PutBucketWebsite, GetBucketWebsite, DeleteBucketWebsite. What they do to requests is in `site`."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import NO_SUCH_WEBSITE
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.addressing import valid_object_name
from kowloon.wire.oss.xml import Content, Node, document, element, elements, escape

MOST_RULES = 20
# What happens to `dir` where only `dir/index.html` is: a redirect to `dir/`, nothing, or the page at once.
SUB_REDIRECT, SUB_MISSING, SUB_INDEX = 0, 1, 2
_REDIRECTS = ("Mirror", "External", "Internal", "AliCDN")
_CODES = ("301", "302", "303", "305", "307", "308")
_HOST_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?")


class RoutingRule(msgspec.Struct, frozen=True, kw_only=True):
    """`redirect`: the plain elements of Redirect by name. `xml`: the whole rule, as it is shown. `headers`: name and
    the exact value asked for."""

    number: int
    prefix: str = ""
    suffix: str = ""
    error: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    redirect: dict[str, str] = {}
    xml: str = ""


class Website(BucketSetting, frozen=True, kw_only=True):
    """`index` and `error_key` are empty where there is none. `rules` in the order of their numbers."""

    kind: ClassVar[str] = "oss-website"

    index: str = ""
    sub_dirs: bool = False
    sub_type: int = SUB_REDIRECT
    error_key: str = ""
    error_status: int = 404
    rules: tuple[RoutingRule, ...] = ()


oss.setting(Website)


@oss.operation("PutBucketWebsite", "bucket", "PUT", "website", body=Body.DOCUMENT)
async def put_bucket_website(call: Call) -> HttpResponse:
    node = call.document("WebsiteConfiguration")
    index, error, rules = node.child("IndexDocument"), node.child("ErrorDocument"), node.child("RoutingRules")
    fields: dict[str, object] = {}
    if index is not None and index.text("Suffix"):
        fields |= _index(index)
    if error is not None and error.text("Key"):
        fields |= _error(error)
    if rules is not None:
        read = [_rule(rule) for rule in rules.children("RoutingRule")]
        if len(read) > MOST_RULES or len({rule.number for rule in read}) != len(read):
            raise MALFORMED_XML.error()
        fields["rules"] = tuple(sorted(read, key=lambda rule: rule.number))
    if not any(fields.values()):
        raise MALFORMED_XML.error()
    return await keep(call, new_setting(call, Website, **fields))


def _index(node: Node) -> dict[str, object]:
    suffix = node.text("Suffix")
    if "/" in suffix or not valid_object_name(suffix):
        raise invalid("Suffix", suffix)
    kind = node.text("Type").strip() or "0"
    if kind not in ("0", "1", "2"):
        raise invalid("Type", kind)
    return {"index": suffix, "sub_dirs": truth(node, "SupportSubDir", False), "sub_type": int(kind)}


def _error(node: Node) -> dict[str, object]:
    key, status = node.text("Key"), node.text("HttpStatus").strip() or "404"
    if not valid_object_name(key):
        raise invalid("Key", key)
    if status not in ("200", "404"):
        raise invalid("HttpStatus", status)
    return {"error_key": key, "error_status": int(status)}


def _rule(node: Node) -> RoutingRule:
    number, condition, redirect = _number(node.text("RuleNumber")), node.child("Condition"), node.child("Redirect")
    if number is None or number < 1 or redirect is None:
        raise MALFORMED_XML.error()
    # What has parts of its own is only shown.
    said = {child.name: child.value.strip() for child in redirect if child.value.strip()}
    _check_redirect(said)
    error = condition.text("HttpErrorCodeReturnedEquals").strip() if condition is not None else ""
    status = _number(error) if error else 0
    if status is None:
        raise invalid("HttpErrorCodeReturnedEquals", error)
    if said["RedirectType"] == "Mirror" and (status != 404 or not said.get("MirrorURL")):
        raise MALFORMED_XML.error()
    return RoutingRule(
        number=number,
        prefix=condition.text("KeyPrefixEquals") if condition is not None else "",
        suffix=condition.text("KeySuffixEquals") if condition is not None else "",
        error=status,
        headers=_headers(condition) if condition is not None else (),
        redirect=said,
        xml=_shown(node),
    )


def _headers(condition: Node) -> tuple[tuple[str, str], ...]:
    found = condition.children("IncludeHeader")
    if any(each.text("StartsWith") or each.text("EndsWith") for each in found):
        raise invalid("IncludeHeader", "StartsWith", "IncludeHeader can only be compared by Equals here.")
    return tuple((each.text("Key").lower(), each.text("Equals")) for each in found)


def _check_redirect(said: dict[str, str]) -> None:
    """What is written into an answer's Location must not be able to end it."""
    if said.get("RedirectType") not in _REDIRECTS:
        raise MALFORMED_XML.error()
    host, protocol, code = said.get("HostName"), said.get("Protocol", "http"), said.get("HttpRedirectCode", "302")
    if host is not None and _HOST_NAME.fullmatch(host) is None:
        raise invalid("HostName", host)
    if protocol not in ("http", "https"):
        raise invalid("Protocol", protocol)
    if code not in _CODES:
        raise invalid("HttpRedirectCode", code)
    if "ReplaceKeyWith" in said and "ReplaceKeyPrefixWith" in said:
        raise MALFORMED_XML.error()
    if said["RedirectType"] == "AliCDN" and host is None:
        raise MALFORMED_XML.error()


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _shown(node: Node) -> str:
    """The element as it came, without attributes and namespaces."""
    inner = "".join([_shown(child) for child in node])
    return f"<{node.name}>{inner or escape(node.value)}</{node.name}>"


@oss.operation("GetBucketWebsite", "bucket", "GET", "website")
def get_bucket_website(call: Call) -> HttpResponse:
    setting = setting_of(call, Website, call.bucket)
    if setting is None:
        raise NO_SUCH_WEBSITE.error(extra={"BucketName": call.bucket.id})
    content: dict[str, Content] = {}
    if setting.index:
        content["IndexDocument"] = {
            "Suffix": setting.index,
            "SupportSubDir": setting.sub_dirs,
            "Type": setting.sub_type,
        }
    shown = elements(content)
    if setting.error_key:
        status = element("HttpStatus", str(setting.error_status))
        shown += f"<ErrorDocument>{element('Key', setting.error_key)}{status}</ErrorDocument>"
    if setting.rules:
        shown += f"<RoutingRules>{''.join([rule.xml for rule in setting.rules])}</RoutingRules>"
    return answers.document(document("WebsiteConfiguration", shown))


@oss.operation("DeleteBucketWebsite", "bucket", "DELETE", "website")
async def delete_bucket_website(call: Call) -> HttpResponse:
    return await forget(call, Website)
