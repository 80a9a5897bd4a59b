"""What people do with their identity in the messenger, for the audit."""

from __future__ import annotations

from kowloon.core.errors import ApiError
from kowloon.core.events import RequestEvent
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.serving import PRODUCT, caller_of
from kowloon.wire.http import HttpRequest


def record(
    parts: Parts,
    request: HttpRequest,
    action: str,
    account: str,
    member: Member | None,
    *,
    error: ApiError | None = None,
    application: Application | None = None,
) -> None:
    """Under an organisation that there is not it is nobody's event. `application`: whom it is about."""
    if not account:
        return
    parts.bus.emit(
        RequestEvent(
            at=parts.clock.now(),
            wall=parts.clock.wall(),
            request_id=parts.ids.request_id(),
            account=account,
            **caller_of(account, None, member),
            source=request.peer,
            host=request.host,
            scheme=request.scheme,
            user_agent=request.header("user-agent") or "",
            product=PRODUCT,
            version="1.0",
            action=action,
            parameters={"ClientId": application.id} if application is not None else {},
            status=error.status if error is not None else 200,
            code=error.code if error is not None else "",
            message=error.message if error is not None else "",
        )
    )
