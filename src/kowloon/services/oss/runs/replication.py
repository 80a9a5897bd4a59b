"""Replication rules of a bucket: where its changes are copied to, and how far that has come (`replication_run`).

Rules are made on the side of the source; both buckets belong to one account. Known deviations: copying begins at once
instead of minutes later; replication time control is kept as configuration, everything is as fast as it can be; the
role that a rule names is not assumed; both buckets need not agree about versioning.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import ClassVar, Final

import msgspec

from kowloon.services.oss import answers, keys
from kowloon.services.oss.buckets.settings import bucket_as_it_is, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.services.oss.runs.effect_errors import (
    BAD_LOCATION,
    INVALID_REPLICATION_TARGET,
    NO_SUCH_REPLICATION,
    NO_SUCH_REPLICATION_RULE,
    REPLICATION_EXISTS,
    TOO_MANY_REPLICATION_RULES,
    WRONG_TARGET_LOCATION,
)
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.xml import Content, Node, document, elements

STARTING: Final = "starting"
DOING: Final = "doing"
CLOSING: Final = "closing"
_MOST_RULES: Final = 100
_MOST_PREFIXES: Final = 10
_MOST_ID: Final = 255
_ACTIONS: Final = frozenset({"ALL", "PUT", "DELETE", "ABORT"})
_TRANSFERS: Final = ("", "internal", "oss_acc")
_SWITCHES: Final = ("enabled", "disabled")
# Entries that are counted before others get a turn.
_SLICE: Final = 1000


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`target` is a bucket. `actions`: as they were written. `copied_to`: up to which key what was there before has
    been copied; None when that is done or was not wanted. `kms`: objects that are encrypted by KMS are copied, too."""

    id: str
    target: str
    location: str
    prefixes: tuple[str, ...] = ()
    actions: str = "ALL"
    transfer: str = ""
    historical: bool = True
    copied_to: str | None = None
    role: str = ""
    kms: bool | None = None
    kms_key_id: str = ""
    rtc: bool = False
    status: str = STARTING

    @property
    def deletes(self) -> bool:
        """Whether deletions are replicated, not only what is written."""
        return not {"ALL", "DELETE"}.isdisjoint(self.actions.split(","))

    def matches(self, key: str) -> bool:
        return not self.prefixes or key.startswith(self.prefixes)


class Replication(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-replication"

    rules: tuple[Rule, ...]

    def in_bucket_info(self) -> dict[str, Content]:
        return {"CrossRegionReplication": "Enabled"}

    def rule(self, rule_id: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.id == rule_id), None)


oss.setting(Replication)


def put_rules(tx: Transaction, bucket: Bucket, setting: Replication) -> None:
    """The rules, and with them what the bucket notes its changes for."""
    noted_for = tuple(rule.id for rule in setting.rules if rule.status != CLOSING)
    if noted_for != bucket.noted_for:
        tx.put(msgspec.structs.replace(bucket, noted_for=noted_for))
    if setting.rules:
        tx.put(setting)
    else:
        tx.delete(setting)


def put_rule(tx: Transaction, bucket: Bucket, setting: Replication, rule: Rule) -> None:
    rules = tuple(rule if each.id == rule.id else each for each in setting.rules)
    put_rules(tx, bucket, msgspec.structs.replace(setting, rules=rules))


# Making and ending rules ----------------------------------------------------------------------------------------------


@oss.operation("PutBucketReplication", "bucket", "POST", "replication&comp=add", body=Body.DOCUMENT)
async def put_bucket_replication(call: Call) -> HttpResponse:
    """Adds one rule to those that are there."""
    nodes = call.document("ReplicationConfiguration").children("Rule")
    if not nodes:
        raise MALFORMED_XML.error()
    if len(nodes) > 1:
        raise TOO_MANY_REPLICATION_RULES.error(most=1)
    rule = _rule(call, nodes[0])

    def body(tx: Transaction) -> None:
        bucket = bucket_as_it_is(call, tx)
        _check_target(call, tx, rule)
        setting = tx.get(Replication, bucket.id) or new_setting(call, Replication, rules=())
        if len(setting.rules) >= _MOST_RULES:
            raise TOO_MANY_REPLICATION_RULES.error(most=_MOST_RULES)
        if any(each.id == rule.id or _overlap(each, rule) for each in setting.rules):
            raise REPLICATION_EXISTS.error(extra={"BucketName": bucket.id})
        put_rules(tx, bucket, msgspec.structs.replace(setting, rules=(*setting.rules, rule)))

    await call.parts.store.run(body)
    return HttpResponse(200, headers=[("x-oss-replication-rule-id", rule.id)])


