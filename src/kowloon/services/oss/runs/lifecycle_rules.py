"""Lifecycle rules: how they are written, what is refused, and when which of them acts on what.

Moments are cloud seconds. `Days` count from the last modification (or access); what is due is done at the next
midnight.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from kowloon.services.oss.buckets.settings import truth
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.objects.writing import STORAGE_CLASSES
from kowloon.services.oss.runs.effect_errors import INVALID_LIFECYCLE
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.xml import Content, Node

DAY_S: Final = 86400.0
MOST_RULES: Final = 1000
_MOST_ID: Final = 255
_MOST_DAYS: Final = 2**31 - 1
# By access time, objects of less stay where they are unless a rule says otherwise.
SMALL_FILE_BYTES: Final = 64 * 1024
# Objects move this way only.
LADDER: Final = {name: step for step, name in enumerate(STORAGE_CLASSES)}


class Term(msgspec.Struct, frozen=True):
    """When something is due: so many `days` after, or for all that is from before a date."""

    days: int | None = None
    before: float | None = None

    def due(self, since: float) -> float | None:
        """When it is due for what is as it is since then; None: never."""
        if self.days is not None:
            return since + self.days * DAY_S
        return 0.0 if self.before is not None and since < self.before else None


class Expiration(msgspec.Struct, frozen=True, kw_only=True):
    """`date`: from then on everything is due. `markers`: delete markers without versions go."""

    term: Term = Term()
    date: float | None = None
    markers: bool = False

    def due(self, since: float) -> float | None:
        return self.date if self.date is not None else self.term.due(since)


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """`by_access`: counted from the last access instead of the last modification."""

    storage_class: str
    term: Term
    by_access: bool = False
    back_on_access: bool = False
    small_files: bool = True


class Exclusion(msgspec.Struct, frozen=True):
    """What a rule is not about: a prefix, and of that only what has the tag if one is given."""

    prefix: str
    tag: tuple[str, str] | None = None

    def matches(self, key: str, tags: Mapping[str, str]) -> bool:
        return key.startswith(self.prefix) and (self.tag is None or tags.get(self.tag[0]) == self.tag[1])


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    prefix: str = ""
    enabled: bool = True
    tags: tuple[tuple[str, str], ...] = ()
    larger_than: int | None = None
    smaller_than: int | None = None
    exclusions: tuple[Exclusion, ...] = ()
    expiration: Expiration | None = None
    transitions: tuple[Transition, ...] = ()
    abort: Term | None = None
    older_expiration: Term | None = None
    older_transitions: tuple[Transition, ...] = ()

    def matches(self, key: str, tags: Mapping[str, str], size_bytes: int) -> bool:
        """Whether an object is one that the rule is about."""
        if not self.enabled or not key.startswith(self.prefix):
            return False
        if any(tags.get(name) != value for name, value in self.tags):
            return False
        if self.larger_than is not None and size_bytes <= self.larger_than:
            return False
        if self.smaller_than is not None and size_bytes >= self.smaller_than:
            return False
        return not any(exclusion.matches(key, tags) for exclusion in self.exclusions)

    def actions(self) -> set[str]:
        """What it does, as the vendor calls it."""
        found = {f"Transition to {each.storage_class}" for each in self.transitions}
        found |= {f"NoncurrentVersionTransition to {each.storage_class}" for each in self.older_transitions}
        if self.expiration is not None:
            found.add("Expiration")
        if self.abort is not None:
            found.add("AbortMultipartUpload")
        if self.older_expiration is not None:
            found.add("NoncurrentVersionExpiration")
        return found


# Reading --------------------------------------------------------------------------------------------------------------


def parse_rules(root: Node, new_id: str, *, overlap: bool) -> tuple[Rule, ...]:
    """400 MalformedXML, InvalidArgument, InvalidRequest. `new_id` begins the ids of rules without one; `overlap`:
    rules with the same action may be about the same objects."""
    nodes = root.children("Rule")
    if not 1 <= len(nodes) <= MOST_RULES:
        raise MALFORMED_XML.error()
    rules = tuple(_rule(node, f"{new_id}-{number}") for number, node in enumerate(nodes))
    if len({rule.id for rule in rules}) != len(rules):
        raise INVALID_LIFECYCLE.error(why="The rule IDs of a lifecycle configuration must be unique.")
    _check_overlaps(rules, overlap=overlap)
    return rules


def _rule(node: Node, new_id: str) -> Rule:
    status = node.text("Status")
    rule_id = node.text("ID").strip() or new_id
    prefixes = node.children("Prefix")
    if status not in ("Enabled", "Disabled") or len(prefixes) > 1:
        raise MALFORMED_XML.error()
    if len(rule_id) > _MOST_ID:
        raise invalid("ID", rule_id)
    abort, expiration = node.child("AbortMultipartUpload"), node.child("Expiration")
    older = node.child("NoncurrentVersionExpiration")
    rule = Rule(
        id=rule_id,
        prefix=node.text("Prefix"),
        enabled=status == "Enabled",
        tags=tuple(_tag(each) for each in node.children("Tag")),
        expiration=_expiration(expiration) if expiration is not None else None,
        transitions=tuple(_transition(each) for each in node.children("Transition")),
        abort=_term(abort) if abort is not None else None,
        older_expiration=Term(_days(older, "NoncurrentDays")) if older is not None else None,
        older_transitions=tuple(_older_transition(each) for each in node.children("NoncurrentVersionTransition")),
        **_filter(node.child("Filter")),
    )
    _check(rule)
    return rule


def _tag(node: Node) -> tuple[str, str]:
    if not node.text("Key"):
        raise MALFORMED_XML.error()
    return node.text("Key"), node.text("Value")


def _filter(node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    exclusions = []
    for each in node.children("Not"):
        tag = each.child("Tag")
        exclusions.append(Exclusion(each.text("Prefix"), _tag(tag) if tag is not None else None))
    found: dict[str, Any] = {"exclusions": tuple(exclusions)}
    for name, field in (("ObjectSizeGreaterThan", "larger_than"), ("ObjectSizeLessThan", "smaller_than")):
        if node.child(name) is not None:
            found[field] = _number(node, name, least=0, most=2**63 - 1)
    return found


def _number(node: Node, name: str, *, least: int, most: int) -> int:
    text = node.text(name).strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not least <= int(text) <= most:
        raise MALFORMED_XML.error()
    return int(text)


def _days(node: Node, name: str = "Days") -> int:
    return _number(node, name, least=1, most=_MOST_DAYS)


def _date(node: Node, name: str) -> float:
    """A midnight. Clients leave out what is zero, or the letter at the end."""
    try:
        moment = datetime.fromisoformat(node.text(name).strip())
    except ValueError:
        raise MALFORMED_XML.error() from None
    stamp = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if stamp % DAY_S:
        raise invalid(name, node.text(name), f"'{name}' must be at midnight GMT.")
    return stamp


def _term(node: Node) -> Term:
    """Exactly one of Days and CreatedBeforeDate."""
    days, before = node.child("Days") is not None, node.child("CreatedBeforeDate") is not None
    if days == before:
        raise MALFORMED_XML.error()
    return Term(_days(node)) if days else Term(None, _date(node, "CreatedBeforeDate"))


def _expiration(node: Node) -> Expiration:
    names = {each.name for each in node}
    markers = truth(node, "ExpiredObjectDeleteMarker", False)
    kinds = names & {"Days", "CreatedBeforeDate", "Date"}
    if len(kinds) > 1 or (markers and kinds) or not (markers or kinds):
        raise MALFORMED_XML.error()
    if markers:
        return Expiration(markers=True)
    return Expiration(date=_date(node, "Date")) if "Date" in kinds else Expiration(term=_term(node))


def _transition(node: Node) -> Transition:
    return _moved(node, _term(node))


def _older_transition(node: Node) -> Transition:
    return _moved(node, Term(_days(node, "NoncurrentDays")))


def _moved(node: Node, term: Term) -> Transition:
    storage_class = node.text("StorageClass").strip()
    by_access = truth(node, "IsAccessTime", False)
    back = truth(node, "ReturnToStdWhenVisit", False)
    if storage_class not in LADDER or storage_class == "Standard" or (by_access and term.days is None):
        raise MALFORMED_XML.error()
    if back and not (by_access and storage_class == "IA"):
        raise MALFORMED_XML.error()
    return Transition(
        storage_class=storage_class,
        term=term,
        by_access=by_access,
        back_on_access=back,
        small_files=truth(node, "AllowSmallFile", True),
    )


def _check(rule: Rule) -> None:
    """What one rule says must go together."""
    if not rule.actions():
        raise MALFORMED_XML.error()
    if rule.abort is not None and (rule.tags or rule.exclusions):
        raise INVALID_LIFECYCLE.error(why="AbortMultipartUpload cannot be specified with a tag or a Not filter.")
    if rule.expiration is not None and rule.expiration.markers and rule.tags:
        raise INVALID_LIFECYCLE.error(why="ExpiredObjectDeleteMarker cannot be specified with a tag.")
    if None not in (rule.larger_than, rule.smaller_than) and rule.larger_than >= rule.smaller_than:  # type: ignore[operator]
        raise MALFORMED_XML.error()
    expires = rule.expiration.term if rule.expiration is not None else None
    _check_order(rule.transitions, expires)
    _check_order(rule.older_transitions, rule.older_expiration)


def _check_order(transitions: Sequence[Transition], expires: Term | None) -> None:
    """Further down the ladder later, and gone last; of a class once."""
    classes = [each.storage_class for each in transitions]
    if len(set(classes)) != len(classes):
        raise MALFORMED_XML.error()
    counted = sorted((each for each in transitions if not each.by_access), key=lambda each: LADDER[each.storage_class])
    terms = [each.term for each in counted] + ([expires] if expires is not None else [])
    for former, latter in itertools.pairwise(terms):
        if former.days is not None and latter.days is not None and former.days >= latter.days:
            raise INVALID_LIFECYCLE.error(
                why="Days of a transition must be less than those of the transitions and the expiration after it."
            )


def _check_overlaps(rules: Sequence[Rule], *, overlap: bool) -> None:
    """Rules for the same objects must do different things. Sorted by prefix, only those that one rule's prefix
    begins can overlap with it."""
    open_rules: list[Rule] = []
    for rule in sorted(rules, key=lambda each: each.prefix):
        open_rules = [each for each in open_rules if rule.prefix.startswith(each.prefix)]
        for former in open_rules:
            same = former.actions() & rule.actions()
            if overlap:
                same &= {"AbortMultipartUpload"}
            elif former.tags != rule.tags:
                # Told apart by their tags.
                same = set()
            if same:
                raise INVALID_LIFECYCLE.error(why=f"Overlap for same action type {min(same).partition(' ')[0]}")
        open_rules.append(rule)


# Writing --------------------------------------------------------------------------------------------------------------


def render(rule: Rule) -> dict[str, Content]:
    expiration, older = rule.expiration, rule.older_expiration
    return {
        "ID": rule.id,
        "Prefix": rule.prefix,
        "Status": "Enabled" if rule.enabled else "Disabled",
        "Tag": [{"Key": name, "Value": value} for name, value in rule.tags],
        "Filter": _rendered_filter(rule),
        "Expiration": _rendered_expiration(expiration) if expiration is not None else None,
        "Transition": [_rendered_transition(each, "Days") for each in rule.transitions],
        "AbortMultipartUpload": _rendered_term(rule.abort, "Days") if rule.abort is not None else None,
        "NoncurrentVersionExpiration": _rendered_term(older, "NoncurrentDays") if older is not None else None,
        "NoncurrentVersionTransition": [
            _rendered_transition(each, "NoncurrentDays") for each in rule.older_transitions
        ],
    }


def _rendered_filter(rule: Rule) -> Content:
    nots: list[Content] = []
    for each in rule.exclusions:
        tag: Content = {"Key": each.tag[0], "Value": each.tag[1]} if each.tag is not None else None
        nots.append({"Prefix": each.prefix, "Tag": tag})
    if not nots and rule.larger_than is None and rule.smaller_than is None:
        return None
    return {"ObjectSizeGreaterThan": rule.larger_than, "ObjectSizeLessThan": rule.smaller_than, "Not": nots}


def _rendered_term(term: Term, days: str) -> dict[str, Content]:
    return {days: term.days, "CreatedBeforeDate": iso_milliseconds(term.before) if term.before is not None else None}


def _rendered_expiration(expiration: Expiration) -> Content:
    if expiration.markers:
        return {"ExpiredObjectDeleteMarker": True}
    date = iso_milliseconds(expiration.date) if expiration.date is not None else None
    return {**_rendered_term(expiration.term, "Days"), "Date": date}


def _rendered_transition(transition: Transition, days: str) -> Content:
    more: dict[str, Content] = {}
    if transition.by_access:
        more = {
            "IsAccessTime": True,
            "ReturnToStdWhenVisit": transition.back_on_access,
            "AllowSmallFile": transition.small_files,
        }
    return {**_rendered_term(transition.term, days), "StorageClass": transition.storage_class, **more}
