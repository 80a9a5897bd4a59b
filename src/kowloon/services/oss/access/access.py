"""May this caller do this: the identity's policies and the bucket's, where a denial is final; then the ACLs.

Order and effect as the vendor describes them for requests to OSS. Listing is never granted by an ACL.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

from kowloon.actions.ports import AccessRequest
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ApiError
from kowloon.services.oss.access.access_point_policy import AccessPoint, check_entry, stance_of
from kowloon.services.oss.access.policy import BucketPolicy
from kowloon.services.oss.access.policy_document import Asked, Stance
from kowloon.services.oss.access.public_access_block import is_blocked
from kowloon.services.oss.access.referer import check_referer
from kowloon.services.oss.buckets.request_payment import check_payer
from kowloon.services.oss.buckets.setting_errors import (
    ANONYMOUS_FORBIDDEN,
    ANONYMOUS_TO_BUCKET,
    DENIED_BY_ACCESS_POINT,
    DENIED_BY_POLICY,
    LISTING_FORBIDDEN,
    NO_OBJECT_PERMISSION,
    OBJECT_BY_BUCKET_ACL,
    PUBLIC_BUCKET_ACL,
    PUBLIC_OBJECT_ACL,
)
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import NOT_YOURS
from kowloon.services.oss.resources import DEFAULT_ACL, Bucket
from kowloon.services.oss.space import Stored
from kowloon.store.resources import default_group_id
from kowloon.wire.oss.headers import parse_tagging
from kowloon.wire.policy.conditions import ValueOf

_PUBLIC: Final = ("public-read", "public-read-write")
_GRANTING: Final = {"read": _PUBLIC, "write": ("public-read-write",)}
# What needs a right of its own where a version is named.
_OF_VERSIONS: Final = frozenset(
    """
    GetObject DeleteObject GetObjectAcl PutObjectAcl GetObjectTagging PutObjectTagging DeleteObjectTagging RestoreObject
    """.split()
)
# There are as many as operations.
_RIGHTS: Final[dict[str, str]] = {}
_ACL_ACTIONS: Final = {"GetObjectAcl": "read acl", "PutObjectAcl": "write acl"}


def authorise(call: Call) -> None:
    """Raises AccessDenied; notes on the call what decided."""
    operation = call.operation
    if operation.open_to_all:
        return
    # A name that is taken is answered as that, whoever has it.
    bucket = None if operation.creates else call.found
    if call.access_point is not None:
        check_entry(call, call.access_point)
    if bucket is not None and call.has_settings:
        check_referer(call, bucket)
        check_payer(call, bucket)
    if operation.asks_itself:
        return
    key = call.address.key
    check(call, operation.action, bucket, key, operation.acl)
    headers = call.headers
    # What makes a call ask for more than its operation does.
    tells = "x-oss-tagging" in headers or "x-oss-object-acl" in headers or "x-oss-acl" in headers
    # Most calls have nothing of this.
    if key and (tells or call.query):
        for action, acl in _also(call):
            check(call, action, bucket, key, acl)
    if tells:
        _refuse_publication(call, bucket)


def check(call: Call, action: str, bucket: Bucket | None, key: str, acl: str, version_id: str | None = None) -> None:
    """The same for something else that the call needs, such as reading the source of a copy. `version_id`: of what is
    asked for; unless given, the call's own where it is about the call's own object."""
    principal = call.principal
    account = principal.account if principal is not None else ""
    owner = bucket.account if bucket is not None else account
    if version_id is None:
        version_id = call.version_id if call.query and key == call.address.key else ""
    reason, detail = "", {}
    if principal is not None:
        if bucket is None:
            resource = f"acs:oss:*:{owner}:{_path(call, bucket, key) or '*'}"
        elif bucket is call.found and key == call.address.key:
            resource = call.resource
        else:
            resource = call.space_of(bucket).resource(key)
        authorizer, name = call.parts.authorizer, _right(action)
        decision = authorizer.granted(principal, name, resource, call.request_id)
        if decision is None:
            values = _values(call, bucket, _path(call, bucket, key), version_id)
            group_of = functools.partial(_group_of, call, bucket)
            decision = authorizer.decide(AccessRequest(principal, name, resource, values, call.request_id, group_of))
        detail = decision.detail
        if decision.final:
            call.reason = decision.reason
            raise _denial(call, action, bucket, key, acl, version_id, detail)
        # What identity grants, it grants for what is its account's own.
        if decision.allowed and account == owner:
            reason = decision.reason
    if bucket is not None:
        has_settings = bucket is not call.found or call.has_settings
        setting = call.parts.store.get(BucketPolicy, bucket.id) if has_settings else None
        if setting is not None:
            path = _path(call, bucket, key)
            reason = reason_of_policy(call, setting, _right(action), bucket, path, version_id) or reason
        if not reason and acl:
            reason = _reason_of_acl(call, bucket, key, acl, version_id)
        if reason and call.access_point is not None and call.access_point.bucket == bucket.id:
            path = _path(call, bucket, key)
            reason = _reason_of_point(call, call.access_point, _right(action), bucket, path, version_id, reason)
    call.reason = reason or f"nothing allows {_right(action)}"
    if not reason:
        raise _denial(call, action, bucket, key, acl, version_id, detail)


def _path(call: Call, bucket: Bucket | None, key: str) -> str:
    name = bucket.id if bucket is not None else call.address.bucket
    return f"{name}/{key}" if key else name


def _right(action: str) -> str:
    """As RAM writes it: `oss:GetObject`."""
    found = _RIGHTS.get(action)
    if found is None:
        found = _RIGHTS[action] = f"oss:{action}"
    return found


def _group_of(call: Call, bucket: Bucket | None) -> str:
    """The resource group that counts: the bucket's, or where the call puts a new one."""
    if bucket is not None:
        return bucket.resource_group
    told = call.headers.get("x-oss-resource-group-id", "")
    return told if told or call.operation.access == "read" else default_group_id(call.account)