def _overlap(former: Rule, latter: Rule) -> bool:
    """Whether both copy something to the same bucket."""
    if former.target != latter.target:
        return False
    pairs = [(a, b) for a in former.prefixes or ("",) for b in latter.prefixes or ("",)]
    return any(a.startswith(b) or b.startswith(a) for a, b in pairs)


def _rule(call: Call, node: Node) -> Rule:
    destination = node.child("Destination")
    actions = node.text("Action", "ALL").strip()
    if destination is None or not set(actions.split(",")) <= _ACTIONS:
        raise MALFORMED_XML.error()
    rule_id = node.text("ID").strip() or call.parts.ids.hex(32).lower()
    if len(rule_id) > _MOST_ID:
        raise invalid("ID", rule_id)
    transfer = destination.text("TransferType").strip()
    if transfer not in _TRANSFERS:
        raise invalid("TransferType", transfer)
    historical = _switch(node, "HistoricalObjectReplication", True)
    role = node.text("SyncRole").strip()
    criteria, encryption = node.child("SourceSelectionCriteria"), node.child("EncryptionConfiguration")
    kms = criteria.child("SseKmsEncryptedObjects") if criteria is not None else None
    wants_kms = _switch(kms, "Status", False) if kms is not None and role else None
    rtc = node.child("RTC")
    return Rule(
        id=rule_id,
        target=destination.text("Bucket").strip(),
        location=destination.text("Location").strip(),
        prefixes=_prefixes(node.child("PrefixSet")),
        actions=actions,
        transfer=transfer,
        historical=historical,
        copied_to="" if historical else None,
        role=role,
        # What is encrypted by KMS needs a role to be read by.
        kms=wants_kms,
        kms_key_id=encryption.text("ReplicaKmsKeyID").strip() if encryption is not None and wants_kms else "",
        rtc=_switch(rtc, "Status", False) if rtc is not None else False,
    )


def _switch(node: Node, name: str, default: bool) -> bool:
    text = node.text(name).strip().lower()
    if not text:
        return default
    if text not in _SWITCHES:
        raise invalid(name, text)
    return text == "enabled"


def _prefixes(node: Node | None) -> tuple[str, ...]:
    prefixes = tuple(each.value for each in node.children("Prefix") if each.value) if node is not None else ()
    if len(prefixes) > _MOST_PREFIXES:
        raise MALFORMED_XML.error()
    for number, prefix in enumerate(prefixes):
        others = prefixes[:number] + prefixes[number + 1 :]
        if prefix.startswith(others):
            raise invalid("PrefixSet", prefix, "The prefixes of a replication rule must not overlap.")
    return prefixes


def _check_target(call: Call, tx: Transaction, rule: Rule) -> None:
    regions = call.parts.board.topology.regions
    if rule.location.removeprefix("oss-") not in regions or not rule.location.startswith("oss-"):
        raise BAD_LOCATION.error(extra={"Location": rule.location})
    target = tx.get(Bucket, rule.target)
    if target is None or target.account != call.bucket.account or target.id == call.bucket.id:
        raise INVALID_REPLICATION_TARGET.error(extra={"BucketName": rule.target})
    if target.location != rule.location:
        raise WRONG_TARGET_LOCATION.error(extra={"BucketName": rule.target, "Location": rule.location})


@oss.operation("DeleteBucketReplication", "bucket", "POST", "replication&comp=delete", body=Body.DOCUMENT)
async def delete_bucket_replication(call: Call) -> HttpResponse:
    """From now on nothing is noted for it; it is seen as closing until what was is forgotten."""
    rule_id = call.document("ReplicationRules").text("ID").strip()

    def body(tx: Transaction) -> None:
        bucket = bucket_as_it_is(call, tx)
        setting = tx.get(Replication, bucket.id)
        rule = setting.rule(rule_id) if setting is not None else None
        if setting is None or rule is None:
            raise NO_SUCH_REPLICATION_RULE.error(extra={"BucketName": bucket.id})
        put_rule(tx, bucket, setting, msgspec.structs.replace(rule, status=CLOSING))

    await call.parts.store.run(body)
    return HttpResponse(200)


