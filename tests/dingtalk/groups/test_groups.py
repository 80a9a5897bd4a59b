"""Groups by the older ids and scene groups: made, changed, spoken in, dissolved."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_dingtalk.im_1_0.client import Client
from alibabacloud_dingtalk.im_1_0.models import (
    BatchQueryGroupMemberHeaders,
    BatchQueryGroupMemberRequest,
    ChatIdToOpenConversationIdHeaders,
    CreateSceneGroupConversationHeaders,
    CreateSceneGroupConversationRequest,
    GetSceneGroupInfoHeaders,
    GetSceneGroupInfoRequest,
)
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import person
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.sending.test_sending import read_all, scene_group, told


def people(office: Office, *userids: str) -> None:
    for userid in userids:
        person(office, userid)


def chat(office: Office, *members: str, **fields: Any) -> dict[str, Any]:
    body = {"name": "ops", "owner": members[0], "useridlist": list(members), **fields}
    return office.post("/chat/create", body)


def info(office: Office, chat_id: str) -> dict[str, Any]:
    found: dict[str, Any] = office.answer("GET", f"/chat/get?chatid={chat_id}")["chat_info"]
    return found


def test_a_group_by_its_older_id(cloud: LocalCloud, office: Office) -> None:
    people(office, "ada", "bob", "eve")
    made = chat(office, "ada", "bob", showHistoryType=1)
    assert (made["conversationTag"], made["chatid"][:4], made["openConversationId"][:3]) == (2, "chat", "cid")
    found = info(office, made["chatid"])
    assert (found["name"], found["owner"], found["useridlist"]) == ("ops", "ada", ["ada", "bob"])
    assert (found["showHistoryType"], found["openConversationId"]) == (1, made["openConversationId"])
    change = {"chatid": made["chatid"], "name": "on call", "owner": "bob", "add_useridlist": ["eve"]}
    office.post("/chat/update", {**change, "del_useridlist": ["ada"]})
    found = info(office, made["chatid"])
    assert (found["name"], found["owner"], found["useridlist"]) == ("on call", "bob", ["bob", "eve"])
    sent = office.post("/chat/send", {"chatid": made["chatid"], "msg": {"msgtype": "text", "text": {"content": "x"}}})
    assert [each.text for each in told(office, "eve")] == ["x"]
    assert told(office, "ada") == []
    read_all(office, "eve")
    listed = office.answer("GET", f"/chat/getReadList?messageId={sent['messageId']}&cursor=0&size=10")
    assert (listed["readUserIdList"], listed["next_cursor"]) == (["eve"], 0)
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    headers = ChatIdToOpenConversationIdHeaders(x_acs_dingtalk_access_token=office.token)
    answer = client.chat_id_to_open_conversation_id_with_options(made["chatid"], headers, RuntimeOptions()).body
    assert answer.open_conversation_id == made["openConversationId"]


def test_the_newer_twins(office: Office) -> None:
    people(office, "ada", "bob")
    options = {"searchable": 1}
    body = {"name": "ops", "owner": "ada", "useridlist": ["bob"], "icon": "@l", "managementOptions": options}
    made = office.post("/v1.0/im/group/create", body)
    assert office.post("/v1.0/im/group/update", {"chatid": made["chatid"], "name": "new"}) == {"success": True}
    found = info(office, made["chatid"])
    assert (found["name"], found["searchable"], found["icon"]) == ("new", 1, "@l")
    assert found["useridlist"] == ["ada", "bob"], "the owner is a member"


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        ("create", {"name": "", "owner": "ada", "useridlist": ["ada"]}, 34004),
        ("create", {"name": "x" * 21, "owner": "ada", "useridlist": ["ada"]}, 34004),
        ("create", {"name": "x", "owner": "nobody", "useridlist": ["ada"]}, 34002),
        ("create", {"name": "x", "owner": "ada", "useridlist": ["nobody"]}, 33012),
        ("create", {"name": "x", "owner": "ada", "useridlist": ["ada"] * 41}, 33014),
        ("update", {"chatid": "chatno", "name": "x"}, 34001),
        ("update", {"chatid": "CHAT", "owner": "eve"}, 34010),
        ("update", {"chatid": "CHAT", "del_useridlist": ["ada"]}, 34012),
        ("update", {"chatid": "CHAT", "add_useridlist": ["nobody"]}, 33012),
        ("get", {"chatid": "chatno"}, 34001),
        ("send", {"chatid": "chatno", "msg": {"msgtype": "text", "text": {"content": "x"}}}, 34001),
        ("send", {"chatid": "CHAT", "msg": {"msgtype": "text", "text": {}}}, 34015),
        ("getReadList", {"messageId": "msgno", "cursor": 0, "size": 1}, 34006),
    ],
)
def test_groups_refuse(office: Office, path: str, body: dict[str, Any], errcode: int) -> None:
    people(office, "ada", "eve")
    made = chat(office, "ada")
    filled = {name: made["chatid"] if value == "CHAT" else value for name, value in body.items()}
    found, _, message = office.refused("POST", f"/chat/{path}", filled)
    assert (found, bool(message)) == (errcode, True)
    assert info(office, made["chatid"])["useridlist"] == ["ada"]


def test_a_scene_group_in_three_spellings(cloud: LocalCloud, office: Office) -> None:
    people(office, "ada", "bob", "eve")
    snake = scene_group(office, "ada", "bob", subadmin_ids="bob", management_options={"searchable": 1})
    older = office.post("/topapi/im/chat/scenegroup/get", {"open_conversation_id": snake})["result"]
    assert (older["user_ids"], older["sub_admin_ids"]) == (["ada", "bob"], ["bob"])
    assert (older["template_id"], older["management_options"]) == ("t", {"searchable": 1})
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    token = {"x_acs_dingtalk_access_token": office.token}
    asked = CreateSceneGroupConversationRequest(
        group_name="camel", template_id="t", group_owner_id="ada", user_id_list=["bob", "eve"]
    )
    headers = CreateSceneGroupConversationHeaders(**token)
    camel = client.create_scene_group_conversation_with_options(asked, headers, RuntimeOptions()).body
    query = GetSceneGroupInfoRequest(open_conversation_id=camel.open_conversation_id)
    found = client.get_scene_group_info_with_options(query, GetSceneGroupInfoHeaders(**token), RuntimeOptions()).body
    assert (found.title, found.owner_user_id, found.status) == ("camel", "ada", 1)
    paged = BatchQueryGroupMemberRequest(open_conversation_id=camel.open_conversation_id, max_results=2)
    member_headers = BatchQueryGroupMemberHeaders(**token)
    page = client.batch_query_group_member_with_options(paged, member_headers, RuntimeOptions()).body
    assert (page.member_user_ids, page.has_more) == (["ada", "bob"], True)
    paged.next_token = page.next_token
    page = client.batch_query_group_member_with_options(paged, member_headers, RuntimeOptions()).body
    assert (page.member_user_ids, page.has_more) == (["eve"], False)
    body = {"title": "third", "template_id": "t", "owner_user_id": "ada"}
    third = office.post("/topapi/im/chat/scenegroup/create", body)["result"]
    assert third["chat_id"].startswith("chat")


def test_a_scene_group_changes(office: Office) -> None:
    people(office, "ada", "bob", "eve")
    group = scene_group(office, "ada")
    union_id = office.post("/topapi/v2/user/get", {"userid": "eve"})["result"]["unionid"]
    added = {"open_conversation_id": group, "user_ids": ["bob"], "union_ids": [union_id]}
    assert office.post("/v1.0/im/sceneGroup/member/add", added) == {"success": True}
    assert members(office, group) == ["ada", "bob", "eve"]
    office.post("/topapi/im/chat/scenegroup/member/delete", {"open_conversation_id": group, "user_ids": "eve"})
    office.post("/topapi/im/chat/scenegroup/member/add", {"open_conversation_id": group, "user_ids": "bob"})
    assert members(office, group) == ["ada", "bob"]
    admins = {"openConversationId": group, "userIds": ["bob"], "role": 2}
    assert office.answer("PUT", "/v1.0/im/sceneGroups/subAdmins", admins) == {"success": True}
    change = {"open_conversation_id": group, "title": "renamed", "owner_user_id": "bob"}
    assert office.post("/v1.0/im/sceneGroup/update", change) == {"success": True}
    found = office.post("/v1.0/im/sceneGroups/query", {"openConversationId": group})
    assert (found["title"], found["ownerUserId"]) == ("renamed", "bob")
    page = office.post("/v1.0/im/sceneGroups/members/query", {"openConversationId": group, "cursor": "", "size": 1})
    assert (page["memberUserIds"], page["hasMore"], page["nextCursor"]) == (["ada"], True, "1")
    office.post("/v1.0/im/sceneGroup/member/delete", {"open_conversation_id": group, "user_ids": ["ada"]})
    assert office.post("/v1.0/im/chat/scenegroup/disband", {"openConversationId": group}) == {"success": True}
    status, code, _ = office.refused("POST", "/v1.0/im/sceneGroups/query", {"openConversationId": group})
    assert (status, code) == (400, "group.dissolved")


def members(office: Office, group: str) -> list[str]:
    body = {"openConversationId": group, "maxResults": 100}
    found: list[str] = office.post("/v1.0/im/sceneGroups/members/batchQuery", body)["memberUserIds"]
    return found


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        ("POST sceneGroup/create", {"owner_user_id": "nobody"}, "invalidParameter.owner.invalid"),
        ("POST sceneGroup/create", {"title": "x" * 101}, "invalidParameter.name.invalid"),
        ("POST sceneGroup/create", {"user_ids": "nobody"}, "invalidParameter.userIds.invalid"),
        ("POST sceneGroup/create", {"uuid": "used"}, "invalidRequest.duplicateClientToken"),
        ("POST sceneGroup/member/add", {"open_conversation_id": "cidno"}, "invalid.openConversationId"),
        ("POST sceneGroup/member/add", {"user_ids": ""}, "invalidParameter.user_ids.empty"),
        ("POST sceneGroup/member/add", {"union_ids": "nobody"}, "invalidParameter.userIds.invalid"),
        ("POST sceneGroup/member/delete", {"user_ids": "ada"}, "invalidParameter.userIds.owner"),
        ("PUT sceneGroups/subAdmins", {"role": 4}, "invalidParameter.role.invalid"),
        ("PUT sceneGroups/subAdmins", {"userIds": ["eve"]}, "invalidParameter.userIds.notMember"),
        ("POST sceneGroups/query", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("POST chat/scenegroup/disband", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("POST chat/chatno/convertToOpenConversationId", {}, "invalid.openConversationId"),
    ],
)
def test_scene_groups_refuse(office: Office, path: str, changes: dict[str, Any], code: str) -> None:
    people(office, "ada", "eve")
    group = scene_group(office, "ada", uuid="used")
    body = {
        "title": "x",
        "template_id": "t",
        "owner_user_id": "ada",
        "open_conversation_id": group,
        "openConversationId": group,
        "user_ids": "eve",
        "userIds": ["ada"],
        "role": 2,
        **changes,
    }
    method, _, rest = path.partition(" ")
    status, found, message = office.refused(method, f"/v1.0/im/{rest}", body)
    assert (status, found, bool(message)) == (409 if "duplicate" in code else 400, code, True)
    assert members(office, group) == ["ada"]


@pytest.mark.parametrize(
    "path",
    [
        "/chat/get",
        "/chat/update",
        "/chat/send",
        "/v1.0/im/sceneGroup/member/add",
        "/v1.0/im/sceneGroup/member/delete",
        "/v1.0/im/sceneGroup/update",
        "/v1.0/im/sceneGroups/query",
        "/v1.0/im/sceneGroups/members/query",
        "/v1.0/im/sceneGroups/members/batchQuery",
        "/v1.0/im/chat/scenegroup/disband",
        "/topapi/im/chat/scenegroup/get",
    ],
)
def test_groups_of_another_organisation_are_as_good_as_absent(cloud: LocalCloud, office: Office, path: str) -> None:
    people(office, "ada")
    made = chat(office, "ada")
    stranger = office_of(cloud, cloud.as_account("stranger").account_id)
    id = made["openConversationId"]
    body = {
        "chatid": made["chatid"],
        "openConversationId": id,
        "open_conversation_id": id,
        "user_ids": "ada",
        "cursor": "",
        "size": 10,
        "maxResults": 10,
        "msg": {"msgtype": "text", "text": {"content": "x"}},
    }
    assert stranger.refused("POST", path, body)[:2] in ((34001, ""), (400, "invalid.openConversationId"))
    assert told(office, "ada") == []
    limited = office_of(cloud, scopes=["nothing"])
    assert limited.refused("POST", path, body)[0] in (60011, 88, 403)


def test_who_leaves_the_organisation_leaves_its_groups(office: Office) -> None:
    people(office, "ada", "bob")
    made = chat(office, "ada", "bob")
    office.post("/topapi/v2/user/delete", {"userid": "ada"})
    found = info(office, made["chatid"])
    assert (found["useridlist"], found["owner"]) == (["bob"], "bob")
