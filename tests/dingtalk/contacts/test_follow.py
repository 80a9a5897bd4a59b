"""The duty's organisation in the messenger: who is a member, who manages, who has which role, at every hand-over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from kowloon.dingtalk.contacts.resources import Application, Department, Member, Role, RoleGroup, corp_id
from kowloon.dingtalk.outbox import PendingEvent
from kowloon.dingtalk.platform.call import own_id
from kowloon.duty.resources import StoredOrganisation
from kowloon.store.store import Transaction
from tests.core.parts import paper_cloud
from tests.duty.parts import ORGANISATION, Office
from tests.pages import Page, person


class Followed(Office):
    """The messenger's side of it."""

    def members(self) -> dict[str, Member]:
        return {each.userid: each for each in self.cloud.store.list(Member, account=self.account)}

    def departments(self) -> dict[str, Department]:
        return {each.name: each for each in self.cloud.store.list(Department, account=self.account)}

    def holders(self) -> dict[str, tuple[str, ...]]:
        return {each.post: each.members for each in self.cloud.store.list(Role, account=self.account) if each.post}

    def managers(self) -> dict[str, tuple[str, ...]]:
        return {each.name: each.managers for each in self.departments().values()}

    def events(self, name: str) -> list[dict[str, Any]]:
        found = self.cloud.store.list(PendingEvent, account=self.account)
        return [
            {key: value for key, value in each.data.items() if key != "timeStamp"}
            for each in found
            if each.name == name
        ]

    async def settled(self, *changes: tuple[str, str]) -> None:
        """The organisation with these changes, followed."""
        await self.apply(*changes)
        await self.follow()

    async def dissolve(self) -> None:
        def delete(tx: Transaction) -> None:
            kept = tx.get(StoredOrganisation, self.account)
            assert kept is not None
            tx.delete(kept)

        await self.cloud.store.run(delete)

    async def follow(self) -> None:
        """All that is waiting has been followed."""
        loop = next(each for each in self.cloud.dingtalk.loops if each.name == "dingtalk-people")
        await loop.reconcile(self.account)

    async def put(self, *items: Any) -> None:
        def write(tx: Transaction) -> None:
            for item in items:
                tx.put(item)

        await self.cloud.store.run(write)

    async def change(self, userid: str, **fields: Any) -> None:
        await self.put(msgspec.structs.replace(self.members()[userid], **fields))


@pytest.fixture
async def office() -> AsyncIterator[Followed]:
    """With an application that hears of everything."""
    async with paper_cloud() as caller:
        office = Followed(caller)
        await office.put(
            Application(
                id="dinghears", account=office.account, name="hears", secret="s", agent_id=1, stream_events=True
            )
        )
        yield office


async def test_units_people_and_posts(office: Followed) -> None:
    await office.apply()
    await office.until(lambda: len(office.holders()) == 2)
    cloud, databases = office.departments()["Cloud"], office.departments()["Databases"]
    assert (cloud.parent, databases.parent) == (1, cloud.number)
    assert databases.settings["source_identifier"] == "rds"
    members = office.members()
    assert sorted(members) == ["ada", "lin", "omar", "wei-1", "wei-2"]
    assert (members["wei-1"].name, members["wei-1"].user, members["wei-1"].person) == ("Wei", "wei", "wei-1")
    assert members["wei-1"].departments == (databases.number,), "where the posts are that they may hold"
    assert members["ada"].departments == (1,), "everybody may hold that one"
    (group,) = office.cloud.store.list(RoleGroup, account=office.account)
    roles = {each.name: each for each in office.cloud.store.list(Role, account=office.account)}
    assert group.name == "值班"
    assert {name: each.group for name, each in roles.items()} == {
        "Lead, cloud": group.number,
        "Database on call": group.number,
    }
    assert sorted(office.events("user_add_org"), key=str) == [
        {"userId": [each]} for each in ("ada", "lin", "omar", "wei-1", "wei-2")
    ]
    assert len(office.events("org_dept_create")) == 2
    before = office.cloud.store.generation
    await office.follow()
    assert office.cloud.store.generation == before, "nothing to do"


