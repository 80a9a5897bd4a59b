"""What the open platform refuses with. One refusal, two forms: the older host answers HTTP 200 and an `errcode`, the
newer one an HTTP status, a `code` and a `message`."""

from __future__ import annotations

from typing import Any

import msgspec


class PlatformError(Exception):
    """`errcode` and `message` as the older host has them, `code` and `status` as the newer. `wrapped`: told in the
    wrapper (88) that the older topapi puts around faults of tokens and permissions. `detail`: fields of the newer
    host's body beside the code."""

    def __init__(
        self,
        errcode: int,
        code: str,
        message: str,
        *,
        status: int = 400,
        wrapped: bool = False,
    ) -> None:
        super().__init__(f"{errcode} {code}: {message}")
        self.errcode = errcode
        self.code = code
        self.message = message
        self.status = status
        self.wrapped = wrapped
        self.detail: dict[str, Any] = {}


class Refusal(msgspec.Struct, frozen=True):
    """A row of the platform's catalogue of errors; texts are format templates."""

    errcode: int
    code: str
    message: str
    status: int = 400
    wrapped: bool = False

    def error(self, **fields: object) -> PlatformError:
        return PlatformError(
            self.errcode,
            self.code.format(**fields),
            self.message.format(**fields),
            status=self.status,
            wrapped=self.wrapped,
        )


# Of the chain itself. Texts are the vendor's where they are on record; `MISSING` and `INVALID` have the form that its
# robot calls have.
SYSTEM_BUSY = Refusal(-1, "ServiceUnavailable", "系统繁忙", 503)
INTERNAL = Refusal(-1, "InternalError", "系统繁忙", 500)
NO_SUCH_URI = Refusal(404, "NotFound", "请求的URI地址不存在", 404)
NOT_BUILT = Refusal(501, "NotImplemented", "{name} is not built in Kowloon.", 501)
NOT_JSON = Refusal(40035, "InvalidRequestBody", "缺少参数 json")
WRONG_METHOD = Refusal(43002, "MethodNotAllowed", "需要POST请求", 405)
MISSING = Refusal(40035, "invalidParameter.{name}.empty", "缺少参数 {name}")
INVALID = Refusal(40035, "invalidParameter.{name}.invalid", "不合法的参数 {name}")
TOKEN_BLANK = Refusal(
    40000, "AuthenticationFailed.MissingParameter", "缺少参数：x-acs-dingtalk-access-token", wrapped=True
)
TOKEN_INVALID = Refusal(40014, "InvalidAuthentication", "不合法的access_token", wrapped=True)
NO_PERMISSION = Refusal(
    60011, "Forbidden.AccessDenied.AccessTokenPermissionDenied", "没有调用该接口的权限", 403, wrapped=True
)
ADDRESS_REFUSED = Refusal(60020, "Forbidden.AccessDenied.IpNotInWhiteList", "访问ip不在白名单之中", 403)
TOO_FAST = Refusal(90018, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "您的应用调用该接口过于频繁", 403)
