"""Forms of approvals: made, changed, shown. There is no designer here, so a form has no route of its own."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.core.clock import iso_minutes
from kowloon.dingtalk.approvals import command_form, errors, fields, running
from kowloon.dingtalk.approvals.resources import Form
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.endpoints import endpoints

READ, WRITE = "Workflow.Form.Read", "Workflow.Form.Write"
_MOST_FORMS: Final = 500
_MOST_NAME_CHARACTERS, _MOST_DESCRIPTION_CHARACTERS = 100, 500
_MOST_PAGE: Final = 100


class NewForm(msgspec.Struct, kw_only=True, rename="camel"):
    """With `process_code`: that form is changed."""

    name: str
    form_components: list[dict[str, Any]]
    description: str = ""
    process_code: str = ""
    template_config: dict[str, Any] = msgspec.field(default_factory=dict)


class OfForm(msgspec.Struct, kw_only=True, rename="camel"):
    process_code: str


class Visible(msgspec.Struct, kw_only=True, rename="camel"):
    """`user_id` empty: of all members."""

    max_results: int
    next_token: int
    user_id: str = ""


class VisibleOlder(msgspec.Struct, kw_only=True):
    userid: str = ""
    offset: int = 0
    size: int = _MOST_PAGE


@endpoints.newer("POST", "/v1.0/workflow/forms", scope=WRITE)
def create_form(call: Call, req: NewForm) -> dict[str, Any]:
    if not 0 < len(req.name) <= _MOST_NAME_CHARACTERS:
        raise errors.WRONG_FORM.error(problem="name")
    if len(req.description) > _MOST_DESCRIPTION_CHARACTERS:
        raise errors.TOO_MANY.error(name="description", most=_MOST_DESCRIPTION_CHARACTERS)
    components = fields.components(req.form_components, lambda: call.ids.token(8).upper())
    found = call.mine(Form, req.process_code) if req.process_code else None
    if req.process_code and found is None:
        raise errors.NO_FORM.error()
    forms = call.all(Form)
    if any(each.name == req.name for each in forms if found is None or each.code != found.code):
        raise errors.WRONG_FORM.error(problem="name")
    if found is None and len(forms) >= _MOST_FORMS:
        raise errors.FULL.error(name="forms", most=_MOST_FORMS)
    code = found.code if found is not None else f"PROC-{call.ids.request_id()}"
    call.tx.put(
        Form(
            id=own_id(call.account, code),
            account=call.account,
            created_at=found.created_at if found is not None else call.now,
            changed_at=call.now,
            code=code,
            name=req.name,
            description=req.description,
            components=components,
            settings=req.template_config,
            application=call.app.id,
        )
    )
    return {"result": {"processCode": code}}


@endpoints.newer("GET", "/v1.0/workflow/forms/schemas/processCodes", scope=READ)
def schema(call: Call, req: OfForm) -> dict[str, Any]:
    form = running.form_of(call, req.process_code)
    return {
        "result": {
            "name": form.name,
            "memo": form.description,
            "formCode": form.code,
            "bizType": "",
            "ownerIdType": "orgId",
            "status": "PUBLISHED",
            "engineType": 0,
            "gmtCreate": iso_minutes(form.created_at),
            "gmtModified": iso_minutes(form.changed_at),
            "schemaContent": {"title": form.name, "icon": "common", "items": [_item(each) for each in form.components]},
        }
    }


@endpoints.newer("GET", "/v1.0/workflow/processes/userVisibilities/templates", scope=READ)
def visible(call: Call, req: Visible) -> dict[str, Any]:
    if not 0 < req.max_results <= _MOST_PAGE:
        raise errors.TOO_MANY.error(name="maxResults", most=_MOST_PAGE)
    page, following = _page(call, req.user_id, req.next_token, req.max_results)
    rows = [{"name": each.name, "processCode": each.code, "iconUrl": "", "url": ""} for each in page]
    return {"result": {"processList": rows, **({"nextToken": following} if following else {})}}


@endpoints.older("/topapi/process/listbyuserid", scope="qyapi_aflow", reads=True)
def visible_older(call: Call, req: VisibleOlder) -> dict[str, Any]:
    if not 0 < req.size <= _MOST_PAGE:
        raise errors.TOO_MANY.error(name="size", most=_MOST_PAGE)
    page, following = _page(call, req.userid, req.offset, req.size)
    rows = [{"name": each.name, "process_code": each.code, "icon_url": "", "url": ""} for each in page]
    return {"result": {"process_list": rows, **({"next_cursor": following} if following else {})}}


def _page(call: Call, userid: str, offset: int, size: int) -> tuple[list[Form], int]:
    """Every member sees every form. The second: where the next page begins; 0: there is none."""
    if userid and call.mine(Member, userid) is None:
        raise errors.NO_USER.error()
    if offset < 0:
        raise errors.INVALID.error(name="nextToken")
    forms = [command_form.form(call.account), *call.all(Form)]
    following = offset + size
    return forms[offset:following], following if following < len(forms) else 0


def _item(component: dict[str, Any]) -> dict[str, Any]:
    """As the vendor shows it: the type by another name, and each option as JSON in a text."""
    props = dict(component["props"])
    props["id"] = props.pop("componentId")
    if "options" in props:
        texts = fields.options(props)
        props["options"] = [
            msgspec.json.encode({"value": text, "key": f"option_{place}"}).decode() for place, text in enumerate(texts)
        ]
    made: dict[str, Any] = {"componentName": component["componentType"], "props": props}
    if "children" in component:
        made["children"] = [_item(each) for each in component["children"]]
    return made
