"""Rights follow duty: whoever holds a post has its role from that second on, and nobody else has, whatever they were
given while they did."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import oss2
import pytest

from kowloon.wire.http import HttpRequest
from tests.core.parts import Caller, answer
from tests.duty.parts import Office

RAM = {"Version": "2015-05-01"}
TRUST = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["duty.aliyuncs.com"]}}],
}
ENDED = ("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")


class Session(Caller):
    """Signs with temporary keys."""

    token = ""

    def request(self, action: str, *, host: str = "127.0.0.1:8520", **fields: str) -> HttpRequest:
        return super().request(action, host=host, SecurityToken=self.token, **fields)


class Roles:
    """The posts' roles in an office, which may read ECS, and its people's keys."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.people: dict[str, Office] = {}

    async def role(self, name: str, trust: dict[str, Any] = TRUST, policy: str = "AliyunECSReadOnlyAccess") -> None:
        ask = self.office.caller.ask
        await ask("CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **RAM)
        await ask("AttachPolicyToRole", PolicyType="System", PolicyName=policy, RoleName=name, **RAM)

    async def user(self, name: str) -> Office:
        if name not in self.people:
            self.people[name] = await self.office.user(name, "sts:AssumeRole")
        return self.people[name]

    async def assume(self, caller: Caller, role: str) -> Session:
        answer = await caller.ask("AssumeRole", **self.fields(role))
        return self.session(answer["Credentials"])

    def session(self, keys: dict[str, str]) -> Session:
        session = Session(self.office.cloud, self.office.caller.wall)
        session.key_id, session.secret, session.token = (
            keys["AccessKeyId"],
            keys["AccessKeySecret"],
            keys["SecurityToken"],
        )
        return session

    def fields(self, role: str) -> dict[str, str]:
        arn = f"acs:ram::{self.office.account}:role/{role.lower()}"
        return {"RoleArn": arn, "RoleSessionName": "duty", "DurationSeconds": "3600"}

    async def denied(self, name: str, role: str = "DbaOnCall") -> None:
        status, code, message = await (await self.user(name)).caller.refused("AssumeRole", **self.fields(role))
        assert (status, code) == (403, "NoPermission"), (code, message)
        assert "not authorized" in message or "trusted" in message, message

    async def works(self, session: Caller) -> None:
        assert "Instances" in await session.ask("DescribeInstances")

    async def ended(self, session: Caller) -> None:
        assert (await session.refused("DescribeInstances"))[1:] == ENDED


@pytest.fixture
async def roles(office: Office) -> Roles:
    roles = Roles(office)
    await roles.role("DbaOnCall")
    await roles.role("CloudLead")
    return roles


async def test_the_holder_has_the_posts_role_and_nobody_else(roles: Roles) -> None:
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    await roles.works(session)
    for name in ("wei2", "lin", "ada"):
        await roles.denied(name)
    # Whoever acts has it, too.
    await roles.works(await roles.assume((await roles.user("omar")).caller, "CloudLead"))
    await roles.denied("wei", "CloudLead")


async def test_a_session_ends_at_the_second_of_hand_over(roles: Roles) -> None:
    office = roles.office
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    # To Monday, 08:59:59.
    await office.skip(days=4, minutes=6, seconds=39)
    assert office.iso() == "2025-10-13T08:59:59Z"
    await roles.works(session)
    await roles.denied("wei2")
    await office.skip(seconds=1)
    await roles.ended(session)
    await roles.denied("wei")
    await roles.works(await roles.assume((await roles.user("wei2")).caller, "DbaOnCall"))


async def test_a_session_ends_when_the_post_is_taken_over_and_is_good_again_when_it_is_back(roles: Roles) -> None:
    office = roles.office
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    made = await office.ask("TakeOver", PostId="dba", PersonId="lin")
    await roles.ended(session)
    lins = await roles.assume((await roles.user("lin")).caller, "DbaOnCall")
    await office.skip(hours=1)
    await office.ask("EndTenure", TenureId=made["TenureId"])
    await roles.ended(lins)
    await roles.denied("lin")
    await roles.works(session)


async def test_who_is_away_has_no_rights_and_who_acts_has_them(roles: Roles) -> None:
    office = roles.office
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    absence = await office.ask("CreateAbsence", PersonId="wei-1")
    await roles.ended(session)
    acting = await roles.assume((await roles.user("lin")).caller, "DbaOnCall")
    await roles.works(acting)
    await office.skip(hours=1)
    await office.ask("EndAbsence", AbsenceId=absence["AbsenceId"], PersonId="wei-1")
    await roles.ended(acting)
    await roles.works(session)


async def test_rights_of_acting_end_when_a_successor_is_named(roles: Roles) -> None:
    session = await roles.assume((await roles.user("omar")).caller, "CloudLead")
    await roles.office.ask("AppointHolder", PostId="lead", PersonId="ada")
    await roles.ended(session)
    await roles.denied("omar", "CloudLead")


@pytest.mark.parametrize(
    "change",
    [
        ("AppointHolder", {"PostId": "dba", "PersonId": "lin"}, False),
        ("Resign", {"PostId": "dba", "PersonId": "wei-1"}, True),
        ("CreateOverride", {"PostId": "dba", "PersonId": "wei-2", "To": "2025-10-10T00:00:00Z"}, True),
        ("AppointActing", {"PostId": "dba"}, True),
    ],
    ids=lambda change: change[0],
)
async def test_whatever_moves_a_post_moves_its_rights(roles: Roles, change: tuple[str, dict[str, str], bool]) -> None:
    action, fields, moves = change
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    await roles.office.ask(action, **fields)
    # An appointment is below the plan.
    await (roles.ended(session) if moves else roles.works(session))


async def test_sessions_that_come_of_a_session_end_with_it(roles: Roles) -> None:
    office = roles.office
    trust = {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"RAM": [f"acs:ram::{office.account}:role/dbaoncall"]},
            }
        ],
    }
    await roles.role("Deeper", trust)
    await office.caller.ask(
        "AttachPolicyToRole", PolicyType="System", PolicyName="AliyunSTSAssumeRoleAccess", RoleName="DbaOnCall", **RAM
    )
    first = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    second = await roles.assume(first, "Deeper")
    await roles.works(second)
    await office.ask("TakeOver", PostId="dba", PersonId="lin")
    await roles.ended(first)
    await roles.ended(second)


