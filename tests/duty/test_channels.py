"""What pages go out by: the messenger, mail, webhooks; the next one where one fails; the same message once."""

from __future__ import annotations

import asyncio
import email.policy
import json
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from kowloon.actions.paging import NotDelivered, Outgoing
from kowloon.core.config import MailServer, Settings
from kowloon.dingtalk.plane import REGION
from kowloon.dingtalk.resources import Robot
from kowloon.duty.channels import MailPager, WebhookPager
from kowloon.duty.resources import Message, Page
from kowloon.engines.dialler import Dialler
from tests.core.parts import paper_cloud
from tests.dingtalk.parts import standing
from tests.duty.parts import Office

MESSAGE = Outgoing(
    id="dm-1", account="", person="wei-1", title="[high] 备库延迟", text="40 s\ndp-1 for dba", urgent=True
)
GROUP = "{by: dingtalk, at: wei-1}"


class Mailbox:
    """An SMTP server's; it answers `says` to each mail if that is not empty."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.says = ""

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        if self.says:
            return self.says
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        mail["X-Rcpt"] = ",".join(envelope.rcpt_tos)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    """And its port."""
    box, loop = Mailbox(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop), "127.0.0.1", 0)
    yield box, server.sockets[0].getsockname()[1]
    server.close()


class Hook:
    """A web server's requests: path, headers by lower-case name, and JSON."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((first.split()[1], headers, json.loads(body)))
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/duty"


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    server = await asyncio.start_server(hook.handle, "127.0.0.1", 0)
    hook.port = server.sockets[0].getsockname()[1]
    yield hook
    server.close()


def sent(office: Office, person: str = "wei-1") -> list[Message]:
    return [each for each in office.cloud.store.list(Message) if each.person == person and each.page]


async def test_a_webhook_takes_json_with_a_key_of_its_own(hook: Hook) -> None:
    await WebhookPager(Dialler(lambda: ())).send(hook.url, MESSAGE)
    ((path, headers, body),) = hook.requests
    assert (path, headers["content-type"], headers["idempotency-key"]) == ("/duty", "application/json", "dm-1")
    assert body == {
        "id": "dm-1",
        "account": "",
        "person": "wei-1",
        "title": "[high] 备库延迟",
        "text": "40 s\ndp-1 for dba",
        "urgent": True,
    }
    hook.status = 302
    with pytest.raises(NotDelivered, match="it answered 302"):
        await WebhookPager(Dialler(lambda: ())).send(hook.url, MESSAGE)


@pytest.mark.parametrize(
    "url",
    ["http://100.100.100.200/latest", "http://10.0.0.1/x", "ftp://127.0.0.1/x", "nonsense", "http://127.0.0.1:{own}/"],
)
async def test_webhooks_reach_nothing_that_is_out_of_bounds(hook: Hook, url: str) -> None:
    with pytest.raises(NotDelivered) as refused:
        await WebhookPager(Dialler(lambda: {hook.port})).send(url.replace("{own}", str(hook.port)), MESSAGE)
    assert str(refused.value)
    assert hook.requests == []


