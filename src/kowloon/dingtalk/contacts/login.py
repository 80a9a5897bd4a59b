"""Codes and tokens of people: what an application gets to know who somebody is. A code is good once, for five minutes;
one that consent was given for (OAuth2) is changed into tokens, one of the messenger's own pages into a userid."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.people import digest
from kowloon.dingtalk.contacts.resources import AccessToken, Application, LoginCode, Member, corp_id
from kowloon.dingtalk.contacts.tokens import TOKEN_LIFE_S, WRONG_CLIENT, WRONG_GRANT, application_of
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import Call, make_room, own_id
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import MISSING, Refusal
from kowloon.store.store import Transaction

CODE_LIFE_S: Final = 300
REFRESH_LIFE_S: Final = 30 * 86400
# Of one application for one person: the oldest give way.
_MOST_CODES: Final = 8
_MOST_TOKENS: Final = 20
_MOST_URI_CHARACTERS: Final = 1024
_URI_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_URI_REST: Final = re.compile(r"[!$%&'()*+,./0-9:;=?@A-Z_a-z~-]*")

CODE_UNKNOWN = Refusal(40078, "invalidParameter.authCode.notFound", "不存在的临时授权码")
REFRESH_UNKNOWN = Refusal(40078, "invalidParameter.refreshToken.notFound", "不合法的refreshToken")


class UserToken(msgspec.Struct, kw_only=True, rename="camel"):
    client_id: str = ""
    client_secret: str = ""
    code: str = ""
    refresh_token: str = ""
    grant_type: str = "authorization_code"


class Code(msgspec.Struct, kw_only=True):
    code: str


def check_redirect_uri(uri: str) -> None:
    """ValueError, with what is wrong, for what nobody may be sent to."""
    # Of what is odd urlsplit says different things than browsers do: so nothing odd.
    if len(uri) > _MOST_URI_CHARACTERS or _URI_REST.fullmatch(uri.replace("[", "").replace("]", "")) is None:
        raise ValueError(f"{uri!r} has characters that no redirect URI may have, or too many")
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or _URI_HOST.fullmatch(parts.netloc) is None:
        raise ValueError(f"{uri!r} is no http or https address")


def new_code(
    tx: Transaction, parts: Parts, application: Application, member: Member, *, scope: str = "", redirect_uri: str = ""
) -> str:
    """The code, kept by its digest only. Ended ones of the organisation go."""
    wall = parts.clock.wall()
    mine: list[LoginCode] = []
    for each in tx.list(LoginCode, account=application.account):
        if each.expires_at <= wall:
            tx.delete(each)
        elif (each.application, each.userid) == (application.id, member.userid):
            mine.append(each)
    make_room(tx, mine, _MOST_CODES)
    code = parts.ids.secret(32, "0123456789abcdef")
    tx.put(
        LoginCode(
            id=digest(code),
            account=application.account,
            created_at=parts.clock.now(),
            application=application.id,
            userid=member.userid,
            scope=scope,
            redirect_uri=redirect_uri,
            expires_at=wall + CODE_LIFE_S,
        )
    )
    return code


async def login_code(parts: Parts, account: str, userid: str, app_key: str) -> str | None:
    """What a page of the messenger gives to an application that a member opens in it. None: the organisation has no
    such application or member."""

    def body(tx: Transaction) -> str | None:
        application, member = tx.get(Application, app_key), tx.get(Member, own_id(account, userid))
        if application is None or member is None or application.account != account:
            return None
        return new_code(tx, parts, application, member)

    return await parts.store.run(body)


@endpoints.older("/topapi/v2/user/getuserinfo", reads=True)
def get_user_info(call: Call, req: Code) -> dict[str, Any]:
    """`sys_level` is 1 for administrators; there are no sub administrators and no bosses here."""
    userid = _spend(call, req.code, consented=False).userid
    member = Directory(call.tx, call.account).member(userid)
    return {
        "result": {
            "userid": member.userid,
            "unionid": member.union_id,
            "associated_unionid": "",
            "device_id": "",
            "sys": member.admin,
            "sys_level": 1 if member.admin else 0,
            "name": member.name,
        }
    }


@endpoints.newer("POST", "/v1.0/oauth2/userAccessToken", auth="none")
def user_access_token(call: Call, req: UserToken) -> dict[str, Any]:
    """A refresh token is good once, too: its answer brings the next one."""
    application = application_of(call.tx, req.client_id, req.client_secret, WRONG_CLIENT.error())
    call.application, call.account = application, application.account
    if req.grant_type == "refresh_token":
        userid, scope = _spend_refresh(call, req.refresh_token)
    elif req.grant_type == "authorization_code":
        spent = _spend(call, req.code, consented=True)
        userid, scope = spent.userid, spent.scope
    else:
        raise WRONG_GRANT.error()
    _clear_tokens(call, userid)
    answer: dict[str, Any] = {
        "accessToken": _token(call, userid, scope, TOKEN_LIFE_S, refresh=False),
        "refreshToken": _token(call, userid, scope, REFRESH_LIFE_S, refresh=True),
        "expireIn": TOKEN_LIFE_S,
    }
    if "corpid" in scope.split():
        answer["corpId"] = corp_id(call.account)
    return answer


def _spend(call: Call, code: str, *, consented: bool) -> LoginCode:
    """The code of the calling application, which is gone with that."""
    if not code:
        raise MISSING.error(name="code")
    kept = call.tx.get(LoginCode, digest(code))
    is_good = (
        kept is not None
        and kept.application == call.app.id
        and kept.expires_at > call.wall
        and bool(kept.redirect_uri) == consented
    )
    if kept is None or not is_good:
        raise CODE_UNKNOWN.error()
    call.tx.delete(kept)
    return kept


def _spend_refresh(call: Call, text: str) -> tuple[str, str]:
    if not text:
        raise MISSING.error(name="refreshToken")
    kept = call.tx.get(AccessToken, text)
    if kept is None or not kept.refresh or kept.application != call.app.id or kept.expires_at <= call.wall:
        raise REFRESH_UNKNOWN.error()
    call.tx.delete(kept)
    return kept.userid, kept.scope


def _clear_tokens(call: Call, userid: str) -> None:
    """Ended tokens go, and of those of this person for this application the oldest."""
    mine: list[AccessToken] = []
    for each in call.all(AccessToken):
        if each.expires_at <= call.wall:
            call.tx.delete(each)
        elif (each.application, each.userid) == (call.app.id, userid):
            mine.append(each)
    make_room(call.tx, mine, _MOST_TOKENS, coming=2)


def _token(call: Call, userid: str, scope: str, lasts_s: int, *, refresh: bool) -> str:
    token = AccessToken(
        id=call.ids.secret(32, "0123456789abcdef"),
        account=call.account,
        created_at=call.now,
        application=call.app.id,
        userid=userid,
        refresh=refresh,
        scope=scope,
        expires_at=call.wall + lasts_s,
    )
    call.tx.put(token)
    return token.id
