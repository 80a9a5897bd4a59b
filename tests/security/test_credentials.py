"""Every action and every object call, with credentials that are none: no key, a wrong one, an old one, somebody
else's, the same call twice. Each is refused with its code, and nothing changes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from kowloon.actions.declare import Action, Product
from kowloon.core.clock import iso_seconds
from kowloon.services.oss.actions import oss
from kowloon.store.identity import Role, StoredKey, User
from kowloon.store.resources import Resource
from kowloon.wire.http import HttpResponse
from tests.core.parts import Caller, get, paper_cloud, query_of, signed_fields
from tests.security.accounts import Signed

# What users may do for themselves unless their account forbids it.
SELF_SERVICE = {
    ("Ram", "ChangePassword"),
    ("Ram", "CreateVirtualMFADevice"),
    ("Ims", "ChangePassword"),
    ("Ims", "CreateVirtualMFADevice"),
    ("Ims", "GetUserMFAInfo"),
    ("Sts", "GetCallerIdentity"),
    ("Location", "DescribeEndpoints"),
}


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        await caller.cloud.runtime.stop()
        account = caller.cloud.identity.account_id
        wall = caller.wall.now
        trust = json.dumps({"Version": "1", "Statement": []})

        def body(tx: Any) -> None:
            tx.put(User(id=f"{account}:nobody", account=account, name="nobody", user_id="222222222222222222"))
            tx.put(Role(id=f"{account}:worker", account=account, name="worker", role_id="3" * 18, trust=trust))
            for key in (
                StoredKey(id="LTAInobody", account=account, secret="s", user=f"{account}:nobody"),
                StoredKey(id="LTAIasleep", account=account, secret="s", user=f"{account}:admin", active=False),
                _session("STS.fresh", account, wall + 900.0),
                _session("STS.old", account, wall - 1.0),
                # Of somebody who signed in, and whose password was taken away since.
                StoredKey(
                    id="STS.page",
                    account=account,
                    secret="s",
                    user=f"{account}:admin",
                    token="CAIS-STS.page",
                    expires_at=wall + 900.0,
                    mfa=True,
                ),
            ):
                tx.put(key)

        await caller.cloud.store.run(body)
        yield caller


def _session(id: str, account: str, expires_at: float) -> StoredKey:
    role, role_id = f"{account}:worker", "3" * 18
    return StoredKey(
        id=id,
        account=account,
        secret="s",
        role=role,
        role_id=role_id,
        session_name="s",
        token=f"CAIS-{id}",
        expires_at=expires_at,
    )


def _actions(caller: Caller) -> Iterator[tuple[Product, Action]]:
    for product in caller.cloud.registry.products:
        for action in product.actions.values():
            yield product, action


async def _send(caller: Caller, product: Product, action: Action, **fields: str) -> tuple[int, str]:
    response = await caller.send(action.name, **{"Version": product.version, **fields})
    return response.status, json.loads(response.body).get("Code", "")


def _state(caller: Caller) -> dict[str, Resource]:
    return {f"{item.kind}/{item.id}": item for item in caller.cloud.store.everything() if item.kind != "access-key-use"}


async def test_no_action_takes_credentials_that_are_none(caller: Caller) -> None:
    before = _state(caller)
    admin, tried = (caller.key_id, caller.secret), 0
    late = iso_seconds(caller.wall.now - 16 * 60)
    early = iso_seconds(caller.wall.now + 16 * 60)
    cases: list[tuple[tuple[str, str], dict[str, str], tuple[int, str]]] = [
        (("LTAIstranger", "s"), {}, (404, "InvalidAccessKeyId.NotFound")),
        ((admin[0], "wrong"), {}, (400, "SignatureDoesNotMatch")),
        (("LTAIasleep", "s"), {}, (400, "InvalidAccessKeyId.Inactive")),
        (admin, {"Timestamp": late}, (400, "InvalidTimeStamp.Expired")),
        (admin, {"Timestamp": early}, (400, "InvalidTimeStamp.Expired")),
        (admin, {"SecurityToken": "CAIS-STS.fresh"}, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
        (("STS.fresh", "s"), {}, (400, "MissingSecurityToken")),
        (("STS.fresh", "s"), {"SecurityToken": "CAIS-STS.old"}, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
        (("STS.old", "s"), {"SecurityToken": "CAIS-STS.old"}, (400, "InvalidSecurityToken.Expired")),
        (("STS.page", "s"), {"SecurityToken": "CAIS-STS.page"}, (404, "InvalidAccessKeyId.NotFound")),
    ]
    for product, action in _actions(caller):
        if action.anonymous:
            continue
        for key, fields, expected in cases:
            answer = await _send(caller.key(*key), product, action, **fields)
            assert answer == expected, (product.code, action.name, key, fields)
            tried += 1
        bare = f"/?Action={action.name}&Version={product.version}&Format=JSON"
        response = await caller.cloud.front.handle(get(bare))
        assert (response.status, json.loads(response.body)["Code"]) == (400, "MissingAccessKeyId"), action.name
    assert tried > 2000
    assert _state(caller) == before


async def test_no_action_is_done_twice_for_one_signature(caller: Caller) -> None:
    """The nonce is used up whatever became of the first call."""
    for product, action in _actions(caller):
        if action.anonymous:
            continue
        fields = signed_fields(
            caller.key_id,
            caller.secret,
            action.name,
            wall=caller.wall.now,
            Version=product.version,
            SignatureNonce=action.name + product.code,
        )
        request = get(f"/?{query_of(fields)}")
        await caller.cloud.front.handle(request)
        after_first = _state(caller)
        again = await caller.cloud.front.handle(request)
        assert json.loads(again.body)["Code"] == "SignatureNonceUsed", (product.code, action.name)
        assert _state(caller) == after_first, (product.code, action.name)


async def test_no_action_is_allowed_without_a_policy(caller: Caller) -> None:
    """But what is about the caller alone: each of these is named here."""
    before = _state(caller)
    nobody, allowed = caller.key("LTAInobody", "s"), set[tuple[str, str]]()
    for product, action in _actions(caller):
        if action.anonymous:
            continue
        fields = _needed(action)
        status, code = await _send(nobody, product, action, **fields)
        if status != 403:
            allowed.add((product.code, action.name))
            continue
        assert code == product.denied.code, (product.code, action.name, code)
    assert allowed == SELF_SERVICE
    made = {
        id
        for id in _state(caller).keys() - before.keys()
        if not id.startswith(("ram-mfa-device/", "ram-diagnostic-key/"))
    }
    assert made == set()


def _needed(action: Action) -> dict[str, str]:
    """A call that is well formed enough to be decided on."""
    fields: dict[str, str] = {}
    hints = get_type_hints(action.request)
    for field in msgspec.structs.fields(action.request):
        if not field.required:
            continue
        hint = hints[field.name]
        if get_origin(hint) is not list:
            fields[field.name] = _something(hint)
            continue
        (inner,) = get_args(hint)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            for name, kind in get_type_hints(inner).items():
                fields[f"{field.name}.1.{name}"] = _something(kind)
        else:
            fields[f"{field.name}.1"] = _something(inner)
    return fields


def _something(hint: Any) -> str:
    return "10" if hint is int else "true" if hint is bool else "something"


async def test_no_object_call_takes_credentials_that_are_none(caller: Caller) -> None:
    owner = Signed(caller)
    assert (await owner.send("PUT", "/a-private-bucket/")).status == 200
    before, tried = _state(caller), 0
    late = formatdate(caller.wall.now - 16 * 60, usegmt=True)
    cases: list[tuple[tuple[str, str], dict[str, str], str, tuple[int, str]]] = [
        (("LTAIstranger", "s"), {}, "", (403, "InvalidAccessKeyId")),
        ((caller.key_id, "wrong"), {}, "", (403, "SignatureDoesNotMatch")),
        (("LTAIasleep", "s"), {}, "", (403, "InvalidAccessKeyId")),
        ((caller.key_id, caller.secret), {}, late, (403, "RequestTimeTooSkewed")),
        (("STS.fresh", "s"), {}, "", (403, "InvalidAccessKeyId")),
        (("STS.fresh", "s"), {"x-oss-security-token": "CAIS-STS.old"}, "", (403, "InvalidSecurityToken")),
        (("STS.old", "s"), {"x-oss-security-token": "CAIS-STS.old"}, "", (403, "SecurityTokenExpired")),
        (("STS.page", "s"), {"x-oss-security-token": "CAIS-STS.page"}, "", (403, "InvalidAccessKeyId")),
    ]
    for operation in oss.operations:
        if operation.open_to_all or operation.receives is not None:
            continue
        path = {"service": "/", "bucket": "/a-private-bucket/", "object": "/a-private-bucket/key"}[operation.level]
        query = "&".join(
            name if value is None else f"{name}={value}" for name, value in sorted(operation.markers.items())
        )
        headers = {operation.header: "/a-private-bucket/key"} if operation.header else {}
        for key, more, date, expected in cases:
            answer = await Signed(caller.key(*key)).send(operation.method, path, query, b"", {**headers, **more}, date)
            code = _code(answer)
            assert (answer.status, code) == expected, (operation.name, key, more, answer.body)
            tried += 1
        answer = await Signed(caller).send(operation.method, path, query, b"", headers, anonymous=True)
        assert answer.status in (403, 400), (operation.name, answer.status, answer.body)
    assert tried > 700
    assert _state(caller) == before


def _code(answer: HttpResponse) -> str:
    document = answer.body or base64.b64decode(dict(answer.headers).get("x-oss-err", ""))
    found = re.search(rb"<Code>(\w+)</Code>", document)
    return found[1].decode() if found else ""
