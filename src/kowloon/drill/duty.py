"""The people in a drill: the organisation that answers for the workload, and a cast that plays it. Prepared before the
drill, told in its report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.core.located import Located, Problem, Reading
from kowloon.drill.control import ControlError
from kowloon.drill.resources import InRoom, OnDuty

Ask = Callable[[str, str, object], Awaitable[dict[str, Any]]]
"""Method, path under /_kowloon, body; raises ControlError."""

_PLAN_S = 20.0
_POLL_S = 0.2
_HOLDER = "holder:"


class Says(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody (a person, or `holder:POST` when the drill begins) types so many minutes after the room opened.
    `to_robot`: it is addressed to the operations robot."""

    after_min: float
    person: str
    text: str
    to_robot: bool = False


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`answers`: a person, `holder:POST` or `*` -> minutes after a page, or `never`. `plan_days` 0: nothing is planned,
    posts are held by appointment. `says`: lines of the cast in the incident's room; `{instance}` in them is one of
    the account's that is hit. `approves_after_min`: when who is on duty agrees to what others ask the robot for."""

    organisation: str
    appoint: dict[str, str] = {}
    plan_days: float = 28.0
    answers: dict[str, float | Literal["never"]] = {}
    resolves_after_min: float | None = None
    says: tuple[Says, ...] = ()
    approves_after_min: float | None = None


class DutyFile(msgspec.Struct, frozen=True, kw_only=True):
    """A checked file; `organisation` is the text of that file."""

    organisation: str
    appoint: dict[str, str]
    plan_days: float
    answers: dict[str, float | None]
    resolves_after_min: float | None
    says: tuple[Says, ...] = ()
    approves_after_min: float | None = None


