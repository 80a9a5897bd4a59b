"""What operations of the object store work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from kowloon.actions.ports import Authorizer, CredentialSource
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.engines.blob.base import ObjectStorage
from kowloon.engines.jobs import Jobs
from kowloon.services.oss.leftovers import Leftovers
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.space import Space, Versions
from kowloon.services.oss.uploads.callback_sender import CallbackSender
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard

_SPACES_KEPT: Final = 4096


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Given by app.py."""

    store: Store
    storage: ObjectStorage
    board: HealthBoard
    clock: Clock
    ids: Ids
    bus: EventBus
    credentials: CredentialSource
    authorizer: Authorizer
    versions: Versions
    leftovers: Leftovers
    default_region: str
    # Whether a host name is the cloud's own, and so nobody's custom domain.
    own_host: Callable[[str], bool]
    callbacks: CallbackSender
    image_jobs: Jobs
    select_jobs: Jobs
    # Of buckets that were asked for lately, as they are now.
    spaces: dict[str, Space] = msgspec.field(default_factory=dict)

    def space(self, bucket: Bucket) -> Space:
        found = self.spaces.get(bucket.id)
        # A bucket that was changed, or made again, is another one.
        if found is None or found.bucket is not bucket:
            if len(self.spaces) >= _SPACES_KEPT:
                self.spaces.clear()
            found = self.spaces[bucket.id] = Space(bucket, self.storage, self.versions, self.leftovers)
        return found
