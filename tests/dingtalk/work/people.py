"""Members who have something to do, and every call that another organisation and the poor must not reach."""

from __future__ import annotations

from typing import Any

from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import own_id
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of

STRANGER = "union-zed"


def union_id(userid: str) -> str:
    return f"union-{userid}"


def join(cloud: LocalCloud, office: Office, *userids: str) -> None:
    def body(tx: Any) -> None:
        for userid in userids:
            tx.put(
                Member(
                    id=own_id(office.account, userid),
                    account=office.account,
                    userid=userid,
                    union_id=union_id(userid),
                    name=userid.title(),
                )
            )

    cloud.run(cloud.cloud.store.run(body))


def other_office(cloud: LocalCloud) -> Office:
    """Another organisation, with a member `zed`."""
    other = office_of(cloud, account=cloud.as_account("other").account_id)
    join(cloud, other, "zed")
    return other


def check_doors(office: Office, other: Office, method: str, path: str, body: Any, scope: str) -> None:
    """Without the permission or a token there is nothing."""
    poor = office_of(office.cloud, scopes=["none"])
    if path.startswith("/topapi/"):
        told = poor.answer(method, path, body)
        assert (told["errcode"], told["sub_code"], told["sub_msg"]) == (88, "60011", "没有调用该接口的权限")
        told = other.answer(method, path, body, token="no")
        assert (told["errcode"], told["sub_code"], told["sub_msg"]) == (88, "40014", "不合法的access_token")
        return
    told = poor.answer(method, path, body)
    assert told["code"] == "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    assert told["accessdenieddetail"] == {"requiredScopes": [scope]}
    assert other.refused(method, path, body, token="no") == (400, "InvalidAuthentication", "不合法的access_token")
