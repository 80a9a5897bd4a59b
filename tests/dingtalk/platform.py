"""An organisation with an application, and its calls over a socket."""

from __future__ import annotations

from typing import Any

import requests

from kowloon.testing.cloud import LocalCloud


class Office:
    """`older` calls are answered with `errcode`, `newer` ones with a status."""

    def __init__(self, cloud: LocalCloud, application: dict[str, Any]) -> None:
        self.cloud = cloud
        self.account: str = application["account"]
        self.corp_id: str = application["corp_id"]
        self.app_key: str = application["app_key"]
        self.app_secret: str = application["app_secret"]
        self.agent_id: int = application["agent_id"]
        self._token = ""

    @property
    def client_credentials(self) -> dict[str, str]:
        return {"client_id": self.app_key, "client_secret": self.app_secret, "grant_type": "client_credentials"}

    @property
    def token(self) -> str:
        if not self._token:
            keys = {"appKey": self.app_key, "appSecret": self.app_secret}
            self._token = self.post("/v1.0/oauth2/accessToken", keys, token="")["accessToken"]
        return self._token

    def send(self, method: str, path: str, body: object = None, *, token: str | None = None) -> requests.Response:
        """With the application's token, or another one; '' for none."""
        given = self.token if token is None else token
        newer = path.startswith(("/v1.0/", "/v2.0/"))
        return requests.request(
            method,
            f"http://{self.cloud.endpoint}{path}",
            params={} if newer or not given else {"access_token": given},
            headers={"x-acs-dingtalk-access-token": given} if newer and given else {},
            json=None if isinstance(body, bytes) else body,
            data=body if isinstance(body, bytes) else None,
            timeout=30,
        )

    def answer(self, method: str, path: str, body: object = None, *, token: str | None = None) -> dict[str, Any]:
        answered: dict[str, Any] = self.send(method, path, body, token=token).json()
        return answered

    def post(self, path: str, body: object = None, *, token: str | None = None) -> dict[str, Any]:
        """What a call answers that succeeds."""
        response = self.send("POST", path, body, token=token)
        answered: dict[str, Any] = response.json()
        assert response.status_code == 200, answered
        assert answered.get("errcode", 0) == 0, answered
        return answered

    def get(self, path: str, **query: Any) -> tuple[int, str, dict[str, Any]]:
        """Of the older host, without a token."""
        answered = requests.get(f"http://{self.cloud.endpoint}{path}", query, timeout=30).json()
        return answered["errcode"], answered["errmsg"], answered

    def refused(self, method: str, path: str, body: object = None, *, token: str | None = None) -> tuple[int, str, str]:
        """Status or errcode, code, and message of a call that fails."""
        response = self.send(method, path, body, token=token)
        answered = response.json()
        if "errcode" in answered:
            return answered["errcode"], str(answered.get("sub_code", "")), answered["errmsg"]
        return response.status_code, answered["code"], answered["message"]


def office_of(cloud: LocalCloud, account: str = "", **settings: Any) -> Office:
    """A new application of an organisation, the home account's if not said."""
    headers = {"Authorization": f"Bearer {cloud.cloud.identity.admin_token}"}
    made = requests.post(
        f"http://{cloud.endpoint}/_kowloon/dingtalk/applications",
        json={"name": "ops", "account": account, **settings},
        headers=headers,
        timeout=30,
    )
    assert made.status_code == 201, made.text
    return Office(cloud, made.json())
