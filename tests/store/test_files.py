"""The state file: what it keeps, what it refuses, and what a killed writer leaves."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.store.backend import FORMAT_VERSION, SqliteBackend
from kowloon.store.codec import Codec
from kowloon.store.resources import Key
from kowloon.store.store import Store
from tests.store.parts import Machine, Network, machine, network, on_file

ROOT = Path(__file__).parents[2]
KILLS = 15


def test_reopening_gives_the_same_in_the_same_order(tmp_path: Path) -> None:
    store = on_file(tmp_path / "state.db")
    for number in range(20):
        transaction = store.begin()
        transaction.put(network(f"net-{number}", note=f"第{number}"))
        transaction.put(machine(f"m-{number}", f"net-{number}", address="10.0.0.1"))
        store.commit_now(transaction)
    changing = store.begin()
    changing.put(network("net-3", note="changed"))
    changing.delete(machine("m-7", "net-7", address="10.0.0.1"))
    store.commit_now(changing)
    before = {kind: store.list(kind) for kind in (Network, Machine)}
    versions = {item.key: store.version(item.key) for item in store.everything()}
    store.close()

    again = on_file(tmp_path / "state.db")
    assert {kind: again.list(kind) for kind in (Network, Machine)} == before
    assert {item.key: again.version(item.key) for item in again.everything()} == versions
    assert again.addresses_taken(Key("network", "net-3")) == {10 << 24 | 1: Key("machine", "m-3")}
    assert again.addresses_taken(Key("network", "net-7")) == {}
    assert again.count(Machine) == 19
    again.clear()
    again.close()
    empty = on_file(tmp_path / "state.db")
    assert list(empty.everything()) == []
    empty.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = on_file(tmp_path / "state.db")
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0
    store.close()


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    on_file(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={FORMAT_VERSION + 1}")
    connection.close()
    with pytest.raises(ConfigurationError) as refused:
        SqliteBackend(path)
    assert str(refused.value) == (
        f"{path} has store format {FORMAT_VERSION + 1}, this version of kowloon reads {FORMAT_VERSION}; "
        "start it with the version that wrote it, or move the file away to begin anew"
    )
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION + 1,)
    connection.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"my diary\n" * 1000)
    with pytest.raises(ConfigurationError, match=r"is not a state file of kowloon \(file is not a database\); move it"):
        SqliteBackend(path)
    assert path.read_bytes() == b"my diary\n" * 1000


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"is not a state file of kowloon \(it has other tables\); move it"):
        SqliteBackend(path)
    assert path.read_bytes() == before
    assert not path.with_name("state.db-wal").exists()


def test_a_second_opener_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first = on_file(path)
    code = (
        "import sys; from pathlib import Path\n"
        "from kowloon.core.errors import ConfigurationError\n"
        "from kowloon.store.backend import SqliteBackend\n"
        "try:\n    SqliteBackend(Path(sys.argv[1])); print('opened')\n"
        "except ConfigurationError as problem:\n    print(problem)\n"
    )

    def second() -> str:
        ran = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
        )
        return ran.stdout.strip()

    assert second() == (
        f"{path} cannot be opened (database is locked); is another kowloon running on it? `kowloon status` tells"
    )
    first.close()
    assert second() == "opened"


def test_a_kind_that_nobody_knows_is_refused_never_dropped(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = on_file(path)
    transaction = store.begin()
    transaction.put(machine("m-1"))
    store.commit_now(transaction)
    store.close()
    backend = SqliteBackend(path)
    with pytest.raises(ConfigurationError, match="the state holds a 'machine', which this version of kowloon does not"):
        Store(backend, Codec([Network]))
    backend.close()


def test_a_resource_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    on_file(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO resource (kind, id, version, body) VALUES ('machine', 'm', 1, CAST('{\"id\": 5}' AS BLOB))"
        )
    connection.close()
    backend = SqliteBackend(path)
    with pytest.raises(ConfigurationError, match=r"the state holds a 'machine' that cannot be read: Expected `str`"):
        Store(backend, Codec([Machine]))
    backend.close()


@pytest.mark.parametrize("types", [[Machine, Machine], [type("Nameless", (Machine,), {"kind": ""})]])
def test_kinds_have_one_name_each(types: list[type[Machine]]) -> None:
    with pytest.raises(ValueError, match="is empty or registered twice"):
        Codec(types)


def test_a_killed_writer_leaves_every_acknowledged_commit_and_nothing_half(tmp_path: Path) -> None:
    chosen = random.Random(20251122)
    path = tmp_path / "state.db"
    acknowledged = -1
    for round_number in range(KILLS):
        acknowledged = max(acknowledged, kill_a_writer(path, round_number, after=chosen.randrange(1, 120)))
        store = on_file(path)
        try:
            check(store, acknowledged)
        finally:
            store.close()
    assert acknowledged >= KILLS


def kill_a_writer(path: Path, seed: int, after: int) -> int:
    """Kill it once it has acknowledged `after` commits; the number of the last acknowledged one."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.store.stream_writer", str(path), str(seed)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )
    assert writer.stdout is not None
    # Nobody waits longer for a writer that hangs.
    watchdog = threading.Timer(60.0, writer.kill)
    watchdog.start()
    try:
        for _ in range(after):
            line = writer.stdout.readline()
            assert line, "the writer ended by itself"
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
    finally:
        watchdog.cancel()
        writer.kill()
        writer.wait()
        writer.stdout.close()
    return int((line + rest).split(b"\n")[-2])


def check(store: Store, acknowledged: int) -> None:
    numbers = {
        side: {item.number for item in store.list(Machine) if item.id.startswith(side)} for side in ("left", "right")
    }
    assert numbers["left"] == numbers["right"]
    last = store.get(Machine, "last")
    assert last is not None
    # At most the one that was under way may be there without having been acknowledged.
    assert last.number in (acknowledged, acknowledged + 1)
    assert max(numbers["left"]) == last.number
    # Only what is at least ten older may have been deleted.
    assert set(range(max(last.number - 9, 0), last.number + 1)) <= numbers["left"]
