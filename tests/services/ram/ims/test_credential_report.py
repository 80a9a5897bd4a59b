"""The credential report is made of what there is."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

import pytest

from kowloon.store.identity import MfaDevice, StoredKey
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import PASSWORD, login_name, person


def _report(customer: Customer) -> list[dict[str, str]]:
    content = base64.b64decode(customer.call("ims", "GetCredentialReport").content).decode()
    return list(csv.DictReader(io.StringIO(content)))


def test_a_report_has_a_line_of_everyone(alone: Customer) -> None:
    refused(
        lambda: alone.call("ims", "GetCredentialReport"),
        "EntityNotExist.CredentialReport",
        "The credential report does not exist.",
        404,
    )
    them = person(alone, "reported")
    alone.call("ims", "SetPasswordPolicy", max_password_age=90, initial_password_age=0)
    alone.call("ram", "CreateLoginProfile", user_name="reported", password=PASSWORD)
    refused(lambda: them.call("ram", "ListUsers"), "NoPermission", "You are not authorized to do this action. You")
    alone.cloud.call(alone.cloud.cloud.key_use.flush)
    assert alone.call("ims", "GenerateCredentialReport").state == "COMPLETE"
    root, admin, reported = _report(alone)
    assert (root["user"], root["access_key_1_exist"], admin["user"]) == ("<root>", "FALSE", login_name(alone, "admin"))
    assert (reported["user"], reported["password_exist"], reported["password_active"]) == (
        login_name(alone, "reported"),
        "TRUE",
        "TRUE",
    )
    assert reported["password_last_changed"] < reported["password_next_rotation"]
    assert (reported["mfa_active"], reported["access_key_1_active"], reported["access_key_2_exist"]) == (
        "FALSE",
        "TRUE",
        "FALSE",
    )
    assert reported["access_key_1_last_used"] >= reported["access_key_1_last_rotated"]
    assert (admin["password_exist"], admin["password_next_rotation"]) == ("FALSE", "N/A")


def test_keys_are_looked_through_once(alone: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        alone.call("ram", "CreateUser", user_name=f"user-{number}")
        alone.call("ram", "CreateAccessKey", user_name=f"user-{number}")
    listed: list[str] = []
    original = Transaction.list

    def counting(tx: Transaction, kind: type[Resource], **scope: Any) -> list[Any]:
        listed.append(kind.kind)
        return original(tx, kind, **scope)

    monkeypatch.setattr(Transaction, "list", counting)
    alone.call("ims", "GenerateCredentialReport")
    assert (listed.count(StoredKey.kind), listed.count(MfaDevice.kind)) == (1, 1)
    assert [line["access_key_1_exist"] for line in _report(alone)] == ["FALSE", "TRUE", *["TRUE"] * 5]


def test_a_report_stays_for_four_hours(alone: Customer) -> None:
    alone.call("ims", "GenerateCredentialReport")
    alone.call("ram", "CreateUser", user_name="later")
    alone.call("ims", "GenerateCredentialReport")
    assert len(_report(alone)) == 2
    alone.cloud.run(alone.cloud.cloud.clock.skip(4 * 3600))
    alone.call("ims", "GenerateCredentialReport")
    assert [line["user"] for line in _report(alone)][-1] == login_name(alone, "later")


def test_a_report_in_pages(alone: Customer) -> None:
    alone.call("ims", "GenerateCredentialReport")
    first = alone.call("ims", "GetCredentialReport", max_items="2")
    rest = alone.call("ims", "GetCredentialReport", max_items="2", next_token=first.next_token)
    assert (first.is_truncated, rest.is_truncated, first.generated_time) == ("true", "false", rest.generated_time)
    lines = [base64.b64decode(page.content).decode().splitlines() for page in (first, rest)]
    assert [len(part) for part in lines] == [2, 1]
    assert lines[0][0].startswith("user,user_creation_time,")
    refused(lambda: alone.call("ims", "GetCredentialReport", max_items="3502"), "InvalidParameter", '"MaxItems"')
