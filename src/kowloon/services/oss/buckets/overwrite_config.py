"""Rules that forbid to overwrite objects. Like `x-oss-forbid-overwrite` they say nothing where versions are kept:
there nothing is overwritten."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import FILE_EXISTS, MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.services.oss.runs.effect_errors import NO_SUCH_OVERWRITE
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements
from kowloon.wire.policy.globs import glob

_MOST_RULES: Final = 100
_MOST_NAME: Final = 1023
_FORBID: Final = "forbid"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """About keys that begin and end so, and of callers only those named if any are."""

    id: str
    prefix: str = ""
    suffix: str = ""
    principals: tuple[str, ...] = ()

    def matches(self, key: str, caller: str) -> bool:
        if not (key.startswith(self.prefix) and key.endswith(self.suffix)):
            return False
        return not self.principals or any(glob(pattern).match(caller) for pattern in self.principals)


class Overwriting(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-overwriting"

    rules: tuple[Rule, ...]


oss.setting(Overwriting)


def check_rules(call: Call) -> None:
    """409 FileAlreadyExists where a rule forbids to replace what is there."""
    setting = setting_of(call, Overwriting, call.bucket)
    if setting is None or call.bucket.versioning or call.space.current(call.key) is None:
        return
    caller = call.principal.id if call.principal is not None else ""
    if any(rule.matches(call.key, caller) for rule in setting.rules):
        raise FILE_EXISTS.error(extra={"Key": call.key})


@oss.operation("PutBucketOverwriteConfig", "bucket", "PUT", "overwriteConfig", body=Body.DOCUMENT)
async def put_bucket_overwrite_config(call: Call) -> HttpResponse:
    nodes = call.document("OverwriteConfiguration").children("Rule")
    if not 1 <= len(nodes) <= _MOST_RULES:
        raise MALFORMED_XML.error()
    rules = tuple(_rule(node, call.parts.ids.hex(32).lower()) for node in nodes)
    if len({rule.id for rule in rules}) != len(rules):
        raise invalid("ID", "", "The IDs of overwrite rules must be unique.")
    return await keep(call, new_setting(call, Overwriting, rules=rules))


def _rule(node: Node, new_id: str) -> Rule:
    if node.text("Action") != _FORBID:
        raise MALFORMED_XML.error()
    principals = node.child("Principals")
    named = tuple(each.value.strip() for each in principals.children("Principal")) if principals is not None else ()
    rule = Rule(
        id=node.text("ID").strip() or new_id,
        prefix=node.text("Prefix"),
        suffix=node.text("Suffix"),
        principals=tuple(filter(None, named)),
    )
    for name, value in (("Prefix", rule.prefix), ("Suffix", rule.suffix)):
        if len(value) > _MOST_NAME:
            raise invalid(name, value)
    return rule


@oss.operation("GetBucketOverwriteConfig", "bucket", "GET", "overwriteConfig")
def get_bucket_overwrite_config(call: Call) -> HttpResponse:
    setting = setting_of(call, Overwriting, call.bucket)
    if setting is None:
        raise NO_SUCH_OVERWRITE.error(extra={"BucketName": call.bucket.id})
    rules: list[Content] = [
        {
            "ID": rule.id,
            "Action": _FORBID,
            "Prefix": rule.prefix,
            "Suffix": rule.suffix,
            "Principals": {"Principal": rule.principals},
        }
        for rule in setting.rules
    ]
    return answers.document(document("OverwriteConfiguration", elements({"Rule": rules})))


@oss.operation("DeleteBucketOverwriteConfig", "bucket", "DELETE", "overwriteConfig")
async def delete_bucket_overwrite_config(call: Call) -> HttpResponse:
    return await forget(call, Overwriting)
