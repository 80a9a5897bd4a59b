"""Access points at work: calls that come through one, and what its policy says of them.

As the vendor has it, a call through an access point is allowed where the identity's and the bucket's rights allow it
and the access point's policy does too; a denial of any is final. Silence of the access point's policy is no consent,
except to the account itself that has the bucket.
"""

from __future__ import annotations

from typing import ClassVar, Final

from kowloon.services.oss.access.policy_document import Asked, Policy, Stance, parse_policy
from kowloon.services.oss.access.public_access_block import is_blocked
from kowloon.services.oss.buckets.setting_errors import DENIED_BY_ORIGIN
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import INVALID_BUCKET_NAME, METHOD_NOT_ALLOWED
from kowloon.services.oss.product import oss
from kowloon.services.oss.resources import Bucket
from kowloon.store.resources import Resource

ALIAS_SUFFIX: Final = "-ossalias"
ORIGINS: Final = ("internet", "vpc")
# What can be asked of a bucket through an access point; of its objects everything can.
_OF_BUCKETS: Final = frozenset(
    """
    DeleteMultipleObjects ListMultipartUploads ListObjects ListObjectsV2 ListObjectVersions OptionObject PostObject
    """.split()
)


class AccessPoint(Resource, frozen=True, kw_only=True):
    """`id` is the alias, which calls use as the name of a bucket. `policy` is the text as it was put, or empty.
    `blocked`: what its policy opens to everyone does not count."""

    kind: ClassVar[str] = "oss-access-point"

    name: str
    bucket: str
    origin: str
    vpc: str = ""
    policy: str = ""
    blocked: bool = False

    @property
    def arn(self) -> str:
        return f"acs:oss:{self.region}:{self.account}:{self.path}"

    @property
    def path(self) -> str:
        return f"accesspoint/{self.name}"

    @property
    def parsed_policy(self) -> Policy:
        return parse_policy(self.policy)


oss.keeps(AccessPoint)


def enter(call: Call) -> Bucket | None:
    """The bucket of the access point whose alias stands where a bucket's name would; None when there is none."""
    alias = call.address.bucket
    if call.operation.creates:
        raise INVALID_BUCKET_NAME.error(extra={"BucketName": alias})
    point = call.parts.store.get(AccessPoint, alias)
    if point is None:
        return None
    call.access_point = point
    return call.parts.store.get(Bucket, point.bucket)


def check_entry(call: Call, point: AccessPoint) -> None:
    """403 AccessDenied for calls from outside of its VPC: nobody here calls from one. 405 MethodNotAllowed for what
    is the bucket's own."""
    if point.origin != "internet":
        raise DENIED_BY_ORIGIN.error()
    if not call.key and call.operation.name not in _OF_BUCKETS:
        raise METHOD_NOT_ALLOWED.error(extra={"Method": call.request.method, "ResourceType": "AccessPoint"})


def stance_of(call: Call, point: AccessPoint, asked: Asked) -> tuple[Stance, int]:
    """What its policy says, and which statement of it. `asked` as the bucket's policy is asked."""
    key = asked.path.partition("/")[2]
    path = f"{point.path}/object/{key}" if key else point.path
    stance, number = Stance.SILENT, 0
    if point.policy:
        bucket = call.parts.store.get(Bucket, point.bucket)
        blocked = point.blocked or is_blocked(call.parts.store, point.account, bucket)
        stance, number = point.parsed_policy.stance(asked._replace(path=path), ignore_public=blocked)
    return (Stance.ALLOWS, 0) if stance is Stance.SILENT and asked.by_owner else (stance, number)
