"""The addresses of a cloud's real parts: claimed on this machine, and written down so that they stay the same."""

from __future__ import annotations

from kowloon.core.errors import ConfigurationError
from kowloon.engines.base import AddressSpace
from kowloon.store.resources import AddressPool
from kowloon.store.store import Store
from kowloon.store.units import DIALABLE, AddressSpaceRecord


class ClaimedAddresses:
    """ConfigurationError: they are in use."""

    def __init__(self, store: Store, space: AddressSpace) -> None:
        self._store = store
        self._space = space

    @property
    def cidr(self) -> str:
        record = self._store.find(DIALABLE)
        assert record is not None
        assert record.pool is not None
        return str(record.pool.cidr)

    def claim(self) -> None:
        """Those that are written down, or else free ones."""
        held = self._store.find(DIALABLE)
        cidr = self._space.claim(self.cidr if held is not None else None)
        if held is None:
            self.write_down(cidr)

    def write_down(self, cidr: str) -> None:
        transaction = self._store.begin()
        # The first /24 and the last one are kept for the cloud's own use.
        transaction.put(AddressSpaceRecord(id=DIALABLE.id, pool=AddressPool(cidr, skip_first=256, skip_last=257)))
        self._store.commit_now(transaction)

    def move(self, cidr: str) -> None:
        """Claim others in the place of these. Where that cannot be, these are kept."""
        here = self.cidr
        if here == cidr:
            return
        self._space.release()
        try:
            self._space.claim(cidr)
        except ConfigurationError:
            self._space.claim(here)
            raise

    def release(self) -> None:
        self._space.release()
