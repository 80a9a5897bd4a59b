"""The custom robot's webhook."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.core.config import Settings
from kowloon.dingtalk.chat.resources import Sender
from kowloon.dingtalk.messages import MOST_BYTES
from kowloon.dingtalk.robot import MUTED_S, PER_MINUTE
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.dingtalk_crypto import robot_signature
from tests.core.parts import START_S, Caller, paper_cloud
from tests.dingtalk.parts import OK, TEXT, Answer, members, messages, post, robot, standing

BUTTONS = [{"title": "认领", "actionURL": "https://a"}, {"title": "忽略", "actionURL": "https://b"}]
KINDS: list[tuple[dict[str, Any], str, str]] = [
    ({"msgtype": "text", "text": {"content": "告警 a"}}, "", "告警 a"),
    (
        {"msgtype": "link", "link": {"title": "告警", "text": "b", "messageUrl": "https://x", "picUrl": ""}},
        "告警",
        "b\nhttps://x",
    ),
    ({"msgtype": "markdown", "markdown": {"title": "告警", "text": "#### c"}}, "告警", "#### c"),
    (
        {
            "msgtype": "actionCard",
            "actionCard": {"title": "告警", "text": "d", "singleTitle": "阅读全文", "singleURL": "https://y"},
        },
        "告警",
        "d\n[阅读全文](https://y)",
    ),
    (
        {"msgtype": "actionCard", "actionCard": {"title": "告警", "text": "e", "btnOrientation": 1, "btns": BUTTONS}},
        "告警",
        "e\n[认领](https://a)\n[忽略](https://b)",
    ),
    (
        {"msgtype": "feedCard", "feedCard": {"links": [{"title": "告警", "messageURL": "https://m", "picURL": "p"}]}},
        "",
        "告警 https://m",
    ),
]


@pytest.mark.parametrize(("body", "title", "text"), KINDS)
async def test_each_message_type_stands_in_the_group(body: dict[str, Any], title: str, text: str) -> None:
    async with paper_cloud() as caller:
        made = await robot(caller)
        assert await post(caller, made.id, body) == OK
        (message,) = messages(caller)
        assert (message.type, message.title, message.text) == (body["msgtype"], title, text)
        assert (message.body, message.sender) == (body, Sender("robot", made.sender_id, "alarms"))
        assert made.id not in str(message), "its id opens it"


def missing(kind: str, field: str) -> str:
    return (
        f"错误描述:参数 {kind} --》 {field} 缺失，或者参数格式不正确; 解决方案:请填充上对应参数;"
        "参考链接:请参考本接口对应文档;"
    )


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"msgtype": "text", "text": {}}, (400403, missing("text", "content"))),
        ({"msgtype": "text", "text": {"content": 5}}, (400403, missing("text", "content"))),
        ({"msgtype": "text"}, (400403, missing("text", ""))),
        ({"msgtype": "markdown", "markdown": {"text": "告警"}}, (400402, missing("markdown", "title"))),
        ({"msgtype": "link", "link": {"title": "告警", "text": "x"}}, (400404, missing("link", "messageUrl"))),
        (
            {"msgtype": "actionCard", "actionCard": {"title": "告警", "text": "x"}},
            (400404, missing("actionCard", "singleTitle")),
        ),
        (
            {"msgtype": "actionCard", "actionCard": {"title": "告警", "text": "x", "btns": ["no"]}},
            (400404, missing("actionCard", "btns")),
        ),
        ({"msgtype": "feedCard", "feedCard": {"links": []}}, (400404, missing("feedCard", "links"))),
        (
            {"msgtype": "feedCard", "feedCard": {"links": [{"title": "告警", "messageURL": "x"}]}},
            (400404, missing("feedCard", "picURL")),
        ),
        ({"msgtype": "carrier pigeon"}, (400105, "不支持的消息类型 carrier pigeon")),
        ({"msgtype": ["text"]}, (400105, "不支持的消息类型 ['text']")),
        ({}, (400105, "不支持的消息类型 None")),
    ],
)
async def test_what_is_missing_is_named(body: dict[str, Any], answer: Answer) -> None:
    async with paper_cloud() as caller:
        made = await robot(caller)
        assert await post(caller, made.id, body) == answer
        assert messages(caller) == []


async def test_what_is_wrong_with_the_call_itself() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller)
        assert await post(caller, made.id, TEXT, method="GET") == (43002, "需要POST请求")
        assert await post(caller, "", TEXT) == (40035, "缺少参数 access_token")
        assert await post(caller, made.id, TEXT, content_type="text/plain") == (43004, "无效的HTTP HEADER Content-Type")
        assert await post(caller, made.id, b"{") == (40035, "缺少参数 json")
        assert await post(caller, made.id, b"[1]") == (40035, "缺少参数 json")
        assert await post(caller, made.id, b'{"a":' * 20_000) == (40035, "缺少参数 json")
        assert await post(caller, "f" * 64, TEXT) == (300005, "token is not exist")
        assert await post(caller, made.id, TEXT, content_type="application/json;charset=UTF-8") == OK


def test_the_published_example_of_a_signature() -> None:
    secret = "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    assert robot_signature(secret, "1760000000000") == "La604JXsnEluXCk7ZMRALvnA8TfhJPcV/lz0UFENgSY="


async def test_a_signed_robot_wants_a_fresh_signature() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller, signed=True)
        assert made.secret.startswith("SEC")

        def query(at_s: float, secret: str = made.secret) -> dict[str, str]:
            stamp = str(int(at_s * 1000))
            return {"timestamp": stamp, "sign": robot_signature(secret, stamp)}

        assert await post(caller, made.id, TEXT, query=query(START_S)) == OK
        assert await post(caller, made.id, TEXT, query=query(START_S - 3599)) == OK
        late = (310000, "invalid timestamp")
        assert await post(caller, made.id, TEXT, query=query(START_S - 3601)) == late
        assert await post(caller, made.id, TEXT, query=query(START_S + 3601)) == late
        assert await post(caller, made.id, TEXT) == late
        assert await post(caller, made.id, TEXT, query={"timestamp": "٣" * 13, "sign": "x"}) == late
        code, message = await post(caller, made.id, TEXT, query=query(START_S, "SECother"))
        assert code == 310000
        assert message.startswith("description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳")
        # Cloud time may be far ahead: clients sign by their own clocks.
        await caller.cloud.clock.skip(7200)
        assert await post(caller, made.id, TEXT, query=query(START_S)) == OK


async def test_a_sender_that_does_not_escape_its_plus_signs_is_understood() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller, signed=True)
        stamps = (str(int(START_S * 1000) + number) for number in range(1000))
        stamp = next(stamp for stamp in stamps if "+" in robot_signature(made.secret, stamp))
        spoiled = robot_signature(made.secret, stamp).replace("+", " ")
        assert await post(caller, made.id, TEXT, query={"timestamp": stamp, "sign": spoiled}) == OK


async def test_a_keyword_must_occur_in_title_or_text() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller, keywords=("Disk", "云监控"))
        without = {"msgtype": "text", "text": {"content": "disk full"}}
        assert await post(caller, made.id, without) == (
            310000,
            "错误描述:关键词不匹配;解决方案:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;",
        )
        titled = {"msgtype": "markdown", "markdown": {"title": "Disk", "text": "full"}}
        assert await post(caller, made.id, titled) == OK
        assert await post(caller, made.id, {"msgtype": "text", "text": {"content": "云监控: full"}}) == OK


async def test_an_address_must_be_on_the_list_and_all_settings_hold_together() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller, addresses=("10.1.0.0/16", "127.0.0.1"), keywords=("告警",))
        assert await post(caller, made.id, TEXT, peer="10.1.2.3") == OK
        assert await post(caller, made.id, TEXT) == OK
        refused = (310000, "description:ip 不在白名单中;solution:请联系对应群的管理员，设置机器人安全ip地址段")
        assert await post(caller, made.id, TEXT, peer="10.2.0.1") == refused
        code, message = await post(caller, made.id, {"msgtype": "text", "text": {"content": "hello"}})
        assert (code, message.partition(";")[0]) == (310000, "错误描述:关键词不匹配")


async def test_a_message_may_have_20000_bytes() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller)
        frame = len('{"msgtype": "text", "text": {"content": "告警"}}'.encode())
        fits = {"msgtype": "text", "text": {"content": "告警" + "x" * (MOST_BYTES - frame)}}
        longer = {"msgtype": "text", "text": {"content": "告警" + "x" * (MOST_BYTES - frame + 1)}}
        assert await post(caller, made.id, fits) == OK
        assert await post(caller, made.id, longer) == (460101, "message too long, exceed 20000 bytes")
        assert len(messages(caller)) == 1


async def test_twenty_a_minute_then_ten_minutes_of_silence_in_cloud_time() -> None:
    async with paper_cloud() as caller:
        made, other = await robot(caller), await robot(caller)
        too_fast = (130101, "send too fast, exceed 20 times per minute")
        for _ in range(PER_MINUTE):
            assert await post(caller, made.id, TEXT) == OK
        assert await post(caller, made.id, TEXT) == too_fast
        assert await post(caller, other.id, TEXT) == OK
        await caller.cloud.clock.skip(MUTED_S - 1)
        assert await post(caller, made.id, TEXT) == too_fast
        await caller.cloud.clock.skip(1)
        for _ in range(PER_MINUTE):
            assert await post(caller, made.id, TEXT) == OK
        assert await post(caller, made.id, TEXT) == too_fast
        assert len(messages(caller)) == 2 * PER_MINUTE + 1


async def test_the_minute_slides() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller)
        for _ in range(3 * PER_MINUTE):
            assert await post(caller, made.id, TEXT) == OK
            await caller.cloud.clock.skip(3.0)
        assert len(messages(caller)) == 3 * PER_MINUTE


async def test_one_message_id_is_posted_once() -> None:
    async with paper_cloud() as caller:
        made, other = await robot(caller), await robot(caller)
        body = {**TEXT, "msgUuid": "incident-7"}
        for _ in range(3 * PER_MINUTE):
            assert await post(caller, made.id, body) == OK
        assert len(messages(caller)) == 1
        assert await post(caller, other.id, body) == OK
        assert await post(caller, made.id, {**TEXT, "msgUuid": "incident-8"}) == OK
        assert len(messages(caller)) == 3


async def test_who_is_named_in_the_text_and_is_there_is_called_and_cards_call_nobody() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller)
        await members(caller, {"zhang": "13800000000", "li": "13900000000"})
        text = {"msgtype": "text", "text": {"content": "告警 @13800000000 @li @nobody"}}
        at = {"atMobiles": ["13800000000"], "atUserIds": ["li", "nobody"], "isAtAll": False}
        await post(caller, made.id, {**text, "at": at})
        await post(caller, made.id, {**TEXT, "at": at})
        await post(caller, made.id, {**TEXT, "at": {"isAtAll": "true", "atMobiles": "nobody"}})
        await post(caller, made.id, {**KINDS[1][0], "at": {"isAtAll": True}})
        rows = [(one.at, one.at_all) for one in messages(caller)]
        assert rows == [(("li", "zhang"), False), ((), False), ((), True), ((), False)]


async def test_a_robot_needs_a_security_setting_and_a_stopped_one_says_so() -> None:
    async with paper_cloud() as caller:
        with pytest.raises(ValueError, match="a robot needs keywords, a signature or addresses"):
            await caller.cloud.dingtalk.webhook.create(name="open", group="ops")
        with pytest.raises(ValueError, match="an empty keyword is in every message"):
            await caller.cloud.dingtalk.webhook.create(name="open", group="ops", keywords=("",))
        with pytest.raises(ValueError, match="'home' does not appear to be an IPv4 or IPv6 network"):
            await caller.cloud.dingtalk.webhook.create(name="odd", group="ops", addresses=("10.0.0.0/8", "home"))
        await stopped_robot(caller)


async def stopped_robot(caller: Caller) -> None:
    import msgspec

    made = await robot(caller)
    transaction = caller.cloud.store.begin()
    transaction.put(msgspec.structs.replace(made, stopped=True))
    caller.cloud.store.commit_now(transaction)
    assert await post(caller, made.id, TEXT) == (400102, "机器人已停用")


# --- what alarm senders really send ---


async def test_the_body_of_the_alertmanager_bridge() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller, keywords=("FIRING",))
        await members(caller, {"zhang": "13800000000"})
        body = {
            "msgtype": "markdown",
            "markdown": {
                "title": "[FIRING:1] HighCPU (web-01 critical)",
                "text": "#### \\[FIRING:1\\] **[HighCPU](http://am:9093/#/alerts?receiver=ops)**\n**Alerts Firing**\n\n"
                "#### \\[CRITICAL\\] cpu high\n\n**Description:** ...\n\n**Graph:** [📈](http://prom/graph?g0.expr=up)\n\n"
                "**Details:**\n> - alertname: HighCPU\n> - instance: web-01\n\n@13800000000",
            },
            "at": {"atMobiles": ["13800000000"]},
        }
        assert await post(caller, made.id, body) == OK
        (message,) = messages(caller)
        assert message.title == "[FIRING:1] HighCPU (web-01 critical)"
        assert message.text == body["markdown"]["text"]  # type: ignore[index]
        assert message.at == ("zhang",)


async def test_the_bodies_of_grafana() -> None:
    async with paper_cloud() as caller:
        made = await robot(caller, keywords=("FIRING",))
        url = "dingtalk://dingtalkclient/page/link?pc_slide=false&url=http%3A%2F%2Fgrafana%2Falerting%2Flist"
        text = "**Firing**\n\nValue: A=1234\nLabels:\n - alertname = alert1\nSilence: http://grafana/x\n"
        link = {"title": "[FIRING:1]  (val1)", "text": text, "messageUrl": url}
        card = {"title": "[FIRING:1]  (val1)", "text": text, "singleTitle": "More", "singleURL": url}
        assert await post(caller, made.id, {"msgtype": "link", "link": link}) == OK
        assert await post(caller, made.id, {"msgtype": "actionCard", "actionCard": card}) == OK
        assert [one.text for one in messages(caller)] == [f"{text}\n{url}", f"{text}\n[More]({url})"]


def test_the_real_client_library() -> None:
    from dingtalkchatbot.chatbot import ActionCard, CardItem, DingtalkChatbot

    with LocalCloud(Settings(engine="paper", port=0)) as cloud:
        made = cloud.run(cloud.cloud.dingtalk.webhook.create(name="a", group="ops", signed=True))
        client = DingtalkChatbot(
            f"http://{cloud.endpoint}/robot/send?access_token={made.id}", secret=made.secret, pc_slide=True
        )
        ok = {"errcode": 0, "errmsg": "ok"}
        assert client.send_text("hello", is_at_all=True) == ok
        assert client.send_markdown("title", "#### text", at_mobiles=["13800000000"]) == ok
        assert client.send_link("title", "text", "https://example.com") == ok
        card = ActionCard("title", "text", [CardItem("认领", "https://example.com/a")])
        assert client.send_action_card(card) == ok
        assert client.send_feed_card([CardItem("t", "https://example.com/b", "https://example.com/p.png")]) == ok
        kept = cloud.call(lambda: standing(cloud.cloud, "ops"))
        assert [one.type for one in kept] == ["text", "markdown", "link", "actionCard", "feedCard"]
        wrong = DingtalkChatbot(f"http://{cloud.endpoint}/robot/send?access_token={made.id}", secret="SECwrong")
        assert wrong.send_text("hello")["errcode"] == 310000