@oss.operation("PutBucketRtc", "bucket", "PUT", "rtc", body=Body.DOCUMENT)
async def put_bucket_rtc(call: Call) -> HttpResponse:
    node = call.document("ReplicationRule")
    rtc = node.child("RTC")
    if rtc is None or not rtc.text("Status"):
        raise MALFORMED_XML.error()
    wanted = _switch(rtc, "Status", False)

    def body(tx: Transaction) -> None:
        setting = tx.get(Replication, call.bucket.id)
        rule = setting.rule(node.text("ID").strip()) if setting is not None else None
        if setting is None or rule is None:
            raise NO_SUCH_REPLICATION_RULE.error(extra={"BucketName": call.bucket.id})
        put_rule(tx, bucket_as_it_is(call, tx), setting, msgspec.structs.replace(rule, rtc=wanted))

    await call.parts.store.run(body)
    return HttpResponse(200)


# Looking --------------------------------------------------------------------------------------------------------------


def _rendered(rule: Rule) -> dict[str, Content]:
    return {
        "ID": rule.id,
        "PrefixSet": {"Prefix": rule.prefixes} if rule.prefixes else None,
        "Action": rule.actions,
        "Destination": {"Bucket": rule.target, "Location": rule.location, "TransferType": rule.transfer or None},
        "Status": rule.status,
        "HistoricalObjectReplication": _SWITCHES[not rule.historical],
    }


def _whole(rule: Rule) -> dict[str, Content]:
    selected: Content = {"SseKmsEncryptedObjects": {"Status": "Enabled" if rule.kms else "Disabled"}}
    return {
        **_rendered(rule),
        "SyncRole": rule.role or None,
        "RTC": {"Status": _SWITCHES[not rule.rtc]},
        "SourceSelectionCriteria": selected if rule.kms is not None else None,
        "EncryptionConfiguration": {"ReplicaKmsKeyID": rule.kms_key_id} if rule.kms_key_id else None,
    }


@oss.operation("GetBucketReplication", "bucket", "GET", "replication")
def get_bucket_replication(call: Call) -> HttpResponse:
    setting = setting_of(call, Replication, call.bucket)
    if setting is None:
        raise NO_SUCH_REPLICATION.error(extra={"BucketName": call.bucket.id})
    content = elements({"Rule": [_whole(rule) for rule in setting.rules]})
    return answers.document(document("ReplicationConfiguration", content))


@oss.operation("GetBucketReplicationLocation", "bucket", "GET", "replicationLocation")
def get_bucket_replication_location(call: Call) -> HttpResponse:
    """Everywhere; in its own region, too."""
    locations = [f"oss-{region}" for region in call.parts.board.topology.regions]
    far = [location for location in locations if location != call.bucket.location]
    content: dict[str, Content] = {
        "Location": locations,
        "LocationTransferTypeConstraint": {
            "LocationTransferType": [{"Location": each, "TransferTypes": {"Type": "oss_acc"}} for each in far]
        },
        "LocationRTCConstraint": {"Location": far},
    }
    return answers.document(document("ReplicationLocation", elements(content)))


@oss.operation("GetBucketReplicationProgress", "bucket", "GET", "replicationProgress", also=("rule-id",))
async def get_bucket_replication_progress(call: Call) -> HttpResponse:
    """`HistoricalObject`: of the objects that the rule is about, the share that the copying has passed. `NewObject`:
    everything that was written before then has been copied."""
    setting, wanted = setting_of(call, Replication, call.bucket), call.query.get("rule-id", "")
    rules = [rule for rule in setting.rules if wanted in ("", rule.id)] if setting is not None else []
    if not rules:
        raise NO_SUCH_REPLICATION_RULE.error(extra={"BucketName": call.bucket.id})
    content: list[Content] = [{**_rendered(rule), "Progress": await _progress(call, rule)} for rule in rules]
    return answers.document(document("ReplicationProgress", elements({"Rule": content})))


async def _progress(call: Call, rule: Rule) -> Content:
    if rule.status == STARTING:
        return {"HistoricalObject": "0" if rule.historical else None}
    share = None
    if rule.historical:
        share = "1" if rule.copied_to is None else f"{await _passed(call, rule):.2f}"
    note = next(call.space.volume.scan(*keys.notes_of(rule.id)), None)
    until = call.now if note is None else keys.order_of_note(note.key) / 1e6
    return {"HistoricalObject": share, "NewObject": iso_milliseconds(until)}


async def _passed(call: Call, rule: Rule) -> float:
    """The share of the keys of the rule up to which they were copied."""
    start, end = keys.span(keys.CURRENT)
    mark = keys.current(rule.copied_to or "")
    passed = total = 0
    while True:
        entries = list(islice(call.space.volume.scan(start, end), _SLICE))
        for entry in entries:
            if rule.matches(keys.key_of_current(entry.key)):
                total += 1
                passed += entry.key <= mark
        if len(entries) < _SLICE:
            return passed / total if total else 1.0
        start = entries[-1].key + b"\x00"
        await asyncio.sleep(0)
