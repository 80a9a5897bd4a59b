"""Two accounts of one cloud: one that has something of everything, and one that wants it."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from typing import Any, get_args, get_origin, get_type_hints

from kowloon.actions.declare import Action
from kowloon.services.ecs.resources import Image
from kowloon.store.identity import Account, StoredKey
from kowloon.store.resources import Resource
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.oss.subresources import SIGNED
from tests.core.parts import REGION, Caller

STRANGER = "1888000011112222"
_SHORT = 6
# What everybody may know, or what a caller brings along.
_COMMON = re.compile(r"\d{1,14}|true|false|[a-z]{1,12}|v\d+|.{0,5}", re.IGNORECASE)


async def stranger_of(owner: Caller) -> Caller:
    """Root of another account."""
    key = StoredKey(id="LTAI5tStranger", account=STRANGER, secret="strangerssecret")

    def body(tx: Any) -> None:
        tx.put(Account(id=STRANGER, account=STRANGER))
        tx.put(key)

    await owner.cloud.store.run(body)
    return owner.key(key.id, key.secret)


def belongings(owner: Caller, account: str) -> dict[tuple[str, str], Resource]:
    """What an account has in the store, but for records of what was asked."""
    passing = ("client-token", "access-key-use")
    return {
        (item.kind, item.id): item
        for item in owner.cloud.store.everything()
        if item.account == account and item.kind not in passing
    }


def words(value: Any) -> Iterator[tuple[str, str]]:
    """All pairs of a name and a text in a JSON answer."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                yield name, inner
            elif isinstance(inner, list) and all(isinstance(each, str) for each in inner):
                yield from ((name, each) for each in inner)
            else:
                yield from words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words(inner)


class Vocabulary:
    """What the owner's things are called, by the name of the field that says it."""

    def __init__(self) -> None:
        self._by_field: dict[str, dict[str, None]] = {}

    def learn(self, answer: Any) -> None:
        for name, value in words(answer):
            if value and name != "RequestId":
                self._by_field.setdefault(_stem(name), {})[value] = None

    def values(self, field: str) -> list[str]:
        return list(self._by_field.get(_stem(field), {}))[:4]


def _stem(name: str) -> str:
    """`InstanceIds`, `InstanceId` and `DBInstanceId` of another product: the first two are one."""
    return name.lower().removesuffix("s")


def filled(action: Action, vocabulary: Vocabulary, turn: int) -> dict[str, str]:
    """A call of the action about the owner's things: every field that can name one does. `turn` chooses among them."""
    fields: dict[str, str] = {}
    for name, hint in get_type_hints(action.request).items():
        if name == "Tag":
            fields |= {"Tag.1.Key": "stolen", "Tag.1.Value": "yes"}
        known = vocabulary.values(name) or [*_named_by(name, vocabulary)]
        if name in ("DryRun", "ClientToken", "RegionId", "MaxResults", "NextToken", "Marker", "MaxItems"):
            continue
        if known:
            value = known[turn % len(known)]
            fields[name] = json.dumps([value]) if _is_json(action, name) else value
        elif _needed(action, name):
            fields[name] = _anything(hint)
    return fields


def _named_by(name: str, vocabulary: Vocabulary) -> Iterator[str]:
    """Fields that take a thing of several kinds."""
    if name == "ResourceId":
        for field in ("VpcId", "InstanceId", "DBInstanceId", "LoadBalancerId"):
            yield from vocabulary.values(field)


def _is_json(action: Action, name: str) -> bool:
    return action.decoder.styles.get(name) == "json"


def _needed(action: Action, name: str) -> bool:
    fields = {field.name: field for field in __import__("msgspec").structs.fields(action.request)}
    return bool(fields[name].required)


def _anything(hint: Any) -> str:
    if hint is int or int in get_args(hint):
        return "10"
    if hint is bool or bool in get_args(hint):
        return "true"
    if get_origin(hint) in (list, tuple, dict):
        return ""
    return "something"


class Signed:
    """Object calls with a caller's keys, in process."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        date: str = "",
        *,
        anonymous: bool = False,
    ) -> HttpResponse:
        """`date`: of the signature, now unless given."""
        given = {"content-type": "application/xml", **(headers or {})}
        date = date or formatdate(self.caller.wall.now, usegmt=True)
        own = "".join(f"{name}:{given[name]}\n" for name in sorted(given) if name.startswith("x-oss-"))
        text = f"{method}\n\n{given['content-type']}\n{date}\n{own}{path}{_signed(query)}"
        mac = hmac.digest(self.caller.secret.encode(), text.encode(), "sha1")
        signed = [("authorization", f"OSS {self.caller.key_id}:{base64.b64encode(mac).decode()}")]
        sent = [
            ("host", "127.0.0.1:8520"),
            ("date", date),
            ("content-length", str(len(body))),
            *([] if anonymous else signed),
            *given.items(),
        ]
        target = path + (f"?{query}" if query else "")
        answer = self.caller.cloud.front.handle(HttpRequest(method=method, target=target, headers=sent, body=body))
        return answer if isinstance(answer, HttpResponse) else await answer


def _signed(query: str) -> str:
    """What clients sign of a query."""
    names = [piece for piece in query.split("&") if piece.partition("=")[0] in SIGNED]
    return "?" + "&".join(names) if names else ""


def told_of(answer: bytes, owned: dict[tuple[str, str], Resource], named: Iterable[str]) -> list[str]:
    """Ids of the owner's things in an answer to somebody who did not name them."""
    text = answer.decode("utf-8", "replace")
    said = " ".join(named)
    ids = {id for kind, id in owned if kind != Image.kind or not id.startswith("ubuntu")}
    return sorted(id for id in ids if len(id) > _SHORT and not _COMMON.fullmatch(id) and id in text and id not in said)


