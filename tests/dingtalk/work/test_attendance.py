"""Attendance: shifts, groups, rosters by day and by person, and who hears of changes."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest

from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.outbox import PendingEvent
from kowloon.dingtalk.platform.dates import SHANGHAI
from kowloon.dingtalk.work import groups, shifts
from kowloon.dingtalk.work.resources import RosterMonth
from kowloon.dingtalk.work.shifts import READ, WRITE
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office
from tests.dingtalk.work.people import check_doors, join, other_office

ADMIN = {"op_user_id": "ada"}
WRONG = 400002


class Attendance:
    def __init__(self, cloud: LocalCloud, office: Office) -> None:
        self.cloud = cloud
        self.office = office
        now = cloud.call(cloud.cloud.dingtalk.parts.clock.now)
        self.today = datetime.datetime.fromtimestamp(now, SHANGHAI).date()

    def ms(self, days: int = 0, hour: int = 10) -> int:
        """Of a day from today on."""
        day = self.today + datetime.timedelta(days=days)
        return int(datetime.datetime.combine(day, datetime.time(hour), SHANGHAI).timestamp() * 1000)

    def date(self, days: int = 0) -> str:
        return str(self.today + datetime.timedelta(days=days))

    def ask(self, call: str, **fields: Any) -> Any:
        """Its result."""
        return self.office.post(f"/topapi/attendance/{call}", fields).get("result")

    def refused(self, call: str, **fields: Any) -> tuple[int, str]:
        code, _, message = self.office.refused("POST", f"/topapi/attendance/{call}", fields)
        return code, message

    def shift(self, name: str = "Day", *times: str, **fields: Any) -> int:
        made: int = self.ask("shift/add", **ADMIN, shift=shift(name, *times, **fields))["id"]
        return made

    def group(
        self, name: str = "On duty", type: str = "TURN", users: tuple[str, ...] = ("bob", "cyd"), **more: Any
    ) -> int:
        members = [{"role": "Attendance", "type": "StaffMember", "user_id": each} for each in users]
        top = {"name": name, "type": type, "members": members, **more}
        made: int = self.ask("group/add", **ADMIN, top_group=top)["id"]
        return made

    def plan(self, group: int, *rows: tuple[str, int, int]) -> None:
        """Each is a person, a day from today on, and a shift."""
        schedules = [
            {"userid": userid, "work_date": self.ms(days), "shift_id": shift, "is_rest": shift == 1}
            for userid, days, shift in rows
        ]
        self.ask("group/schedule/async", **ADMIN, group_id=group, schedules=schedules)

    def of_users(self, *userids: str, days: int = 6) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(
            "schedule/listbyusers",
            **ADMIN,
            userids=",".join(userids),
            from_date_time=self.ms(),
            to_date_time=self.ms(days),
        )
        return found


def shift(name: str = "Day", *times: str, **fields: Any) -> dict[str, Any]:
    """Times in pairs; a `+` is of the next day."""
    given = times or ("2020-03-17 09:00:00", "2020-03-17 18:00:00")
    rows = [
        {
            "check_type": ("OnDuty", "OffDuty")[place % 2],
            "check_time": time.removeprefix("+"),
            "across": int(time.startswith("+")),
        }
        for place, time in enumerate(given)
    ]
    sections = [{"times": rows[place : place + 2]} for place in range(0, len(rows), 2)]
    return {"name": name, "sections": sections, **fields}


@pytest.fixture
def work(cloud: LocalCloud, office: Office) -> Attendance:
    join(cloud, office, "ada", "bob", "cyd", "dan")
    return Attendance(cloud, office)


def test_shifts(work: Attendance, monkeypatch: pytest.MonkeyPatch) -> None:
    day = work.shift()
    night = work.shift("Night", "21:00", "+05:30")
    assert work.ask("shift/list", **ADMIN) == {
        "has_more": False,
        "result": [{"id": day, "name": "Day"}, {"id": night, "name": "Night"}],
    }
    shown = work.ask("shift/query", **ADMIN, shift_id=night)
    assert (shown["id"], shown["name"], shown["owner"]) == (night, "Night", "ada")
    assert [each["times"] for each in shown["sections"]] == [
        [
            {"check_type": "OnDuty", "check_time": "1970-01-01 21:00:00", "across": 0},
            {"check_type": "OffDuty", "check_time": "1970-01-01 05:30:00", "across": 1},
        ]
    ]
    assert work.shift("Late", "10:00", "19:00", id=day) == day
    assert work.ask("shift/query", **ADMIN, shift_id=day)["name"] == "Late"
    monkeypatch.setattr(shifts, "_PAGE", 1)
    page = work.ask("shift/list", **ADMIN)
    assert (page["has_more"], page["cursor"], len(page["result"])) == (True, 1, 1)
    assert work.ask("shift/list", **ADMIN, cursor=1)["has_more"] is False
    monkeypatch.setattr(shifts, "_MOST_SHIFTS", 2)
    assert work.refused("shift/add", **ADMIN, shift=shift("Third")) == (WRONG, "shifts 已达上限 2")
    work.ask("shift/delete", **ADMIN, shift_id=night)
    assert work.refused("shift/delete", **ADMIN, shift_id=night) == (WRONG, "班次不存在")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (shift(""), "参数 name 不合法"),
        (shift("Taken"), "名称已存在"),
        (shift("x", id=9), "班次不存在"),
        ({"name": "x", "sections": []}, "参数 sections 不合法"),
        ({"name": "x", "sections": [{"times": []}]}, "参数 times 不合法"),
        (shift("x", "soon", "18:00"), "参数 check_time 不合法"),
        (shift("x", "18:00", "09:00"), "参数 check_time 不合法"),
        (shift("x", "09:00", "12:00", "11:00", "18:00"), "参数 check_time 不合法"),
    ],
)
def test_shifts_refused(work: Attendance, given: dict[str, Any], message: str) -> None:
    work.shift("Taken")
    assert work.refused("shift/add", **ADMIN, shift=given) == (WRONG, message)


def test_groups(work: Attendance, monkeypatch: pytest.MonkeyPatch) -> None:
    day = work.shift()
    first = work.group(shift_ids=[day])
    assert work.ask("getusergroup", userid="bob") == {
        "group_id": first,
        "name": "On duty",
        "type": "TURN",
        "classes": [
            {
                "class_id": day,
                "name": "Day",
                "sections": [
                    {
                        "times": [
                            {"check_type": "OnDuty", "check_time": "1970-01-01 09:00:00", "across": 0},
                            {"check_type": "OffDuty", "check_time": "1970-01-01 18:00:00", "across": 0},
                        ]
                    }
                ],
            }
        ],
    }
    assert work.ask("getusergroup", userid="dan") == {"group_id": 0, "name": "", "type": "NONE", "classes": []}
    office = work.group("Office", "FIXED", ("cyd", "dan"), default_class_id=day)
    assert work.ask("group/memberusers/list", **ADMIN, group_id=first)["result"] == ["bob"], "in one group at most"
    shown = work.ask("group/query", **ADMIN, group_id=office)
    assert (shown["name"], shown["type"], shown["member_count"]) == ("Office", "FIXED", 2)
    assert shown["workday_class_list"] == [0, day, day, day, day, day, 0]
    page = work.ask("getsimplegroups", size=1)
    assert ([each["group_name"] for each in page["groups"]], page["has_more"]) == (["On duty"], True)
    page = work.ask("getsimplegroups", size=1, offset=1)
    assert ([each["default_class_id"] for each in page["groups"]], page["has_more"]) == ([day], False)
    everybody = work.group("All", "NONE", members=[{"type": "Department", "user_id": "1"}])
    monkeypatch.setattr(groups, "_PAGE", 3)
    page = work.ask("group/memberusers/list", **ADMIN, group_id=everybody)
    assert (page["result"], page["has_more"], page["cursor"]) == (["ada", "bob", "cyd"], True, 3)
    page = work.ask("group/memberusers/list", **ADMIN, group_id=everybody, cursor=3)
    assert (page["result"], page["has_more"]) == (["dan"], False)
    assert work.refused("shift/delete", **ADMIN, shift_id=day) == (WRONG, "班次正在使用，不允许删除")
    monkeypatch.setattr(groups, "_MOST_GROUPS", 3)
    top = {"name": "More", "type": "TURN"}
    assert work.refused("group/add", **ADMIN, top_group=top) == (WRONG, "groups 已达上限 3")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"name": ""}, WRONG, "参数 name 不合法"),
        ({"name": "Taken"}, WRONG, "名称已存在"),
        ({"type": "WILD"}, WRONG, "参数 type 不合法"),
        ({"shift_ids": [9]}, WRONG, "班次不存在"),
        ({"type": "FIXED"}, WRONG, "参数 workday_class_list 不合法"),
        ({"type": "FIXED", "workday_class_list": [0, 9]}, WRONG, "参数 workday_class_list 不合法"),
        ({"members": [{"user_id": "zoe"}]}, 60121, "找不到该用户"),
        ({"members": [{"type": "Department", "user_id": "99"}]}, WRONG, "参数 members 不合法"),
        ({"members": [{"type": "Robot", "user_id": "x"}]}, WRONG, "参数 members 不合法"),
    ],
)
def test_groups_refused(work: Attendance, changes: dict[str, Any], code: int, message: str) -> None:
    work.group("Taken", users=())
    top = {"name": "On duty", "type": "TURN", **changes}
    assert work.refused("group/add", **ADMIN, top_group=top) == (code, message)


def test_by_turns(work: Attendance) -> None:
    day, night = work.shift(), work.shift("Night", "21:00", "+05:30")
    group = work.group()
    work.plan(group, ("bob", 0, day), ("bob", 1, night), ("bob", 2, 1), ("cyd", 1, day))
    rows = work.of_users("bob", "cyd")
    assert [(row["userid"], row["work_date"][:10], row["shift_id"], row["is_rest"]) for row in rows] == [
        ("bob", work.date(), day, "N"),
        ("bob", work.date(), day, "N"),
        ("bob", work.date(1), night, "N"),
        ("bob", work.date(1), night, "N"),
        ("bob", work.date(2), 1, "Y"),
        ("cyd", work.date(1), day, "N"),
        ("cyd", work.date(1), day, "N"),
    ]
    assert [(row.get("check_type"), row.get("plan_check_time")) for row in rows[:4]] == [
        ("OnDuty", f"{work.date()} 09:00:00"),
        ("OffDuty", f"{work.date()} 18:00:00"),
        ("OnDuty", f"{work.date(1)} 21:00:00"),
        ("OffDuty", f"{work.date(2)} 05:30:00"),
    ]
    assert len({row["id"] for row in rows}) == len(rows)
    of_day = work.ask("schedule/listbyday", **ADMIN, user_id="bob", date_time=work.ms(1, hour=23))
    assert of_day == rows[2:4]
    everybody = work.ask("listschedule", workDate=f"{work.date(1)} 00:00:00")
    assert not everybody["has_more"]
    assert [(each["userid"], each["class_id"], each["check_type"]) for each in everybody["schedules"]] == [
        ("bob", night, "OnDuty"),
        ("bob", night, "OffDuty"),
        ("cyd", day, "OnDuty"),
        ("cyd", day, "OffDuty"),
    ]
    assert [each["plan_id"] for each in everybody["schedules"][:2]] == [row["id"] for row in of_day]
    page = work.ask("listschedule", workDate=work.date(1), size=3)
    assert (page["schedules"], page["has_more"]) == (everybody["schedules"][:3], True)
    page = work.ask("listschedule", workDate=work.ms(1), size=3, offset=3)
    assert (page["schedules"], page["has_more"]) == (everybody["schedules"][3:], False)

    work.plan(group, ("bob", 1, day), ("bob", 2, -2))
    assert [row["shift_id"] for row in work.of_users("bob")] == [day] * 4
    work.ask("group/schedule/clear", **ADMIN, group_id=group, userids="bob", to_date_time=work.ms())
    assert [row["work_date"][:10] for row in work.of_users("bob")] == [work.date(1)] * 2
    work.ask("group/schedule/clear", **ADMIN, group_id=group)
    assert work.of_users("bob", "cyd") == []
    store = work.cloud.cloud.store
    assert work.cloud.call(lambda: store.list(RosterMonth)) == []


def test_of_a_fixed_group_it_follows_from_the_week(work: Attendance) -> None:
    day = work.shift()
    sunday = (7 - work.today.isoweekday()) % 7
    work.group("Office", "FIXED", ("bob",), workday_class_list=[0, day, 0, 0, 0, 0, 0])
    rows = work.ask(
        "schedule/listbyusers",
        **ADMIN,
        userids="bob",
        from_date_time=work.ms(sunday),
        to_date_time=work.ms(sunday + 1),
    )
    assert [(row["shift_id"], row["is_rest"]) for row in rows] == [(1, "Y"), (day, "N"), (day, "N")]
    schedules = work.ask("listschedule", workDate=work.date(sunday + 1))["schedules"]
    assert [each["userid"] for each in schedules] == ["bob", "bob"]


def test_who_leaves_or_moves_has_no_roster_there(work: Attendance) -> None:
    day = work.shift()
    group = work.group()
    work.plan(group, ("bob", 0, day), ("cyd", 0, day))
    work.group("Other", users=("bob",))
    assert work.of_users("bob") == []
    work.office.post("/topapi/v2/user/delete", {"userid": "cyd"})
    assert work.ask("listschedule", workDate=work.date())["schedules"] == []
    assert work.ask("group/memberusers/list", **ADMIN, group_id=group)["result"] == []


def test_subscribers_hear_of_it(work: Attendance) -> None:
    day = work.shift()
    group = work.group()

    def body(tx: Any) -> None:
        found = tx.get(Application, work.office.app_key)
        tx.put(msgspec.structs.replace(found, stream_events=True))

    work.cloud.run(work.cloud.cloud.store.run(body))
    work.plan(group, ("bob", 0, day), ("cyd", 0, 1))
    work.ask("group/schedule/clear", **ADMIN, group_id=group, userids="bob")
    work.ask("group/schedule/clear", **ADMIN, group_id=group, userids="bob")
    store = work.cloud.cloud.store
    events = work.cloud.call(lambda: [(each.name, each.data["dataList"]) for each in store.list(PendingEvent)])
    common = {"groupId": group, "workDate": work.date()}
    assert events == [
        (
            "attendance_schedule_change",
            [
                {"userId": "bob", **common, "shiftId": day, "isRest": False},
                {"userId": "cyd", **common, "shiftId": 1, "isRest": True},
            ],
        ),
        ("attendance_schedule_change", [{"userId": "bob", **common, "cleared": True}]),
    ]


def test_rosters_refused(work: Attendance) -> None:
    day, night = work.shift(), work.shift("Night", "21:00", "+05:30")
    group = work.group(shift_ids=[day])
    fixed = work.group("Office", "FIXED", ("dan",), default_class_id=day)

    def write(*rows: tuple[str, int, int], to: int = group) -> tuple[int, str]:
        schedules = [{"userid": who, "work_date": work.ms(days), "shift_id": shift} for who, days, shift in rows]
        return work.refused("group/schedule/async", **ADMIN, group_id=to, schedules=schedules)

    assert write(("dan", 0, day)) == (WRONG, "用户 dan 不在考勤组中")
    assert write(("bob", 0, night)) == (WRONG, "班次不存在")
    assert write(("bob", 0, 9)) == (WRONG, "班次不存在")
    assert write(("bob", 181, day)) == (WRONG, "参数 work_date 不合法")
    assert write(("bob", -181, day)) == (WRONG, "参数 work_date 不合法")
    assert write(("dan", 0, day), to=fixed) == (WRONG, "只有排班制考勤组可以排班")
    assert write() == (WRONG, "参数 schedules 超过最大限制 200")
    assert write(*[("bob", 0, day)] * 201) == (WRONG, "参数 schedules 超过最大限制 200")
    assert write(("bob", 0, day), ("dan", 0, day))[0] == WRONG
    assert work.of_users("bob") == [], "all of it, or nothing"
    clear = {**ADMIN, "group_id": fixed}
    assert work.refused("group/schedule/clear", **clear) == (WRONG, "只有排班制考勤组可以排班")

    listing = {**ADMIN, "userids": "bob", "from_date_time": work.ms(), "to_date_time": work.ms(8)}
    assert work.refused("schedule/listbyusers", **listing) == (WRONG, "参数 to_date_time 超过最大限制 7")
    many = {**listing, "to_date_time": work.ms(), "userids": ",".join(f"u{place}" for place in range(51))}
    assert work.refused("schedule/listbyusers", **many) == (WRONG, "参数 userids 超过最大限制 50")
    assert work.refused("listschedule", workDate="soon") == (WRONG, "参数 workDate 不合法")
    assert work.refused("listschedule", workDate=work.date(), size=201) == (WRONG, "参数 size 超过最大限制 200")
    assert work.refused("listschedule", workDate=work.date(), offset=-1) == (WRONG, "参数 offset 不合法")
    assert work.refused("getsimplegroups", size=11) == (WRONG, "参数 size 超过最大限制 10")
    far = {**ADMIN, "user_id": "bob", "date_time": 10**18}
    assert work.refused("schedule/listbyday", **far) == (WRONG, "参数 date_time 不合法")


def test_old_months_go(work: Attendance) -> None:
    day = work.shift()
    group = work.group()
    work.plan(group, ("bob", 0, day))
    work.cloud.skip(hours=24 * 400)
    later = Attendance(work.cloud, work.office)
    later.plan(group, ("cyd", 0, day))
    store = work.cloud.cloud.store
    months = work.cloud.call(lambda: [(each.userid, each.month) for each in store.list(RosterMonth)])
    assert months == [("cyd", later.date()[:7])]


NO_USER, NO_GROUP, NO_SHIFT = (60121, "找不到该用户"), (WRONG, "考勤组不存在"), (WRONG, "班次不存在")
OWN = {"op_user_id": "zed"}


@pytest.mark.parametrize(
    ("call", "body", "scope", "absent"),
    [
        ("shift/add", {**OWN, "shift": shift("x", id="{shift}")}, WRITE, NO_SHIFT),
        ("shift/list", ADMIN, READ, NO_USER),
        ("shift/query", {**OWN, "shift_id": "{shift}"}, READ, NO_SHIFT),
        ("shift/delete", {**OWN, "shift_id": "{shift}"}, WRITE, NO_SHIFT),
        ("group/add", {**OWN, "top_group": {"name": "x", "type": "TURN", "shift_ids": ["{shift}"]}}, WRITE, NO_SHIFT),
        ("group/query", {**OWN, "group_id": "{group}"}, READ, NO_GROUP),
        ("getusergroup", {"userid": "bob"}, READ, NO_USER),
        ("group/memberusers/list", {**OWN, "group_id": "{group}"}, READ, NO_GROUP),
        (
            "group/schedule/async",
            {**OWN, "group_id": "{group}", "schedules": [{"userid": "bob", "work_date": 1, "shift_id": 1}]},
            WRITE,
            NO_GROUP,
        ),
        ("group/schedule/clear", {**OWN, "group_id": "{group}"}, WRITE, NO_GROUP),
        (
            "schedule/listbyusers",
            {**OWN, "userids": "bob", "from_date_time": 1, "to_date_time": 1},
            READ,
            NO_USER,
        ),
        ("schedule/listbyday", {**OWN, "user_id": "bob", "date_time": 1}, READ, NO_USER),
        ("listschedule", {"workDate": "{today}"}, READ, None),
        ("getsimplegroups", {}, READ, None),
    ],
)
def test_of_every_call(
    cloud: LocalCloud, office: Office, work: Attendance, call: str, body: Any, scope: str, absent: Any
) -> None:
    """Another organisation's is as good as absent."""
    made = work.shift()
    group = work.group(shift_ids=[made])
    work.plan(group, ("bob", 0, made))
    names = {"{shift}": str(made), "{group}": str(group), "{today}": work.date()}
    whole = msgspec.json.encode(body).decode()
    for name, value in names.items():
        whole = whole.replace(name, value)
    asked, other, path = msgspec.json.decode(whole), other_office(cloud), f"/topapi/attendance/{call}"
    if absent is not None:
        code, _, message = other.refused("POST", path, asked)
        assert (code, message) == absent
    else:
        found = other.post(path, asked)["result"]
        assert found == {"schedules" if call == "listschedule" else "groups": [], "has_more": False}
    check_doors(office, other, "POST", path, asked, scope)
    if call != "getsimplegroups":
        told = office.answer("POST", path, {})
        assert told["errcode"] == 40035
        assert told["errmsg"].startswith("缺少参数 ")
