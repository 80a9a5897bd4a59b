"""What happens by itself: hand-overs at their second, steps of pages, requests that run out, messages that go out,
plans that are computed. Each is a Reconciler; none is hosted in a zone: people answer for it from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from kowloon.actions.paging import NotDelivered, Outgoing, Pager
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.duty.logic import changes, hand_over, pages, plans
from kowloon.duty.logic.state import DutyState
from kowloon.duty.planning.problem import Conflict, Outcome, Plan, Unknown
from kowloon.duty.resources import (
    Absence,
    Asking,
    Entry,
    Message,
    Page,
    PlanRun,
    Rota,
    StoredOrganisation,
    Tenure,
)
from kowloon.duty.rosters import Rosters
from kowloon.engines.jobs import JobError, Jobs
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction

T = TypeVar("T")
# All channels of somebody are tried again after a while, each time a longer one, for an hour: the messenger keeps who
# sent too much out for ten minutes, and may be down with the cloud.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 300.0
_GIVE_UP_S = 3600.0
_SOLVER = "kowloon.duty.planning.solve:run"


class Changer:
    """Runs a change of one account's duty in a transaction, and tells the bus after it."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, bus: EventBus, rosters: Rosters) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.bus = bus
        self._rosters = rosters

    async def run(self, account: str, body: Callable[[DutyState], T]) -> T:
        last: list[DutyState] = []

        def once(tx: Transaction) -> T:
            last[:] = [DutyState(tx, account, self.clock.now(), self.ids, self._rosters, by="duty")]
            return body(last[0])

        result = await self.store.run(once)
        for event in last[0].events:
            self.bus.emit(event)
        return result


class _Loop:
    workers = 1

    def __init__(self, changer: Changer) -> None:
        self._changer = changer
        self._store = changer.store
        self._clock = changer.clock

    def zones(self, key: str) -> tuple[str, ...]:
        return ()


class HandOvers(_Loop):
    """Per account: whoever's time has come has the post, whoever is missing is stood in for."""

    name = "duty-hand-overs"

    def __init__(self, changer: Changer, rosters: Rosters) -> None:
        super().__init__(changer)
        self._rosters = rosters

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if isinstance(item, StoredOrganisation | Rota | Tenure | Absence | Page):
            return (item.account,)
        return ()

    def all_keys(self) -> Iterable[str]:
        return self._rosters.accounts()

    async def reconcile(self, key: str) -> float | None:
        if self._rosters.organisation(key) is None:
            return None
        await self._changer.run(key, hand_over.settle_all)
        now = self._clock.now()
        edges = [roster.next_edge(now) for roster in self._rosters.of(key).values()]
        return min([edge - now for edge in edges if edge is not None], default=None)


class PageSteps(_Loop):
    """Per page: its ladder, step by step."""

    name = "duty-pages"

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, Page) else ()

    def all_keys(self) -> Iterable[str]:
        return [page.id for page in self._store.list(Page) if pages.due_at(page) is not None]

    async def reconcile(self, key: str) -> float | None:
        page = self._store.get(Page, key)
        due_at = pages.due_at(page) if page is not None else None
        if page is None or due_at is None:
            return None
        if due_at <= self._clock.now():
            page = await self._changer.run(page.account, lambda state: pages.advance(state, pages.find(state, key)))
            due_at = pages.due_at(page)
        return max(due_at - self._clock.now(), 0.0) if due_at is not None else None


class Askings(_Loop):
    """Per request: the next one is asked, or it ends."""

    name = "duty-requests"

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, Asking) and item.state == "open" else ()

    def all_keys(self) -> Iterable[str]:
        return [asking.id for asking in self._store.list(Asking) if asking.state == "open"]

    async def reconcile(self, key: str) -> float | None:
        asking = self._store.get(Asking, key)
        if asking is None or asking.state != "open":
            return None

        def body(state: DutyState) -> Asking | None:
            fresh = state.tx.get(Asking, key)
            return changes.ask_next(state, fresh) if fresh is not None else None

        asking = await self._changer.run(asking.account, body)
        if asking is None or asking.state != "open":
            return None
        return max(min(asking.next_at, asking.expires_at) - self._clock.now(), 0.0)


