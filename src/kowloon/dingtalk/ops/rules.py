"""Rules: which events of the cloud come into which conversation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import ClassVar, Final, Literal

from kowloon.core.clock import Timer
from kowloon.core.errors import ErrorSpec
from kowloon.core.events import DrillEvent, DutyEvent, Event, FaultEvent, HealthEvent, ProviderMessage, ResourceEvent
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.messages import At, Content
from kowloon.dingtalk.news import MERGE_S, Digest, Kind, News, news_of
from kowloon.dingtalk.ops.robot import NAME, operations_key
from kowloon.dingtalk.parts import Parts
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

LEVELS: Final = ("INFO", "WARN", "CRITICAL")
MOST_RULES: Final = 200
# Words that receivers of alarms look for.
_KEYWORDS: Final = "告警 alert CloudMonitor 云监控"

NO_CONVERSATION: Final = ErrorSpec("ConversationNotFound", 404, "There is no conversation {id}.")
NO_RULE: Final = ErrorSpec("RuleNotFound", 404, "There is no rule {id}.")
WRONG_RULE: Final = ErrorSpec("InvalidRule", 400, "The rule is not as expected: {problem}.")
TOO_MANY: Final = ErrorSpec("QuotaExceeded.Rule", 400, "An account has at most {most} rules.")


class Rule(Resource, frozen=True, kw_only=True):
    """`events`: kinds; empty for all. `about`: patterns with * of nodes, regions, products and ids, one of which has to
    fit; empty for all. `at_all`: everybody in the conversation is notified."""

    kind: ClassVar[str] = "dingtalk-rule"
    name: str
    conversation: str
    events: tuple[Kind, ...] = ()
    about: tuple[str, ...] = ()
    level: Literal["INFO", "WARN", "CRITICAL"] = "WARN"
    at_all: bool = False


class Rules:
    """A listener of the bus, and the Reconciler by rule that posts what it heard."""

    name = "dingtalk-rules"
    workers = 1

    def __init__(self, parts: Parts, poke: Callable[[str, str], None]) -> None:
        self._parts = parts
        self._poke = poke
        # By rule: what its conversation has not been told.
        self._heard: dict[str, Digest] = {}
        self._timers: dict[str, Timer] = {}
        parts.bus.subscribe(self._hear, FaultEvent, HealthEvent, ResourceEvent, ProviderMessage, DrillEvent, DutyEvent)

    def forget(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._heard.clear()
        self._timers.clear()

    # --- rules ---

    def all(self, account: str) -> list[Rule]:
        return self._parts.store.list(Rule, account=account)

    async def add(
        self,
        account: str,
        *,
        name: str,
        conversation: str,
        events: tuple[Kind, ...],
        about: tuple[str, ...],
        level: Literal["INFO", "WARN", "CRITICAL"],
        at_all: bool,
    ) -> Rule:
        """`conversation`: its id, or the title of a group that operators have by it."""
        if not name or len(name) > 64:
            raise WRONG_RULE.error(problem="a name has 1 to 64 characters")

        def body(tx: Transaction) -> Rule:
            if len(tx.list(Rule, account=account)) >= MOST_RULES:
                raise TOO_MANY.error(most=MOST_RULES)
            found = tx.get(Conversation, conversation)
            if found is None or found.account != account:
                if conversation.startswith("cid") and conversation.endswith("=="):
                    raise NO_CONVERSATION.error(id=conversation)
                found = self._parts.messenger.named_group(tx, account, conversation)
            rule = Rule(
                id=self._parts.ids.resource("rule", 10),
                account=account,
                created_at=self._parts.clock.now(),
                name=name,
                conversation=found.id,
                events=events,
                about=about,
                level=level,
                at_all=at_all,
            )
            tx.put(rule)
            return rule

        return await self._parts.store.run(body)

    async def remove(self, account: str, id: str) -> None:
        def body(tx: Transaction) -> None:
            rule = tx.get(Rule, id)
            if rule is None or rule.account != account:
                raise NO_RULE.error(id=id)
            tx.delete(rule)

        await self._parts.store.run(body)

    # --- events ---

    def _hear(self, event: Event) -> None:
        news = news_of(event)
        if news is None:
            return
        account = account_of(self._parts, event.id) if isinstance(event, ResourceEvent) else news.account
        for rule in self._parts.store.list(Rule, account=account or None):
            if not _fits(rule, news):
                continue
            self._heard.setdefault(rule.id, Digest()).add(news.text)
            if rule.id not in self._timers:
                due = functools.partial(self._due, rule.id)
                self._timers[rule.id] = self._parts.clock.call_later(MERGE_S, due)

    def _due(self, id: str) -> None:
        self._timers.pop(id, None)
        self._poke(self.name, id)

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return ()

    def all_keys(self) -> Iterable[str]:
        return [id for id in self._heard if id not in self._timers]

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        if not self._parts.plane.serves():
            # It waits for the messenger to be there again.
            return 30.0
        lines = self._heard.pop(key, Digest()).lines
        rule = self._parts.store.get(Rule, key)
        conversation = self._parts.store.get(Conversation, rule.conversation) if rule is not None else None
        if rule is None or conversation is None or conversation.dissolved or not lines:
            return None
        text = f"#### {rule.name}\n" + "\n".join(lines) + f"\n\n{_KEYWORDS}"
        body = {"msgtype": "markdown", "markdown": {"title": rule.name, "text": text}}
        at = At(everyone=rule.at_all)
        content = Content(message_type="markdown", title=rule.name, text=text, body=body, at=at)
        sender = Sender("application", operations_key(rule.account), NAME)
        await self._parts.messenger.post(conversation, sender, content)
        return None


def account_of(parts: Parts, id: str) -> str:
    """Whose resource that is, whom alone its events concern; where nobody has it, the operators."""
    scope = parts.store.scope_of(id)
    return scope[0] if scope is not None and scope[0] else parts.home()


def _fits(rule: Rule, news: News) -> bool:
    if rule.events and news.kind not in rule.events:
        return False
    if LEVELS.index(news.level) < LEVELS.index(rule.level):
        return False
    return not rule.about or any(fnmatchcase(name, pattern) for name in news.about for pattern in rule.about)


RESOURCES: tuple[type[Resource], ...] = (Rule,)
