"""Lifecycle of a bucket's objects: its configuration, and what an object's own answers say of it.

The rules act once a day at midnight UTC on the cloud's clock (`lifecycle_run`); new ones from the next midnight on.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import msgspec

from kowloon.engines.blob.base import BlobError
from kowloon.services.oss import answers
from kowloon.services.oss.buckets.access_monitor import AccessMonitor
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting, Meta
from kowloon.services.oss.runs.effect_errors import INVALID_LIFECYCLE, NO_SUCH_LIFECYCLE
from kowloon.services.oss.runs.lifecycle_rules import (
    DAY_S,
    LADDER,
    SMALL_FILE_BYTES,
    Rule,
    Transition,
    parse_rules,
    render,
)
from kowloon.services.oss.space import Stored
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import http_date
from kowloon.wire.oss.xml import document, elements

_OVERLAP = "x-oss-allow-same-action-overlap"


class Lifecycle(BucketSetting, frozen=True, kw_only=True):
    """`done`: the midnight that they have acted for last."""

    kind: ClassVar[str] = "oss-lifecycle"

    rules: tuple[Rule, ...]
    done: float


oss.setting(Lifecycle)


def midnight_before(moment: float) -> float:
    return math.floor(moment / DAY_S) * DAY_S


def midnight_after(moment: float) -> float:
    return math.ceil(moment / DAY_S) * DAY_S


@oss.operation("PutBucketLifecycle", "bucket", "PUT", "lifecycle", body=Body.DOCUMENT)
async def put_bucket_lifecycle(call: Call) -> HttpResponse:
    overlap = call.headers.get(_OVERLAP, "false").lower()
    if overlap not in ("true", "false"):
        raise invalid(_OVERLAP, overlap)
    root = call.document("LifecycleConfiguration")
    rules = parse_rules(root, call.parts.ids.hex(16), overlap=overlap == "true")
    by_access = any(each.by_access for rule in rules for each in (*rule.transitions, *rule.older_transitions))
    if by_access and setting_of(call, AccessMonitor, call.bucket) is None:
        raise INVALID_LIFECYCLE.error(why="Rules by access time need access monitoring to be enabled for the bucket.")
    return await keep(call, new_setting(call, Lifecycle, rules=rules, done=midnight_before(call.now)))


@oss.operation("GetBucketLifecycle", "bucket", "GET", "lifecycle")
def get_bucket_lifecycle(call: Call) -> HttpResponse:
    setting = setting_of(call, Lifecycle, call.bucket)
    if setting is None:
        raise NO_SUCH_LIFECYCLE.error(extra={"BucketName": call.bucket.id})
    content = elements({"Rule": [render(rule) for rule in setting.rules]})
    return answers.document(document("LifecycleConfiguration", content))


@oss.operation("DeleteBucketLifecycle", "bucket", "DELETE", "lifecycle")
async def delete_bucket_lifecycle(call: Call) -> HttpResponse:
    return await forget(call, Lifecycle)


# What is to be done ---------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """What a rule does with a version and when it is due; no `storage_class`: it goes."""

    due: float
    storage_class: str
    rule_id: str


def next_step(steps: Iterable[Step], moment: float) -> Step | None:
    """Of what is due by then the most: gone rather than moved, moved as far as it goes. Else what is due next."""
    found = list(steps)
    ready = [step for step in found if step.due <= moment]
    if ready:
        return max(ready, key=lambda step: LADDER.get(step.storage_class, len(LADDER)))
    return min(found, default=None)


def current_steps(rules: Iterable[Rule], key: str, meta: Meta, watched_since: float) -> Iterable[Step]:
    """What the rules have in mind for a current version that is no delete marker."""
    for rule in rules:
        if not rule.matches(key, meta.tags, meta.size_bytes):
            continue
        due = rule.expiration.due(meta.modified) if rule.expiration is not None else None
        if due is not None:
            yield Step(due, "", rule.id)
        yield from _moves(rule.id, rule.transitions, meta, meta.modified, watched_since)


def older_steps(rules: Iterable[Rule], key: str, meta: Meta, since: float, watched_since: float) -> Iterable[Step]:
    """For a version, delete markers too, that is no longer the current one since then."""
    for rule in rules:
        if not rule.matches(key, meta.tags, meta.size_bytes):
            continue
        due = rule.older_expiration.due(since) if rule.older_expiration is not None else None
        if due is not None:
            yield Step(due, "", rule.id)
        if not meta.marker:
            yield from _moves(rule.id, rule.older_transitions, meta, since, watched_since)


def _moves(
    rule_id: str, transitions: Iterable[Transition], meta: Meta, since: float, watched_since: float
) -> Iterable[Step]:
    for transition in transitions:
        if LADDER[transition.storage_class] <= LADDER[meta.storage_class] or meta.type == "Symlink":
            continue
        if transition.by_access:
            if meta.size_bytes < SMALL_FILE_BYTES and not transition.small_files:
                continue
            since = meta.accessed or max(meta.modified, watched_since)
        due = transition.term.due(since)
        if due is not None:
            yield Step(due, transition.storage_class, rule_id)


def lifecycle_headers(call: Call, key: str, meta: Meta) -> list[tuple[str, str]]:
    """When an object will be gone and by which rule, where one says so; and since when it is of its class."""
    headers = [("x-oss-transition-time", http_date(int(meta.transitioned)))] if meta.transitioned else []
    setting = setting_of(call, Lifecycle, call.bucket)
    if setting is None or "versionId" in call.query:
        return headers
    steps = (step for step in current_steps(setting.rules, key, meta, 0.0) if not step.storage_class)
    first = min(steps, default=None)
    if first is not None:
        moment = max(midnight_after(first.due), setting.done + DAY_S)
        headers.append(("x-oss-expiration", f'expiry-date="{http_date(int(moment))}", rule-id="{first.rule_id}"'))
    return headers


# Accesses -------------------------------------------------------------------------------------------------------------


def note_access(call: Call, stored: Stored) -> None:
    """That a version was read, once a day; and back to Standard with it where a rule says so. Reading goes on where
    this cannot be written."""
    meta = stored.meta
    if setting_of(call, AccessMonitor, call.bucket) is None or meta.accessed >= midnight_before(call.now):
        return
    storage_class = "Standard" if meta.storage_class == "IA" and _goes_back(call, meta) else meta.storage_class
    changed = msgspec.structs.replace(meta, accessed=call.now, storage_class=storage_class)
    with contextlib.suppress(BlobError):
        call.space.volume.commit(call.space.replace(stored, changed)).add_done_callback(_looked_at)


def _goes_back(call: Call, meta: Meta) -> bool:
    setting = setting_of(call, Lifecycle, call.bucket)
    rules = setting.rules if setting is not None else ()
    return any(
        transition.back_on_access and rule.matches(call.key, meta.tags, meta.size_bytes)
        for rule in rules
        for transition in (*rule.transitions, *rule.older_transitions)
    )


def _looked_at(done: asyncio.Future[None]) -> None:
    """So that a failure is not reported as one that nobody looked at."""
    if not done.cancelled():
        done.exception()
