"""What a process host promises while its server lives: start, end, freeze, logs, privileges, who owns the units."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.engines.base import EngineError
from kowloon.engines.processes import ProcessReport, ProcessSpec, ProcessState
from kowloon.engines.supervisor import folders, logs, tree
from kowloon.engines.supervisor.client import SupervisorClient
from kowloon.engines.supervisor.sweep import marked_processes, supervising_processes

Script = Callable[..., ProcessSpec]
Until = Callable[[Callable[[], object], float], Awaitable[None]]

TREE = "sleep 3001 & (setsid sh -c 'sleep 3002 & sleep 3003' &) ; wait"


def log_of(spec: ProcessSpec) -> bytes:
    return Path(spec.log).read_bytes()


def unit_tree(host: SupervisorClient, pid: int) -> list[int]:
    """The processes below the keeper of the unit whose main process is `pid`."""
    keeper = next(each for each in tree.children(host.supervisor_pid) if pid in tree.children(each))
    return tree.descendants(keeper)


async def test_a_unit_starts_once_and_ends_with_all_it_started(
    host: SupervisorClient, script: Script, until: Until
) -> None:
    pid = await host.spawn(script("a", TREE))
    assert await host.spawn(script("a", "exit 1")) == pid
    await until(lambda: len(unit_tree(host, pid)) == 5, 5)
    members = unit_tree(host, pid)
    assert host.state("a") == ProcessState.RUNNING
    await host.kill("a")
    assert not [each for each in members if tree.process_state(each)]
    assert host.state("a") is None
    await host.kill("a")


async def test_a_frozen_tree_stands_still_thaws_and_can_be_killed(
    host: SupervisorClient, script: Script, until: Until
) -> None:
    pid = await host.spawn(script("a", TREE))
    await until(lambda: len(unit_tree(host, pid)) == 5, 5)
    await host.freeze("a")
    # D: in the middle of a vfork; it stops before it does anything else.
    assert {tree.process_state(each) for each in unit_tree(host, pid)} <= {"T", "D"}
    assert host.state("a") == ProcessState.FROZEN
    await host.freeze("a")
    await host.thaw("a")
    assert "T" not in {tree.process_state(each) for each in unit_tree(host, pid)}
    await host.freeze("a")
    members = unit_tree(host, pid)
    await host.kill("a", grace_s=5.0)
    assert not [each for each in members if tree.process_state(each)]


async def test_an_end_nobody_asked_for_is_reported_with_its_code(
    host: SupervisorClient, script: Script, until: Until
) -> None:
    reports: list[ProcessReport] = []
    host.on_report(reports.append)
    await host.spawn(script("three", "exit 3"))
    pid = await host.spawn(script("nine", "sleep 3000"))
    os.kill(pid, signal.SIGKILL)
    await until(lambda: host.state("three") == host.state("nine") == ProcessState.EXITED, 5)
    codes = {report.unit_id: report.exit_code for report in reports if report.state == ProcessState.EXITED}
    assert codes == {"three": 3, "nine": -signal.SIGKILL}
    assert host.running() == {}
    assert await host.spawn(script("three", "sleep 3000")) > 0


async def test_a_grace_lets_a_unit_end_by_itself_and_no_longer(
    host: SupervisorClient, script: Script, until: Until
) -> None:
    def text(name: str) -> str:
        return log_of(script(name, "")).decode()

    await host.spawn(script("polite", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
    await host.spawn(script("stubborn", "trap '' TERM; echo up; while :; do sleep 0.05; done"))
    await until(lambda: "up" in text("polite") and "up" in text("stubborn"), 5)
    await asyncio.gather(host.kill("polite", grace_s=10.0), host.kill("stubborn", grace_s=0.3))
    assert "bye" in text("polite")
    assert host.running() == {}


async def test_a_second_kill_shortens_the_first(host: SupervisorClient, script: Script) -> None:
    await host.spawn(script("a", "trap '' TERM; while :; do sleep 0.05; done"))
    slow = asyncio.create_task(host.kill("a", grace_s=60.0))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(host.kill("a"), 5)
    await asyncio.wait_for(slow, 5)


async def test_a_start_during_an_end_waits_for_it(host: SupervisorClient, script: Script) -> None:
    first = await host.spawn(script("a", "trap '' TERM; while :; do sleep 0.05; done"))
    ending = asyncio.create_task(host.kill("a", grace_s=0.3))
    await asyncio.sleep(0.05)
    second = await host.spawn(script("a", "sleep 3000"))
    assert first != second
    await ending
    assert tree.process_state(first) == ""
    assert tree.process_state(second) != ""


async def test_a_unit_inherits_nothing_and_has_no_privileges(
    host: SupervisorClient, script: Script, until: Until
) -> None:
    spec = script("a", "env; id -u; id -g; grep -E 'NoNewPrivs|Groups|SigIgn' /proc/$$/status; ls /proc/$$/fd")
    await host.spawn(spec)
    await until(lambda: host.state("a") == ProcessState.EXITED, 5)
    lines = log_of(spec).decode().splitlines()
    assert {line for line in lines if "=" in line and not line.startswith(("PWD", "_", "SHLVL", "OLDPWD"))} == {
        "PATH=/usr/bin:/bin",
        f"KOWLOON_UNIT_MARK={host.mark}",
    }
    rest = [line.split() for line in lines if "=" not in line]
    expected_uid = folders.UNPRIVILEGED_UID if os.geteuid() == 0 else os.getuid()
    assert rest[0] == [str(expected_uid)]
    assert host.uid == expected_uid
    assert ["NoNewPrivs:", "1"] in rest
    ignored = next(int(line[1], 16) for line in rest if line[0] == "SigIgn:")
    # 32 and 33 are the C library's own: some parents (make) leave them ignored, and no program can change that.
    assert ignored & ~(1 << 31 | 1 << 32) == 0
    assert rest[-3:] == [["0"], ["1"], ["2"]]


@pytest.mark.parametrize(
    ("argv", "cwd", "sentence"),
    [(("/nonexistent/program",), "/", "No such file"), (("/bin/true",), "/nonexistent", "No such file")],
)
async def test_what_cannot_start_says_why(
    host: SupervisorClient, open_folder: Path, argv: tuple[str, ...], cwd: str, sentence: str
) -> None:
    spec = ProcessSpec(unit_id="a", argv=argv, environment={}, cwd=cwd, log=str(open_folder / "log"))
    with pytest.raises(EngineError, match=sentence):
        await host.spawn(spec)
    assert host.state("a") is None
    with pytest.raises(EngineError, match="not running"):
        await host.freeze("a")


async def test_a_log_is_bounded_and_keeps_the_end(host: SupervisorClient, script: Script, until: Until) -> None:
    spec = script("a", "i=0; while [ $i -lt 60 ]; do head -c 65536 /dev/zero | tr '\\0' x; i=$((i+1)); done; echo end")
    await host.spawn(spec)
    await until(lambda: host.state("a") == ProcessState.EXITED, 20)
    content = log_of(spec)
    assert len(content) <= logs.LOG_BYTES
    assert content.endswith(b"xend\n")


async def test_a_log_never_follows_a_link(host: SupervisorClient, script: Script, open_folder: Path) -> None:
    target = open_folder / "precious"
    target.write_text("kept")
    spec = script("a", "echo overwritten")
    os.symlink(target, spec.log)
    with pytest.raises(EngineError):
        await host.spawn(spec)
    assert target.read_text() == "kept"


async def test_the_next_server_adopts_and_the_former_is_told(open_folder: Path, script: Script) -> None:
    former = SupervisorClient(open_folder / "home", lease_s=5.0)
    await former.connect()
    pid = await former.spawn(script("a", "sleep 3000"))
    await former.spawn(script("b", "sleep 3000"))
    await former.freeze("b")
    latter = SupervisorClient(open_folder / "home", lease_s=5.0)
    await latter.connect()
    try:
        assert {name: report.state for name, report in latter.running().items()} == {"a": "running", "b": "frozen"}
        assert latter.running()["a"].pid == await latter.spawn(script("a", "exit 1")) == pid
        with pytest.raises(EngineError, match="another server"):
            await former.freeze("a")
        assert latter.state("a") == ProcessState.RUNNING
    finally:
        await latter.shutdown()
        await former.close()
    assert marked_processes(latter.mark) + supervising_processes(latter.mark) == []


async def test_an_exit_while_no_server_listened_is_known_to_the_next(
    open_folder: Path, script: Script, until: Until
) -> None:
    former = SupervisorClient(open_folder / "home", lease_s=10.0)
    await former.connect()
    pid = await former.spawn(script("a", "sleep 3000"))
    await former.close()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not tree.process_state(pid), 5)
    latter = SupervisorClient(open_folder / "home", lease_s=10.0)
    await latter.connect()
    try:
        await until(lambda: latter.state("a") == ProcessState.EXITED, 5)
    finally:
        await latter.shutdown()


async def test_two_clients_that_start_at_once_share_one_supervisor(open_folder: Path) -> None:
    clients = [SupervisorClient(open_folder / "home", lease_s=5.0) for _ in range(3)]
    await asyncio.gather(*(client.connect() for client in clients))
    assert len({client.supervisor_pid for client in clients}) == 1
    for client in clients:
        await client.close()
    last = SupervisorClient(open_folder / "home", lease_s=5.0)
    await last.connect()
    await last.shutdown()
    assert not folders.run_folder(open_folder / "home").joinpath(folders.LOCK_NAME).exists()


def test_a_later_home_at_the_same_path_takes_over_nothing(open_folder: Path) -> None:
    home = open_folder / "home"
    former, run = folders.cloud_mark(home), folders.run_folder(home)
    assert folders.cloud_mark(home) == former
    shutil.rmtree(home)
    home.mkdir()
    # Whoever asks first draws what tells it from the former; all others are told the same.
    asking = (
        "import sys; from kowloon.engines.supervisor.folders import cloud_mark; sys.stdin.read(1);"
        "print(cloud_mark(sys.argv[1]), end='')"
    )
    together = [
        subprocess.Popen(
            [sys.executable, "-c", asking, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    marks = {process.communicate("\n")[0] for process in together}
    assert marks == {folders.cloud_mark(home)}
    assert [path.name for path in home.iterdir()] == [folders.BIRTH_NAME]
    assert former not in marks
    assert folders.run_folder(home) != run
    for folder in (run, folders.run_folder(home)):
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's units run as that user, in the home")
def test_data_outside_of_a_home_says_whose_it_is(open_folder: Path) -> None:
    home = open_folder / "home"
    assert folders.data_folder(home) == home / "units"
    home.chmod(0o700)
    outside = folders.data_folder(home)
    assert outside.parent == Path("/var/lib")
    assert (outside / folders.OWNER_NAME).read_text() == f"{home}\n"
    assert folders.data_folder(home) == outside
    shutil.rmtree(outside)


async def test_a_start_sweeps_what_carries_the_mark_and_nothing_else(open_folder: Path) -> None:
    home, other = open_folder / "home", open_folder / "other"
    other.mkdir()

    def leave(mark: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["/bin/sleep", "3000"], env={folders.MARK_VARIABLE: mark}, start_new_session=True)

    ours, others = leave(folders.cloud_mark(home)), leave(folders.cloud_mark(other))
    client = SupervisorClient(home, lease_s=5.0)
    try:
        await client.connect()
        assert ours.wait(5) == -signal.SIGKILL
        assert others.poll() is None
    finally:
        await client.shutdown()
        for left in (ours, others):
            left.kill()
            left.wait()


async def test_a_run_folder_that_others_can_enter_is_refused(open_folder: Path) -> None:
    folder = folders.run_folder(open_folder / "home")
    folder.chmod(0o755)
    try:
        with pytest.raises(ConfigurationError, match="not a private folder"):
            await SupervisorClient(open_folder / "home").connect()
    finally:
        folder.rmdir()