async def test_a_hand_over_is_one_of_roles_and_managers(office: Followed) -> None:
    await office.settled()
    await office.turns("wei-1", "wei-2")
    await office.until(lambda: office.holders()["dba"] == ("wei-1",))
    role = next(each for each in office.cloud.store.list(Role) if each.post == "dba")
    databases = office.departments()["Databases"]
    assert role.scopes == {"wei-1": (databases.number,)}
    assert office.managers()["Databases"] == ("wei-1",), "by the lead nobody oversees it"
    await office.skip(days=5)
    await office.until(lambda: office.holders()["dba"] == ("wei-2",))
    assert office.managers()["Databases"] == ("wei-2",)
    told = office.events("label_user_change")[-2:]
    assert told == [
        {"labelIdList": [role.number], "userIdList": ["wei-1"], "action": "remove"},
        {"labelIdList": [role.number], "userIdList": ["wei-2"], "action": "add"},
    ]
    assert office.events("org_dept_modify")[-1] == {"deptId": [databases.number]}


async def test_an_acting_holder_has_the_role(office: Followed) -> None:
    await office.settled()
    await office.turns("wei-1", "wei-2")
    await office.until(lambda: office.holders()["dba"] == ("wei-1",))
    await office.ask("CreateAbsence", PersonId="wei-1", From=office.iso(), To=office.iso(86400))
    await office.until(lambda: office.holders()["dba"] == ("lin",))
    people = office.cloud.duty_people.holders(office.account)
    held = {each.post: (each.people, each.acting) for each in people}
    assert held["dba"] == (("lin",), True)
    await office.skip(days=1, minutes=1)
    await office.until(lambda: office.holders()["dba"] == ("wei-1",))


async def test_what_was_changed_by_hand_stays(office: Followed) -> None:
    await office.settled()
    await office.turns("wei-1")
    await office.change("wei-1", name="Wei the First", email="wei@example.com", departments=(1,))
    databases = office.departments()["Databases"]
    await office.put(msgspec.structs.replace(databases, name="DB"))
    await office.settled(("title: Databases", "title: Data"), ("name: Wei, user: wei,", "name: Wei Li, user: wei,"))
    wei = office.members()["wei-1"]
    assert (wei.name, wei.email, wei.departments) == ("Wei the First", "wei@example.com", (1,))
    assert "DB" in office.departments()
    await office.settled(("name: Lin", "name: Lin Tan"))
    assert office.members()["lin"].name == "Lin Tan", "what nobody touched follows"


async def test_membership_of_its_roles_is_not_by_hand(office: Followed) -> None:
    await office.settled()
    await office.turns("wei-1")
    await office.until(lambda: office.holders()["dba"] == ("wei-1",))
    role = next(each for each in office.cloud.store.list(Role) if each.post == "dba")
    await office.put(msgspec.structs.replace(role, members=("ada",), name="DBA"))
    await office.until(lambda: office.holders()["dba"] == ("wei-1",))
    assert office.cloud.store.get(Role, role.id).name == "DBA"
    await office.put(msgspec.structs.replace(office.departments()["Databases"], managers=("ada",)))
    await office.until(lambda: office.managers()["Databases"] == ("wei-1",))


async def test_what_was_deleted_by_hand_comes_again(office: Followed) -> None:
    await office.settled()

    def delete(tx: Transaction) -> None:
        tx.delete(office.members()["ada"])
        tx.delete(next(each for each in tx.list(Role) if each.post == "lead"))

    await office.cloud.store.run(delete)
    await office.until(lambda: "ada" in office.members() and "lead" in office.holders())


async def test_who_and_what_goes(office: Followed) -> None:
    await office.settled()
    await office.change("ada", title="Partner")
    lines = [line for line in ORGANISATION.splitlines() if "id: ada," in line or "id: omar," in line]
    gone = [(f"{line}\n", "") for line in lines]
    await office.settled(
        *gone,
        ("    acting: {succession: [omar, ada], most_days: 30}\n", ""),
        ("id: rds, title: Databases,", "id: db, title: Data,"),
        ("oversees: [rds]", "oversees: [db]"),
    )
    assert sorted(office.members()) == ["lin", "wei-1", "wei-2"]
    assert {"userId": ["ada"]} in office.events("user_leave_org")
    assert sorted(office.departments()) == ["Cloud", "Data"], "the other unit's people have moved"
    await office.dissolve()
    await office.until(lambda: not office.members())
    assert office.departments() == {}
    assert office.holders() == {}


