"""Events of the cloud that page a post, by the organisation's paging rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from kowloon.core.events import DrillEvent, Event, FaultEvent, HealthEvent, ResourceEvent
from kowloon.duty.logic import pages
from kowloon.duty.logic.state import DutyState
from kowloon.duty.loops import Changer
from kowloon.duty.organisation import PagingRule
from kowloon.duty.resources import Entry, Page
from kowloon.duty.rosters import Rosters
from kowloon.store.resources import Key, Resource

_LEVELS = ("INFO", "WARN", "CRITICAL")
_MOST_LINES = 10
_MOST_WAITING = 1000


class Trouble(NamedTuple):
    """An event as rules see it."""

    kind: str
    about: tuple[str, ...]
    level: str
    text: str
    at: float


class PagingRules:
    """A listener of the bus, and the Reconciler that does what it heard, so that no event waits for a page. All that
    matches one rule at one time is one page. `poke` wakes the loop of that name for a key."""

    name = "duty-paging-rules"
    workers = 1

    def __init__(self, changer: Changer, rosters: Rosters, poke: Callable[[str, str], None]) -> None:
        self._changer = changer
        self._rosters = rosters
        self._poke = poke
        # By `<account>/<rule>`: what its page has not been told.
        self._heard: dict[str, list[Trouble]] = {}
        changer.bus.subscribe(self._hear, FaultEvent, HealthEvent, ResourceEvent, DrillEvent)

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return ()

    def all_keys(self) -> Iterable[str]:
        return list(self._heard)

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    def _hear(self, event: Event) -> None:
        trouble = _trouble(event)
        if trouble is None:
            return
        for account in self._rosters.accounts():
            whole = self._rosters.organisation(account)
            for rule in whole.paging if whole is not None else ():
                if _matches(rule, trouble):
                    key = f"{account}/{rule.id}"
                    heard = self._heard.setdefault(key, [])
                    if len(heard) < _MOST_WAITING:
                        heard.append(trouble)
                    self._poke(self.name, key)

    async def reconcile(self, key: str) -> float | None:
        heard = tuple(self._heard.get(key, ()))
        account, _, id = key.partition("/")
        whole = self._rosters.organisation(account)
        rule = next((rule for rule in whole.paging if rule.id == id), None) if whole is not None else None
        if heard and rule is not None:
            await self._changer.run(account, lambda state: _call(state, rule, heard))
        # What came meanwhile has woken this anew.
        left = self._heard.pop(key, [])[len(heard) :]
        if left:
            self._heard[key] = left
        return None

    def forget(self) -> None:
        """The cloud has another state now."""
        self._heard.clear()


def _call(state: DutyState, rule: PagingRule, heard: Sequence[Trouble]) -> None:
    lines = [trouble.text for trouble in heard[:_MOST_LINES]]
    if len(heard) > _MOST_LINES:
        lines.append(f"and {len(heard) - _MOST_LINES} more")
    text, about = "\n".join(lines), f"rule:{rule.id}"
    earlier = [page for page in state.tx.list(Page, account=state.account) if page.about == about]
    since = state.now - rule.once_in_min * 60.0
    if earlier and earlier[-1].state == "resolved" and earlier[-1].created_at > since:
        pages.note(state, earlier[-1], Entry(at=state.now, what="repeated", text=text))
        return
    post = state.post(rule.post)
    first = heard[0]
    pages.call(state, post, lines[0], text, severity=rule.severity, about=about, detected_at=first.at)


def _trouble(event: Event) -> Trouble | None:
    if isinstance(event, FaultEvent):
        level = "CRITICAL" if event.phase == "injected" else "INFO"
        text = f"{event.kind} on {', '.join(event.scope)}: {event.phase}"
        return Trouble("fault", (event.kind, *event.scope), level, text, event.at)
    if isinstance(event, HealthEvent):
        text = f"{event.node} {event.aspect}: {event.state}"
        return Trouble("health", (event.node, event.aspect), event.level, text, event.at)
    if isinstance(event, ResourceEvent):
        text = f"{event.kind} {event.id}: {event.state} {event.text}".rstrip()
        return Trouble("resource", (event.kind, event.id), event.level, text, event.at)
    if isinstance(event, DrillEvent):
        text = f"drill {event.drill_id}: {event.state} {event.text}".rstrip()
        return Trouble("drill", (event.drill_id, event.state), "INFO", text, event.at)
    return None


def _matches(rule: PagingRule, trouble: Trouble) -> bool:
    if rule.event != trouble.kind or _LEVELS.index(trouble.level) < _LEVELS.index(rule.level):
        return False
    return any(fnmatchcase(name, pattern) for name in trouble.about for pattern in rule.about)
