"""Other callers than the administrator: accounts by the operator's own API, users and roles by signed calls."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from kowloon.testing.callers import Caller

if TYPE_CHECKING:
    from kowloon.testing.cloud import LocalCloud

_RAM, _STS = "2015-05-01", "2015-04-01"


class CallRefused(Exception):
    """The cloud refused what a helper asked it for; the vendor's code and message."""


def account(cloud: LocalCloud, name: str) -> Caller:
    opened = _admin(cloud, "GET", "accounts")["accounts"]
    if not any(each["name"] == name for each in opened):
        _admin(cloud, "POST", "accounts", {"name": name})
    key = _admin(cloud, "POST", f"accounts/{name}/keys", {})
    return _caller(cloud, key["account"], key["access_key_id"], key["access_key_secret"])


def user(cloud: LocalCloud, name: str, allow: Collection[str]) -> Caller:
    if _ask(cloud, _RAM, "GetUser", "EntityNotExist.User", UserName=name) is None:
        _ask(cloud, _RAM, "CreateUser", UserName=name)
    _allow(cloud, "User", name, allow)
    key = _ask(cloud, _RAM, "CreateAccessKey", UserName=name)["AccessKey"]
    return _caller(cloud, cloud.account_id, key["AccessKeyId"], key["AccessKeySecret"])


def role(cloud: LocalCloud, name: str, allow: Collection[str]) -> Caller:
    if _ask(cloud, _RAM, "GetRole", "EntityNotExist.Role", RoleName=name) is None:
        trusted = {"RAM": [f"acs:ram::{cloud.account_id}:root"]}
        trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}]
        _ask(cloud, _RAM, "CreateRole", RoleName=name, AssumeRolePolicyDocument=_document(trust))
    _allow(cloud, "Role", name, allow)
    arn = f"acs:ram::{cloud.account_id}:role/{name.lower()}"
    key = _ask(cloud, _STS, "AssumeRole", RoleArn=arn, RoleSessionName="test")["Credentials"]
    return _caller(cloud, cloud.account_id, key["AccessKeyId"], key["AccessKeySecret"], key["SecurityToken"])


def _allow(cloud: LocalCloud, kind: str, name: str, actions: Collection[str]) -> None:
    """Exactly these, by one policy of that name."""
    policy = f"{name}-may"
    held = _ask(cloud, _RAM, "GetPolicy", "EntityNotExist.Policy", PolicyName=policy, PolicyType="Custom")
    if held is not None:
        _ask(cloud, _RAM, f"DetachPolicyFrom{kind}", **{f"{kind}Name": name}, PolicyName=policy, PolicyType="Custom")
        _ask(cloud, _RAM, "DeletePolicy", PolicyName=policy)
    if actions:
        statement = [{"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}]
        _ask(cloud, _RAM, "CreatePolicy", PolicyName=policy, PolicyDocument=_document(statement))
        _ask(cloud, _RAM, f"AttachPolicyTo{kind}", **{f"{kind}Name": name}, PolicyName=policy, PolicyType="Custom")


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "1", "Statement": statements})


def _caller(cloud: LocalCloud, account_id: str, key_id: str, secret: str, token: str = "") -> Caller:
    return Caller(
        endpoint=cloud.endpoint,
        region=cloud.settings.region,
        account_id=account_id,
        access_key_id=key_id,
        access_key_secret=secret,
        security_token=token,
    )


def _admin(cloud: LocalCloud, method: str, path: str, body: object = None) -> dict[str, Any]:
    from kowloon.wire.http import HttpRequest

    headers = [("host", "localhost"), ("authorization", f"Bearer {cloud.admin_token}")]
    content = b"" if body is None else json.dumps(body).encode()
    request = HttpRequest(method=method, target=f"/_kowloon/{path}", headers=headers, body=content)
    _, answer = _answer(cloud, request)
    return answer


def _ask(cloud: LocalCloud, version: str, action: str, absent: str = "", **parameters: str) -> Any:
    """A call as the administrator. None where the answer is the error `absent`."""
    from kowloon.core.clock import iso_seconds
    from kowloon.core.ids import Ids
    from kowloon.drill.sign import Keys, sign_rpc, target_of
    from kowloon.wire.http import HttpRequest

    asked = {**parameters, "Action": action, "Version": version}
    keys = Keys(cloud.access_key_id, cloud.access_key_secret)
    signed = sign_rpc(asked, keys, timestamp=iso_seconds(cloud.cloud.clock.wall()), nonce=Ids().request_id())
    code, answer = _answer(
        cloud, HttpRequest(method="GET", target=target_of(signed), headers=[("host", "localhost")]), absent
    )
    return None if code else answer


def _answer(cloud: LocalCloud, request: Any, absent: str = "") -> tuple[str, dict[str, Any]]:
    import inspect

    async def body() -> Any:
        response = cloud.cloud.front.handle(request)
        return await response if inspect.isawaitable(response) else response

    response = cloud.run(body())
    answer: dict[str, Any] = json.loads(response.body)
    if response.status < 400:
        return "", answer
    if absent and answer.get("Code") == absent:
        return absent, answer
    raise CallRefused(f"{answer.get('Code')}: {answer.get('Message')}")