def reason_of_policy(call: Call, setting: BucketPolicy, action: str, bucket: Bucket, path: str, version: str) -> str:
    """Why the bucket's policy allows it; empty when it says nothing. 403 AccessDenied when it denies."""
    policy = setting.policy
    asked = Asked(action, bucket.region, bucket.account, path, call.principal, _values(call, bucket, path, version))
    blocked = is_blocked(call.parts.store, bucket.account, bucket)
    stance, number = policy.stance(asked, ignore_public=blocked)
    if stance is Stance.SILENT:
        return ""
    reason = f"statement {number} of the policy of {bucket.id}"
    if stance is Stance.DENIES:
        call.reason = reason
        raise DENIED_BY_POLICY.error(extra=_detail(call, action, "ExplicitDeny"))
    return reason


def _reason_of_point(
    call: Call, point: AccessPoint, action: str, bucket: Bucket, path: str, version: str, reason: str
) -> str:
    """`reason`, where the access point's policy agrees; empty where it says nothing. 403 AccessDenied when it
    denies."""
    asked = Asked(action, bucket.region, bucket.account, path, call.principal, _values(call, bucket, path, version))
    stance, number = stance_of(call, point, asked)
    if stance is Stance.DENIES:
        call.reason = f"statement {number} of the policy of access point {point.name}"
        raise DENIED_BY_ACCESS_POINT.error(extra=_detail(call, action, "ExplicitDeny"))
    return reason if stance is Stance.ALLOWS else ""


def _also(call: Call) -> Iterator[tuple[str, str]]:
    """What the call does besides its operation's own action, and the ACL that would do for it."""
    operation, headers = call.operation, call.headers
    if call.version_id and operation.action in _OF_VERSIONS:
        yield operation.action.replace("Object", "ObjectVersion"), operation.acl
    if "x-oss-tagging" in headers and operation.action == "PutObject":
        yield "PutObjectTagging", ""
    if "x-oss-object-acl" in headers and operation.action == "PutObject":
        yield "PutObjectAcl", ""


def _refuse_publication(call: Call, bucket: Bucket | None) -> None:
    """Nothing is made public where public access is blocked."""
    headers = call.headers
    object_acl, bucket_acl = headers.get("x-oss-object-acl"), headers.get("x-oss-acl")
    if object_acl not in _PUBLIC and bucket_acl not in _PUBLIC:
        return
    account = bucket.account if bucket is not None else call.account
    if is_blocked(call.parts.store, account, bucket):
        raise (PUBLIC_OBJECT_ACL if object_acl in _PUBLIC else PUBLIC_BUCKET_ACL).error()


# ACLs -----------------------------------------------------------------------------------------------------------------


