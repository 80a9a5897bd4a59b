"""Who leaves the organisation, and who comes later under the same userid."""

from __future__ import annotations

from tests.dingtalk.page.people import Chats
from tests.dingtalk.platform import Office


def test_who_comes_under_the_same_userid_reads_nothing_of_who_left(office: Office) -> None:
    chats = Chats(office.cloud)
    mei, omar = chats.person("mei"), chats.person("omar")
    single = mei.post("conversations", {"with_person": "omar"})["id"]
    with mei.live() as page:
        page.say(single, "my salary")
    sent = {"robotCode": office.app_key, "userIds": ["mei"], "msgKey": "sampleText", "msgParam": '{"content": "code"}'}
    office.post("/v1.0/robot/oToMessages/batchSend", sent)
    notice = {"agent_id": office.agent_id, "userid_list": "mei", "msg": {"msgtype": "text", "text": {"content": "pay"}}}
    office.post("/topapi/message/corpconversation/asyncsend_v2", notice)
    before = {each["form"]: each["id"] for each in mei.get("conversations")["conversations"] if each["last"]}
    assert before.keys() == {"single", "robot", "notice"}

    office.post("/topapi/v2/user/delete", {"userid": "mei"})
    again = chats.person("mei", name="Another")
    assert not [each for each in again.get("conversations")["conversations"] if each["form"] != "group"]
    for id in before.values():
        assert again.refused("GET", f"conversations/{id}/messages")[:2] == (404, "ConversationNotFound")
    fresh = again.post("conversations", {"with_person": "omar"})
    assert (fresh["id"] != single, fresh["last"]) == (True, None)
    assert omar.post("conversations", {"with_person": "mei"})["id"] == fresh["id"]
    office.post("/v1.0/robot/oToMessages/batchSend", {**sent, "msgParam": '{"content": "yours"}'})
    (robot,) = [each for each in again.get("conversations")["conversations"] if each["form"] == "robot"]
    assert [each["text"] for each in again.get(f"conversations/{robot['id']}/messages")["messages"]] == ["yours"]

    # Who stayed keeps what was said, under the name of who it was with.
    assert omar.conversation(single)["title"] == "Mei"
    assert [each["text"] for each in omar.get(f"conversations/{single}/messages")["messages"]] == ["my salary"]
    assert omar.conversation(fresh["id"])["title"] == "Another"
