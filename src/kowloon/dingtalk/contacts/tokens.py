"""Tokens of applications: one as long as it is valid, asked for the older way or the newer; both hosts take both."""

from __future__ import annotations

import hmac
from typing import Final

import msgspec

from kowloon.dingtalk.contacts.resources import AccessToken, Application, corp_id
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import PlatformError, Refusal
from kowloon.store.store import Transaction

TOKEN_LIFE_S: Final = 7200

WRONG_KEY = Refusal(40096, "invalidClientIdOrSecret", "不合法的appKey或appSecret")
NO_KEY = Refusal(40035, "invalidParameter.appkey.empty", "缺少参数 corpid or appkey")
WRONG_CLIENT = Refusal(40096, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
INVALID_CLIENT = Refusal(40096, "invalid.client", "无效的client_id或者client_secret")
WRONG_GRANT = Refusal(40035, "unsupported.grant.type", "不支持的grant_type")
UNKNOWN_CORP = Refusal(-1, "unknownError", "未知错误", 500)


class GetToken(msgspec.Struct, kw_only=True):
    appkey: str = ""
    appsecret: str = ""
    corpid: str = ""
    corpsecret: str = ""


class NewAccessToken(msgspec.Struct, kw_only=True, rename="camel"):
    app_key: str = ""
    app_secret: str = ""


class CorpToken(msgspec.Struct, kw_only=True):
    corp_id: str = msgspec.field(name="corpId")
    client_id: str = ""
    client_secret: str = ""
    grant_type: str = ""


@endpoints.older("/gettoken", methods="GET POST", auth="none")
def get_token(call: Call, req: GetToken) -> dict[str, object]:
    key = req.appkey or req.corpid
    if not key:
        raise NO_KEY.error()
    token = _token(call, key, req.appsecret or req.corpsecret, WRONG_KEY.error())
    return {"access_token": token.id, "expires_in": TOKEN_LIFE_S}


@endpoints.newer("POST", "/v1.0/oauth2/accessToken", auth="none")
def new_access_token(call: Call, req: NewAccessToken) -> dict[str, object]:
    token = _token(call, req.app_key, req.app_secret, WRONG_CLIENT.error())
    return {"accessToken": token.id, "expireIn": TOKEN_LIFE_S}


@endpoints.newer("POST", "/v1.0/oauth2/{corpId}/token", auth="none")
def corp_token(call: Call, req: CorpToken) -> dict[str, object]:
    if req.grant_type != "client_credentials":
        raise WRONG_GRANT.error()
    application = call.tx.get(Application, req.client_id)
    if application is None:
        raise INVALID_CLIENT.error()
    if corp_id(application.account) != req.corp_id:
        raise UNKNOWN_CORP.error()
    token = _token(call, req.client_id, req.client_secret, INVALID_CLIENT.error())
    return {"access_token": token.id, "expires_in": TOKEN_LIFE_S}


def application_of(tx: Transaction, key: str, secret: str, refusal: PlatformError) -> Application:
    application = tx.get(Application, key)
    if application is None or not hmac.compare_digest(application.secret.encode(), secret.encode()):
        raise refusal
    return application


def _token(call: Call, key: str, secret: str, refusal: PlatformError) -> AccessToken:
    """The one that is valid, its life renewed; else a new one. Ended ones of the organisation go."""
    application = application_of(call.tx, key, secret, refusal)
    call.application, call.account = application, application.account
    current: AccessToken | None = None
    for token in call.all(AccessToken):
        if token.expires_at <= call.wall:
            call.tx.delete(token)
        elif token.application == key and not token.userid:
            current = token
    if current is None:
        current = AccessToken(
            id=call.ids.secret(32, "0123456789abcdef"),
            account=application.account,
            created_at=call.now,
            application=key,
            expires_at=0.0,
        )
    renewed = msgspec.structs.replace(current, expires_at=call.wall + TOKEN_LIFE_S)
    call.tx.put(renewed)
    return renewed
