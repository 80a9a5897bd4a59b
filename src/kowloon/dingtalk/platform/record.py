"""What is done in the messenger, for the audit: by whom, from where, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kowloon.core.errors import ApiError
from kowloon.core.events import RequestEvent
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.wire.http import HttpRequest

if TYPE_CHECKING:
    from kowloon.dingtalk.parts import Parts

PRODUCT: Final = "DingTalk"
#: The messenger's own name in the cloud: roles may trust it, and what comes from no request is from there.
SERVICE: Final = "dingtalk.aliyuncs.com"


def record(
    parts: Parts,
    action: str,
    *,
    account: str,
    application: Application | None = None,
    member: Member | None = None,
    request: HttpRequest | None = None,
    request_id: str = "",
    began: float | None = None,
    reads: bool = False,
    parameters: dict[str, Any] | None = None,
    failure: ApiError | PlatformError | None = None,
    status: int = 200,
) -> None:
    """Of an organisation that there is not it is nobody's event. `began`: wall time. `parameters` are masked by who
    has secrets in them."""
    if not account:
        return
    wall = parts.clock.wall()
    code = failure.code if failure is not None else ""
    if isinstance(failure, PlatformError) and not code:
        code = str(failure.errcode)
    parts.bus.emit(
        RequestEvent(
            at=parts.clock.now(),
            wall=began if began is not None else wall,
            request_id=request_id or parts.ids.request_id(),
            account=account,
            **_told(account, application, member),
            source=request.peer if request is not None else SERVICE,
            host=request.host if request is not None else SERVICE,
            scheme=request.scheme if request is not None else "https",
            user_agent=(request.header("user-agent") or "") if request is not None else "",
            product=PRODUCT,
            version="1.0",
            action=action,
            reads=reads,
            parameters=parameters or {},
            status=failure.status if failure is not None else status,
            code=code,
            message=failure.message if failure is not None else "",
            latency_ms=(wall - began) * 1000.0 if began is not None else 0.0,
        )
    )


def _told(account: str, application: Application | None, member: Member | None) -> dict[str, Any]:
    """Who: a person where there is one, by the RAM user that the person is, and by name."""
    if member is not None:
        user = f"acs:ram::{account}:user/{member.user}"
        return {
            "principal": user if member.user else f"acs:dingtalk::{account}:member/{member.userid}",
            "principal_type": "DingTalkMember",
            "principal_id": member.userid,
            "principal_name": member.name,
        }
    if application is not None:
        return {
            "principal": f"acs:dingtalk::{account}:application/{application.id}",
            "principal_type": "DingTalkApplication",
            "principal_id": application.id,
            "principal_name": application.name,
        }
    return {}
