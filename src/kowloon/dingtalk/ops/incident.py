"""What an incident is, and how it goes on: opened by trouble, told by events, led by whom duty names, closed when all
is well. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final, Literal

import msgspec

from kowloon.actions.people import PostHolders, Unit
from kowloon.core.clock import iso_seconds
from kowloon.store.resources import Resource

MOST_LINES: Final = 60
MOST_SHOWN: Final = 10
QUIET_S: Final = 600.0


class Line(msgspec.Struct, frozen=True):
    at: float
    text: str


class Lead(msgspec.Struct, frozen=True):
    """Who leads, in which capacity (`acting`, `on duty`, `by own hand`), since when."""

    person: str
    capacity: str
    since: float


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What an event means for an incident. `hit`: a node that broke, `well`: one that is whole again. `page`: somebody
    was paged for `post`; `acknowledged`: by `person`; `resolved`: the page is over."""

    at: float
    text: str
    region: str = ""
    hit: str = ""
    well: str = ""
    page: str = ""
    post: str = ""
    person: str = ""
    what: str = ""

    @property
    def opens(self) -> bool:
        return bool(self.hit) or self.what == "paged"


class Incident(Resource, frozen=True, kw_only=True):
    """id is also the track of its card. `hit`: the nodes that are broken now; `was_hit`: all that ever were. `pages`:
    those that are not resolved, by id the post that they call."""

    kind: ClassVar[str] = "dingtalk-incident"
    title: str
    conversation: str
    where: str = ""
    state: Literal["open", "closed"] = "open"
    hit: tuple[str, ...] = ()
    was_hit: tuple[str, ...] = ()
    pages: dict[str, str] = msgspec.field(default_factory=dict)
    posts: tuple[str, ...] = ()
    paged: tuple[str, ...] = ()
    leads: tuple[Lead, ...] = ()
    lines: tuple[Line, ...] = ()
    told_at: float = 0.0
    acknowledged_at: float = 0.0
    acknowledged_by: str = ""
    last_at: float = 0.0
    closed_at: float = 0.0

    @property
    def lead(self) -> Lead | None:
        return self.leads[-1] if self.leads else None

    @property
    def is_over(self) -> bool:
        """Nothing is broken, and nobody is being called."""
        return not self.hit and not self.pages


def gone_on(incident: Incident, troubles: Sequence[Trouble]) -> Incident:
    """With what has happened since."""
    hit, was_hit = list(incident.hit), list(incident.was_hit)
    pages, posts, paged = dict(incident.pages), list(incident.posts), list(incident.paged)
    acknowledged_at, acknowledged_by = incident.acknowledged_at, incident.acknowledged_by
    for each in troubles:
        if each.hit:
            hit.append(each.hit)
            was_hit.append(each.hit)
        if each.well and each.well in hit:
            hit = [node for node in hit if node != each.well]
        if each.what == "paged":
            pages[each.page] = each.post
            posts.append(each.post)
            paged.append(each.person)
        if each.what == "acknowledged" and not acknowledged_at and each.page in pages:
            acknowledged_at, acknowledged_by = each.at, each.person
        if each.what == "resolved":
            pages.pop(each.page, None)
    lines = [*incident.lines, *[Line(each.at, each.text) for each in troubles]]
    return msgspec.structs.replace(
        incident,
        hit=tuple(dict.fromkeys(hit)),
        was_hit=tuple(dict.fromkeys(was_hit)),
        pages=pages,
        posts=tuple(dict.fromkeys(posts)),
        paged=tuple(dict.fromkeys([person for person in paged if person])),
        acknowledged_at=acknowledged_at,
        acknowledged_by=acknowledged_by,
        lines=tuple(lines[-MOST_LINES:]),
        last_at=max([incident.last_at, *[each.at for each in troubles]]),
    )


def led(incident: Incident, lead: Lead | None) -> Incident:
    """A lead by own hand stays until the incident is over."""
    now = incident.lead
    if lead is None or (now is not None and (now.capacity == "by own hand" or now.person == lead.person)):
        return incident
    return msgspec.structs.replace(incident, leads=(*incident.leads, lead))


