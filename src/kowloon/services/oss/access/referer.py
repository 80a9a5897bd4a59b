"""Hotlink protection: which pages may lead to a bucket's objects. Asked of calls that a browser makes by itself: those
that are anonymous or signed in their URL."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import DENIED_BY_REFERER
from kowloon.services.oss.buckets.settings import keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements
from kowloon.wire.policy.globs import glob

_MOST_BYTES = 20 * 1024


class Referers(BucketSetting, frozen=True, kw_only=True):
    """`allowed` and `refused` are patterns with `*` and `?`."""

    kind: ClassVar[str] = "oss-referers"

    allow_empty: bool = True
    truncate_query: bool = True
    truncate_path: bool = False
    allowed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def admits(self, referer: str) -> bool:
        text = self._compared(referer)
        if text and _any_matches(self.refused, text):
            return False
        # An empty list asks nothing of anybody, or nobody could pass it.
        if not self.allowed:
            return True
        return _any_matches(self.allowed, text) if text else self.allow_empty

    def _compared(self, referer: str) -> str:
        if self.truncate_query or self.truncate_path:
            referer = referer.partition("#")[0].partition("?")[0]
        if self.truncate_path:
            scheme, separator, rest = referer.partition("://")
            referer = f"{scheme}{separator}{rest.partition('/')[0]}" if separator else scheme.partition("/")[0]
        return referer


oss.setting(Referers)


def _any_matches(patterns: tuple[str, ...], text: str) -> bool:
    """A pattern is about how a referer begins: `http://a.com` is also about `http://a.com/page`."""
    return any(glob(pattern, whole=False, ignore_case=True).match(text) for pattern in patterns)


def check_referer(call: Call, bucket: Bucket) -> None:
    """403 AccessDenied where a page that is not welcome leads here."""
    if call.principal is not None and not call.signed_in_query:
        return
    setting = call.parts.store.get(Referers, bucket.id)
    if setting is not None and not setting.admits(call.headers.get("referer", "")):
        call.reason = f"referers of {bucket.id}"
        raise DENIED_BY_REFERER.error(extra={"BucketName": bucket.id})


@oss.operation("PutBucketReferer", "bucket", "PUT", "referer", body=Body.DOCUMENT)
async def put_bucket_referer(call: Call) -> HttpResponse:
    node = call.document("RefererConfiguration")
    truncate_query = truth(node, "AllowTruncateQueryString", True)
    truncate_path = truth(node, "TruncatePath", False)
    setting = new_setting(
        call,
        Referers,
        allow_empty=truth(node, "AllowEmptyReferer"),
        truncate_query=truncate_query,
        truncate_path=truncate_path,
        allowed=_listed(node, "RefererList"),
        refused=_listed(node, "RefererBlacklist"),
    )
    if truncate_path and not truncate_query:
        raise MALFORMED_XML.error()
    return await keep(call, setting)


def _listed(node: Node, name: str) -> tuple[str, ...]:
    child = node.child(name)
    texts = tuple(each.value for each in child.children("Referer") if each.value) if child is not None else ()
    if sum(len(text.encode()) for text in texts) > _MOST_BYTES:
        raise MALFORMED_XML.error()
    return texts


@oss.operation("GetBucketReferer", "bucket", "GET", "referer")
def get_bucket_referer(call: Call) -> HttpResponse:
    """A bucket without one has the default: everyone may come."""
    setting = setting_of(call, Referers, call.bucket) or new_setting(call, Referers)
    content: dict[str, Content] = {
        "AllowEmptyReferer": setting.allow_empty,
        "AllowTruncateQueryString": setting.truncate_query,
        "TruncatePath": setting.truncate_path,
        "RefererList": {"Referer": setting.allowed},
        "RefererBlacklist": {"Referer": setting.refused} if setting.refused else None,
    }
    return answers.document(document("RefererConfiguration", elements(content)))
