"""An organisation in which somebody asks and others agree; its forms, and what is told to whom."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from alibabacloud_dingtalk.workflow_1_0 import models as m
from alibabacloud_dingtalk.workflow_1_0.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.dingtalk.approvals.telling import conversation_of
from kowloon.dingtalk.chat.resources import Said
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.outbox import PendingEvent
from kowloon.dingtalk.platform.call import own_id
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office


class Organisation:
    """`workflow(call, **fields)`: a call by the official client."""

    def __init__(self, cloud: LocalCloud, office: Office, *userids: str) -> None:
        self.cloud = cloud
        self.office = office
        self._client = Client(Config(protocol="http", endpoint=cloud.endpoint))
        for userid in userids:
            self.join(userid)

    def join(self, userid: str, **fields: Any) -> None:
        account = self.office.account
        member = Member(
            id=own_id(account, userid),
            account=account,
            userid=userid,
            union_id=f"union-{userid}",
            name=userid.title(),
            **fields,
        )
        self.cloud.run(self.cloud.cloud.store.run(lambda tx: tx.put(member)))

    def workflow(self, call: str, /, **fields: Any) -> Any:
        """The body of what is answered."""
        camel = "".join(part.title() for part in call.split("_"))
        headers = getattr(m, f"{camel}Headers")(x_acs_dingtalk_access_token=self.office.token)
        request = getattr(m, f"{camel}Request")(**fields)
        return getattr(self._client, f"{call}_with_options")(request, headers, RuntimeOptions()).body

    @functools.cached_property
    def code(self) -> str:
        """Of a form with a text, a choice and a number."""
        return self.form("Leave", text("Reason", required=True), choice("Kind", "ill", "tired"), number("Days"))

    def form(self, name: str, *components: m.FormComponent, **fields: Any) -> str:
        body = self.workflow("form_create", name=name, form_components=list(components), **fields)
        return str(body.result.process_code)

    def start(self, *steps: tuple[str, list[str]], originator: str = "ada", **fields: Any) -> str:
        """Each step is a mode and its people."""
        values = fields.pop("values", {"Reason": "rest"})
        body = self.workflow(
            "start_process_instance",
            originator_user_id=originator,
            process_code=fields.pop("code", None) or self.code,
            approvers=[
                m.StartProcessInstanceRequestApprovers(action_type=mode, user_ids=people) for mode, people in steps
            ],
            form_component_values=[
                m.StartProcessInstanceRequestFormComponentValues(name=name, value=value)
                for name, value in values.items()
            ],
            **fields,
        )
        return str(body.instance_id)

    def detail(self, id: str) -> Any:
        return self.workflow("get_process_instance", process_instance_id=id).result

    def task(self, id: str, userid: str) -> int:
        """That waits for somebody."""
        found = [each for each in self.detail(id).tasks if each.user_id == userid and each.status == "RUNNING"]
        return int(found[0].task_id)

    def decide(self, id: str, userid: str, result: str = "agree", remark: str = "", task: int = 0) -> Any:
        return self.workflow(
            "execute_process_instance",
            process_instance_id=id,
            task_id=task or self.task(id, userid),
            actioner_user_id=userid,
            result=result,
            remark=remark,
        )

    def waiting(self, userid: str) -> int:
        return int(self.workflow("get_user_todo_task_sum", user_id=userid).result)

    def said_to(self, userid: str) -> list[Said]:
        """By the messenger about approvals."""
        parts = self.cloud.cloud.dingtalk.parts
        conversation = self.cloud.run(conversation_of(parts, self.office.account, userid))
        log = parts.messenger.log
        return self.cloud.call(lambda: [parts.messenger.read(kept) for kept in log.read(conversation.id, most=100)])

    def click(self, userid: str, action: str, place: int = -1, **params: Any) -> Any:
        """On a button of a card that they were sent."""
        cards = [each.body["outTrackId"] for each in self.said_to(userid) if each.type == "card"]
        asked = self.cloud.cloud.dingtalk.parts.cards.click(self.office.account, userid, cards[place], action, params)
        return self.cloud.run(asked)

    def listen(self) -> None:
        """Events are kept for the application from now on."""

        def body(tx: Any) -> None:
            found = tx.get(Application, self.office.app_key)
            tx.put(msgspec.structs.replace(found, stream_events=True))

        self.cloud.run(self.cloud.cloud.store.run(body))

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        store = self.cloud.cloud.store
        return [(each.name, each.data) for each in self.cloud.call(lambda: store.list(PendingEvent))]


def text(label: str, *, required: bool = False) -> m.FormComponent:
    return m.FormComponent(component_type="TextField", props=m.FormComponentProps(label=label, required=required))


def number(label: str) -> m.FormComponent:
    return m.FormComponent(component_type="NumberField", props=m.FormComponentProps(label=label))


def choice(label: str, *values: str) -> m.FormComponent:
    options = [m.SelectOption(key=f"option_{place}", value=value) for place, value in enumerate(values)]
    return m.FormComponent(component_type="DDSelectField", props=m.FormComponentProps(label=label, options=options))
