"""Events of the cloud as people read them: a line each, those of one moment as one message, so that a zone's loss is
no flood."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kowloon.core.events import DrillEvent, DutyEvent, Event, FaultEvent, HealthEvent, ProviderMessage, ResourceEvent

Kind = Literal["fault", "health", "resource", "provider", "drill", "duty"]
# At most 10 messages a minute: half of what a robot may send, so that others can use it, too.
MERGE_S: Final = 6.0
MOST_LINES: Final = 25


class News(NamedTuple):
    """An event as rules see it. `account`: of one account alone."""

    kind: Kind
    about: tuple[str, ...]
    level: str
    text: str
    account: str = ""


class Digest:
    """What a message is made of: the first lines, and how many there were besides."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._left_out = 0

    def add(self, line: str) -> None:
        if len(self._lines) >= MOST_LINES:
            self._left_out += 1
        else:
            self._lines.append(line)

    @property
    def lines(self) -> list[str]:
        return [*self._lines, f"- and {self._left_out} more"] if self._left_out else self._lines


def news_of(event: Event) -> News | None:
    if isinstance(event, FaultEvent):
        level = "CRITICAL" if event.phase == "injected" else "INFO"
        text = f"- fault {event.kind} on {', '.join(event.scope)}: {event.phase} {event.text}".rstrip()
        return News("fault", (event.kind, *event.scope), level, text)
    if isinstance(event, HealthEvent):
        text = f"- **{event.level}** {event.node} {event.aspect}: {event.state}"
        return News("health", (event.node, event.aspect, event.node.rpartition("@")[2]), event.level, text)
    if isinstance(event, ResourceEvent):
        text = f"- **{event.level}** {event.kind} {event.id}: {event.state} {event.text}".rstrip()
        return News("resource", (event.kind, event.id, event.region), event.level, text)
    if isinstance(event, ProviderMessage):
        return News("provider", (event.channel,), "WARN", f"- provider ({event.channel}): {event.text}")
    if isinstance(event, DrillEvent):
        text = f"- drill {event.drill_id} T+{event.scenario_minute:.0f} min: {event.state} {event.text}".rstrip()
        return News("drill", (event.drill_id, event.state), "INFO", text)
    if isinstance(event, DutyEvent):
        level = "WARN" if event.what in ("paged", "page-unanswered", "nobody-left") else "INFO"
        text = f"- duty: {event.what} {event.post} {event.person} {event.text}".rstrip()
        return News("duty", (event.post, event.what, event.person), level, text, event.account)
    return None
