"""One object call on its way through the chain, and what operations may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from kowloon.actions.ports import Authorizer, CredentialSource, Principal
from kowloon.core.clock import Clock
from kowloon.core.events import EventBus
from kowloon.core.ids import Ids
from kowloon.engines.blob.base import ObjectStorage
from kowloon.engines.jobs import Jobs
from kowloon.services.oss.errors import MALFORMED_XML, NO_SUCH_BUCKET
from kowloon.services.oss.leftovers import Leftovers
from kowloon.services.oss.product import UNIDENTIFIED
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.space import Space, Versions
from kowloon.services.oss.uploads.callback_sender import CallbackSender
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard
from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import Address
from kowloon.wire.oss.xml import Node, parse

if TYPE_CHECKING:
    from kowloon.services.oss.access.access_point_policy import AccessPoint
    from kowloon.services.oss.sites.website import Website


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What operations work with, given by app.py."""

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

    def space(self, bucket: Bucket) -> Space:
        return Space(bucket, self.storage, self.versions, self.leftovers)


class Call:
    """`query` and `headers` are decoded, first values by name. `bucket` is there once the bucket was found; `now` is
    cloud time, `wall` wall time. `anonymous` calls have no principal."""

    __slots__ = (
        "_space",
        "access_key_id",
        "access_point",
        "address",
        "anonymous",
        "body_hash",
        "fault",
        "form",
        "found",
        "headers",
        "more_headers",
        "now",
        "operation",
        "parts",
        "principal",
        "query",
        "reason",
        "region",
        "request",
        "request_id",
        "share",
        "signed_in_query",
        "site",
        "wall",
        "written",
    )

    address: Address

    def __init__(self, request: HttpRequest, parts: Parts, request_id: str) -> None:
        self.request = request
        self.parts = parts
        self.request_id = request_id
        self.wall = parts.clock.wall()
        self.now = self.wall + parts.clock.offset_s
        self.headers = request.fields
        self.query: dict[str, str] = {}
        # The fields of a posted form by lower-case name; its `headers` are those that an upload would have had.
        self.form: dict[str, str] = {}
        self.operation = UNIDENTIFIED
        self.found: Bucket | None = None
        # The one that the bucket was found through.
        self.access_point: AccessPoint | None = None
        self.principal: Principal | None = None
        self.access_key_id = ""
        self.signed_in_query = False
        self.anonymous = False
        self.region = parts.default_region
        # The SHA-256 that was signed for the body, if one was.
        self.body_hash = ""
        # What a writer's headers say of the object, once they were checked.
        self.written: dict[str, Any] | None = None
        # Of the calls that arrive, how many are served.
        self.share = 1.0
        self._space: Space | None = None
        # What the answer says besides, and the website that an anonymous reader is on.
        self.more_headers: list[tuple[str, str]] = []
        self.site: Website | None = None
        # For the record: why it was allowed or refused, and which fault acted.
        self.reason = ""
        self.fault = ""

    @property
    def key(self) -> str:
        return self.address.key

    @property
    def bucket(self) -> Bucket:
        assert self.found is not None
        return self.found

    @property
    def account(self) -> str:
        return self.principal.account if self.principal is not None else ""

    @property
    def version_id(self) -> str:
        return self.query.get("versionId", "")

    @property
    def space(self) -> Space:
        if self._space is None:
            self._space = self.space_of(self.bucket)
        return self._space

    def enter(self, bucket: Bucket) -> None:
        """The call is about that bucket from now on."""
        self.found, self._space = bucket, None

    def look_again(self) -> None:
        """After a wait: the time, and the bucket as it is by now. 404 NoSuchBucket when it is gone."""
        self.now = self.parts.clock.now()
        bucket = self.parts.store.get(Bucket, self.bucket.id)
        if bucket is None or bucket.volume != self.bucket.volume:
            raise NO_SUCH_BUCKET.error(extra={"BucketName": self.bucket.id})
        if bucket is not self.found:
            self.enter(bucket)

    def space_of(self, bucket: Bucket) -> Space:
        return self.parts.space(bucket)

    def document(self, root: str) -> Node:
        """The body as XML; 400 MalformedXML when it is not, or its root is another."""
        node = parse(self.request.body)
        if node.name != root:
            raise MALFORMED_XML.error()
        return node
