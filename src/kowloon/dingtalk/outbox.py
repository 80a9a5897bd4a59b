"""Events of organisations on their way to the applications that subscribed to them: written in the transaction that
makes them, so none is lost and none is told that did not happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from kowloon.dingtalk.contacts.resources import Application
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction

if TYPE_CHECKING:
    from kowloon.dingtalk.platform.call import Call


class PendingEvent(Resource, frozen=True, kw_only=True):
    """One event for one application, until it has taken it. `data` is in the newer form."""

    kind: ClassVar[str] = "dingtalk-pending-event"
    application: str
    name: str
    data: dict[str, Any]


class Outbox:
    """`wake` is called after each commit that may have added some."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.wake = wake

    def keep(self, tx: Transaction, call: Call) -> None:
        if not call.happened:
            return
        for application in tx.list(Application, account=call.account):
            for happened in call.happened:
                if happened.name in application.callback_events:
                    tx.put(
                        PendingEvent(
                            id=call.ids.request_id(),
                            account=call.account,
                            created_at=call.now,
                            application=application.id,
                            name=happened.name,
                            data={"timeStamp": int(call.now * 1000), **happened.data},
                        )
                    )


RESOURCES: tuple[type[Resource], ...] = (PendingEvent,)
