"""What pages of an application in a client need: a ticket to sign their calls with; and whom it may see."""

from __future__ import annotations

from typing import Any

from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, JsapiTicket
from kowloon.dingtalk.contacts.tokens import TOKEN_LIFE_S
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import Nothing, endpoints


@endpoints.older("/get_jsapi_ticket", methods="GET")
def get_jsapi_ticket(call: Call, req: Nothing) -> dict[str, Any]:
    ticket = _ticket(call)
    return {"ticket": ticket.text, "expires_in": int(ticket.expires_at - call.wall)}


@endpoints.newer("POST", "/v1.0/oauth2/jsapiTickets")
def jsapi_tickets(call: Call, req: Nothing) -> dict[str, Any]:
    ticket = _ticket(call)
    return {"jsapiTicket": ticket.text, "expireIn": int(ticket.expires_at - call.wall)}


@endpoints.older("/auth/scopes", methods="GET", reads=True)
def auth_scopes(call: Call, req: Nothing) -> dict[str, Any]:
    """The whole organisation, and all fields: permissions limit calls here, not people."""
    fields = ["name", "mobile", "email", "title", "position", "department", "jobnumber", "avatar", "userid", "unionid"]
    return {
        "auth_user_field": fields,
        "condition_field": [],
        "auth_org_scopes": {"authed_user": [], "authed_dept": [ROOT_DEPARTMENT]},
    }


def _ticket(call: Call) -> JsapiTicket:
    """The same one as long as it lasts. Nothing here checks what is signed with it: there are no JSAPI clients."""
    kept = call.tx.get(JsapiTicket, call.app.id)
    if kept is not None and kept.expires_at > call.wall + 1:
        return kept
    fresh = JsapiTicket(
        id=call.app.id,
        account=call.account,
        created_at=call.now,
        text=call.ids.secret(86),
        expires_at=call.wall + TOKEN_LIFE_S,
    )
    call.tx.put(fresh)
    return fresh
