"""What goes to many, or is listed of many: all of it, in order, and others have their turn meanwhile."""

from __future__ import annotations

import asyncio

import msgspec

from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.directory import union_id_of
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import own_id
from kowloon.wire.http import HttpRequest
from tests.dingtalk.page.people import Chats, Person
from tests.dingtalk.platform import Office

MANY = 180


def _people(chats: Chats, account: str) -> list[str]:
    names = [f"p{number}" for number in range(MANY)]
    chats.put(
        *[
            Member(
                id=own_id(account, each), account=account, userid=each, union_id=union_id_of(account, each), name=each
            )
            for each in names
        ]
    )
    return names


def _listed(person: Person, path: str) -> tuple[dict[str, object], int]:
    """What the page's call answers, and how often somebody else had a turn before."""
    front = person.office.cloud.cloud.front
    headers = [("host", person.office.cloud.endpoint), ("cookie", person.cookie)]

    async def body() -> tuple[dict[str, object], int]:
        turns, done = 0, False

        async def others() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        waiting = asyncio.ensure_future(others())
        answer = await front.handle(  # type: ignore[misc]
            HttpRequest(method="GET", target=f"/dingtalk/api/{path}", headers=headers)
        )
        done = True
        await waiting
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body), turns

    return person.office.cloud.run(body())


def test_work_notifications_to_many_and_back(office: Office) -> None:
    chats = Chats(office.cloud)
    names = _people(chats, office.account)
    asked = {"agent_id": office.agent_id, "to_all_user": True, "msg": {"msgtype": "text", "text": {"content": "x"}}}
    task = office.post("/topapi/message/corpconversation/asyncsend_v2", asked)["task_id"]
    of_task = {"agent_id": office.agent_id, "task_id": task}
    result = office.post("/topapi/message/corpconversation/getsendresult", of_task)["send_result"]
    assert sorted(result["unread_user_id_list"]) == sorted(names)
    office.post("/topapi/message/corpconversation/recall", {"agent_id": office.agent_id, "msg_task_id": task})
    messenger = office.cloud.cloud.dingtalk.messenger

    def said() -> list[bool]:
        conversations = office.cloud.cloud.store.list(Conversation, account=office.account)
        return [
            messenger.read(kept).recalled
            for each in conversations
            if each.form == "notice"
            for kept in messenger.log.read(each.id)
        ]

    assert office.cloud.call(said) == [True] * MANY


def test_a_long_list_of_conversations(office: Office) -> None:
    chats = Chats(office.cloud)
    mei = chats.person("mei")
    groups = [
        Conversation(id=f"cid{number}", account=office.account, title=f"g{number}", members=("mei",))
        for number in range(MANY)
    ]
    chats.put(*groups)
    answer, turns = _listed(mei, "conversations")
    listed = answer["conversations"]
    assert isinstance(listed, list)
    assert [each["id"] for each in listed if each["title"].startswith("g")] == [each.id for each in groups]
    assert turns >= 3


def test_a_conversation_of_many(office: Office) -> None:
    chats = Chats(office.cloud)
    mei = chats.person("mei")
    names = _people(chats, office.account)
    chats.put(Conversation(id="cid-all", account=office.account, title="all", everyone=True))
    answer, turns = _listed(mei, "conversations/cid-all")
    people = answer["people"]
    assert isinstance(people, list)
    assert [each["id"] for each in people] == ["mei", *names]
    assert turns >= 3