class Deliveries(_Loop):
    """Per message: the first of the person's channels that takes it."""

    name = "duty-messages"
    workers = 4

    def __init__(self, changer: Changer, pagers: Mapping[str, Pager]) -> None:
        super().__init__(changer)
        self._pagers = pagers

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, Message) and item.state == "waiting" else ()

    def all_keys(self) -> Iterable[str]:
        return [message.id for message in self._store.list(Message) if message.state == "waiting"]

    async def reconcile(self, key: str) -> float | None:
        message = self._store.get(Message, key)
        if message is None or message.state != "waiting":
            return None
        now = self._clock.now()
        if message.not_before > now:
            return message.not_before - now
        channel, address = message.reach[message.tries % len(message.reach)]
        outgoing = Outgoing(
            id=message.id,
            account=message.account,
            person=message.person,
            title=message.title,
            text=message.text,
            urgent=bool(message.page),
        )
        problem = ""
        try:
            await self._pagers[channel].send(address, outgoing)
        except NotDelivered as refused:
            problem = str(refused)
        kept = await self._changer.run(message.account, lambda state: _after(state, key, channel, problem))
        if kept is None or kept.state != "waiting":
            return None
        rounds, rest = divmod(kept.tries, len(kept.reach))
        return 0.0 if rest else min(_FIRST_WAIT_S * 2 ** (rounds - 1), _LONGEST_WAIT_S)


def _after(state: DutyState, id: str, channel: str, problem: str) -> Message | None:
    message = state.tx.get(Message, id)
    if message is None:
        return None
    if not problem:
        kept = msgspec.structs.replace(message, state="sent", sent_at=state.now, sent_by=channel)
        entry = Entry(at=state.now, what="delivered", person=message.person, text=f"by {channel}")
    else:
        tries = message.tries + 1
        over = state.now >= max(message.created_at, message.not_before) + _GIVE_UP_S
        kept = msgspec.structs.replace(
            message,
            tries=tries,
            problems=(*message.problems, f"{channel}: {problem}"),
            state="failed" if over else "waiting",
        )
        entry = Entry(at=state.now, what="not-delivered", person=message.person, text=f"{channel}: {problem}")
    state.tx.put(kept)
    page = state.tx.get(Page, message.page) if message.page else None
    if page is not None:
        pages.note(state, page, entry)
    return kept


class PlanRuns(_Loop):
    """Per plan: computed in a process of its own."""

    name = "duty-plans"

    def __init__(self, changer: Changer, jobs: Jobs, rosters: Rosters) -> None:
        super().__init__(changer)
        self._jobs = jobs
        self._rosters = rosters

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, PlanRun) and item.state == "waiting" else ()

    def all_keys(self) -> Iterable[str]:
        """Those that a restart has cut off begin again."""
        return [run.id for run in self._store.list(PlanRun) if run.state in ("waiting", "computing")]

    async def reconcile(self, key: str) -> float | None:
        run = self._store.get(PlanRun, key)
        if run is None or run.state not in ("waiting", "computing"):
            return None

        def begin(state: DutyState) -> bytes:
            made = plans.make_problem(state, run)
            state.tx.put(msgspec.structs.replace(run, state="computing", basis=plans.basis(made)))
            return msgspec.json.encode(made)

        await self._rosters.expand(run)
        outcome = await self._solve(run, await self._changer.run(run.account, begin))
        await self._changer.run(run.account, lambda state: _finish(state, key, outcome))
        return None

    async def _solve(self, run: PlanRun, problem: bytes) -> Outcome:
        """A line of the job is how far it is, the last one what it found."""
        argument = msgspec.json.encode({"problem": msgspec.Raw(problem), "seconds": run.seconds})
        rest, outcome = b"", None
        try:
            async with await self._jobs.start(_SOLVER, argument, (), timeout_s=3 * run.seconds + 60.0) as job:
                async for piece in job:
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        found = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
                        if "outcome" in found:
                            outcome = msgspec.json.decode(line, type=Plan | Conflict | Unknown)
                        else:
                            await self._tell(run, msgspec.json.decode(line, type=dict[str, float]))
        except (JobError, msgspec.MsgspecError) as problem_:
            return Unknown(text=f"the planner has failed: {problem_}")
        return outcome or Unknown(text="the planner has ended without an answer")

    async def _tell(self, run: PlanRun, told: dict[str, float]) -> None:
        progress = f"cost {told['cost']:g}, at least {told['bound']:g}"

        def body(state: DutyState) -> None:
            kept = state.tx.get(PlanRun, run.id)
            if kept is not None and kept.state == "computing":
                state.tx.put(msgspec.structs.replace(kept, progress=progress))

        await self._changer.run(run.account, body)


def _finish(state: DutyState, id: str, outcome: Outcome) -> None:
    run = state.tx.get(PlanRun, id)
    if run is not None:
        plans.finish(state, run, outcome)