async def test_a_mail_is_whole_and_has_the_messages_id(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    server = MailServer(host="127.0.0.1", port=port, sender="duty@kowloon.example")
    await MailPager(Dialler(lambda: ()), server).send("wei@example.com", MESSAGE)
    (mail,) = box.mails
    assert (mail["To"], mail["X-Rcpt"], mail["Subject"]) == ("wei@example.com", "wei@example.com", "[high] 备库延迟")
    assert (mail["From"], mail["Message-ID"], mail["X-Priority"]) == (
        "Kowloon duty <duty@kowloon.example>",
        "<dm-1@kowloon.example>",
        "1",
    )
    assert mail.get_content().replace("\r\n", "\n") == "40 s\ndp-1 for dba\n"


async def test_nothing_in_a_title_or_address_becomes_a_header(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    pager = MailPager(Dialler(lambda: ()), MailServer(host="127.0.0.1", port=port, sender="duty@kowloon.example"))
    evil = Outgoing(
        id="dm-2", account="", person="x", title="down\r\nBcc: all@example.com", text="\r\n.\r\nMAIL FROM:<x>\r\n"
    )
    await pager.send("wei@example.com", evil)
    (mail,) = box.mails
    assert (mail["Subject"], mail["Bcc"], mail["X-Rcpt"]) == ("down Bcc: all@example.com", None, "wei@example.com")
    for address in ("wei", "a@b\r\nBcc: c@d", "a@b, c@d", "Wei <a@b>", "wéi@example.com", ""):
        with pytest.raises(NotDelivered, match="is no mail address"):
            await pager.send(address, MESSAGE)
    assert len(box.mails) == 1


async def test_what_a_mail_server_refuses_is_said(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    box.says = "451 greylisted"
    server = MailServer(host="127.0.0.1", port=port, sender="duty@kowloon.example")
    with pytest.raises(NotDelivered, match="greylisted"):
        await MailPager(Dialler(lambda: ()), server).send("wei@example.com", MESSAGE)
    for refused in (
        MailPager(Dialler(lambda: {port}), server),
        MailPager(Dialler(lambda: ()), MailServer(host="10.0.0.1", port=25, sender="duty@kowloon.example")),
    ):
        with pytest.raises(NotDelivered):
            await refused.send("wei@example.com", MESSAGE)
    with pytest.raises(NotDelivered, match="no mail server; start it with --mail-server HOST:PORT"):
        await MailPager(Dialler(lambda: ()), None).send("wei@example.com", MESSAGE)


async def test_a_group_of_the_messenger_has_a_robot_for_it(office: Office) -> None:
    for title in ("one", "two", "three"):
        await office.ask("CreatePage", PostId="dba", Title=title)
    await office.until(lambda: all(each.state == "sent" for each in sent(office)))
    store = office.cloud.store
    assert [robot.name for robot in store.list(Robot) if robot.group == "wei-1"] == ["Duty"]
    posted = [each for each in standing(office.cloud, "wei-1") if "[high]" in each.title]
    assert sorted(each.title for each in posted) == ["[high] one", "[high] three", "[high] two"]
    assert all("@wei-1 " in each.text for each in posted)
    page = store.list(Page)[0]
    assert [(entry.what, entry.text) for entry in page.story][-1] == ("delivered", "by dingtalk")


@pytest.fixture
async def reachable(hook: Hook, mailbox: tuple[Mailbox, int]) -> AsyncIterator[Callable[..., Any]]:
    """An office whose wei-1 is reached in the ways that are given."""
    settings = Settings(engine="paper", port=0, seed=7, mail_server=f"127.0.0.1:{mailbox[1]}")
    async with paper_cloud(settings) as caller:
        office = Office(caller)

        async def make(*ways: str) -> Office:
            await office.apply((GROUP, ", ".join(ways)))
            await office.turns("wei-1", "wei-2")
            return office

        yield make


async def test_where_one_channel_fails_the_next_is_tried_at_once(
    reachable: Callable[..., Any], hook: Hook, mailbox: tuple[Mailbox, int]
) -> None:
    hook.status = 500
    office = await reachable(f"{{by: webhook, at: '{hook.url}'}}", "{by: email, at: wei@example.com}", GROUP)
    await office.ask("CreatePage", PostId="dba", Title="standby lags")
    await office.until(lambda: sent(office) and sent(office)[0].state == "sent")
    (message,) = sent(office)
    assert (message.sent_by, message.problems, message.tries) == ("email", ("webhook: it answered 500",), 1)
    page = office.cloud.store.list(Page)[0]
    assert [entry.what for entry in page.story if "deliver" in entry.what] == ["not-delivered", "delivered"]
    urgent = [mail for mail in mailbox[0].mails if mail["X-Priority"]]
    assert [mail["Message-ID"].split("@")[0] for mail in urgent] == [f"<{message.id}"]


async def test_the_messenger_is_down_with_the_cloud_and_mail_is_not(
    reachable: Callable[..., Any], mailbox: tuple[Mailbox, int]
) -> None:
    office = await reachable(GROUP, "{by: email, at: wei@example.com}")
    await office.until(lambda: not [each for each in office.cloud.store.list(Message) if each.state == "waiting"])
    for zone in office.cloud.board.topology.zone_ids(REGION):
        await office.cloud.faults.inject("zone-power", (zone,), {})
    await office.ask("CreatePage", PostId="dba", Title="all of it is down")
    await office.until(lambda: sent(office) and sent(office)[0].state == "sent")
    assert sent(office)[0].sent_by == "email"


def _tried(office: Office, times: int) -> bool:
    return bool(sent(office)) and (sent(office)[0].tries >= times or sent(office)[0].state == "failed")


async def test_every_channel_is_tried_for_an_hour_and_then_it_is_said(
    reachable: Callable[..., Any], hook: Hook
) -> None:
    hook.status = 503
    office = await reachable(f"{{by: webhook, at: '{hook.url}'}}", "{by: webhook, at: 'http://10.0.0.1/'}")
    await office.ask("CreatePage", PostId="dba", Title="standby lags")
    began, rounds = office.now, 0
    while not sent(office) or sent(office)[0].state == "waiting":
        rounds += 1
        await office.until(lambda: _tried(office, 2 * rounds))  # noqa: B023
        await office.skip(seconds=min(5 * 2 ** (rounds - 1), 300))
    (message,) = sent(office)
    # All waits together are an hour after 17 rounds.
    assert (message.state, message.tries, len(message.problems)) == ("failed", 35, 35)
    assert office.now - began >= 3600
    keys = {headers["idempotency-key"] for _, headers, body in hook.requests if body["urgent"]}
    assert keys == {message.id}