def involved(posts: Sequence[str], holders: Sequence[PostHolders], units: Sequence[Unit]) -> list[PostHolders]:
    """The posts that were called and those above them, the highest first, of equals who was called. Without a call
    those at the top, and without units all."""
    parents = {unit.id: unit.parent for unit in units}
    top = [unit.id for unit in units if not unit.parent]
    called = [each for each in holders if each.post in posts]
    wanted = {above for each in called for unit in each.oversees for above in _line(unit, parents)} or set(top)
    everybody = not called and not top
    found = [each for each in holders if everybody or each.post in posts or set(each.oversees) & wanted]

    def rank(holder: PostHolders) -> tuple[int, bool]:
        depth = min([len(_line(unit, parents)) for unit in holder.oversees], default=99)
        return depth, holder.post not in posts

    return sorted(found, key=rank)


def _line(unit: str, parents: dict[str, str]) -> list[str]:
    line: list[str] = []
    while unit and unit not in line:
        line.append(unit)
        unit = parents.get(unit, "")
    return line


def lead_of(holders: Iterable[PostHolders], now: float) -> Lead | None:
    """Who holds the highest of the posts that somebody holds."""
    for each in holders:
        if each.people:
            return Lead(each.people[0], "acting" if each.acting else "on duty", each.since or now)
    return None


def minutes(seconds: float) -> str:
    if seconds < 60.0:
        return f"{seconds:.0f} s"
    hours, rest = divmod(round(seconds / 60.0), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def shown(incident: Incident, names: dict[str, str]) -> dict[str, str]:
    """The parameters of its card."""
    lead, over = incident.lead, incident.state == "closed"
    rows = [["Since", iso_seconds(incident.created_at)]]
    if over:
        rows.append(["Lasted", minutes(incident.closed_at - incident.created_at)])
    if incident.was_hit:
        rows.append(["Hit", _few(incident.hit or incident.was_hit)])
    if lead is not None:
        since = _time_of_day(max(lead.since, incident.created_at))
        rows.append(["Lead", f"{names.get(lead.person, lead.person)} ({lead.capacity}, since {since})"])
    if incident.acknowledged_at:
        who = names.get(incident.acknowledged_by, incident.acknowledged_by)
        rows.append(["Acknowledged", f"{who}, after {minutes(incident.acknowledged_at - incident.created_at)}"])
    buttons = []
    if not over:
        if incident.pages and not incident.acknowledged_at:
            buttons.append({"id": "acknowledge", "text": "Acknowledge", "color": "blue"})
        buttons.append({"id": "lead", "text": "Take the lead"})
        buttons.append({"id": "close", "text": "Close", "color": "gray"})
    status = "closed" if over else ("recovered, watching" if incident.is_over else "open")
    level = "good" if over else ("warning" if incident.is_over else "critical")
    told = [f"- {_time_of_day(line.at)} {line.text}" for line in incident.lines[-MOST_SHOWN:]]
    return {
        "title": incident.title,
        "status": status,
        "level": level,
        "markdown": "\n".join(told),
        "fields": msgspec.json.encode(rows).decode(),
        "buttons": msgspec.json.encode(buttons).decode(),
    }


def summary(incident: Incident, names: dict[str, str]) -> str:
    """Told when it is closed."""
    rows = [f"#### {incident.title}: closed", f"- lasted {minutes(incident.closed_at - incident.created_at)}"]
    rows.append(f"- detected to first message: {minutes(max(0.0, incident.told_at - incident.created_at))}")
    if incident.acknowledged_at:
        who = names.get(incident.acknowledged_by, incident.acknowledged_by)
        waited = max(0.0, incident.acknowledged_at - incident.told_at)
        rows.append(f"- first message to acknowledgement: {minutes(waited)}, by {who}")
    else:
        rows.append("- nobody acknowledged")
    if incident.was_hit:
        rows.append(f"- hit: {_few(incident.was_hit)}")
    for place, lead in enumerate(incident.leads):
        end = incident.leads[place + 1].since if place + 1 < len(incident.leads) else incident.closed_at
        name = names.get(lead.person, lead.person)
        rows.append(
            f"- led by {name} ({lead.capacity}) for {minutes(max(0.0, end - max(lead.since, incident.created_at)))}"
        )
    return "\n".join(rows)


def _time_of_day(at: float) -> str:
    return f"{iso_seconds(at)[11:19]}Z"


def _few(names: Sequence[str]) -> str:
    most = 6
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


RESOURCES: tuple[type[Resource], ...] = (Incident,)