def _reason_of_acl(call: Call, bucket: Bucket, key: str, needed: str, version_id: str) -> str:
    """Which ACL allows it; empty when none does. An object's own comes before its bucket's."""
    stored = _stored(call, bucket, key, version_id) if key else None
    own = stored is not None and stored.meta.acl != DEFAULT_ACL
    acl = stored.meta.acl if stored is not None and own else bucket.acl
    if acl not in _GRANTING[needed] or is_blocked(call.parts.store, bucket.account, bucket):
        return ""
    return f"ACL of {bucket.id}/{key}" if own else f"ACL of {bucket.id}"


def _stored(call: Call, bucket: Bucket, key: str, version_id: str) -> Stored | None:
    space = call.space_of(bucket)
    return space.version(key, version_id) if version_id else space.current(key)


def _denial(
    call: Call, action: str, bucket: Bucket | None, key: str, acl: str, version_id: str, detail: dict[str, Any]
) -> ApiError:
    extra = {"AccessDeniedDetail": detail} if detail else {}
    if action in _ACL_ACTIONS:
        return NO_OBJECT_PERMISSION.error(what=_ACL_ACTIONS[action], extra=extra)
    if key and bucket is not None:
        stored = _stored(call, bucket, key, version_id) if acl else None
        if stored is not None and stored.meta.acl != DEFAULT_ACL:
            return NO_OBJECT_PERMISSION.error(what=acl, extra=extra)
        return OBJECT_BY_BUCKET_ACL.error(extra=extra)
    if call.principal is None:
        return (ANONYMOUS_FORBIDDEN if bucket is None else ANONYMOUS_TO_BUCKET).error()
    return (LISTING_FORBIDDEN if action == "ListBuckets" else NOT_YOURS).error(extra=extra)


def _detail(call: Call, action: str, kind: str) -> dict[str, Any]:
    """What tells a caller whose policy said no; strangers learn nothing but that."""
    principal = call.principal
    if principal is None:
        return {}
    return {
        "AccessDeniedDetail": {
            "AuthAction": action,
            "AuthPrincipalOwnerId": principal.account,
            "AuthPrincipalDisplayName": principal.id,
            "NoPermissionType": kind,
            "PolicyType": "ResourceBasedPolicy",
        }
    }


# What conditions are about --------------------------------------------------------------------------------------------


def _values(call: Call, bucket: Bucket | None, path: str, version_id: str) -> ValueOf:
    """The values of condition keys for this call."""
    return functools.partial(_value, call, bucket, path, version_id)


def _value(call: Call, bucket: Bucket | None, path: str, version_id: str, key: str) -> str | None:
    """Tags are looked up only when a policy asks for one."""
    name, separator, tag = key.partition("/")
    if separator:
        return _tags(call, bucket, name, path.partition("/")[2], version_id).get(tag)
    return _plain_value(call, key)


def _tags(call: Call, bucket: Bucket | None, name: str, key: str, version_id: str) -> dict[str, str]:
    if name == "oss:requestobjecttag":
        return parse_tagging(call.headers.get("x-oss-tagging", ""))
    if bucket is None:
        return {}
    if name == "oss:buckettag":
        return bucket.tags
    stored = _stored(call, bucket, key, version_id) if key else None
    return stored.meta.tags if stored is not None else {}


def _plain_value(call: Call, key: str) -> str | None:
    request, headers, query = call.request, call.headers, call.query
    match key:
        case "acs:sourceip":
            return request.peer
        case "acs:securetransport":
            return "true" if request.scheme == "https" else "false"
        case "acs:useragent":
            return headers.get("user-agent")
        case "acs:referer":
            return headers.get("referer")
        case "acs:currenttime":
            return iso_seconds(call.now)
        case "acs:accessid":
            return call.access_key_id or None
        case "oss:prefix":
            return query.get("prefix", "")
        case "oss:delimiter":
            return query.get("delimiter", "")
        case "oss:maxkeys":
            return query.get("max-keys")
        case "oss:x-oss-acl":
            return headers.get("x-oss-acl")
        case "oss:x-oss-object-acl":
            return headers.get("x-oss-object-acl")
        case "oss:dataaccesspointarn":
            return call.access_point.arn if call.access_point is not None else None
        case "oss:dataaccesspointaccount":
            return call.access_point.account if call.access_point is not None else None
        case "oss:accesspointnetworkorigin":
            return call.access_point.origin if call.access_point is not None else None
        case "acs:mfapresent":
            return "true" if call.principal is not None and call.principal.mfa else "false"
    # Nobody here calls from a VPC.
    return None
