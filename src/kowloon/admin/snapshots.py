"""Snapshots: a cloud's whole state by name, and its control plane as it was before each fault.

What is in one: all resources, the objects, the clock, and the first account's key. What is not: the audit, which says
what happened whatever is loaded; and the data of real parts (`--engine process`), which is left out only if told so.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from kowloon import __version__
from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.config import HomeCredentials
from kowloon.core.errors import ApiError, ConfigurationError
from kowloon.engines.blob.base import ObjectStorage
from kowloon.faults.resources import Fault
from kowloon.store import snapshots as files
from kowloon.store.codec import Codec
from kowloon.store.resources import Counter, Resource
from kowloon.store.store import Store
from kowloon.store.units import Unit
from kowloon.wire.http import HttpRequest, HttpResponse

NOW: Final = "@now"
BEFORE: Final = "@before-"
_MOST_BEFORE: Final = 16
_MOST_NAMED: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATH: Final = "/_kowloon/snapshots"


class World(Protocol):
    """The cloud itself: who exchanges everything at once."""

    @property
    def identity(self) -> HomeCredentials: ...

    def exchange(self, state: State) -> Awaitable[None]: ...


class State(NamedTuple):
    """What there is to be. `offset_s` and `identity` None: as they are. `staged_objects`: the objects are those that
    the storage has staged."""

    resources: list[Resource]
    offset_s: float | None = None
    identity: HomeCredentials | None = None
    staged_objects: bool = False


class _Before(NamedTuple):
    saved_at: float
    resources: list[Resource]


class BeforeFaults:
    """The control plane as it was before each of the latest few faults; of a drill's faults before the first."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, _Before] = {}

    def keep(self, fault: Fault) -> None:
        name = BEFORE + (fault.drill_id or fault.id)
        if name in self._kept:
            return
        while len(self._kept) >= _MOST_BEFORE:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = _Before(self._clock.wall(), self._store.contents())

    def forget(self) -> None:
        """They were of a world that is gone."""
        self._kept.clear()

    def resources(self, name: str) -> list[Resource]:
        found = self._kept.get(name)
        if found is None:
            raise _not_found(name)
        return found.resources

    def delete(self, name: str) -> None:
        if self._kept.pop(name, None) is None:
            raise _not_found(name)

    def rows(self) -> list[dict[str, Any]]:
        """Oldest first."""
        return [
            {"name": name, "saved": iso_seconds(found.saved_at), "resources": len(found.resources), "problem": ""}
            for name, found in self._kept.items()
        ]


class SaveBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    without_real_data: bool = False