async def test_whoever_was_there_before_is_nobody_twice(office: Followed) -> None:
    page = Page(office.caller)
    await page.sign_in(await person(office.caller, "wei"))
    joined = await page.ask("GET", "/dingtalk/signed-in")
    assert (joined["userid"], joined["user"]) == ("wei", "wei")
    hr = Member(id=own_id(office.account, "lin"), account=office.account, userid="lin", union_id="u", name="林")
    signs_in = Member(
        id=own_id(office.account, "omar"), account=office.account, userid="omar", union_id="o", name="O", password="x$y"
    )
    await office.put(hr, signs_in)
    await office.settled()
    members = office.members()
    assert sorted(members) == ["ada", "lin", "omar", "wei", "wei-2"], "nobody twice"
    assert (members["wei"].person, members["wei"].user) == ("wei-1", "wei")
    assert (members["lin"].person, members["lin"].user, members["lin"].name) == ("lin", "lin", "林")
    assert (members["omar"].person, members["omar"].user) == ("omar", ""), "by a password of the messenger's"
    assert [each.user for each in members.values()].count("wei") == 1
    assert (await page.ask("GET", "/dingtalk/signed-in"))["userid"] == "wei"
    await office.dissolve()
    await office.until(lambda: sorted(office.members()) == ["lin", "omar", "wei"])
    assert {each.person for each in office.members().values()} == {""}


async def test_a_ram_user_of_the_organisation_is_that_member(office: Followed) -> None:
    await office.settled()
    page = Page(office.caller)
    await page.sign_in(await person(office.caller, "wei"))
    told = await page.ask("GET", "/dingtalk/signed-in")
    assert (told["userid"], told["name"], told["corp"]) == ("wei-1", "Wei", corp_id(office.account))


async def test_who_becomes_another_ram_user(office: Followed) -> None:
    await office.settled()
    await office.settled(("user: wei,", "user: wei3,"))
    assert office.members()["wei-1"].user == "wei3"
    await office.change("wei-1", user="by-hand")
    await office.settled(("user: wei,", "user: wei4,"))
    assert office.members()["wei-1"].user == "by-hand"
    await office.settled(("user: wei,", "user: by-hand,"), ("user: wei2,", "user: wei4,"))
    assert (office.members()["wei-1"].user, office.members()["wei-2"].user) == ("by-hand", "wei4")
    await office.change("lin", user="wei5", followed={})
    await office.settled(("user: wei2,", "user: wei5,"))
    assert office.members()["wei-2"].user != "wei5", "somebody has it"


async def test_departments_that_were_there_before(office: Followed) -> None:
    mine = Department(id=own_id(office.account, 7), account=office.account, number=7, name="云", parent=1)
    await office.put(mine)
    await office.settled(("{id: cloud, title: Cloud}", '{id: cloud, title: Cloud, department: "7"}'))
    assert office.departments()["云"].followed["unit"] == "cloud"
    assert office.departments()["Databases"].parent == 7
    await office.dissolve()
    await office.until(lambda: not office.members())
    assert (office.departments()["云"].number, office.departments()["云"].followed) == (7, {})


async def test_names_that_the_messenger_does_not_take(office: Followed) -> None:
    taken = Department(id=own_id(office.account, 7), account=office.account, number=7, name="Cloud", parent=1)
    await office.put(taken)
    await office.settled(("title: Databases", 'title: "SQL-Databases, all"'))
    names = sorted(office.departments())
    assert names[0] == "Cloud"
    assert names[1].startswith("Cloud (")
    assert names[2] == "SQL–Databases， all"


async def test_what_the_port_says_of_nobody(office: Followed) -> None:
    people = office.cloud.duty_people
    assert (people.people("1"), people.units("1"), people.holders("1"), list(people.accounts())) == ([], [], [], [])
    await office.settled()
    assert list(people.accounts()) == [office.account]
    lead = next(each for each in people.holders(office.account) if each.post == "lead")
    assert (lead.oversees, lead.heads, lead.people, lead.acting) == (("cloud",), ("cloud",), ("omar",), True)
