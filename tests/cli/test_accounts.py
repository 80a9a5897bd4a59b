"""`kowloon account`: several customers of one cloud."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.models import Config

from tests.cli.parts import Served, kowloon


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("accounts") / "home") as served:
        yield served


def _whoami(served: Served, key_id: str, secret: str) -> tuple[str, str]:
    config = Config(
        access_key_id=key_id,
        access_key_secret=secret,
        endpoint=served.endpoint,
        protocol="http",
        region_id="cn-hongkong",
    )
    answer = StsClient(config).get_caller_identity().body
    return answer.account_id, answer.arn


def _json(home: Path, *arguments: str) -> dict[str, str]:
    ran = kowloon(home, *arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, str] = json.loads(ran.stdout)
    return answer


def test_an_account_is_opened_with_an_administrator_of_its_own(served: Served) -> None:
    made = _json(served.home, "account", "create", "Second Shop")
    assert made["account"] != served.keys["account_id"]
    account, arn = _whoami(served, made["access_key_id"], made["access_key_secret"])
    assert (account, arn) == (made["account"], f"acs:ram::{made['account']}:user/admin")
    rows = {row["account"]: row for row in _json(served.home, "account", "list")}  # type: ignore[call-overload]
    assert rows[made["account"]]["name"] == "Second Shop"
    assert rows[made["account"]]["users"] == 1
    assert served.keys["account_id"] in rows
    again = kowloon(served.home, "account", "create", "Second Shop")
    assert (again.returncode, again.stderr.strip()) == (
        1,
        "AccountAlreadyExists: There is an account named 'Second Shop' already.",
    )


def test_keys_are_for_the_shell_and_the_same_until_another_is_asked_for(served: Served) -> None:
    made = _json(served.home, "account", "create", "keys-shop")
    shown = kowloon(served.home, "account", "keys", "keys-shop").stdout
    assert f"export ALIBABA_CLOUD_ACCESS_KEY_ID={made['access_key_id']}\n" in shown
    assert f"export ALIBABA_CLOUD_ACCOUNT_ID={made['account']}\n" in shown
    fresh = _json(served.home, "account", "keys", made["account"], "--new")
    assert fresh["access_key_id"] != made["access_key_id"]
    root = _json(served.home, "account", "keys", "keys-shop", "--root")
    assert _whoami(served, root["access_key_id"], root["access_key_secret"])[1] == f"acs:ram::{made['account']}:root"
    assert _json(served.home, "account", "keys", "keys-shop", "--root") == root


def test_mistakes_are_told(served: Served) -> None:
    ran = kowloon(served.home, "account", "keys", "nobody")
    assert (ran.returncode, ran.stderr.strip()) == (
        1,
        "AccountNotFound: There is no account 'nobody'; `kowloon account list` shows them.",
    )
    ran = kowloon(served.home, "account", "create", "a/b")
    assert (ran.returncode, ran.stderr.strip()) == (
        1,
        "InvalidAccountName: A name has 1 to 64 letters, digits, spaces or any of . @ - _.",
    )


def test_a_password_is_set_and_set_again(served: Served) -> None:
    for password in ("Correct-Horse-7", "Battery-Staple-8"):
        ran = kowloon(served.home, "account", "password", KOWLOON_PASSWORD=password)
        assert (ran.returncode, ran.stdout) == (0, f"sign in as admin@{served.keys['account_id']}\n"), ran.stderr
        body = json.dumps({"name": f"admin@{served.keys['account_id']}", "password": password})
        connection = http.client.HTTPConnection(served.endpoint, timeout=30.0)
        connection.request("POST", "/sign-in", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        connection.close()
    weak = kowloon(served.home, "account", "password", KOWLOON_PASSWORD="short")
    assert (weak.returncode, weak.stdout) == (1, "")
    assert "InvalidParameter.Password.TooWeak" in weak.stderr
    nobody = kowloon(served.home, "account", "password", "nobody", KOWLOON_PASSWORD="Correct-Horse-7")
    assert "EntityNotExist.User: The user does not exist: nobody." in nobody.stderr
