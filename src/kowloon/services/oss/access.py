"""May this caller do this: RAM and the bucket's policy first, where a denial is final; then the ACLs.

Order and effect as the vendor describes them for requests to OSS. Listing is never granted by an ACL.
"""

from __future__ import annotations

from kowloon.core.errors import ApiError
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import DENIED_BY_RAM, NOT_ALLOWED, NOT_YOURS
from kowloon.services.oss.resources import DEFAULT_ACL, Bucket

_READABLE = ("public-read", "public-read-write")
_WRITABLE = ("public-read-write",)


def authorise(call: Call) -> None:
    """Raises AccessDenied; notes on the call what decided."""
    if call.operation.open_to_all:
        return
    # A name that is taken is answered as that, whoever has it.
    bucket = None if call.operation.creates else call.found
    check(call, call.operation.action, bucket, call.key, call.operation.acl)


def check(call: Call, action: str, bucket: Bucket | None, key: str, acl: str) -> None:
    """The same for something else that the call needs, such as reading the source of a copy."""
    owner = bucket.account if bucket is not None else call.account
    if call.principal is not None and call.account == owner:
        resource = _resource(owner, bucket.id if bucket is not None else call.address.bucket, key)
        decision = call.parts.authorizer.decide(call.principal, f"oss:{action}", resource, call.request.peer)
        call.reason = decision.reason
        if decision.allowed:
            return
    if bucket is not None and _allowed_by_acl(call, bucket, key, acl):
        call.reason = f"ACL of {bucket.id}"
        return
    raise _denial(call, owner, key)


def _resource(account: str, bucket: str, key: str) -> str:
    """As RAM writes it: a bucket, an object in it, or everything of the account."""
    return f"acs:oss:*:{account}:{bucket}/{key}" if key else f"acs:oss:*:{account}:{bucket or '*'}"


def _allowed_by_acl(call: Call, bucket: Bucket, key: str, needed: str) -> bool:
    if not needed:
        return False
    acl = bucket.acl
    if key and needed == "read":
        space = call.space_of(bucket)
        stored = space.version(key, call.version_id) if call.version_id else space.current(key)
        if stored is not None and stored.meta.acl != DEFAULT_ACL:
            acl = stored.meta.acl
    return acl in (_READABLE if needed == "read" else _WRITABLE)


def _denial(call: Call, owner: str, key: str) -> ApiError:
    if call.principal is None:
        return NOT_ALLOWED.error() if key else NOT_YOURS.error()
    return DENIED_BY_RAM.error() if call.account == owner else NOT_YOURS.error()
