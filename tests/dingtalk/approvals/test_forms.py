"""Forms by the official client: kept as they were sent, changed, shown, and what may be written into them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_dingtalk.workflow_1_0 import models as m

from kowloon.dingtalk.approvals import forms
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.approvals.people import Organisation, choice, number, text
from tests.dingtalk.platform import Office
from tests.helpers import refused

STEP = ("NONE", ["bob"])


@pytest.fixture
def org(cloud: LocalCloud, office: Office) -> Organisation:
    return Organisation(cloud, office, "ada", "bob")


def component(kind: str, label: str, **props: Any) -> m.FormComponent:
    return m.FormComponent(component_type=kind, props=m.FormComponentProps(label=label, **props))


def test_kept_and_changed(org: Organisation) -> None:
    row = m.FormComponent(
        component_type="TableField", props=m.FormComponentProps(label="Rows"), children=[text("Item"), number("Price")]
    )
    code = org.form("Leave", text("Reason", required=True), choice("Kind", "ill", "tired"), row, description="days off")
    assert code.startswith("PROC-")
    shown = org.workflow("query_schema_by_process_code", process_code=code).result
    assert (shown.name, shown.memo, shown.form_code, shown.status) == ("Leave", "days off", code, "PUBLISHED")
    first, second, third = shown.schema_content.items
    assert (first.component_name, first.props.label, first.props.required) == ("TextField", "Reason", True)
    assert first.props.id.startswith("TextField-")
    assert [json.loads(each) for each in second.props.options] == [
        {"value": "ill", "key": "option_0"},
        {"value": "tired", "key": "option_1"},
    ]
    assert [each.props.label for each in third.children] == ["Item", "Price"]
    assert org.form("Days off", text("Why"), process_code=code) == code
    shown = org.workflow("query_schema_by_process_code", process_code=code).result
    assert (shown.name, [each.props.label for each in shown.schema_content.items]) == ("Days off", ["Why"])
    refused(lambda: org.form("x", text("y"), process_code="PROC-NO"), "processCodeError", "审批模板不存在或已删除", 400)


def test_visible_page_by_page(org: Organisation) -> None:
    codes = [org.form(name, text("Why")) for name in ("One", "Two", "Three")]

    def page(token: int, size: int = 2) -> Any:
        asked = {"user_id": "ada", "max_results": size, "next_token": token}
        return org.workflow("list_user_visible_bpms_processes", **asked).result

    first = page(0)
    second = page(first.next_token)
    assert second.next_token is None
    rows = [(each.name, each.process_code) for each in first.process_list + second.process_list]
    assert rows == [
        ("Command", "PROC-KOWLOON-COMMAND"),
        *zip(("One", "Two", "Three"), codes, strict=True),
    ]
    refused(lambda: page(0, 101), "invalidParameter", "参数 maxResults 超过最大限制 100", 400)
    refused(lambda: page(-1), "invalidParameter", "参数 nextToken 不合法", 400)


@pytest.mark.parametrize(
    ("name", "components", "message"),
    [
        ("", [text("x")], "name"),
        ("n" * 101, [text("x")], "name"),
        ("Taken", [text("x")], "name"),
        ("Leave", [], "formComponents"),
        ("Leave", [component("Magic", "x")], "componentType Magic"),
        ("Leave", [text("")], "props.label"),
        ("Leave", [text("x" * 51)], "props.label"),
        ("Leave", [m.FormComponent(component_type="TextField", props=m.FormComponentProps())], "props.label"),
        ("Leave", [text("x"), number("x")], "label x"),
        (
            "Leave",
            [m.FormComponent(component_type="TextField", props=m.FormComponentProps(label="x"), children=[text("y")])],
            "children",
        ),
    ],
)
def test_forms_refused(org: Organisation, name: str, components: list[Any], message: str) -> None:
    org.form("Taken", text("x"))
    refused(lambda: org.form(name, *components), "invalidParameter", f"表单模板参数错误：{message}", 400)


def test_there_is_room_for_so_many(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_MOST_FORMS", 1)
    code = org.form("One", text("x"))
    refused(lambda: org.form("Two", text("x")), "overLimit", "forms 已达上限 1", 400)
    assert org.form("Changed", text("x"), process_code=code) == code
    refused(lambda: org.form("Two", *[text(f"x{place}") for place in range(151)]), "invalidParameter", "150", 400)


FIELDS: list[tuple[str, str, list[str], list[str]]] = [
    ("NumberField", "n", ["3", "-1.5"], ["three", "1e9"]),
    ("MoneyField", "m", ["100"], ["1,0"]),
    ("DDDateField", "d", ["2026-09-11", "2026-09-11 08:30"], ["11.9.2026", "2026-02-30"]),
    ("DDDateRangeField", '["from", "to"]', ['["2026-09-11","2026-09-12"]'], ['["2026-09-11"]', "2026-09-11"]),
    ("DDMultiSelectField", "s", ['["a","b"]', '["a"]'], ["a", '["c"]', "[1]"]),
    ("DDSelectField", "o", ["a"], ["c"]),
    ("InnerContactField", "p", ['["bob"]'], ['["zoe"]', "bob"]),
    ("DepartmentField", "u", ["1"], ["99", "ops"]),
    ("DDPhotoField", "f", ['["http://x/y.png"]'], ["http://x/y.png", "[" * 2000]),
    ("PhoneField", "t", ["+86 138-0000"], ["call me"]),
]


@pytest.mark.parametrize(("kind", "label", "good", "bad"), FIELDS, ids=[each[0] for each in FIELDS])
def test_what_may_be_written(org: Organisation, kind: str, label: str, good: list[str], bad: list[str]) -> None:
    options = [m.SelectOption(key=each, value=each) for each in "ab"] if "Select" in kind else None
    code = org.form("Fields", component(kind, label, options=options))
    for value in good:
        id = org.start(STEP, code=code, values={label: value})
        kept = org.detail(id).form_component_values[0]
        assert (kept.name, kept.value, kept.component_type) == (label, value, kind)
    for value in bad:
        asked = {"code": code, "values": {label: value}}
        refused(lambda asked=asked: org.start(STEP, **asked), "formConverterError", f"失败控件：{label}", 400)


def test_what_is_missing_or_unknown(org: Organisation) -> None:
    wrong = "formConverterError"
    refused(lambda: org.start(STEP, values={"Days": "3"}), wrong, "失败控件：Reason", 400)
    refused(lambda: org.start(STEP, values={"Reason": ""}), wrong, "失败控件：Reason", 400)
    refused(lambda: org.start(STEP, values={"Reason": "x", "Other": "y"}), wrong, "失败控件：Other", 400)
    refused(lambda: org.start(STEP, values={"Reason": "x" * 65_536}), wrong, "失败控件：Reason", 400)
    refused(lambda: org.start(STEP, code="PROC-NO"), "processCodeError", "审批模板不存在或已删除", 400)
    refused(
        lambda: org.start(STEP, values={f"x{place}": "y" for place in range(151)}),
        "invalidParameter",
        "参数 formComponentValues 超过最大限制 150",
        400,
    )


@pytest.mark.parametrize(
    ("component", "problem"),
    [
        ({"componentType": ["TextField"], "props": {"label": "x"}}, "componentType ['TextField']"),
        ({"componentType": "TextField", "props": []}, "props.label"),
        ({"componentType": "TextField", "props": {"label": 1}}, "props.label"),
        ({"componentType": "TextField", "props": {"label": "x", "componentId": 1}}, "props.componentId"),
        ({"componentType": "TextField", "props": {"label": "x", "bizAlias": []}}, "props.componentId"),
        ({"componentType": "TableField", "props": {"label": "x"}, "children": {"a": 1}}, "children"),
        ({"componentType": "TableField", "props": {"label": "x"}, "children": [1]}, "componentType None"),
    ],
)
def test_what_no_client_sends(org: Organisation, component: dict[str, Any], problem: str) -> None:
    asked = {"name": "F", "formComponents": [component]}
    told = org.office.refused("POST", "/v1.0/workflow/forms", asked)
    assert told == (400, "invalidParameter", f"表单模板参数错误：{problem}")
