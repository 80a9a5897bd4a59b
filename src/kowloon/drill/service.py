"""Drills as the cloud runs them: it moves time, carries the scenario's steps out, and watches that its runner lives.

The runner is a customer outside (`kowloon.drill.runner`): it says when to go on, because only its probes know what a
customer sees. One that is not heard of for `RUNNER_SILENT_S` leaves no fault behind: the drill is aborted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError, ConfigurationError
from kowloon.core.events import DrillEvent, DutyEvent, Event, ProviderMessage, ResourceEvent, RoomEvent
from kowloon.core.ids import Ids
from kowloon.drill.outlook import Outlook, services_of
from kowloon.drill.resources import (
    LIVE_STATES,
    Drill,
    DrillRecord,
    DrillState,
    DrillStatus,
    FacilitySample,
    Happened,
    InRoom,
    OnDuty,
    Told,
    ZoneSample,
)
from kowloon.faults.kinds.base import SECONDS_PER_MINUTE
from kowloon.faults.loader import load, parse
from kowloon.faults.manager import FaultManager
from kowloon.faults.scenario import Inject, Provider, Scenario, SetValues, Step
from kowloon.store.store import Store
from kowloon.store.units import Unit
from kowloon.topology.health import HealthBoard

log = logging.getLogger("kowloon.drill")

RUNNER_SILENT_S = 60.0
_LISTEN_EVERY_S = 5.0
_SAMPLE_EVERY_MIN = 2.0
_MOST_HAPPENED = 2_000
_INLINE_NAME = "inline scenario"


class _Live:
    """What only the running drill needs; a restart of the server ends it."""

    def __init__(self, scenario: Scenario, steps: tuple[Step, ...], outlook: Outlook, heard_at: float) -> None:
        self.scenario = scenario
        self.steps = steps
        self.outlook = outlook
        self.heard_at = heard_at
        self.lock = asyncio.Lock()
        self.doing = ""
        self.sampled_min = -_SAMPLE_EVERY_MIN
        self.watch: asyncio.Task[None] | None = None


class _Notes:
    """What the cloud noted of one drill, kept until the next begins."""

    def __init__(self) -> None:
        self.facility: list[FacilitySample] = []
        self.told: list[Told] = []
        self.happened: list[Happened] = []
        self.duty: list[OnDuty] = []
        self.rooms: list[InRoom] = []

    def record(self) -> DrillRecord:
        return DrillRecord(
            facility=tuple(self.facility),
            told=tuple(self.told),
            happened=tuple(self.happened),
            duty=tuple(self.duty),
            rooms=tuple(self.rooms),
        )


class Drills:
    """One at a time. Everything but the readers may raise ApiError."""

    def __init__(
        self, store: Store, board: HealthBoard, clock: Clock, bus: EventBus, ids: Ids, faults: FaultManager
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._ids = ids
        self._faults = faults
        self._live: dict[str, _Live] = {}
        self._notes: dict[str, _Notes] = {}
        bus.subscribe(self._note, ProviderMessage, ResourceEvent, DutyEvent, RoomEvent)

    # --- reading ---

    def all(self) -> list[DrillStatus]:
        return [self._status(drill) for drill in self._store.list(Drill)]

    def get(self, drill_id: str) -> DrillStatus:
        return self._status(self._drill(drill_id))

    def record(self, drill_id: str) -> DrillRecord:
        """Of the latest drill; what an earlier one noted is gone with it."""
        self._drill(drill_id)
        notes = self._notes.get(drill_id)
        return notes.record() if notes else DrillRecord()

    def _drill(self, drill_id: str) -> Drill:
        drill = self._store.get(Drill, drill_id)
        if drill is None:
            raise ApiError("DrillNotFound", 404, f"There is no drill {drill_id}.")
        return drill

    def _status(self, drill: Drill) -> DrillStatus:
        live = self._live.get(drill.id)
        return DrillStatus(
            id=drill.id,
            scenario=drill.scenario,
            title=drill.title,
            provider=drill.provider,
            state=drill.state,
            scenario_minute=self._minute(drill) if live else drill.scenario_minute,
            length_min=live.scenario.length_min if live else drill.scenario_minute,
            next_minute=live.outlook.next_moment(self._store.list(Unit), drill.scenario_minute) if live else None,
            message=drill.message,
            doing=live.doing if live else "",
        )

    def _minute(self, drill: Drill) -> float:
        return (self._clock.now() - drill.started_at) / SECONDS_PER_MINUTE

    # --- a drill's life ---

    async def create(self, scenario: str, provider: Provider, *, text: str = "") -> DrillStatus:
        """`text` given: an inline scenario, `scenario` its file's name for complaints. T+0 is now."""
        self._require_alone()
        loaded, outlook = await asyncio.to_thread(self._prepare, scenario, provider, text)
        # Another one may have come while this one was laid out.
        self._require_alone()
        drill = Drill(
            id=self._ids.resource("drill", 10),
            region=loaded.region,
            created_at=self._clock.now(),
            scenario=loaded.name,
            title=loaded.title,
            provider=provider,
            started_at=self._clock.now(),
            offset_s=self._clock.offset_s,
        )
        await self._put(drill)
        live = _Live(loaded, loaded.plan(provider), outlook, self._clock.wall())
        self._live[drill.id] = live
        self._notes = {drill.id: _Notes()}
        live.watch = asyncio.get_running_loop().create_task(self._watch_runner(drill.id))
        self._emit(drill, f"{loaded.title}, provider as {provider}")
        return self.get(drill.id)

    def _prepare(self, scenario: str, provider: Provider, text: str) -> tuple[Scenario, Outlook]:
        topology = self._board.topology
        try:
            loaded = parse(text, scenario or _INLINE_NAME, topology) if text else load(scenario, topology)
            if provider not in loaded.providers:
                offered = ", ".join(loaded.providers)
                raise ConfigurationError(f"{loaded.name} has no provider {provider!r} (it has: {offered})")
            now = self._clock.now()
            edges = [edge for edges in self._board.edges(now).values() for edge in edges]
            return loaded, Outlook(loaded, provider, topology, (self._board.nodes(now).values(), edges))
        except ConfigurationError as problem:
            raise ApiError("InvalidScenario", 400, str(problem)) from problem

    def _require_alone(self) -> None:
        running = next((drill for drill in self._store.list(Drill) if drill.state in LIVE_STATES), None)
        if running is not None:
            raise ApiError(
                "DrillInProgress",
                409,
                f"Drill {running.id} ({running.scenario}) is {running.state} on this cloud; "
                "finish or abort it first, one cloud has one history.",
            )

    async def advance(self, drill_id: str, to_minute: float) -> DrillStatus:
        """Skip to `to_minute` of the scenario through every due timer, carrying out the steps due on the way, each at
        its exact moment. A minute that has passed already carries out what is due and skips nothing."""
        live = self._require_live(drill_id)
        if not 0 <= to_minute <= live.scenario.length_min:
            raise ApiError(
                "InvalidParameter.to_minute",
                400,
                f"to_minute is from 0 to {live.scenario.length_min:g}, the end of {live.scenario.name}.",
            )
        live.heard_at = self._clock.wall()
        async with live.lock:
            self._require_live(drill_id)
            await self._change(drill_id, "skipping", f"to T+{to_minute:g} min")
            try:
                await self._go(drill_id, live, to_minute)
            except Exception as problem:
                log.exception("drill %s failed", drill_id)
                await self._end(drill_id, "failed", f"a step could not be carried out: {problem}")
                raise
            if drill_id in self._live:
                await self._change(drill_id, "holding", live.doing, minute=to_minute)
        live.heard_at = self._clock.wall()
        return self.get(drill_id)

    async def _go(self, drill_id: str, live: _Live, to_minute: float) -> None:
        live.doing = ""
        while (drill := self._drill(drill_id)).step < len(live.steps) and drill_id in self._live:
            step = live.steps[drill.step]
            if step.at_min > to_minute:
                break
            await self._skip_to(drill, live, step.at_min)
            faults = await self._carry_out(drill, step)
            live.doing = step.label
            await self._put(msgspec.structs.replace(self._drill(drill_id), step=drill.step + 1, faults=faults))
        if drill_id in self._live:
            await self._skip_to(self._drill(drill_id), live, to_minute)

    async def _skip_to(self, drill: Drill, live: _Live, minute: float) -> None:
        ahead_s = drill.started_at + minute * SECONDS_PER_MINUTE - self._clock.now()
        if ahead_s > 0.0:
            await self._clock.skip(ahead_s)
        await self._sample(drill, live, minute)

    async def _carry_out(self, drill: Drill, step: Step) -> dict[str, str]:
        """Returns the drill's faults with it."""
        at = drill.started_at + step.at_min * SECONDS_PER_MINUTE
        action = step.action
        if isinstance(action, Inject):
            fault = await self._faults.inject(
                action.kind,
                action.scope,
                action.parameters,
                at=at,
                drill_id=drill.id,
                label=step.label,
                truth=step.truth,
            )
            return {**drill.faults, action.id: fault.id}
        if isinstance(action, SetValues):
            await self._faults.change(drill.faults[action.id], action.values, at=at)
        else:
            await self._faults.recover(drill.faults[action.id], at=at)
        return drill.faults

    async def heartbeat(self, drill_id: str) -> DrillStatus:
        self._require_live(drill_id).heard_at = self._clock.wall()
        return self.get(drill_id)

    async def finish(self, drill_id: str) -> DrillStatus:
        """Recovers everything that the drill injected."""
        live = self._require_live(drill_id)
        async with live.lock:
            await self._end(drill_id, "finished", "")
        return self.get(drill_id)

    async def abort(self, drill_id: str, why: str = "aborted by request") -> DrillStatus:
        """As finish, at any moment; a skip under way ends after its step."""
        self._require_live(drill_id)
        await self._end(drill_id, "aborted", why)
        return self.get(drill_id)

    async def restore(self) -> None:
        """At the start of a cloud: what ran when the server ended cannot be trusted any more, so it is aborted."""
        for drill in self._store.list(Drill):
            if drill.state in LIVE_STATES:
                recovered = await self._faults.recover_all(drill.id)
                text = f"the server was restarted; {len(recovered)} faults were recovered"
                await self._put(msgspec.structs.replace(drill, state="aborted", message=text))
                self._emit(self._drill(drill.id), text)

    def forget(self) -> None:
        """The store was reset, or the cloud stops."""
        for live in self._live.values():
            if live.watch is not None:
                live.watch.cancel()
        self._live.clear()
        self._notes.clear()

    # --- inside ---

    def _require_live(self, drill_id: str) -> _Live:
        drill = self._drill(drill_id)
        live = self._live.get(drill_id)
        if live is None:
            why = f": {drill.message}" if drill.message else ""
            raise ApiError("IncorrectDrillState", 409, f"Drill {drill_id} is {drill.state}{why}.")
        return live

    async def _end(self, drill_id: str, state: DrillState, message: str) -> None:
        live = self._live.pop(drill_id, None)
        if live is None:
            return
        minute = self._minute(self._drill(drill_id))
        recovered = await self._faults.recover_all(drill_id)
        text = "; ".join(filter(None, (message, f"{len(recovered)} faults recovered")))
        await self._change(drill_id, state, text, minute=minute)
        if live.watch is not None and live.watch is not asyncio.current_task():
            live.watch.cancel()

    async def _watch_runner(self, drill_id: str) -> None:
        while (live := self._live.get(drill_id)) is not None:
            await asyncio.sleep(_LISTEN_EVERY_S)
            silent_s = self._clock.wall() - live.heard_at
            if silent_s > RUNNER_SILENT_S and not live.lock.locked():
                await self._end(drill_id, "aborted", f"its runner was not heard of for {silent_s:.0f} s")

    async def _change(self, drill_id: str, state: DrillState, text: str, *, minute: float | None = None) -> None:
        drill = self._drill(drill_id)
        changed = msgspec.structs.replace(
            drill,
            state=state,
            scenario_minute=drill.scenario_minute if minute is None else max(minute, drill.scenario_minute),
            message=drill.message if state in LIVE_STATES else text,
        )
        await self._put(changed)
        self._emit(changed, text)

    async def _put(self, drill: Drill) -> None:
        await self._store.run(lambda transaction: transaction.put(drill))

    def _emit(self, drill: Drill, text: str) -> None:
        self._bus.emit(
            DrillEvent(
                at=self._clock.now(),
                drill_id=drill.id,
                state=drill.state,
                text=text,
                scenario_minute=round(drill.scenario_minute, 2),
            )
        )

    # --- what the cloud notes ---

    def _note(self, event: Event) -> None:
        for drill_id, notes in self._notes.items():
            drill = self._store.get(Drill, drill_id)
            if drill is None or drill_id not in self._live:
                continue
            minute = round((event.at - drill.started_at) / SECONDS_PER_MINUTE, 2)
            if isinstance(event, ProviderMessage):
                notes.told.append(Told(minute=minute, channel=event.channel, text=event.text, accuracy=event.accuracy))
            elif isinstance(event, ResourceEvent) and len(notes.happened) < _MOST_HAPPENED:
                notes.happened.append(
                    Happened(minute=minute, kind=event.kind, id=event.id, state=event.state, text=event.text)
                )
            elif isinstance(event, DutyEvent) and len(notes.duty) < _MOST_HAPPENED:
                notes.duty.append(
                    OnDuty(
                        minute=minute,
                        what=event.what,
                        post=event.post,
                        person=event.person,
                        capacity=event.capacity,
                        page=event.page,
                        text=event.text,
                    )
                )

            elif isinstance(event, RoomEvent) and len(notes.rooms) < _MOST_HAPPENED:
                notes.rooms.append(
                    InRoom(minute=minute, what=event.what, room=event.room, person=event.person, text=event.text)
                )

    async def _sample(self, drill: Drill, live: _Live, to_minute: float) -> None:
        """Health at every sampled minute up to here. It is a pure function of time, so looking back is exact."""
        view_of, notes = self._facility_at(drill, live.scenario), self._notes[drill.id]
        while live.sampled_min + _SAMPLE_EVERY_MIN <= to_minute:
            live.sampled_min += _SAMPLE_EVERY_MIN
            notes.facility.append(view_of(live.sampled_min))
            # Other work of the cloud goes on between two samples.
            await asyncio.sleep(0)

    def _facility_at(self, drill: Drill, scenario: Scenario) -> Callable[[float], FacilitySample]:
        topology = self._board.topology
        names = services_of(self._board, scenario.region, self._clock.now())

        def sample(minute: float) -> FacilitySample:
            view = self._board.view(drill.started_at + minute * SECONDS_PER_MINUTE)
            zones = {}
            for zone in scenario.zones:
                degrees = [found for hall in topology.halls(zone) if (found := view.temperature_c(hall)) is not None]
                hosts = topology.hosts(zone)
                up = sum(view.host(host).serving for host in hosts)
                zones[zone] = ZoneSample(
                    hosts_up=up, hosts=len(hosts), temperature_c=round(max(degrees), 1) if degrees else None
                )
            services = {name: round(view.service(name).share, 3) for name in names}
            return FacilitySample(minute=minute, zones=zones, services=services)

        return sample