async def test_objects_are_out_of_reach_from_that_second_too(roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed as OSS has it."""
    monkeypatch.setattr("oss2.utils.http_date", lambda: formatdate(roles.office.caller.wall.now, usegmt=True))
    office = roles.office
    await office.caller.ask(
        "AttachPolicyToRole", PolicyType="System", PolicyName="AliyunOSSReadOnlyAccess", RoleName="DbaOnCall", **RAM
    )
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    auth = oss2.StsAuth(session.key_id, session.secret, session.token)

    async def listed() -> tuple[int, bytes]:
        request = oss2.http.Request("GET", "http://oss-cn-hongkong.aliyuncs.com/", headers={})
        auth._sign_request(request, "", "")
        headers = [(name.lower(), str(value)) for name, value in request.headers.items()]
        sent = HttpRequest(
            method="GET", target="/", headers=[("host", "oss-cn-hongkong.aliyuncs.com"), *headers], body=b""
        )
        response = await answer(office.cloud, sent)
        return response.status, response.body

    assert (await listed())[0] == 200
    await office.ask("TakeOver", PostId="dba", PersonId="lin")
    status, body = await listed()
    assert (status, b"SecurityTokenExpired" in body) == (403, True), body


async def test_a_role_that_does_not_trust_duty_is_not_given(roles: Roles) -> None:
    other = json.loads(json.dumps(TRUST).replace("duty.aliyuncs.com", "ecs.aliyuncs.com"))
    document = json.dumps(other)
    await roles.office.caller.ask("UpdateRole", RoleName="DbaOnCall", NewAssumeRolePolicyDocument=document, **RAM)
    await roles.denied("wei")


async def test_the_post_alone_is_not_enough_without_the_right_to_assume(roles: Roles) -> None:
    wei = await roles.office.user("wei")
    status, code, _ = await wei.caller.refused("AssumeRole", **roles.fields("DbaOnCall"))
    assert (status, code) == (403, "NoPermission")


async def test_a_namesake_has_nothing_of_it(roles: Roles) -> None:
    """Both are called Wei."""
    await roles.works(await roles.assume((await roles.user("wei")).caller, "DbaOnCall"))
    await roles.denied("wei2")


async def test_sessions_of_who_left_the_organisation_end(roles: Roles) -> None:
    session = await roles.assume((await roles.user("wei")).caller, "DbaOnCall")
    line = "  - {id: wei-1, name: Wei, user: wei, pools: [dba], reach: [{by: dingtalk, at: wei-1}]}\n"
    await roles.office.apply((line, ""))
    await roles.ended(session)
