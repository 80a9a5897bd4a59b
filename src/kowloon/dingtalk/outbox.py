"""Events of organisations on their way to the applications that subscribed to them: written in the transaction that
makes them, so none is lost and none is told that did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kowloon.dingtalk.contacts.resources import Application
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction

if TYPE_CHECKING:
    from kowloon.dingtalk.platform.call import Call


class PendingEvent(Resource, frozen=True, kw_only=True):
    """One event for one application, until it has taken it. `data` is in the newer form. `tries`: that failed;
    `not_before`: of the next one, in cloud time."""

    kind: ClassVar[str] = "dingtalk-pending-event"
    application: str
    name: str
    data: dict[str, Any]
    tries: int = 0
    not_before: float = 0.0


class FailedEvent(Resource, frozen=True, kw_only=True):
    """One that an application did not take by HTTP; it may ask for it, once."""

    kind: ClassVar[str] = "dingtalk-failed-event"
    application: str
    name: str
    data: dict[str, Any]


def keep(tx: Transaction, call: Call) -> None:
    """What the call told of. Whoever delivers hears of it from the store."""
    if not call.happened:
        return
    for application in tx.list(Application, account=call.account):
        for happened in call.happened:
            if application.stream_events or happened.name in application.callback_events:
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


RESOURCES: tuple[type[Resource], ...] = (PendingEvent, FailedEvent)
