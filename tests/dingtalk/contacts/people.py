"""People of an organisation in a browser: with the console's session, or the messenger's own."""

from __future__ import annotations

from typing import Any

import requests

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office

PASSWORD = "Correct-Horse-7"
ROOT = 1


class Browser:
    """Keeps cookies; sends what pages of the cloud send."""

    def __init__(self, cloud: LocalCloud, endpoint: str = "") -> None:
        self.root = f"http://{endpoint or cloud.endpoint}"
        self.session = requests.Session()

    def send(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        """`headers`: those that differ, underscores for dashes; an empty one is left out."""
        sent = {"Origin": self.root} if method == "POST" else {}
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        url = self.root + path
        return self.session.request(method, url, json=body, headers=sent, timeout=30, allow_redirects=False)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        response = self.send(method, path, body)
        assert response.status_code == 200, response.text
        told: dict[str, Any] = response.json()
        return told

    def refused(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, str]:
        response = self.send(method, path, body, **headers)
        told = response.json()
        return response.status_code, told["Code"], told["Message"]

    def sign_in(self, login: str, password: str = PASSWORD, **which: str) -> dict[str, Any]:
        return self.ask("POST", "/dingtalk/sign-in", {"login": login, "password": password, **which})

    def not_in(self, login: str, password: str = PASSWORD, **which: str) -> tuple[int, str, str]:
        return self.refused("POST", "/dingtalk/sign-in", {"login": login, "password": password, **which})

    def to_console(self, cloud: LocalCloud, user: str, password: str = PASSWORD) -> None:
        """Signs in there."""
        self.ask("POST", "/sign-in", {"name": f"{user}@{cloud.account_id}", "password": password})

    def who(self) -> dict[str, Any]:
        return self.ask("GET", "/dingtalk/signed-in")


def department(office: Office, name: str, **fields: Any) -> int:
    made: int = office.post("/topapi/v2/department/create", {"name": name, **fields})["result"]["dept_id"]
    return made


def person(office: Office, userid: str, *departments: int, **fields: Any) -> str:
    """In the root department if none is said; who cannot sign in."""
    body = {"userid": userid, "name": userid.title(), "dept_id_list": ",".join(map(str, departments or (ROOT,)))}
    made: str = office.post("/topapi/v2/user/create", {**body, **fields})["result"]["userid"]
    return made


def member(office: Office, userid: str, *departments: int, **fields: Any) -> str:
    """Who can sign in as `userid`."""
    return person(office, userid, *departments, **{"login_id": userid, "init_password": PASSWORD, **fields})


def ram_user(cloud: LocalCloud, name: str, *, display_name: str = "", password: str = PASSWORD) -> None:
    """A RAM user who may sign in to the console; without a password: may not."""
    from alibabacloud_ram20150501 import models

    client = cloud.client("ram20150501")
    client.create_user(models.CreateUserRequest(user_name=name, display_name=display_name or None))
    if password:
        client.create_login_profile(models.CreateLoginProfileRequest(user_name=name, password=password))
