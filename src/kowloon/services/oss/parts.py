"""What operations of the object store work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kowloon.actions.ports import Authorizer, CredentialSource
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.engines.blob.base import ObjectStorage
from kowloon.engines.jobs import Jobs
from kowloon.services.oss.leftovers import Leftovers
from kowloon.services.oss.space import Spaces, Versions
from kowloon.services.oss.uploads.callback_sender import CallbackSender
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard


@dataclass(frozen=True, kw_only=True)
class Parts:
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
    spaces: Spaces
