"""Duty of one cloud, put together: what app.py gives it, and the loops that it wants run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kowloon.actions.paging import Pager
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.duty.cast import DutyCast
from kowloon.duty.loops import Askings, Changer, Deliveries, HandOvers, PageSteps, PlanRuns
from kowloon.duty.rosters import Rosters
from kowloon.duty.watch import PagingRules
from kowloon.engines.jobs import Jobs
from kowloon.store.store import Store


class DutyService:
    """`pagers` by the kind of channel (`dingtalk`, `email`, `webhook`); `poke` wakes a loop by its name for a key.
    `loops` are to be run; close it at the end."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        bus: EventBus,
        rosters: Rosters,
        pagers: Mapping[str, Pager],
        poke: Callable[[str, str], None],
    ) -> None:
        self.rosters = rosters
        self.changer = Changer(store, clock, ids, bus, rosters)
        self._jobs = Jobs(most=1)
        self.cast = DutyCast(self.changer)
        self.rules = PagingRules(self.changer, self.rosters, poke)
        self.loops = (
            HandOvers(self.changer, self.rosters),
            PageSteps(self.changer),
            Askings(self.changer),
            Deliveries(self.changer, pagers),
            PlanRuns(self.changer, self._jobs, rosters),
            self.rules,
        )

    def forget(self) -> None:
        """What is only in memory: the cloud has another state now."""
        self.cast.clear()
        self.rules.forget()

    async def close(self) -> None:
        await self._jobs.close()