class Led(msgspec.Struct, frozen=True, kw_only=True):
    """Who held a post from one minute to another; an empty `person`: nobody."""

    post: str
    person: str
    name: str
    capacity: str
    from_min: float
    to_min: float


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One page: what happened to it, minute by minute. `late_s`: from the first outage that customers saw until it was
    sent; `answered_s`: until somebody acknowledged it; None: nobody did."""

    page: str
    post: str
    title: str
    opened_min: float
    late_s: float | None
    answered_s: float | None
    answered_by: str
    story: tuple[OnDuty, ...]


class Replanned(msgspec.Struct, frozen=True, kw_only=True):
    """The plan made afterwards without those who did not answer. `moved`: turn, who had it, who has it."""

    text: str
    without: tuple[str, ...]
    moved: tuple[tuple[str, str, str], ...]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """An incident's room. `late_s`: from the first outage that customers saw to its first message; `answered_s`: from
    that to the acknowledgement. `led`: person, capacity, from minute, to minute."""

    opened_min: float
    closed_min: float | None
    late_s: float | None
    answered_s: float | None
    answered_by: str
    members: tuple[str, ...]
    led: tuple[tuple[str, str, float, float], ...]
    story: tuple[InRoom, ...]


class DutyResult(msgspec.Struct, frozen=True, kw_only=True):
    posts: dict[str, str]
    names: dict[str, str]
    led: tuple[Led, ...]
    called: tuple[Called, ...]
    replanned: Replanned | None
    rooms: tuple[Room, ...] = ()


def load_duty(path: Path) -> DutyFile:
    """Raises ConfigurationError, each mistake as `file:line: message`."""
    reading = _read(path)
    written = reading.convert(reading.located.data, _Written, ())
    if written is None:
        raise ConfigurationError("\n".join(reading.report(str(path))))
    organisation = path.parent / written.organisation
    try:
        text = organisation.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{organisation}: {problem}") from problem
    return DutyFile(
        organisation=text,
        appoint=written.appoint,
        plan_days=written.plan_days,
        answers={who: None if minutes == "never" else float(minutes) for who, minutes in written.answers.items()},
        resolves_after_min=written.resolves_after_min,
        says=written.says,
        approves_after_min=written.approves_after_min,
    )


def _read(path: Path) -> Reading:
    try:
        return Reading(Located(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path}: {problem}") from problem
    except Problem as problem:
        raise ConfigurationError(f"{path}:{problem.line}: {problem.message}") from problem


class DutyDesk:
    """Sets the organisation up in the cloud, and asks afterwards what became of it."""

    def __init__(self, ask: Ask, file: DutyFile) -> None:
        self._ask = ask
        self._file = file
        self._posts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._first: dict[str, tuple[str, str]] = {}
        self._people: dict[str, float | None] = {}

    async def prepare(self) -> None:
        """Applied, planned, appointed; the cast plays from now on. Raises ControlError."""
        await self._call("ApplyOrganisation", File=self._file.organisation)
        for post, person in self._file.appoint.items():
            await self._call("AppointHolder", PostId=post, PersonId=person)
        if self._file.plan_days:
            plan, _ = await self._plan()
            if plan["Outcome"] != "plan":
                raise ControlError(f"the organisation has no plan: {plan['Text']}")
        whole = (await self._call("GetOrganisation"))["Organisation"]
        self._posts = {post["id"]: post["title"] for post in whole["posts"]}
        self._names = {person["id"]: person["name"] for person in whole["people"]}
        holders = (await self._call("ListHolders"))["Holders"]
        self._first = {each["PostId"]: (each["PersonId"], each["Capacity"]) for each in holders}
        self._people = {person: self._answers(person) for person in self._names}
        account = (await self._ask("GET", "accounts", None))["accounts"][0]["account"]
        cast = {
            "account": account,
            "people": self._people,
            "resolves_after_min": self._file.resolves_after_min,
        }
        await self._ask("PUT", "duty/cast", cast)
        if self._file.says:
            await self._prepare_chat(account, whole["people"])

    async def _prepare_chat(self, account: str, people: Sequence[Mapping[str, Any]]) -> None:
        """Who speaks may do what they ask for: they are administrators of the account."""
        speaking = [(each, self._whoever(each.person)) for each in self._file.says]
        for person in people:
            user = person.get("user", "")
            if user and person["id"] in {speaker for _, speaker in speaking}:
                await self._make_user(user)
        lines = [
            {"after_min": each.after_min, "person": speaker, "text": each.text, "to_robot": each.to_robot}
            for each, speaker in speaking
        ]
        await self._ask(
            "PUT",
            "dingtalk/cast",
            {"account": account, "says": lines, "approves_after_min": self._file.approves_after_min},
        )

    async def _make_user(self, user: str) -> None:
        try:
            await self._ask("POST", "call/Ram/CreateUser", {"UserName": user})
        except ControlError as problem:
            if "EntityAlreadyExists" not in str(problem):
                raise
            return
        policy = {"UserName": user, "PolicyName": "AdministratorAccess", "PolicyType": "System"}
        await self._ask("POST", "call/Ram/AttachPolicyToUser", policy)

    def _whoever(self, person: str) -> str:
        """A person, by id or by the post that they hold at the beginning."""
        if person.startswith(_HOLDER):
            return self._first.get(person.removeprefix(_HOLDER), ("", ""))[0]
        return person

    def _answers(self, person: str) -> float | None:
        answers = self._file.answers
        if person in answers:
            return answers[person]
        for post, (holder, _) in self._first.items():
            if holder == person and f"{_HOLDER}{post}" in answers:
                return answers[f"{_HOLDER}{post}"]
        return answers.get("*")

    async def close(self) -> None:
        """Nobody plays any more."""
        await self._ask("DELETE", "duty/cast", None)
        await self._ask("DELETE", "dingtalk/cast", None)

    async def result(
        self, events: Sequence[OnDuty], rooms: Sequence[InRoom], outage_min: float | None, end_min: float
    ) -> DutyResult:
        """`outage_min`: when customers first saw an outage. Those who were paged and never answer are away from now
        on, and the plan is made anew without them."""
        called = told_pages(events, outage_min)
        return DutyResult(
            posts=self._posts,
            names=self._names,
            led=tuple(who_led(self._posts, self._names, self._first, events, end_min)),
            called=called,
            replanned=await self._replan(called),
            rooms=told_rooms(rooms, outage_min, end_min),
        )

    async def _replan(self, called: Sequence[Called]) -> Replanned | None:
        paged = [event.person for page in called for event in page.story if event.what == "paged"]
        silent = tuple(dict.fromkeys(person for person in paged if self._people.get(person) is None))
        if not silent:
            return None
        for person in silent:
            await self._call("CreateAbsence", PersonId=person, Note="did not answer a page")
        if not self._file.plan_days:
            return Replanned(text="nothing is planned", without=silent, moved=())
        plan, moved = await self._plan()
        return Replanned(text=plan["Text"] or f"{len(moved)} turns moved", without=silent, moved=moved)

    async def _plan(self) -> tuple[dict[str, Any], tuple[tuple[str, str, str], ...]]:
        """The plan, adopted if there is one, and what it moves."""
        now = (await self._call("ListHolders"))["At"]
        end = (datetime.fromisoformat(now) + timedelta(days=self._file.plan_days)).isoformat()
        plan: dict[str, Any] = (await self._call("CreatePlan", From=now, To=end, Seconds=_PLAN_S))["Plan"]
        turns: list[dict[str, str]] = []
        while plan["State"] in ("waiting", "computing"):
            await asyncio.sleep(_POLL_S)
            answer = await self._call("GetPlan", PlanId=plan["PlanId"], OnlyMoved=True)
            plan, turns = answer["Plan"], answer["Turns"]
        if plan["Outcome"] == "plan":
            await self._call("AdoptPlan", PlanId=plan["PlanId"])
        return plan, tuple([(turn["ShiftId"], turn["Before"], turn["PersonId"]) for turn in turns])

    async def _call(self, action: str, **parameters: object) -> dict[str, Any]:
        return await self._ask("POST", f"call/Duty/{action}", parameters)


def told_pages(events: Sequence[OnDuty], outage_min: float | None) -> tuple[Called, ...]:
    """In order of their opening."""
    found: list[Called] = []
    for opened in events:
        if opened.what != "page-opened":
            continue
        story = tuple([event for event in events if event.page == opened.page])
        answer = next((event for event in story if event.what == "acknowledged"), None)
        paged = next((event for event in story if event.what == "paged"), opened)
        found.append(
            Called(
                page=opened.page,
                post=opened.post,
                title=opened.text,
                opened_min=opened.minute,
                late_s=None if outage_min is None else (paged.minute - outage_min) * 60,
                answered_s=None if answer is None else (answer.minute - paged.minute) * 60,
                answered_by=answer.person if answer is not None else "",
                story=story,
            )
        )
    return tuple(found)


def told_rooms(events: Sequence[InRoom], outage_min: float | None, end_min: float) -> tuple[Room, ...]:
    """In order of their opening."""
    found: list[Room] = []
    for opened in [event for event in events if event.what == "opened"]:
        story = tuple([event for event in events if event.room == opened.room])
        answer = next((event for event in story if event.what == "acknowledged"), None)
        closed = next((event for event in story if event.what == "closed"), None)
        until = closed.minute if closed is not None else end_min
        leads = [event for event in story if event.what == "lead"]
        ends = [*[event.minute for event in leads[1:]], until]
        found.append(
            Room(
                opened_min=opened.minute,
                closed_min=closed.minute if closed is not None else None,
                late_s=None if outage_min is None else (opened.minute - outage_min) * 60,
                answered_s=None if answer is None else (answer.minute - opened.minute) * 60,
                answered_by=answer.person if answer is not None else "",
                members=tuple(dict.fromkeys([event.person for event in story if event.what == "joined"])),
                led=tuple([(each.person, each.text, each.minute, end) for each, end in zip(leads, ends, strict=True)]),
                story=story,
            )
        )
    return tuple(found)


def who_led(
    posts: Mapping[str, str],
    names: Mapping[str, str],
    first: Mapping[str, tuple[str, str]],
    events: Sequence[OnDuty],
    end_min: float,
) -> list[Led]:
    """Per post, in order: from who held it at the beginning through every hand-over."""
    found: list[Led] = []
    for post in posts:
        person, capacity = first.get(post, ("", ""))
        since = 0.0
        for event in [*events, None]:
            if event is not None and (event.what != "handed-over" or event.post != post):
                continue
            until = end_min if event is None else min(event.minute, end_min)
            if until > since:
                name = names.get(person, person)
                found.append(Led(post=post, person=person, name=name, capacity=capacity, from_min=since, to_min=until))
            if event is not None:
                person, capacity, since = event.person, event.capacity, until
    return found
