"""The messenger of one cloud, put together: what app.py gives it, and its routes."""

from __future__ import annotations

from collections.abc import Callable

from kowloon.actions.routes import Routes
from kowloon.core.clock import Clock
from kowloon.core.events import EventBus
from kowloon.core.ids import Ids
from kowloon.dingtalk import earlier
from kowloon.dingtalk.admin import DingTalkAdmin
from kowloon.dingtalk.chat.messenger import Messenger
from kowloon.dingtalk.commentary import Commentary
from kowloon.dingtalk.open_platform import endpoints
from kowloon.dingtalk.outbox import Outbox
from kowloon.dingtalk.pager import RobotPager
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.platform.serving import OpenPlatform
from kowloon.dingtalk.robot import RobotWebhook
from kowloon.engines.messages.log import MessageLog
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard


class DingTalkService:
    """`home`: the account that operators mean when they name none. `start` before it serves,
    and again when the cloud has got another state; close it at the end."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        ids: Ids,
        bus: EventBus,
        board: HealthBoard,
        log: MessageLog,
        home: Callable[[], str],
        routes: Routes,
    ) -> None:
        self._log = log
        self.messenger = Messenger(store, clock, ids, log)
        self.parts = Parts(
            store=store,
            clock=clock,
            ids=ids,
            bus=bus,
            plane=MessengerPlane(board, clock),
            messenger=self.messenger,
            outbox=Outbox(),
            home=home,
        )
        self.platform = OpenPlatform(endpoints, self.parts)
        self.webhook = RobotWebhook(self.parts)
        self.commentary = Commentary(self.parts, self.webhook)
        self.pager = RobotPager(self.parts, self.webhook)
        self.platform.register(routes)
        self.webhook.register(routes)
        DingTalkAdmin(self.parts, self.webhook).register(routes)

    async def start(self) -> None:
        await earlier.bring_in(self.parts)
        await self.commentary.ensure_robot()

    def forget(self) -> None:
        """What is only in memory: the cloud has another state now."""
        self.platform.forget()
        self.webhook.forget()

    def clear(self) -> None:
        """Nothing was ever said."""
        self._log.clear()

    def close(self) -> None:
        self.commentary.close()
        self._log.close()
