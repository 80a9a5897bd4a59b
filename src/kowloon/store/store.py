"""All state of one cloud: structs in memory, written through to a backend in one transaction before anyone is answered.

Actions run against a `Transaction` (snapshot in, write set out) and are pure, so they can run again: `commit`
compares the versions that were read and raises `Conflict`, and `Store.run` retries. Listeners hear of committed
changes only.
"""

from __future__ import annotations

import ipaddress
import itertools
from builtins import list as List  # noqa: N812 (the class has a method of that name)
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.store.backend import Backend, Row
from kowloon.store.codec import Codec
from kowloon.store.resources import Key, Resource

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
Change = tuple[Key, Resource | None]


class Conflict(Exception):
    """Someone else committed what this transaction had read."""


class Store:
    def __init__(self, backend: Backend, codec: Codec) -> None:
        self._backend = backend
        self._codec = codec
        self._items: dict[Key, Resource] = {}
        self._versions: dict[Key, int] = {}
        # Per kind, account and region: the resources by id, in order of creation.
        self._by_scope: dict[tuple[str, str, str], dict[str, Resource]] = {}
        self._referrers: dict[Key, dict[Key, None]] = {}
        self._addresses: dict[Key, dict[int, Key]] = {}
        self._scope_of_id: dict[str, tuple[str, str]] = {}
        self._count_by_kind: Counter[str] = Counter()
        self._kinds_of_id: Counter[str] = Counter()
        self._listeners: list[Callable[[List[Change]], None]] = []
        # Never used twice, so that a resource made anew cannot pass for the one that was read.
        self._last_version = 0
        self._last_of_kind: dict[str, int] = {}
        for row in backend.load():
            resource = codec.decode(row.kind, row.body)
            self._index(resource)
            self._versions[resource.key] = row.version
            self._last_version = max(self._last_version, row.version)

    # --- reading ---

    def get(self, kind: type[R], id: str) -> R | None:
        # A plain tuple is as good a key, and made in a third of the time.
        item = self._items.get((kind.kind, id))  # type: ignore[call-overload]
        # Most settings are not there, and asking what None is takes as long as looking for it.
        return item if item is not None and isinstance(item, kind) else None

    def find(self, key: Key) -> Resource | None:
        return self._items.get(key)

    def list(self, kind: type[R], *, account: str | None = None, region: str | None = None) -> List[R]:
        """In order of creation. `account` or `region` None: of all."""
        found: list[R] = []
        for (scope_kind, scope_account, scope_region), items in self._by_scope.items():
            if scope_kind != kind.kind or (account is not None and scope_account != account):
                continue
            if region is not None and scope_region != region:
                continue
            found.extend(items.values())  # type: ignore[arg-type]
        return found

    def referrers(self, key: Key) -> Iterator[Resource]:
        """Everything that holds a Reference to `key`."""
        return (self._items[holder] for holder in self._referrers.get(key, ()))

    def addresses_taken(self, key: Key) -> dict[int, Key]:
        return self._addresses.get(key, {})

    def scope_of(self, id: str) -> tuple[str, str] | None:
        """Account and region of the resource with that id, whatever its kind."""
        return self._scope_of_id.get(id)

    def kinds(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for (kind, _, _), items in self._by_scope.items():
            counts[kind] = counts.get(kind, 0) + len(items)
        return counts

    def count(self, kind: type[Resource]) -> int:
        return self._count_by_kind.get(kind.kind, 0)

    def kinds_of(self, id: str) -> int:
        """How many kinds have a resource of that id."""
        return self._kinds_of_id.get(id, 0)

    def everything(self) -> Iterator[Resource]:
        return iter(self._items.values())

    # --- writing ---

    def begin(self) -> Transaction:
        return Transaction(self)

    async def run(self, body: Callable[[Transaction], T]) -> T:
        """Run `body` in a transaction and commit; again from the start when another commit came between."""
        for _ in range(limits.COMMIT_RETRIES):
            transaction = self.begin()
            result = body(transaction)
            try:
                await self.commit(transaction)
            except Conflict:
                continue
            return result
        raise ApiError("OperationConflict", 409, "The operation conflicts with another one. Try again later.")

    async def commit(self, transaction: Transaction) -> None:
        """All of it or nothing; durable against the death of the process when it returns. The only await."""
        self.commit_now(transaction)

    def commit_now(self, transaction: Transaction) -> None:
        for key, version in transaction.reads.items():
            if self._versions.get(key, 0) != version:
                raise Conflict(key)
        if not transaction.writes:
            return
        self._check_room(transaction)
        version = self._last_version + 1
        rows = [
            Row(key.kind, key.id, version, None if item is None else self._codec.encode(item))
            for key, item in transaction.writes.items()
        ]
        self._backend.write(rows)
        self._last_version = version
        changes: list[Change] = []
        for row, (key, item) in zip(rows, transaction.writes.items(), strict=True):
            before = self._items.get(key)
            if before is not None:
                self._unindex(before, replaced_by=item)
            if item is None:
                self._versions.pop(key, None)
            else:
                self._index(item)
                self._versions[key] = row.version
            self._last_of_kind[key.kind] = version
            changes.append((key, item))
        for listener in tuple(self._listeners):
            listener(changes)

    def _check_room(self, transaction: Transaction) -> None:
        """A bound on every kind: a runaway script gets an error instead of all memory."""
        fresh = Counter(key.kind for key, item in transaction.writes.items() if item and key not in self._items)
        for kind, count in fresh.items():
            if self._count_by_kind[kind] + count > limits.RESOURCES_PER_KIND:
                raise ApiError("QuotaExceeded", 400, f"This cloud keeps at most {limits.RESOURCES_PER_KIND} of {kind}.")

    def on_change(self, listener: Callable[[List[Change]], None]) -> None:
        self._listeners.append(listener)

    def version(self, key: Key) -> int:
        return self._versions.get(key, 0)

    @property
    def generation(self) -> int:
        """Grows with every commit: what was derived from the store holds while it stays the same."""
        return self._last_version

    def watch(self, *kinds: type[Resource]) -> Watch:
        """For what is derived from some kinds only."""
        return Watch(self, tuple([kind.kind for kind in kinds]))

    def last_change(self, kinds: tuple[str, ...]) -> int:
        """Of any of these kinds: the generation that it made."""
        return max([self._last_of_kind.get(kind, 0) for kind in kinds])

    def contents(self) -> List[Resource]:
        """Everything, those of one kind, account and region in order of creation: what `replace` takes."""
        return [item for items in self._by_scope.values() for item in items.values()]

    def replace(self, items: List[Resource]) -> None:
        """These instead of everything, on disk too, or nothing happens. Listeners stay and do not hear of it."""
        version = self._last_version + 1
        self._backend.replace([Row(item.kind, item.id, version, self._codec.encode(item)) for item in items])
        self._forget()
        for item in items:
            self._index(item)
            self._versions[item.key] = version
            self._last_of_kind[item.kind] = version

    def clear(self) -> None:
        """Forget everything, on disk too. Listeners stay."""
        self._backend.clear()
        self._forget()

    def _forget(self) -> None:
        self._last_version += 1
        self._last_of_kind = dict.fromkeys(self._last_of_kind, self._last_version)
        for index in (self._items, self._versions, self._by_scope, self._referrers, self._addresses, self._scope_of_id):
            index.clear()
        self._count_by_kind.clear()
        self._kinds_of_id.clear()

    def close(self) -> None:
        self._backend.close()

    def _index(self, item: Resource) -> None:
        key = item.key
        self._items[key] = item
        self._count_by_kind[key.kind] += 1
        self._kinds_of_id[key.id] += 1
        self._scope_of_id[key.id] = (item.account, item.region)
        self._by_scope.setdefault((key.kind, item.account, item.region), {})[key.id] = item
        for reference in item.references:
            self._referrers.setdefault(reference.key, {})[key] = None
            if reference.address:
                taken = self._addresses.setdefault(reference.key, {})
                taken[int(ipaddress.ip_address(reference.address))] = key

    def _unindex(self, item: Resource, replaced_by: Resource | None) -> None:
        key = item.key
        self._items.pop(key, None)
        self._count_by_kind[key.kind] -= 1
        self._kinds_of_id[key.id] -= 1
        if not self._kinds_of_id[key.id]:
            del self._kinds_of_id[key.id]
        self._scope_of_id.pop(key.id, None)
        # A resource that is only changed keeps its turn in lists.
        if replaced_by is None or (replaced_by.account, replaced_by.region) != (item.account, item.region):
            scope = (key.kind, item.account, item.region)
            items = self._by_scope[scope]
            items.pop(key.id, None)
            if not items:
                del self._by_scope[scope]
        for reference in item.references:
            self._referrers.get(reference.key, {}).pop(key, None)
            if reference.address:
                self._addresses.get(reference.key, {}).pop(int(ipaddress.ip_address(reference.address)), None)


class Watch:
    """Tells whether kinds of resources have changed. Cheap to ask: most commits are about others, and most calls come
    without a commit between them."""

    def __init__(self, store: Store, kinds: tuple[str, ...]) -> None:
        self._store = store
        self._kinds = kinds
        self._asked_at = -1
        self._changed_at = -1

    def changed(self) -> bool:
        """Since this was last asked; True the first time."""
        generation = self._store.generation
        if generation == self._asked_at:
            return False
        self._asked_at = generation
        changed_at = self._store.last_change(self._kinds)
        if changed_at == self._changed_at:
            return False
        self._changed_at = changed_at
        return True


class Transaction:
    """A view of the store plus this body's own writes. Nothing is seen by others until it is committed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads: dict[Key, int] = {}
        self.writes: dict[Key, Resource | None] = {}

    def find(self, key: Key) -> Resource | None:
        if key in self.writes:
            return self.writes[key]
        self.reads.setdefault(key, self._store.version(key))
        return self._store.find(key)

    def get(self, kind: type[R], id: str) -> R | None:
        item = self.find(Key(kind.kind, id))
        return item if isinstance(item, kind) else None

    def list(self, kind: type[R], *, account: str | None = None, region: str | None = None) -> List[R]:
        """In order of creation; own writes included. Not part of the version check: lists are read committed."""
        if not self.writes:
            return self._store.list(kind, account=account, region=region)
        merged = {item.id: item for item in self._store.list(kind, account=account, region=region)}
        for key, item in self.writes.items():
            if key.kind != kind.kind:
                continue
            merged.pop(key.id, None) if item is None else None
            in_scope = item is not None and account in (None, item.account) and region in (None, item.region)
            if in_scope and isinstance(item, kind):
                merged[key.id] = item
        return list(merged.values())

    def count(self, kind: type[Resource]) -> int:
        """How many there are, own writes left out: for bounds, without a list."""
        return self._store.count(kind)

    def put(self, item: Resource) -> None:
        if item.key not in self.writes:
            self.reads.setdefault(item.key, self._store.version(item.key))
        self.writes[item.key] = item

    def delete(self, item: Resource) -> None:
        """Refused with the holder's own code while another resource holds a `Reference` that carries one."""
        for holder in self.referrers(item.key):
            for reference in holder.references:
                if reference.key == item.key and reference.code:
                    raise ApiError(reference.code, 400, reference.message)
        self.reads.setdefault(item.key, self._store.version(item.key))
        self.writes[item.key] = None

    def referrers(self, key: Key) -> Iterator[Resource]:
        for holder in self._store.referrers(key):
            if holder.key not in self.writes:
                yield holder
        for item in self.writes.values():
            if item is not None and any(reference.key == key for reference in item.references):
                yield item

    def take_addresses(self, pool_owner: Resource, count: int) -> List[str]:
        """`count` free addresses of the pool, or as many as there are. They are taken once a written resource holds
        them in a `Reference`."""
        taken, usable = self._taken(pool_owner)
        free = (number for number in usable if number not in taken)
        return [str(ipaddress.ip_address(number)) for number in itertools.islice(free, count)]

    def take_address(self, pool_owner: Resource, wanted: str = "") -> str | None:
        """One free address (the wanted one if given), or None; taken as with `take_addresses`."""
        if not wanted:
            return next(iter(self.take_addresses(pool_owner, 1)), None)
        taken, usable = self._taken(pool_owner)
        number = int(ipaddress.ip_address(wanted))
        return wanted if number in usable and number not in taken else None

    def _taken(self, pool_owner: Resource) -> tuple[set[int], range]:
        if pool_owner.pool is None:
            raise ValueError(f"{pool_owner.key} has no address pool")
        taken = {
            int(ipaddress.ip_address(reference.address))
            for item in self.writes.values()
            if item is not None
            for reference in item.references
            if reference.key == pool_owner.key and reference.address
        }
        held = self._store.addresses_taken(pool_owner.key)
        taken.update(number for number, holder in held.items() if holder not in self.writes)
        return taken, pool_owner.pool.addresses()
