"""Key pairs: real RSA keys, whose private half is in one answer and nowhere else.

Deviations: the fingerprint is the MD5 of the public key for created keys too. The engines put no key into instances
yet: nothing listens for ssh in them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import msgspec

from kowloon.actions import pages, resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.core.clock import iso_minutes
from kowloon.core.keys import RsaKey, fingerprint, new_rsa_key
from kowloon.services.ecs.errors import (
    KEY_PAIR_EXISTS,
    KEY_PAIR_IN_USE,
    KEY_PAIR_NAME,
    KEY_PAIR_NAMES,
    PUBLIC_KEY_INVALID,
)
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Instance, KeyPair, pair_id

_NAME = re.compile(r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff_.:-]{1,127}")


async def _new_key(ports: Mapping[type, object], req: Request) -> RsaKey:
    return await asyncio.to_thread(new_rsa_key)


def _put(ctx: Context, name: str, public: str, req: CreateKeyPairRequest | ImportKeyPairRequest) -> KeyPair:
    if not _NAME.fullmatch(name) or name.startswith(("http://", "https://")):
        raise KEY_PAIR_NAME.error()
    if ctx.tx.get(KeyPair, pair_id(ctx.account, ctx.region, name)) is not None:
        raise KEY_PAIR_EXISTS.error()
    try:
        print_of_key = fingerprint(public)
    except ValueError:
        raise PUBLIC_KEY_INVALID.error() from None
    item = KeyPair(
        id=pair_id(ctx.account, ctx.region, name),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
        name=name,
        key_pair_id=ctx.ids.resource("ssh"),
        public_key=public,
        fingerprint=print_of_key,
    )
    ctx.tx.put(item)
    return item


class CreateKeyPairRequest(Request):
    KeyPairName: str
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []


class CreateKeyPairResponse(Response):
    KeyPairId: str
    KeyPairName: str
    KeyPairFingerPrint: str
    PrivateKeyBody: str


@ecs.action(resource="acs:ecs:{region}:{account}:keypair/*", prepare=_new_key)
def create_key_pair(ctx: Context, req: CreateKeyPairRequest) -> CreateKeyPairResponse:
    key: RsaKey = ctx.prepared
    item = _put(ctx, req.KeyPairName, key.public, req)
    return CreateKeyPairResponse(
        KeyPairId=item.key_pair_id,
        KeyPairName=item.name,
        KeyPairFingerPrint=item.fingerprint,
        PrivateKeyBody=key.private,
    )


class ImportKeyPairRequest(Request):
    KeyPairName: str
    PublicKeyBody: str
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []


class ImportKeyPairResponse(Response):
    KeyPairName: str
    KeyPairFingerPrint: str


@ecs.action(resource="acs:ecs:{region}:{account}:keypair/*")
def import_key_pair(ctx: Context, req: ImportKeyPairRequest) -> ImportKeyPairResponse:
    item = _put(ctx, req.KeyPairName, req.PublicKeyBody.strip(), req)
    return ImportKeyPairResponse(KeyPairName=item.name, KeyPairFingerPrint=item.fingerprint)


class KeyPairItem(msgspec.Struct, kw_only=True):
    KeyPairId: str
    KeyPairName: str
    KeyPairFingerPrint: str
    CreationTime: str
    ResourceGroupId: str
    PublicKey: str | None
    Tags: tags.TagList


class KeyPairList(msgspec.Struct, kw_only=True):
    KeyPair: list[KeyPairItem]


class DescribeKeyPairsRequest(Request):
    KeyPairName: str = ""
    KeyPairFingerPrint: str = ""
    IncludePublicKey: bool = False
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10


class DescribeKeyPairsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    KeyPairs: KeyPairList


@ecs.action(resource="acs:ecs:{region}:{account}:keypair/{KeyPairName}")
def describe_key_pairs(ctx: Context, req: DescribeKeyPairsRequest) -> DescribeKeyPairsResponse:
    found = [
        item
        for item in ctx.all(KeyPair)
        if _named(item.name, req.KeyPairName)
        and req.KeyPairFingerPrint in ("", item.fingerprint)
        and req.ResourceGroupId in ("", item.resource_group)
        and tags.matches(item.tags, req.Tag)
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=50)
    return DescribeKeyPairsResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        KeyPairs=KeyPairList(KeyPair=[_shown(item, req.IncludePublicKey) for item in page.items]),
    )


def _named(name: str, pattern: str) -> bool:
    """The vendor takes `*` at the beginning, at the end or both."""
    wanted = pattern.strip("*")
    if pattern.startswith("*") and pattern.endswith("*"):
        return wanted in name
    if pattern.startswith("*"):
        return name.endswith(wanted)
    if pattern.endswith("*"):
        return name.startswith(wanted)
    return pattern in ("", name)


def _shown(item: KeyPair, with_public_key: bool) -> KeyPairItem:
    return KeyPairItem(
        KeyPairId=item.key_pair_id,
        KeyPairName=item.name,
        KeyPairFingerPrint=item.fingerprint,
        CreationTime=iso_minutes(item.created_at),
        ResourceGroupId=item.resource_group,
        PublicKey=item.public_key if with_public_key else None,
        Tags=tags.shown(item.tags),
    )


class DeleteKeyPairsRequest(Request):
    KeyPairNames: AsJson[list[str]]


@ecs.action(resource="acs:ecs:{region}:{account}:keypair/{KeyPairNames}")
def delete_key_pairs(ctx: Context, req: DeleteKeyPairsRequest) -> Response:
    """All or none; a name that is not there is passed over, one that an instance was made with is refused."""
    if not 1 <= len(req.KeyPairNames) <= 100:
        raise KEY_PAIR_NAMES.error()
    used = {instance.key_pair for instance in ctx.all(Instance)}
    for name in req.KeyPairNames:
        if name in used:
            raise KEY_PAIR_IN_USE.error()
        item = ctx.tx.get(KeyPair, pair_id(ctx.account, ctx.region, name))
        if item is not None:
            ctx.tx.delete(item)
    return Response()
