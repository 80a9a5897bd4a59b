"""One object call on its way through the chain, and what operations may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kowloon.actions.ports import Principal
from kowloon.services.oss.errors import MALFORMED_XML, NO_SUCH_BUCKET
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.product import UNIDENTIFIED, Operation
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.space import Space
from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import Address
from kowloon.wire.oss.xml import Node, parse

if TYPE_CHECKING:
    from kowloon.services.oss.access.access_point_policy import AccessPoint
    from kowloon.services.oss.sites.website import Website

NOTHING: Final[Mapping[str, str]] = {}


class Call:
    """`query` and `headers` are decoded, first values by name. `bucket` is there once the bucket was found; `now` is
    cloud time, `wall` wall time. `anonymous` calls have no principal."""

    # What most calls have nothing of is the class's: thousands are made in a second.
    address: Address
    query: Mapping[str, str] = NOTHING
    # The fields of a posted form by lower-case name; its `headers` are those that an upload would have had.
    form: Mapping[str, str] = NOTHING
    operation: Operation = UNIDENTIFIED
    found: Bucket | None = None
    # The one that the bucket was found through.
    access_point: AccessPoint | None = None
    principal: Principal | None = None
    access_key_id = ""
    signed_in_query = False
    anonymous = False
    # The SHA-256 that was signed for the body, if one was.
    body_hash = ""
    # What a writer's headers say of the object, once they were checked.
    written: dict[str, Any] | None = None
    # Of the calls that arrive, how many are served.
    share = 1.0
    # What the answer says besides, and the website that an anonymous reader is on.
    more_headers: tuple[tuple[str, str], ...] = ()
    site: Website | None = None
    # For the record: why it was allowed or refused, and which fault acted.
    reason = ""
    fault = ""
    _space: Space | None = None
    # Whether the bucket has settings, at which generation of the store; and of which address the name is.
    _has_settings = False
    _settings_at = -1
    _resource = ""
    _resource_of: Address | None = None

    def __init__(self, request: HttpRequest, parts: Parts, request_id: str) -> None:
        self.request = request
        self.parts = parts
        self.request_id = request_id
        self.wall = wall = parts.clock.wall()
        self.now = wall + parts.clock.offset_s
        self.headers: Mapping[str, str] = request.fields
        self.region = parts.default_region

    @property
    def key(self) -> str:
        return self.address.key

    @property
    def bucket(self) -> Bucket:
        assert self.found is not None
        return self.found

    @property
    def has_settings(self) -> bool:
        """Whether the bucket has a setting of any kind. Most have none, and all their calls need not ask for each."""
        generation = self.parts.store.generation
        if generation != self._settings_at:
            self._settings_at = generation
            self._has_settings = self.parts.store.kinds_of(self.bucket.id) > 1
        return self._has_settings

    @property
    def resource(self) -> str:
        """What it is about, as policies and the record name it."""
        address = self.address
        if self._resource_of is not address:
            self._resource_of = address
            self._resource = self.space.resource(address.key)
        return self._resource

    @property
    def may_ask_for_callback(self) -> bool:
        """Whether there is anything in the places where an upload asks for one."""
        return bool(self.form or self.query or "x-oss-callback" in self.headers)

    @property
    def account(self) -> str:
        return self.principal.account if self.principal is not None else ""

    @property
    def version_id(self) -> str:
        return self.query.get("versionId", "")

    @property
    def space(self) -> Space:
        found = self._space
        if found is None:
            found = self._space = self.parts.spaces.of(self.bucket)
        return found

    def enter(self, bucket: Bucket) -> None:
        """The call is about that bucket from now on."""
        self.found, self._space = bucket, None
        self._settings_at, self._resource_of = -1, None

    def about(self, bucket: Bucket, key: str) -> Call:
        """What the same caller asks at the same moment of another object, without a word besides."""
        other = Call(self.request, self.parts, self.request_id)
        other.wall, other.now, other.region, other.headers = self.wall, self.now, bucket.region, NOTHING
        other.address = Address(bucket.id, key, self.address.style, self.address.region)
        other.operation, other.anonymous = self.operation, self.anonymous
        other.principal, other.access_key_id = self.principal, self.access_key_id
        other.enter(bucket)
        return other

    def look_again(self) -> None:
        """After a wait: the time, and the bucket as it is by now. 404 NoSuchBucket when it is gone."""
        self.now = self.parts.clock.now()
        bucket = self.parts.store.get(Bucket, self.bucket.id)
        if bucket is None or bucket.volume != self.bucket.volume:
            raise NO_SUCH_BUCKET.error(extra={"BucketName": self.bucket.id})
        if bucket is not self.found:
            self.enter(bucket)

    def space_of(self, bucket: Bucket) -> Space:
        return self.parts.spaces.of(bucket)

    def document(self, root: str) -> Node:
        """The body as XML; 400 MalformedXML when it is not, or its root is another."""
        node = parse(self.request.body)
        if node.name != root:
            raise MALFORMED_XML.error()
        return node
