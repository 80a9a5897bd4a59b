"""An organisation's file: what is taken, and that every mistake is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kowloon.duty.organisation_file import OrganisationError, parse

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "duty.md"
GOOD = """title: Example
time_zone: Europe/Berlin
units:
  - {id: cloud, title: Cloud}
  - {id: rds, title: Databases, parent: cloud}
people:
  - {id: wei-1, name: Wei, user: wei, pools: [team], skills: {rds: 2}}
  - {id: wei-2, name: Wei, pools: [team], time_zone: Asia/Shanghai}
posts:
  - id: ic
    title: Commander
    oversees: [rds]
    eligible: {pools: [team]}
    ladder: calls
    layers: [{id: primary, rotation: {starts: "2026-01-05T09:00", repeats: FREQ=WEEKLY}}]
    acting: {succession: [wei-2, "post:ic", "pool:team"]}
ladders:
  - {id: calls, steps: [{notify: [holder, manager, wei-1], wait_min: 5}]}
"""
# What is written instead of what, and what is said of it.
MISTAKES = [
    ("parent: cloud", "parent: clowd", "5: there is no unit 'clowd'; did you mean cloud?"),
    ("title: Cloud}", "title: Cloud, parent: rds}", "4: 'cloud' is above itself"),
    ("id: wei-2", "id: wei-1", "8: the id 'wei-1' is used already"),
    ("id: wei-2", "id: Wei 2", "8: 'Wei 2' is no id: a-z, 0-9, dots and dashes, 63 at most"),
    ("name: Wei, pools", "name: Wei, user: wei, pools", "8: the RAM user 'wei' is somebody else already"),
    ("Asia/Shanghai", "Asia/Shanghay", "8: there is no time zone 'Asia/Shanghay'; did you mean Asia/Shanghai?"),
    ("time_zone: Asia/Shanghai", "quiet: all night", "8: 'all night' is no part of a day, such as 08:00-22:00"),
    ("time_zone: Asia/Shanghai", "share: 0", "8: share is above 0 and at most 10; who serves nowhere is in no pool"),
    (
        "time_zone: Asia/Shanghai",
        "country: XX",
        "8: no public holidays are known of the country 'XX'; two letters such as CN",
    ),
    ("oversees: [rds]", "oversees: [rsd]", "12: there is no unit 'rsd'; did you mean rds?"),
    ("{pools: [team]}", "{pools: [teem]}", "13: there is no pool that anybody is in 'teem'; did you mean team?"),
    ("{pools: [team]}", "{skills: {rdss: 1}}", "13: there is no skill that anybody has 'rdss'; did you mean rds?"),
    ("ladder: calls", "ladder: cals", "14: there is no ladder 'cals'; did you mean calls?"),
    (
        "FREQ=WEEKLY",
        "FREQ=WEAKLY",
        "15: repeats: 'FREQ=WEAKLY' is no RRULE of RFC 5545: invalid 'FREQ': WEAKLY",
    ),
    (
        "FREQ=WEEKLY}",
        'FREQ=WEEKLY, only: [{from_time: "22:00", to_time: "25:00"}]}',
        "15: '25:00' is no time of day such as 08:00",
    ),
    ("succession: [wei-2", "succession: [wei-3", "16: there is no person 'wei-3'; did you mean wei-2?"),
    ('"post:ic"', '"post:id"', "16: there is no post 'id'; did you mean ic?"),
    ("wait_min: 5", "wait_min: 0", "18: wait_min is above 0, and a week at most"),
    ("wait_min: 5", "wait: 5", "18: Object contains unknown field `wait`"),
    ("steps: [{notify: [holder, manager, wei-1], wait_min: 5}]", "steps: []", "18: a ladder has at least one step"),
    (
        "title: Example",
        "titel: Example",
        "1: unknown key 'titel'; did you mean title? "
        "(known: title, time_zone, rules, units, people, posts, ladders, paging)",
    ),
]


def test_the_good_one_is_taken() -> None:
    whole = parse(GOOD)
    assert [person.name for person in whole.people] == ["Wei", "Wei"]
    assert [person.time_zone for person in whole.people] == ["Europe/Berlin", "Asia/Shanghai"]
    assert whole.posts[0].time_zone == "Europe/Berlin"


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_line(old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(OrganisationError) as refused:
        parse(GOOD.replace(old, new, 1), "file.yaml")
    assert f"file.yaml:{told}" in refused.value.problems


def test_all_mistakes_are_told_at_once_in_order_of_lines() -> None:
    wrong = GOOD.replace("wait_min: 5", "wait_min: -1").replace("parent: cloud", "parent: nowhere")
    with pytest.raises(OrganisationError) as refused:
        parse(wrong, "file.yaml")
    assert [problem.split(" ")[0] for problem in refused.value.problems] == ["file.yaml:5:", "file.yaml:18:"]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("{id: a, kind: follows, posts: [ic]}", "follows is about two posts: the first"),
        ("{id: a, kind: together, posts: [ic]}", "together is about two posts at least"),
        ("{id: a, kind: kin, people: [wei-1]}", "kin is about two people at least"),
        ("{id: a, kind: kin, people: [wei-1, wei-9]}", "there is no person 'wei-9'; did you mean wei-2?"),
    ],
)
def test_separations_have_a_shape(rules: str, told: str) -> None:
    with pytest.raises(OrganisationError) as refused:
        parse(GOOD + f"rules:\n  separations:\n    - {rules}\n", "file.yaml")
    assert any(problem.startswith("file.yaml:21: ") and told in problem for problem in refused.value.problems)


def test_a_weight_is_not_below_zero() -> None:
    with pytest.raises(OrganisationError) as refused:
        parse(GOOD + "rules:\n  weights: {nights: -1}\n", "file.yaml")
    assert refused.value.problems == ["file.yaml:20: a weight is 0 or above"]


@pytest.mark.parametrize("text", ["", "- a", "title: [", "title: x\npeople: 3\n"])
def test_what_is_no_organisation_is_refused(text: str) -> None:
    with pytest.raises(OrganisationError) as refused:
        parse(text, "file.yaml")
    assert all(problem.startswith("file.yaml:") for problem in refused.value.problems)


def test_the_guides_example_is_taken() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert [len(parse(example).posts) for example in examples] == [2]
