"""What cards look like, by template; and that nothing anybody writes breaks it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from dingtalk_stream import interactive_card
from hypothesis import given
from hypothesis import strategies as st

from kowloon.dingtalk.cards import view
from kowloon.dingtalk.cards.view import Button, view_of

BUTTONS = {
    "msgButtons": [
        {"text": "claim", "id": "claim", "color": "blue", "request": True},
        {"text": "open", "url": "https://example.com/", "color": "gray"},
        {"text": "nothing said", "iosUrl": "x"},
    ]
}
SHOWN = (
    Button(id="claim", text="claim", color="blue", action="request"),
    Button(id="button2", text="open", url="https://example.com/", color="gray"),
    Button(id="button3", text="nothing said", url="x"),
)


def test_markdown() -> None:
    seen = view_of(view.MARKDOWN, {"markdown": "**a**", "title": "t", "logo": "@l"})
    assert (seen.markdown, seen.title, seen.logo, seen.buttons) == ("**a**", "t", "@l", ())
    assert not seen.asks("claim")


def test_markdown_with_buttons() -> None:
    seen = view_of(view.MARKDOWN_BUTTONS, {"markdown": "m", "tips": "why", "sys_full_json_obj": json.dumps(BUTTONS)})
    assert (seen.markdown, seen.tips, seen.buttons) == ("m", "why", SHOWN)
    assert seen.asks("claim")
    assert not seen.asks("button2"), "it leads somewhere"
    assert seen.text == "m\nwhy"


@pytest.mark.parametrize(
    ("flow", "status"),
    [("1", "processing"), ("2", "inputting"), ("3", "finished"), ("4", "executing"), ("5", "failed"), ("9", "")],
)
def test_ai(flow: str, status: str) -> None:
    whole = {
        **BUTTONS,
        "order": ["staticMsgContent", "msgContent"],
        "source": {"text": "who answers"},
        "msgSlider": [{"title": "s", "image": "@1"}],
        "msgImages": ["@2"],
    }
    params = {"msgTitle": "t", "msgContent": "moves", "staticMsgContent": "stays", "flowStatus": flow}
    seen = view_of(view.AI, {**params, "sys_full_json_obj": json.dumps(whole)})
    assert (seen.title, seen.markdown, seen.status) == ("t", "stays\n\nmoves", status)
    assert (seen.tips, seen.images, seen.buttons) == ("who answers", ("@1", "@2"), SHOWN)


def test_rpa() -> None:
    seen = view_of(view.RPA, {"goal": "book a room", "flowStatus": "3", "plan": "{}"})
    assert (seen.title, seen.status) == ("book a room", "finished")


def test_standard() -> None:
    whole = interactive_card.INTERACTIVE_CARD_JSON_SAMPLE_2
    seen = view_of(view.STANDARD, {"cardData": json.dumps(whole)})
    assert (seen.title, seen.logo, seen.images) == (
        "钉钉卡片",
        "@lALPDfJ6V_FPDmvNAfTNAfQ",
        ("@lADPDetfXH_Pn3HNAbrNBDg",),
    )
    assert seen.markdown.count("---") == 1
    assert "C10圆桌派" in seen.markdown
    assert [(each.action, each.color) for each in seen.buttons] == [
        ("open", "blue"),
        ("open", "blue"),
        ("request", "blue"),
        ("open", "gray"),
        ("open", "red"),
    ]
    assert seen.asks("button_1646816888257")


def test_own() -> None:
    params = {
        "title": "storage of zone c",
        "status": "open",
        "level": "critical",
        "markdown": "m",
        "tips": "t",
        "fields": json.dumps([["lead", "Ada"], ["since", "12:00"], "odd"]),
        "buttons": json.dumps(
            [{"id": "ack", "text": "Acknowledge"}, {"id": "more", "text": "More", "url": "https://x/"}]
        ),
    }
    seen = view_of(view.INCIDENT, params)
    assert (seen.title, seen.status, seen.level) == ("storage of zone c", "open", "critical")
    assert seen.fields == (("lead", "Ada"), ("since", "12:00"))
    assert seen.text == "m\nlead: Ada\nsince: 12:00\nt"
    assert seen.asks("ack")
    assert not seen.asks("more")


def test_one_that_nobody_here_knows() -> None:
    seen = view_of("other.schema", {"title": "t", "content": "c", "cpu": "95%", "empty": ""})
    assert (seen.title, seen.markdown, seen.fields) == ("t", "c", (("cpu", "95%"),))
    assert seen.asks("anything")


def test_what_is_private_goes_first() -> None:
    assert view_of(view.MARKDOWN, {"title": "all", "markdown": "m"}, {"title": "yours"}).title == "yours"


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "label", "url", "all", "id", "msgButtons", "contents", "actions", "fields", "list"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_TEMPLATES = [view.STANDARD, view.MARKDOWN, view.MARKDOWN_BUTTONS, view.AI, view.RPA, view.INCIDENT, "other"]


@given(st.sampled_from(_TEMPLATES), _JSON)
def test_whatever_is_in_it(template: str, whole: Any) -> None:
    text = json.dumps(whole)
    params = dict.fromkeys(["sys_full_json_obj", "cardData", "fields", "buttons", "markdown"], text)
    seen = view_of(template, params)
    assert msgspec.json.encode(seen)
    assert isinstance(seen.text, str)