class Snapshots:
    """Everything but the readers may raise ApiError. `one_at_a_time`: held while one is saved or loaded."""

    def __init__(
        self,
        folder: Path | None,
        before: BeforeFaults,
        *,
        store: Store,
        codec: Codec,
        storage: ObjectStorage,
        clock: Clock,
        world: World,
        one_at_a_time: asyncio.Lock,
        has_real_parts: bool,
    ) -> None:
        self._given = folder
        self._before = before
        self._temporary: Path | None = None
        self._store = store
        self._codec = codec
        self._storage = storage
        self._clock = clock
        self._world = world
        self._has_real_parts = has_real_parts
        self._one_at_a_time = one_at_a_time

    def register(self, routes: Routes) -> None:
        routes.add("GET", _PATH, self.answer_list, "admin")
        routes.add("POST", _PATH, self.answer_save, "admin")
        routes.add("GET POST DELETE", f"{_PATH}/", self.answer_one, "admin")

    def close(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    # --- saving ---

    async def save(self, name: str, *, without_real_data: bool = False) -> files.Head:
        async with self._one_at_a_time:
            folder = self._named(name)
            if folder.exists():
                raise ApiError("SnapshotAlreadyExists", 409, f"There is a snapshot {name} already; delete it first.")
            if len(self._names()) >= _MOST_NAMED:
                raise ApiError("QuotaExceeded", 400, f"There are {_MOST_NAMED} snapshots; delete one first.")
            real_parts = tuple(unit.id for unit in self._store.list(Unit)) if self._has_real_parts else ()
            if real_parts and not without_real_data:
                raise ApiError(
                    "SnapshotOfRealParts",
                    409,
                    f"No snapshot has the data of real parts, and {len(real_parts)} run ({', '.join(real_parts[:3])}). "
                    "Save with --without-real-data: disks and databases are then as they are when it is loaded.",
                )
            fresh = self._folder() / f".{name}.new"
            try:
                await asyncio.to_thread(files.begin, fresh)
                # Between two turns of the loop: what is in one is of one moment.
                head, items = self._head(real_parts), self._store.contents()
                await self._storage.keep(files.objects_of(fresh))
                await asyncio.to_thread(files.write, fresh, head, items)
                fresh.rename(folder)
            except OSError as problem:
                raise ApiError("SnapshotFailed", 507, f"The snapshot could not be written: {problem}.") from problem
            finally:
                await asyncio.to_thread(shutil.rmtree, fresh, True)
            return head

    def _head(self, real_parts: tuple[str, ...]) -> files.Head:
        identity = self._world.identity
        return files.Head(
            kowloon=__version__,
            saved_at=self._clock.wall(),
            offset_s=self._clock.offset_s,
            account_id=identity.account_id,
            access_key_id=identity.access_key_id,
            access_key_secret=identity.access_key_secret,
            resources=dict(sorted(self._store.kinds().items())),
            real_parts=real_parts,
        )

    # --- loading ---

    async def load(self, name: str) -> None:
        """Everything as it was. Where it cannot be, nothing has changed."""
        async with self._one_at_a_time:
            try:
                if name.startswith(BEFORE):
                    await self._world.exchange(self._as_before(name))
                else:
                    await self._load(self._existing(name))
            except ConfigurationError as problem:
                raise ApiError("SnapshotNotReadable", 409, f"{problem}.") from problem

    async def _load(self, folder: Path) -> None:
        try:
            head = files.read_head(folder)
            resources = await asyncio.to_thread(files.read, folder, self._codec)
        except OSError as problem:
            raise ConfigurationError(str(problem)) from problem
        identity = HomeCredentials(
            account_id=head.account_id,
            access_key_id=head.access_key_id,
            access_key_secret=head.access_key_secret,
            # Of this home, not of the state.
            admin_token=self._world.identity.admin_token,
        )
        try:
            await self._storage.stage(files.objects_of(folder))
            await self._world.exchange(State(resources, head.offset_s, identity, staged_objects=True))
        finally:
            await self._storage.unstage()

    def _as_before(self, name: str) -> State:
        """Time goes on, and numbers that are never used twice go on, too."""
        kept = [item for item in self._before.resources(name) if not isinstance(item, Counter)]
        return State([*kept, *self._store.list(Counter)])

    # --- looking ---

    async def difference(self, one: str, other: str) -> list[files.Changed]:
        before, after = await self._resources(one), await self._resources(other)
        return await asyncio.to_thread(files.differences, before, after)

    async def _resources(self, name: str) -> list[Resource]:
        if name == NOW:
            return self._store.contents()
        if name.startswith(BEFORE):
            return self._before.resources(name)
        try:
            folder = self._existing(name)
            files.read_head(folder)
            return await asyncio.to_thread(files.read, folder, self._codec)
        except ConfigurationError as problem:
            raise ApiError("SnapshotNotReadable", 409, f"{problem}.") from problem

    def rows(self) -> list[dict[str, Any]]:
        """Those by name, then those before faults, each oldest first."""
        named = [_row(self._folder() / name) for name in self._names()]
        return [*sorted(named, key=lambda row: (row["saved"], row["name"])), *self._before.rows()]

    async def delete(self, name: str) -> None:
        if name.startswith(BEFORE):
            self._before.delete(name)
            return
        async with self._one_at_a_time:
            await asyncio.to_thread(shutil.rmtree, self._existing(name))

    # --- answers ---

    async def answer_list(self, request: HttpRequest) -> HttpResponse:
        return answer_json({"snapshots": self.rows()})

    async def answer_save(self, request: HttpRequest) -> HttpResponse:
        body = json_body(request, SaveBody)
        await self.save(body.name, without_real_data=body.without_real_data)
        return answer_json(_row(self._named(body.name)), 201)

    async def answer_one(self, request: HttpRequest) -> HttpResponse:
        """POST /snapshots/NAME/load, GET /snapshots/A/diff/B, DELETE /snapshots/NAME."""
        match request.method, request.path.removeprefix(f"{_PATH}/").split("/"):
            case "POST", [name, "load"]:
                await self.load(name)
                return answer_json({"loaded": name})
            case "GET", [one, "diff", other]:
                return answer_json({"differences": await self.difference(one, other)})
            case "DELETE", [name]:
                await self.delete(name)
                return answer_json({"deleted": name})
        raise ApiError(
            "NotFound", 404, "Use POST /snapshots/NAME/load, GET /snapshots/A/diff/B, DELETE /snapshots/NAME."
        )

    # --- folders ---

    def _folder(self) -> Path:
        if self._given is not None:
            self._given.mkdir(mode=0o700, exist_ok=True)
            return self._given
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="kowloon-snapshots-"))
        return self._temporary

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder().iterdir() if path.is_dir() and _NAME.fullmatch(path.name))

    def _named(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ApiError(
                "InvalidSnapshotName", 400, "A name has 1 to 64 letters, digits, - . _ and begins with none of these."
            )
        return self._folder() / name

    def _existing(self, name: str) -> Path:
        folder = self._named(name)
        if not folder.is_dir():
            raise _not_found(name)
        return folder


def _row(folder: Path) -> dict[str, Any]:
    try:
        head = files.read_head(folder)
    except ConfigurationError as problem:
        return {"name": folder.name, "saved": "", "resources": 0, "problem": str(problem)}
    total = sum(head.resources.values())
    return {"name": folder.name, "saved": iso_seconds(head.saved_at), "resources": total, "problem": ""}


def _not_found(name: str) -> ApiError:
    return ApiError("SnapshotNotFound", 404, f"There is no snapshot {name}; `kowloon snapshot list` shows them.")
