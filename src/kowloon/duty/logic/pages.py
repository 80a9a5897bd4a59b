"""Pages: who is called when, step by step of a ladder, and what becomes of it. A step is taken in one transaction with
the messages it sends, so each is taken once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import msgspec

from kowloon.core.clock import iso_seconds
from kowloon.duty import errors
from kowloon.duty.logic import hand_over, succession
from kowloon.duty.logic.state import DutyState
from kowloon.duty.organisation import Ladder, Person, Post, Severity
from kowloon.duty.planning import calendar
from kowloon.duty.resources import Entry, Page

_MINUTE_S = 60.0
_MOST_ENTRIES = 500


class Rung(NamedTuple):
    """What happens at once. `acting`: who is on duty and has not answered is replaced before the next one."""

    notify: tuple[str, ...]
    wait_s: float
    acting: bool


def rungs(ladder: Ladder) -> list[Rung]:
    """All of a ladder, its rounds one after the other."""
    once: list[Rung] = []
    for step in ladder.steps:
        groups = [step.notify] if step.order == "parallel" else [(name,) for name in step.notify]
        once += [Rung(group, step.wait_min * _MINUTE_S, step.acting and group is groups[-1]) for group in groups]
    return once * (1 + ladder.repeat)


def find(state: DutyState, id: str) -> Page:
    page = state.tx.get(Page, id)
    if page is None or page.account != state.account:
        raise errors.PAGE_NOT_FOUND.error(id=repr(id))
    return page


def still_open(state: DutyState, id: str) -> Page:
    page = find(state, id)
    if page.state == "resolved":
        raise errors.PAGE_OVER.error(id=repr(id), state=page.state)
    return page


def call(
    state: DutyState,
    post: Post,
    title: str,
    text: str,
    *,
    severity: Severity = "high",
    about: str = "",
    detected_at: float | None = None,
) -> Page:
    """A new page whose first step is taken at once; or the open one about the same trouble, with one more line."""
    ladder = state.ladder(post)
    if about:
        for page in state.tx.list(Page, account=state.account):
            if page.about == about and page.post == post.id and page.state != "resolved":
                return _keep(state, page, Entry(at=state.now, what="repeated", text=text))
    state.make_room(Page)
    page = Page(
        id=state.new_id("dp"),
        account=state.account,
        created_at=state.now,
        post=post.id,
        ladder=ladder.id,
        title=title,
        text=text,
        severity=severity,
        about=about,
        next_at=state.now,
        detected_at=state.now if detected_at is None else detected_at,
        story=(Entry(at=state.now, what="opened", text=text),),
        by=state.by,
    )
    state.happened("page-opened", post=post.id, text=title, page=page.id)
    return advance(state, page)


def advance(state: DutyState, page: Page) -> Page:
    """Takes the step that is due; nothing else when none is."""
    if page.state == "silenced" and state.now >= page.silent_until:
        page = _keep(state, page, Entry(at=state.now, what="silence-over"), state="open", next_at=state.now)
    post, ladder = state.whole.post(page.post), state.whole.ladder(page.ladder)
    if page.state != "open" or state.now < page.next_at:
        return page
    if post is None or ladder is None:
        gone = Entry(at=state.now, what="exhausted", text="its post or ladder is no more")
        return _keep(state, page, gone, state="exhausted")
    steps = rungs(ladder)
    if 0 < page.step <= len(steps) and steps[page.step - 1].acting:
        page = _replace_holder(state, page, post)
    if page.step >= len(steps):
        state.happened("page-unanswered", post=post.id, text=page.title, page=page.id)
        return _keep(state, page, Entry(at=state.now, what="exhausted", text="nobody has answered"), state="exhausted")
    step = steps[page.step]
    people = _people(state, post, page, step.notify)
    for person in people:
        page = _page(state, page, person)
    if not people:
        text = f"{', '.join(step.notify)}: nobody"
        page = _keep(state, page, Entry(at=state.now, what="nobody", text=text))
    return _keep(state, page, step=page.step + 1, next_at=state.now + (step.wait_s if people else 0.0))


def acknowledge(state: DutyState, page: Page, person: str, text: str = "") -> Page:
    entry = Entry(at=state.now, what="acknowledged", person=person, text=text)
    state.happened("acknowledged", post=page.post, person=person, text=page.title, page=page.id)
    first: dict[str, Any] = {} if page.acknowledged_at else {"acknowledged_at": state.now, "acknowledged_by": person}
    return _keep(state, page, entry, state="acknowledged", assigned_to=person, **first)


def reassign(state: DutyState, page: Page, person: Person, text: str = "") -> Page:
    """It is that person's from now on, who is paged at once; the ladder goes on when there is no answer."""
    entry = Entry(at=state.now, what="reassigned", person=person.id, text=text)
    state.happened("reassigned", post=page.post, person=person.id, text=page.title, page=page.id)
    ladder = state.whole.ladder(page.ladder)
    wait_s = ladder.steps[0].wait_min * _MINUTE_S if ladder is not None else 0.0
    page = _keep(state, page, entry, state="open", assigned_to=person.id, next_at=state.now + wait_s)
    return _page(state, page, person)


