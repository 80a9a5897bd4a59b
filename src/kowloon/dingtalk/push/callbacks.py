"""Where an application wants its events by HTTP: registered, changed, read, removed; and those that nobody took.

An address is pushed a `check_url` first, and is kept only when it answers as it should. Source of the codes: public
documentation.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.contacts.resources import Application, corp_id
from kowloon.dingtalk.outbox import FailedEvent
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import Nothing, endpoints
from kowloon.dingtalk.platform.errors import Refusal
from kowloon.dingtalk.push.http import NotReached, NotTaken, Target
from kowloon.dingtalk.push.names import is_known
from kowloon.engines.dialler import check_url
from kowloon.store.store import Transaction
from kowloon.wire.dingtalk_crypto import key_of

_FAILED_AT_ONCE: Final = 200
_MOST_URL_CHARACTERS: Final = 2048
_TOKEN_CHARACTERS: Final = range(6, 65)

EXISTS = Refusal(71006, "callback.exists", "回调地址已经存在")
NOT_THERE = Refusal(71007, "callback.notExist", "回调地址已不存在")
WRONG_TAG = Refusal(71008, "callback.tag.invalid", "回调call_back_tag必须在指定的call_back_tag列表中")
NOT_SUCCESS = Refusal(71009, "callback.notSuccess", "返回文本非success: {problem}")
WRONG_FIELD = Refusal(
    71010, "callback.field.invalid", "POST的JSON数据不包含所需要的参数字段或包含的参数格式非法: {name}"
)
WRONG_URL = Refusal(71011, "callback.url.invalid", "传入的url参数不是合法的url格式")
URL_FAILED = Refusal(71012, "callback.url.failed", "url地址访问异常,错误原因为:{problem}")


class CallBack(msgspec.Struct, kw_only=True):
    call_back_tag: Commas[tuple[str, ...]] = ()
    token: str = ""
    aes_key: str = ""
    url: str = ""


@endpoints.older("/call_back/register_call_back", methods="POST")
async def register_call_back(call: Call, req: CallBack) -> None:
    if call.app.callback_url:
        raise EXISTS.error()
    await _keep(call, req)


@endpoints.older("/call_back/update_call_back", methods="POST")
async def update_call_back(call: Call, req: CallBack) -> None:
    if not call.app.callback_url:
        raise NOT_THERE.error()
    await _keep(call, req)


@endpoints.older("/call_back/get_call_back", reads=True)
def get_call_back(call: Call, req: Nothing) -> dict[str, Any]:
    application = call.app
    if not application.callback_url:
        raise NOT_THERE.error()
    return {
        "call_back_tag": list(application.callback_events),
        "token": application.callback_token,
        "aes_key": application.callback_aes_key,
        "url": application.callback_url,
    }


@endpoints.older("/call_back/delete_call_back")
def delete_call_back(call: Call, req: Nothing) -> None:
    application = call.tx.get(Application, call.app.id)
    if application is None or not application.callback_url:
        raise NOT_THERE.error()
    call.tx.put(
        msgspec.structs.replace(
            application,
            callback_url="",
            callback_token="",
            callback_aes_key="",
            callback_owner="",
            callback_events=(),
        )
    )


@endpoints.older("/call_back/get_call_back_failed_result")
def failed_result(call: Call, req: Nothing) -> dict[str, Any]:
    """The oldest ones, which are gone with it."""
    failed = [each for each in call.all(FailedEvent) if each.application == call.app.id]
    told = failed[:_FAILED_AT_ONCE]
    for each in told:
        call.tx.delete(each)
    return {"has_more": len(failed) > len(told), "failed_list": [_failed(each) for each in told]}


def _failed(event: FailedEvent) -> dict[str, Any]:
    """`event_time` in milliseconds; the event's own fields beside it, in lower case as `userid` is."""
    fields = {name.lower(): value for name, value in event.data.items() if name != "timeStamp"}
    return {
        **fields,
        "event_time": int(event.created_at * 1000),
        "call_back_tag": event.name,
        "corpid": corp_id(event.account),
    }


async def checked(parts: Parts, asked: CallBack, *, owner: str) -> Target:
    """The address, once it has answered as it should. PlatformError."""
    target = _target(asked, owner)
    try:
        await parts.push.check(target)
    except NotReached as problem:
        raise URL_FAILED.error(problem=problem) from None
    except NotTaken as problem:
        raise NOT_SUCCESS.error(problem=problem) from None
    return target


def subscribed(tx: Transaction, application: str, target: Target, asked: CallBack) -> None:
    """In the place of what was there before."""
    found = tx.get(Application, application)
    if found is not None:
        tx.put(
            msgspec.structs.replace(
                found,
                callback_url=target.url,
                callback_token=target.token,
                callback_aes_key=target.aes_key,
                callback_owner=target.owner,
                callback_events=tuple(dict.fromkeys(asked.call_back_tag)),
            )
        )


async def _keep(call: Call, req: CallBack) -> None:
    target = await checked(call.parts, req, owner=corp_id(call.account))
    await call.write(lambda tx: subscribed(tx, call.app.id, target, req))


def _target(asked: CallBack, owner: str) -> Target:
    if not asked.call_back_tag:
        raise WRONG_FIELD.error(name="call_back_tag")
    if not all(is_known(tag) for tag in asked.call_back_tag):
        raise WRONG_TAG.error()
    if len(asked.token) not in _TOKEN_CHARACTERS or not asked.token.isalnum() or not asked.token.isascii():
        raise WRONG_FIELD.error(name="token")
    try:
        key_of(asked.aes_key)
    except ValueError:
        raise WRONG_FIELD.error(name="aes_key") from None
    try:
        check_url(asked.url)
    except ValueError:
        raise WRONG_URL.error() from None
    if len(asked.url) > _MOST_URL_CHARACTERS:
        raise WRONG_URL.error()
    return Target(url=asked.url, token=asked.token, aes_key=asked.aes_key, owner=owner)
