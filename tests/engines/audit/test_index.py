"""The index over the journal: what it finds, in which order, and that a lost or foreign file is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.engines.audit.index import COLUMNS, RESOURCE_ASPECTS, AuditIndex, Found, Row, Wanted


def _row(position: int, at: float, **changes: object) -> Row:
    row = Row(
        position, "1", at, f"id-{position}", "Ecs", "RunInstances", "alice", "Write", "LTAI", "10.0.0.1", (), b"{}"
    )
    return row._replace(**changes)


def _positions(found: list[Found]) -> list[int]:
    return [each.position for each in found]


ALL = Wanted("1", 0.0, 1e9)


def test_events_are_found_by_what_they_are_about() -> None:
    index = AuditIndex(None)
    index.add(
        [
            _row(1, 10.0, resources=(("ACS::ECS::Instance", "i-1"), ("ACS::VPC::VSwitch", "vsw-1"))),
            _row(2, 11.0, name="StopInstance", user="bob"),
            _row(3, 12.0, account="2"),
            _row(4, 13.0, rw="Read", name="DescribeInstances"),
        ],
        4,
    )
    assert index.position == 4
    assert _positions(index.find(ALL, 10)) == [4, 2, 1]
    assert _positions(index.find(ALL._replace(newest_first=False), 10)) == [1, 2, 4]
    assert _positions(index.find(ALL._replace(matches=(("user", "bob"),)), 10)) == [2]
    assert _positions(index.find(ALL._replace(matches=(("resource_name", "vsw-1"),)), 10)) == [1]
    assert _positions(index.find(ALL._replace(matches=(("rw", "Write"), ("name", "RunInstances"))), 10)) == [1]
    assert _positions(index.find(Wanted("1", 11.0, 12.5), 10)) == [2]
    assert _positions(index.find(Wanted("2", 0.0, 99.0), 10)) == [3]
    with pytest.raises(ValueError, match="nothing can be asked for 'body'"):
        index.find(ALL._replace(matches=(("body", "x"),)), 10)
    index.close()


def test_pages_follow_one_another_where_moments_are_the_same() -> None:
    index = AuditIndex(None)
    index.add([_row(position, 5.0) for position in range(1, 8)], 7)
    seen: list[int] = []
    after = None
    while page := index.find(ALL._replace(after=after), 3):
        seen += _positions(page)
        after = (page[-1].at, page[-1].position)
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    index.close()


def test_the_latest_use_of_a_key_per_service() -> None:
    index = AuditIndex(None)
    rows = [_row(1, 1.0), _row(2, 2.0, service="Vpc"), _row(3, 3.0), _row(4, 4.0, access_key="another")]
    index.add(rows, 4)
    assert _positions(index.latest_by("service", "1", "LTAI", 0.0)) == [3, 2]
    assert _positions(index.latest_by("name", "1", "LTAI", 0.0, "Vpc")) == [2]
    assert index.latest_by("service", "1", "LTAI", 3.5) == []
    index.close()


def test_it_is_there_after_a_restart_and_forgets_what_is_old(tmp_path: Path) -> None:
    index = AuditIndex(tmp_path / "index.db")
    index.add([_row(1, 10.0, resources=(("k", "n"),)), _row(2, 20.0)], 2)
    index.close()
    index = AuditIndex(tmp_path / "index.db")
    assert index.position == 2
    assert _positions(index.read_from("1", 1, 10)) == [2]
    assert not index.forget(15.0, 0, 10)
    assert _positions(index.find(ALL, 10)) == [2]
    index.clear()
    assert (index.position, index.find(ALL, 10)) == (0, [])
    index.close()
    assert (tmp_path / "index.db").stat().st_mode & 0o777 == 0o600


def test_another_file_or_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("dear diary, " * 100)
    with pytest.raises(ConfigurationError, match=r"letter\.db is not an audit index"):
        AuditIndex(tmp_path / "letter.db")
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("PRAGMA user_version=7")
    newer.close()
    with pytest.raises(ConfigurationError, match=r"newer\.db has audit format 7, .* reads 2; move it away"):
        AuditIndex(tmp_path / "newer.db")


def test_an_index_of_an_older_format_is_made_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "index.db") as older:
        older.execute("CREATE TABLE event (position INTEGER PRIMARY KEY)")
        older.execute("CREATE TABLE state (position INTEGER NOT NULL)")
        older.execute("INSERT INTO state VALUES (12)")
        older.execute("PRAGMA user_version=1")
    older.close()
    index = AuditIndex(tmp_path / "index.db")
    assert (index.position, index.find(ALL, 10)) == (0, [])
    index.add([_row(1, 10.0)], 1)
    assert _positions(index.find(ALL, 10)) == [1]
    index.close()


def test_what_the_journal_has_no_more_is_forgotten_some_at_a_time() -> None:
    index = AuditIndex(None)
    index.add([_row(position, 10.0, resources=(("k", "n"),)) for position in range(1, 8)], 7)
    assert index.forget(0.0, 5, 3)
    assert _positions(index.find(ALL, 10)) == [7, 6, 5, 4]
    assert not index.forget(0.0, 5, 3)
    about = ALL._replace(matches=(("resource_name", "n"),))
    assert _positions(index.find(ALL, 10)) == _positions(index.find(about, 10)) == [7, 6]
    index.forget(0.0, 7, 3)
    assert index.latest_by("service", "1", "LTAI", 0.0) == []
    index.close()


def test_an_event_with_several_resources_is_found_by_all_of_what_is_asked() -> None:
    index = AuditIndex(None)
    both = (("instance", "a"), ("instance", "b"), ("disk", "a"))
    index.add([_row(1, 1.0, resources=both), _row(2, 2.0, resources=both[:1]), _row(3, 3.0, account="2")], 3)
    named = ("resource_name", "a")
    for matches, positions in (
        ((named,), [2, 1]),
        ((named, ("resource_kind", "disk")), [1]),
        ((named, ("resource_name", "b"), ("user", "alice")), [1]),
        ((named, ("user", "bob")), []),
    ):
        assert _positions(index.find(ALL._replace(matches=matches), 10)) == positions
    assert _positions(index.find(ALL._replace(matches=(named,), after=(2.0, 2)), 10)) == [1]
    index.close()


def test_no_question_looks_at_everything_that_is_kept() -> None:
    """Steps of SQLite's machine: what is counted does not depend on how fast this one is."""
    index = AuditIndex(None)
    resources = (("instance", "i-1"), ("disk", "d-1"))
    for start in range(1, 20_001, 1000):
        index.add([_row(at, float(at), resources=resources) for at in range(start, start + 1000)], start + 999)
    steps = [0]

    def step() -> None:
        steps[0] += 1

    # The handler is called every 100 steps.
    index._connection.set_progress_handler(step, 100)
    for column in (*COLUMNS, *RESOURCE_ASPECTS):
        for value in ("nobody", *{"user": ["alice"], "resource_name": ["d-1"], "rw": ["Write"]}.get(column, [])):
            index.find(ALL._replace(matches=((column, value),)), 51)
    for column in ("service", "name", "source"):
        assert _positions(index.latest_by(column, "1", "LTAI", 0.0)) == [20_000]
    index.read_from("1", 10_000, 100)
    index.read_from("2", 0, 100)
    assert steps[0] < 100
    index.close()