def silence(state: DutyState, page: Page, until: float, text: str = "") -> Page:
    entry = Entry(at=state.now, what="silenced", text=f"until {iso_seconds(until)} {text}".rstrip())
    return _keep(state, page, entry, state="silenced", silent_until=until)


def resolve(state: DutyState, page: Page, person: str, text: str = "") -> Page:
    state.happened("resolved", post=page.post, person=person, text=page.title, page=page.id)
    return _keep(state, page, Entry(at=state.now, what="resolved", person=person, text=text), state="resolved")


def due_at(page: Page) -> float | None:
    """When there is something to do of it next."""
    if page.state == "open":
        return page.next_at
    return page.silent_until if page.state == "silenced" else None


def note(state: DutyState, page: Page, entry: Entry) -> Page:
    """One more line of its story."""
    return _keep(state, page, entry)


def quiet_until(person: Person, now: float) -> float:
    """When the quiet hours of the person end; 0 when they are not now."""
    if not person.quiet:
        return 0.0
    begins_min, ends_min = calendar.daily(person.quiet)
    local = calendar.local_time(now, person.time_zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight - timedelta(days=1), midnight):
        begins = calendar.moment(day + timedelta(minutes=begins_min), person.time_zone)
        ends = calendar.moment(day + timedelta(minutes=ends_min), person.time_zone)
        if begins <= now < ends:
            return ends
    return 0.0


def _replace_holder(state: DutyState, page: Page, post: Post) -> Page:
    """Who is on duty has been paged and did not answer."""
    holder = state.holder(post.id)
    if not holder or not any(entry.what == "paged" and entry.person == holder for entry in page.story):
        return page
    acted = [tenure for tenure in state.rosters[post.id].acting(state.now) if tenure.person == holder]
    meant = state.rosters[post.id].meant(state.now)
    missing = meant.person if meant is not None else ""
    answered_not = {entry.person for entry in page.story if entry.what == "paged"}
    made = succession.appoint(
        state,
        post,
        "unanswered" if missing else "vacant",
        missing=missing,
        reason=f"{page.title}: no answer from {state.person(holder).name}",
        beside=answered_not,
    )
    for tenure in acted if made is not None else ():
        succession.end_acting(state, tenure, "did not answer a page")
    if made is None:
        why = succession.nobody_acts(state, post, missing, answered_not)
        succession.tell_nobody_acts(state, post, why)
        page = _keep(state, page, Entry(at=state.now, what="nobody-acts", text=why))
    hand_over.settle(state, post)
    acting = state.holder(post.id)
    if acting and acting != holder:
        return _keep(state, page, Entry(at=state.now, what="acting", person=acting, text=f"instead of {holder}"))
    return page


def _people(state: DutyState, post: Post, page: Page, names: tuple[str, ...]) -> list[Person]:
    found: list[str] = []
    for name in names:
        kind, _, id = name.partition(":")
        if name == "holder":
            found.append(state.holder(post.id))
        elif name == "manager":
            found.append(state.holder(post.manager) if post.manager else "")
        elif kind == "post" and id:
            found.append(state.holder(id))
        elif kind == "pool" and id:
            found += state.members(id)
        else:
            found.append(name)
    people = [state.whole.person(id) for id in dict.fromkeys(found)]
    return [person for person in people if person is not None]


def _page(state: DutyState, page: Page, person: Person) -> Page:
    later = quiet_until(person, state.now) if page.severity == "low" else 0.0
    title = f"[{page.severity}] {page.title}"
    state.tell([person.id], title, f"{page.text}\n{page.id} for {page.post}".strip(), page=page.id, not_before=later)
    state.happened("paged", post=page.post, person=person.id, text=page.title, page=page.id)
    text = f"quiet hours: not before {iso_seconds(later)}" if later else ""
    return _keep(
        state, page, Entry(at=state.now, what="paged" if person.reach else "unreachable", person=person.id, text=text)
    )


def _keep(state: DutyState, page: Page, entry: Entry | None = None, /, **changes: Any) -> Page:
    story = (*page.story, entry)[-_MOST_ENTRIES:] if entry is not None else page.story
    page = msgspec.structs.replace(page, story=story, **changes)
    state.tx.put(page)
    return page
