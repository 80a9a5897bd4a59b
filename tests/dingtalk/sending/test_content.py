"""Both other forms of messages become what a conversation keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.sending.content import MOST_MSG_BYTES, MOST_PARAM_BYTES, from_msg, from_template

TWO = [{"title": "a", "actionURL": "https://a"}, {"title": "b", "actionURL": "https://b"}]


@pytest.mark.parametrize(
    ("key", "param", "body", "text"),
    [
        ("sampleText", {"content": "hi"}, {"msgtype": "text", "text": {"content": "hi"}}, "hi"),
        (
            "sampleMarkdown",
            {"title": "t", "text": "#### x"},
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "#### x"}},
            "#### x",
        ),
        ("sampleImageMsg", {"photoURL": "https://p"}, {"msgtype": "image", "image": {"picURL": "https://p"}}, "[图片]"),
        (
            "sampleLink",
            {"title": "t", "text": "x", "picUrl": "", "messageUrl": "https://m"},
            {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "https://m", "picUrl": ""}},
            "x\nhttps://m",
        ),
        (
            "sampleActionCard",
            {"title": "t", "text": "x", "singleTitle": "s", "singleURL": "https://s"},
            {
                "msgtype": "actionCard",
                "actionCard": {"title": "t", "text": "x", "singleTitle": "s", "singleURL": "https://s"},
            },
            "x\n[s](https://s)",
        ),
        (
            "sampleActionCard2",
            {
                "title": "t",
                "text": "x",
                "actionTitle1": "a",
                "actionURL1": "https://a",
                "actionTitle2": "b",
                "actionURL2": "https://b",
            },
            {"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x", "btnOrientation": "0", "btns": TWO}},
            "x\n[a](https://a)\n[b](https://b)",
        ),
        (
            "sampleActionCard6",
            {
                "title": "t",
                "text": "x",
                "buttonTitle1": "a",
                "buttonUrl1": "https://a",
                "buttonTitle2": "b",
                "buttonUrl2": "https://b",
            },
            {"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x", "btnOrientation": "1", "btns": TWO}},
            "x\n[a](https://a)\n[b](https://b)",
        ),
        (
            "sampleAudio",
            {"mediaId": "@l1", "duration": 3000},
            {"msgtype": "audio", "audio": {"mediaId": "@l1", "duration": "3000"}},
            "[语音]",
        ),
        (
            "sampleFile",
            {"mediaId": "@l1", "fileName": "a.log", "fileType": "log"},
            {"msgtype": "file", "file": {"mediaId": "@l1", "fileName": "a.log", "fileType": "log"}},
            "[文件] a.log",
        ),
        (
            "sampleVideo",
            {"duration": "3", "videoMediaId": "@v", "videoType": "mp4", "picMediaId": "@p"},
            {"msgtype": "video", "video": {"mediaId": "@v", "duration": "3", "videoType": "mp4", "picMediaId": "@p"}},
            "[视频]",
        ),
    ],
)
def test_templates(key: str, param: dict[str, Any], body: dict[str, Any], text: str) -> None:
    content = from_template(key, json.dumps(param))
    assert (content.message_type, content.body, content.text) == (body["msgtype"], body, text)


@pytest.mark.parametrize(
    ("key", "param", "code", "message"),
    [
        ("", "{}", "invalidParameter.msgKey.empty", "缺少参数 msgKey"),
        ("sampleNothing", "{}", "invalidParameter.msgKey.invalid", "不支持的消息模板 sampleNothing"),
        ("sampleText", "[1]", "invalidParameter.msgParam.invalid", "消息模板参数不合法：msgParam"),
        ("sampleText", "{", "invalidParameter.msgParam.invalid", "消息模板参数不合法：msgParam"),
        ("sampleText", "{}", "invalidParameter.msgParam.invalid", "消息模板参数不合法：content"),
        ("sampleActionCard3", '{"title":"t","text":"x"}', "invalidParameter.msgParam.invalid", "actionTitle1"),
        (
            "sampleText",
            json.dumps({"content": "x" * MOST_PARAM_BYTES}),
            "invalidParameter.msgParam.invalid",
            "message too long, exceed 15000 bytes",
        ),
    ],
)
def test_wrong_templates(key: str, param: str, code: str, message: str) -> None:
    with pytest.raises(PlatformError) as refused:
        from_template(key, param)
    assert refused.value.code == code
    assert message in refused.value.message


OA = {
    "message_url": "https://m",
    "head": {"bgcolor": "FFBBBBBB", "text": "h"},
    "body": {"title": "t", "form": [{"key": "k: ", "value": "v"}], "content": "c"},
}


@pytest.mark.parametrize(
    ("msg", "kind", "text"),
    [
        ({"msgtype": "text", "text": {"content": "hi"}}, "text", "hi"),
        ({"msgtype": "image", "image": {"media_id": "@l"}}, "image", "[图片]"),
        ({"msgtype": "voice", "voice": {"media_id": "@l", "duration": "10"}}, "audio", "[语音]"),
        ({"msgtype": "file", "file": {"media_id": "@l"}}, "file", "[文件]"),
        (
            {"msgtype": "link", "link": {"messageUrl": "https://m", "picUrl": "@l", "title": "t", "text": "x"}},
            "link",
            "x\nhttps://m",
        ),
        ({"msgtype": "markdown", "markdown": {"title": "t", "text": "x"}}, "markdown", "x"),
        ({"msgtype": "oa", "oa": OA}, "oa", "t\nk: v\nc"),
        (
            {
                "msgtype": "action_card",
                "action_card": {"title": "t", "markdown": "x", "single_title": "s", "single_url": "https://s"},
            },
            "actionCard",
            "x\n[s](https://s)",
        ),
        (
            {
                "msgtype": "action_card",
                "action_card": {
                    "title": "t",
                    "markdown": "x",
                    "btn_orientation": "1",
                    "btn_json_list": [{"title": "a", "action_url": "https://a"}],
                },
            },
            "actionCard",
            "x\n[a](https://a)",
        ),
    ],
)
def test_older_messages(msg: dict[str, Any], kind: str, text: str) -> None:
    content = from_msg(msg)
    assert (content.message_type, content.text) == (kind, text)


@pytest.mark.parametrize(
    ("msg", "errcode", "message"),
    [
        ({"msgtype": "text", "text": {}}, 34015, "消息内容不合法：content"),
        ({"msgtype": "oa", "oa": {"message_url": "https://m"}}, 34015, "消息内容不合法：head"),
        ({"msgtype": "oa", "oa": {"message_url": "https://m", "head": {}}}, 34015, "消息内容不合法：body"),
        ({"msgtype": "voice", "voice": {"media_id": "@l"}}, 34015, "消息内容不合法：duration"),
        (
            {"msgtype": "action_card", "action_card": {"markdown": "x", "btn_json_list": "no"}},
            34015,
            "消息内容不合法：btn_json_list",
        ),
        ({"msgtype": "smoke"}, 400105, "不支持的消息类型 smoke"),
        ({"msgtype": "text", "text": "hi"}, 34015, "消息内容不合法：text"),
        (
            {"msgtype": "text", "text": {"content": "x" * MOST_MSG_BYTES}},
            34016,
            "消息内容过长，超过 2048 字节",
        ),
    ],
)
def test_wrong_older_messages(msg: dict[str, Any], errcode: int, message: str) -> None:
    with pytest.raises(PlatformError) as refused:
        from_msg(msg)
    assert (refused.value.errcode, refused.value.message) == (errcode, message)
