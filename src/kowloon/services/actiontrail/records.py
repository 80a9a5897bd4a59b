"""Events as ActionTrail shows them, and what they can be looked up by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from kowloon.core.clock import iso_seconds
from kowloon.core.events import RequestEvent
from kowloon.engines.audit.index import Row

_IDENTITIES: Final = {
    "Account": "root-account",
    "RAMUser": "ram-user",
    "AssumedRoleUser": "assumed-role",
    "SAMLUser": "saml-user",
    "OIDCUser": "oidc-user",
}
# Kinds as the vendor writes them; others begin with a capital.
_KINDS: Final = {
    "vpc": "VPC",
    "vswitch": "VSwitch",
    "securitygroup": "SecurityGroup",
    "loadbalancer": "LoadBalancer",
    "dbinstance": "DBInstance",
    "keypair": "KeyPair",
    "launchtemplate": "LaunchTemplate",
    "eip": "EIP",
}


def row_of(position: int, event: RequestEvent) -> Row:
    resources = resources_of(event)
    return Row(
        position,
        event.account,
        event.at,
        event.request_id,
        event.product,
        event.action,
        user_of(event),
        "Read" if event.reads else "Write",
        event.access_key_id,
        event.source,
        resources,
        msgspec.json.encode(shown(event, resources)),
    )


def user_of(event: RequestEvent) -> str:
    """As `userName` has it: of a session the role's name and the session's."""
    if event.principal_type == "AssumedRoleUser":
        return f"{event.principal_name}:{event.principal.rpartition('/')[2]}"
    return event.principal_name


def shown(event: RequestEvent, resources: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The vendor's structure of a management event. `additionalEventData` says which fault acted, who decided, and whom
    an identity provider vouched for, too: that is Kowloon's own."""
    referenced: dict[str, list[str]] = {}
    for kind, name in resources:
        referenced.setdefault(kind, []).append(name)
    moment = iso_seconds(event.at)
    record: dict[str, Any] = {
        "eventId": event.request_id,
        "eventVersion": "1",
        "eventCategory": "Data" if event.data else "Management",
        "eventType": event.event_type,
        "eventName": event.action,
        "eventRW": "Read" if event.reads else "Write",
        "eventSource": event.host,
        "eventTime": moment,
        "serviceName": event.product,
        "apiVersion": event.version,
        "acsRegion": event.region or "cn-hangzhou",
        "isGlobal": not event.region,
        "requestId": event.request_id,
        "recipientAccountId": event.account,
        "sourceIpAddress": event.source,
        "userAgent": event.user_agent,
        "userIdentity": _identity(event, moment),
        "referencedResources": referenced,
        "requestParameters": event.parameters or {},
        "requestParameterJson": msgspec.json.encode(event.parameters or {}).decode(),
        "responseElements": {**(event.response or {}), "RequestId": event.request_id},
        "additionalEventData": {
            "Scheme": event.scheme,
            "decision": event.decision,
            **({"fault": event.fault} if event.fault else {}),
            **({"mfaChecked": str(event.mfa).lower()} if event.event_type == "ConsoleSignin" else {}),
            **({"federated": {"provider": event.provider, "subject": event.subject}} if event.provider else {}),
            "latencyMs": round(event.latency_ms, 3),
        },
    }
    if resources:
        record["resourceType"] = ";".join(dict.fromkeys(kind for kind, _ in resources))
        record["resourceName"] = ";".join(name for _, name in resources)
    if event.code:
        record["errorCode"], record["errorMessage"] = event.code, event.message
    return record


def _identity(event: RequestEvent, moment: str) -> dict[str, Any]:
    began = moment if event.session_began_at is None else iso_seconds(event.session_began_at)
    attributes = {"mfaAuthenticated": str(event.mfa).lower(), "creationDate": began}
    session: dict[str, Any] = {"attributes": attributes}
    if event.source_identity:
        session["sourceIdentity"] = event.source_identity
    return {
        "type": _IDENTITIES.get(event.principal_type, event.principal_type.lower()),
        "accountId": event.account,
        "principalId": event.principal_id,
        "userName": user_of(event),
        "accessKeyId": event.access_key_id,
        "sessionContext": session,
    }


def resources_of(event: RequestEvent) -> tuple[tuple[str, str], ...]:
    """Kind (`ACS::ECS::Instance`) and name of what the call was about; what it made besides."""
    found: dict[tuple[str, str], None] = {}
    for arn in event.resources:
        parts = arn.split(":", 4)
        if len(parts) != 5 or parts[0] != "acs":
            continue
        product, rest = parts[1].upper(), parts[4]
        kind, separator, name = rest.partition("/")
        if product == "OSS":
            kind, name = ("Object", rest) if separator else ("Bucket", rest)
        kind = f"ACS::{product}::{_KINDS.get(kind, kind[:1].upper() + kind[1:])}"
        names: Iterable[str] = (name,) if name and "*" not in name else _made(event, kind)
        found.update({(kind, each): None for each in names})
    return tuple(found)


def _made(event: RequestEvent, kind: str) -> list[str]:
    """The ids of that kind in the answer: `InstanceId` of an Instance."""
    wanted = f"{kind.rpartition('::')[2]}id".lower()
    return [value for name, value in _pairs(event.response) if name.lower() == wanted]


def _pairs(value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                yield name, inner
            else:
                yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)
