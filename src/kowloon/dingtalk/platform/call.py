"""One call of the open platform, as its handler sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from kowloon.core.ids import Ids
from kowloon.dingtalk import outbox
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.platform.errors import NO_PERMISSION, TOKEN_INVALID, PlatformError
from kowloon.store.resources import Resource
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpRequest

if TYPE_CHECKING:
    from kowloon.dingtalk.parts import Parts

R = TypeVar("R", bound=Resource)
T = TypeVar("T")


class Happened(msgspec.Struct, frozen=True):
    """What subscribers of an organisation's events are told of: `data` in the newer form, names in lowerCamelCase."""

    name: str
    data: dict[str, Any]


class Call:
    """`account` is the organisation's: all that a handler reads and writes is scoped by it. `now` is cloud time, `wall`
    wall time, by which tokens end. `tx` is the transaction of a plain handler."""

    def __init__(
        self,
        *,
        request: HttpRequest,
        request_id: str,
        parts: Parts,
        now: float,
        wall: float,
        account: str = "",
        application: Application | None = None,
        member: Member | None = None,
    ) -> None:
        self.request = request
        self.request_id = request_id
        self.parts = parts
        self.now = now
        self.wall = wall
        self.account = account
        self.application = application
        self.member = member
        self.happened: list[Happened] = []
        self._tx: Transaction | None = None

    @property
    def ids(self) -> Ids:
        return self.parts.ids

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def app(self) -> Application:
        """Of a call with an application's token."""
        if self.application is None:
            raise TOKEN_INVALID.error()
        return self.application

    def need(self, scope: str) -> None:
        """The permission that the application needs for what is asked, where that depends on the call."""
        if not self.app.may(scope):
            refused = NO_PERMISSION.error()
            refused.detail = {"accessdenieddetail": {"requiredScopes": [scope]}}
            raise refused

    @property
    def person(self) -> Member:
        """Of a call with a person's token."""
        if self.member is None:
            raise TOKEN_INVALID.error()
        return self.member

    @property
    def tx(self) -> Transaction:
        assert self._tx is not None, "only inside of a transaction"
        return self._tx

    def mine(self, kind: type[R], id: str | int) -> R | None:
        """The organisation's own resource, by the id that people use; another's is as good as absent."""
        return self._reader.get(kind, own_id(self.account, id))

    def all(self, kind: type[R]) -> list[R]:
        """The organisation's, in order of creation."""
        return self._reader.list(kind, account=self.account)

    @property
    def _reader(self) -> Transaction | Store:
        return self._tx if self._tx is not None else self.store

    def emit(self, name: str, **data: Any) -> None:
        """An event for the organisation's subscribers, kept together with what the handler writes."""
        self.happened.append(Happened(name, data))

    async def write(self, body: Callable[[Transaction], T]) -> T:
        """A transaction of a handler that waits, with the events that `body` emits."""

        def run(tx: Transaction) -> T:
            self.happened.clear()
            self._tx = tx
            try:
                result = body(tx)
                outbox.keep(tx, self)
                return result
            finally:
                self._tx = None

        return await self.store.run(run)


def by_itself(parts: Parts, account: str) -> Call:
    """Of what the messenger does for an organisation without being asked, so that its subscribers hear of it."""
    request = HttpRequest(method="POST", target="/", headers=[])
    return Call(
        request=request,
        request_id=parts.ids.request_id(),
        parts=parts,
        now=parts.clock.now(),
        wall=parts.clock.wall(),
        account=account,
    )


def own_id(account: str, id: str | int) -> str:
    """Under which an organisation's resource is kept, by the id that people use."""
    return f"{account}/{id}"


def make_room(tx: Transaction, kept: Sequence[Resource], most: int, *, coming: int = 1) -> None:
    """The oldest go, so that with those that come there are not more than `most`."""
    for old in kept[: max(0, len(kept) + coming - most)]:
        tx.delete(old)


def make_room_of_ended(
    tx: Transaction, kept: Sequence[R], ended: Callable[[R], bool], most: int, full: PlatformError
) -> None:
    """The same for one that comes, where only what has ended may go; raises `full` where all that is left goes on."""
    over = [each for each in kept if ended(each)]
    staying = len(kept) - len(over)
    if staying >= most:
        raise full
    make_room(tx, over, most - staying)
