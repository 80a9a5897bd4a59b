"""`kowloon dingtalk`: applications, and what operators say of members."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from tests.cli.parts import Served, kowloon


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("dingtalk") / "home") as served:
        yield served


def test_applications_and_members(served: Served) -> None:
    back = ("--redirect-uri", "http://localhost:3000/in", "--redirect-uri", "https://wiki.example/in")
    made = json.loads(kowloon(served.home, "dingtalk", "app", "wiki", *back, "--json").stdout)
    assert made["redirect_uris"] == ["http://localhost:3000/in", "https://wiki.example/in"]
    keys = {"appkey": made["app_key"], "appsecret": made["app_secret"]}
    token = requests.get(f"http://{served.endpoint}/gettoken", keys, timeout=30).json()["access_token"]
    requests.post(
        f"http://{served.endpoint}/topapi/v2/user/create",
        params={"access_token": token},
        json={"userid": "ada", "name": "Ada", "dept_id_list": "1"},
        timeout=30,
    )
    assert kowloon(served.home, "dingtalk", "member", "list").stdout.splitlines()[0] == "ada: Ada"
    assert kowloon(served.home, "dingtalk", "member", "link", "ada", "admin").stdout == "ada is the RAM user admin\n"
    listed = kowloon(served.home, "dingtalk", "member", "list").stdout
    assert "ada: Ada, RAM user admin\ndepartment 1: " in listed
    assert json.loads(kowloon(served.home, "dingtalk", "member", "link", "ada", "--json").stdout)["user"] == ""
    refused = kowloon(served.home, "dingtalk", "member", "role", "1", "nothing")
    assert refused.returncode == 1
    assert "has no role 'nothing', or its trust policy does not name dingtalk.aliyuncs.com." in refused.stderr
    assert kowloon(served.home, "dingtalk", "member", "role", "1").stdout.endswith(" has no role\n")
