"""OSS as a product: its control plane and storage in the health model, and how one of its operations is declared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from kowloon.actions.declare import Product, ResourceType
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.oss.errors import METHOD_NOT_ALLOWED
from kowloon.services.oss.published import OPERATIONS
from kowloon.services.oss.resources import Bucket, Domain
from kowloon.topology.map import HALLS_PER_ZONE
from kowloon.topology.services import Edge, ServiceNode
from kowloon.topology.storage import STORAGE_CLASS, storage_node
from kowloon.wire.http import BodyReceiver, HttpResponse
from kowloon.wire.oss.claims import Claim

if TYPE_CHECKING:
    from kowloon.services.oss.call import Call

Level = Literal["service", "bucket", "object"]


class Later(NamedTuple):
    """An answer that is given once a commit is acknowledged."""

    done: asyncio.Future[None]
    response: HttpResponse


Answer = HttpResponse | Later | Coroutine[Any, Any, HttpResponse]


class Gate(Protocol):
    """What the chain does for a body that says itself who sends it."""

    def admit(self, call: Call, claim: Claim, policy: str) -> None:
        """Whose claim that is, and whether he may do it. `policy` is what he signed."""
        ...

    def complete(self, call: Call, answer: Answer) -> HttpResponse | Awaitable[HttpResponse]:
        """The end of the chain."""
        ...


class Body(Enum):
    """What a request's body is: nothing that is read, a document, or the bytes of an object."""

    NONE = "none"
    DOCUMENT = "document"
    OBJECT = "object"


class Operation:
    """One operation of the object API. `markers`: query names that tell it (with a value where one is required);
    `header`: a header that does. `action` is its name in RAM and in bucket policies."""

    def __init__(
        self,
        name: str,
        level: Level,
        method: str,
        markers: Mapping[str, str | None],
        header: str,
        action: str,
        access: Literal["read", "write"],
        body: Body,
        handler: Callable[..., Answer],
        check: Callable[[Call], None] | None,
        acl: Literal["", "read", "write"],
        open_to_all: bool,
        creates: bool,
        asks_itself: bool,
        also: tuple[str, ...],
        receives: Callable[[Call, Gate], BodyReceiver] | None,
    ) -> None:
        self.name = name
        self.level = level
        self.method = method
        self.markers = markers
        self.header = header
        self.action = action
        self.access = access
        self.body = body
        self.takes_object = body is Body.OBJECT
        self.handler = handler
        self.check = check
        self.acl = acl
        self.open_to_all = open_to_all
        self.creates = creates
        self.asks_itself = asks_itself
        self.also = also
        self.receives = receives

    @property
    def weight(self) -> int:
        """The more it asks for, the sooner it is tried."""
        values = sum(value is not None for value in self.markers.values())
        return 2 * len(self.markers) + values + bool(self.header)

    def matches(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        if self.header and self.header not in headers:
            return False
        for name, value in self.markers.items():
            found = query.get(name)
            if found is None or (value is not None and found != value):
                return False
        return True


def _refuse(call: Call) -> Answer:
    raise METHOD_NOT_ALLOWED.error()


# What a call is until it is known what it asks for.
UNIDENTIFIED: Final = Operation(
    name="",
    level="service",
    method="",
    markers={},
    header="",
    action="",
    access="read",
    body=Body.NONE,
    handler=_refuse,
    check=None,
    acl="",
    open_to_all=False,
    creates=False,
    asks_itself=False,
    also=(),
    receives=None,
)


class ObjectProduct(Product):
    """A product whose operations are told by method, level and query instead of by an action's name."""

    def __init__(self) -> None:
        super().__init__(
            "Oss",
            "2019-05-17",
            ram_code="oss",
            hosts=("oss",),
            resources=(Bucket, Domain),
            types=(ResourceType(name="bucket", kind=Bucket, grouped=True),),
            denied=FORBIDDEN,
            published=OPERATIONS,
            plane=_plane,
        )
        self.operations: list[Operation] = []
        self._by_place: dict[tuple[str, str], list[Operation]] = {}
        # Of a place, the operation that nothing but the place tells, and the headers that tell another one.
        self._plain: dict[tuple[str, str], tuple[Operation, tuple[str, ...]]] = {}

    @property
    def built(self) -> list[str]:
        return sorted({operation.name for operation in self.operations})

    def setting(self, kind: type) -> None:
        """Declare a kind of BucketSetting, so that it is stored and goes with its bucket."""
        self.keeps(kind)

    def keeps(self, kind: type) -> None:
        """Declare another kind of resource that is stored."""
        self.resources = (*self.resources, kind)

    def operation(
        self,
        name: str,
        level: Level,
        method: str,
        markers: str = "",
        *,
        header: str = "",
        action: str = "",
        access: Literal["read", "write"] | None = None,
        body: Body = Body.NONE,
        check: Callable[[Call], None] | None = None,
        acl: Literal["", "read", "write"] = "",
        open_to_all: bool = False,
        creates: bool = False,
        asks_itself: bool = False,
        also: tuple[str, ...] = (),
        receives: Callable[[Call, Gate], BodyReceiver] | None = None,
    ) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
        """Declare an operation. `markers` as in a URL: `acl`, `cname&comp=add`, `list-type=2`. `check` looks at an
        upload before its body is accepted. `acl`: what a public ACL must allow for it. `open_to_all`: anyone may ask
        (a CORS preflight). `creates`: the bucket need not be there. `asks_itself`: the handler checks who may
        do it, for everything that its document names. `also`: names that tell
        operations apart elsewhere and are plain parameters here. `receives` takes the body, where it says itself who
        sends it."""

        def declare(handler: Callable[..., Answer]) -> Callable[..., Answer]:
            wanted: dict[str, str | None] = {}
            for piece in filter(None, markers.split("&")):
                key, separator, value = piece.partition("=")
                wanted[key] = value if separator else None
            kind = access or ("read" if method in ("GET", "HEAD", "OPTIONS") else "write")
            operation = Operation(
                name,
                level,
                method,
                wanted,
                header,
                action or name,
                kind,
                body,
                handler,
                check,
                acl,
                open_to_all,
                creates,
                asks_itself,
                also,
                receives,
            )
            self.operations.append(operation)
            place = self._by_place.setdefault((level, method), [])
            place.append(operation)
            place.sort(key=lambda each: -each.weight)
            if not place[-1].weight:
                headers = tuple({each.header for each in place if each.header})
                self._plain[level, method] = (place[-1], headers)
            return handler

        return declare

    def find(self, level: Level, method: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Operation | None:
        place = (level, method)
        if not query:
            plain = self._plain.get(place)
            if plain is not None and not any(name in headers for name in plain[1]):
                return plain[0]
        for operation in self._by_place.get(place, ()):
            if operation.matches(query, headers):
                return operation
        return None


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    """The region's front ends in all of its zones, and each zone's storage servers in its halls. A zone serves while
    one of its halls does: how the vendor spreads a zone's copies is not published."""
    nodes = [ServiceNode(name=f"oss@{region}", places=zones)]
    for zone in zones:
        halls = tuple(f"{zone}/hall-{number}" for number in range(1, HALLS_PER_ZONE + 1))
        nodes.append(ServiceNode(name=storage_node(zone), places=halls, unit_class=STORAGE_CLASS))
    return nodes, []


oss: Final = ObjectProduct()