async def furnish(owner: Caller) -> None:
    """Something of everything, through the API."""
    vpc = (await owner.ask("CreateVpc", CidrBlock="10.0.0.0/8", VpcName="mine"))["VpcId"]
    switch = (
        await owner.ask("CreateVSwitch", VpcId=vpc, ZoneId=f"{REGION}-b", CidrBlock="10.0.0.0/24", VSwitchName="mine")
    )["VSwitchId"]
    ecs = {"Version": "2014-05-26"}
    group = (await owner.ask("CreateSecurityGroup", VpcId=vpc, SecurityGroupName="mine", **ecs))["SecurityGroupId"]
    await owner.ask(
        "AuthorizeSecurityGroup",
        SecurityGroupId=group,
        IpProtocol="tcp",
        PortRange="22/22",
        SourceCidrIp="10.9.8.0/24",
        **ecs,
    )
    await owner.ask("CreateKeyPair", KeyPairName="my-key-pair", **ecs)
    await owner.ask(
        "RunInstances",
        ImageId="ubuntu_22_04_x64_20G_alibase_20240710.vhd",
        InstanceType="ecs.g7.large",
        SecurityGroupId=group,
        VSwitchId=switch,
        InstanceName="my-instance",
        **ecs,
    )
    await owner.ask("AllocateEipAddress", Name="my-eip")
    slb = {"Version": "2014-05-15"}
    balancer = (await owner.ask("CreateLoadBalancer", LoadBalancerName="my-balancer", VSwitchId=switch, **slb))[
        "LoadBalancerId"
    ]
    await owner.ask(
        "CreateLoadBalancerTCPListener",
        LoadBalancerId=balancer,
        ListenerPort="80",
        BackendServerPort="80",
        Bandwidth="-1",
        **slb,
    )
    await owner.ask("CreateVServerGroup", LoadBalancerId=balancer, VServerGroupName="my-group", **slb)
    await owner.ask(
        "CreateDBInstance",
        Version="2014-08-15",
        Engine="PostgreSQL",
        EngineVersion="16.0",
        DBInstanceClass="pg.n2.2c.2m",
        DBInstanceStorage="20",
        DBInstanceNetType="Intranet",
        SecurityIPList="10.0.0.0/8",
        PayType="Postpaid",
        VPCId=vpc,
        VSwitchId=switch,
        ZoneId=f"{REGION}-b",
        DBInstanceDescription="my-database",
    )
    ram = {"Version": "2015-05-01"}
    await owner.ask("CreateUser", UserName="my-user", **ram)
    await owner.ask("CreateAccessKey", UserName="my-user", **ram)
    await owner.ask("CreateGroup", GroupName="my-group-of-users", **ram)
    await owner.ask("AddUserToGroup", UserName="my-user", GroupName="my-group-of-users", **ram)
    document = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]})
    await owner.ask("CreatePolicy", PolicyName="my-policy", PolicyDocument=document, **ram)
    await owner.ask("AttachPolicyToUser", PolicyType="Custom", PolicyName="my-policy", UserName="my-user", **ram)
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"RAM": [f"acs:ram::{owner.cloud.identity.account_id}:root"]},
    }
    await owner.ask(
        "CreateRole",
        RoleName="my-role",
        AssumeRolePolicyDocument=json.dumps({"Version": "1", "Statement": [trust]}),
        **ram,
    )
    await owner.ask("CreateTrail", Name="my-own-trail", OssBucketName="my-own-bucket", Version="2020-07-06")
    await _organise(owner, document)


async def _organise(owner: Caller, document: str) -> None:
    """A directory, a resource group, and tags that are prepared."""
    manage = {"Version": "2020-03-31"}
    await owner.ask("InitResourceDirectory", **manage)
    await owner.ask("EnableControlPolicy", **manage)
    folder = (await owner.ask("CreateFolder", FolderName="my-folder", **manage))["Folder"]["FolderId"]
    await owner.ask("CreateResourceAccount", DisplayName="my-member", ParentFolderId=folder, **manage)
    policy = {"PolicyName": "my-control-policy", "PolicyDocument": document, "EffectScope": "RAM"}
    made = await owner.ask("CreateControlPolicy", **policy, **manage)
    await owner.ask("AttachControlPolicy", PolicyId=made["ControlPolicy"]["PolicyId"], TargetId=folder, **manage)
    await owner.ask("CreateResourceGroup", Name="my-project", DisplayName="my-project", **manage)
    meta = {"TagKeyValueParamList.1.Key": "my-tag-key", "TagKeyValueParamList.1.TagValueParamList.1.Value": "my-value"}
    await owner.ask("CreateTags", Version="2018-08-28", **meta)


async def learn(owner: Caller, vocabulary: Vocabulary) -> None:
    """All that the owner's own reading says, from lists to details."""
    for turn, product in itertools.product(range(3), owner.cloud.registry.products):
        for action in product.actions.values():
            if action.access != "read":
                continue
            fields = filled(action, vocabulary, turn) if turn else {}
            response = await owner.send(action.name, **{"Version": product.version, **fields})
            if response.status == 200:
                vocabulary.learn(json.loads(response.body))
