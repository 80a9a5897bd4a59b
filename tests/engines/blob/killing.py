"""Kill a process that changes a store, again and again, and look whether it kept its word."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.engines.blob.kill_writer import VOLUME, content
from tests.engines.blob.parts import LRS, ZRS, contents, contents_in, settled, storage

ROOT = Path(__file__).parents[3]


async def kill_repeatedly(folder: Path, rounds: int, seed: int, layout: str, durable: bool) -> int:
    """How many changes were acknowledged. Each round starts on what the last one left."""
    chosen = random.Random(f"{seed} {layout} {durable}")
    zones = ZRS if layout == "ZRS" else LRS
    known: dict[bytes, str | None] = {}
    acknowledged = 0
    for number in range(rounds):
        lines = kill_a_writer(folder, seed * 1000 + number, layout, durable, after=chosen.randrange(1, 200))
        allowed: dict[bytes, set[str | None]] = {key: {what} for key, what in known.items()}
        for line in lines:
            stage, change, key, what = line.split(b" ")
            value = None if what == b"gone" else f"{seed * 1000 + number} {change.decode()}"
            if what == b"same":
                continue
            if stage == b"begin":
                allowed.setdefault(key, {None}).add(value)
            else:
                acknowledged += 1
                allowed[key] = {value}
        if chosen.random() < 0.3:
            for zone in zones.zones:
                shutil.rmtree(folder / zone / "index", ignore_errors=True)
        async with storage(folder, durable=durable) as made:
            volume = made.volume(VOLUME, zones)
            found = contents(volume)
            for key, values in allowed.items():
                sides = [found.get(side + key) for side in (b"left/", b"right/")]
                known[key] = check_pair(sides, values)
            assert {key.partition(b"/")[2] for key in found} <= allowed.keys()
            await made.heal()
            await settled(made, zones)
            assert contents(volume) == found
            one, *others = (contents_in(made, zone, VOLUME) for zone in zones.zones)
            assert all(other == one for other in others)
            for zone in zones.zones:
                report = await made.scrub(zone)
                assert (report.damaged, report.lost) == (0, 0)
    return acknowledged


def check_pair(sides: list[tuple[bytes, list[bytes]] | None], values: set[str | None]) -> str | None:
    """Both or neither, whole, and of a change that may have been the last one."""
    left, right = sides
    if left is None or right is None:
        assert left is right
        assert None in values
        return None
    assert left[0] == right[0]
    value = left[0].decode()
    assert value in values, (value, values)
    seed, number = map(int, value.split(" "))
    assert left[1] == [content(seed, number, "left")]
    assert right[1] == [content(seed, number, "right")]
    return value


def kill_a_writer(folder: Path, seed: int, layout: str, durable: bool, after: int) -> list[bytes]:
    """Kill it once it has said `after` lines; all that it said."""
    command = [sys.executable, "-m", "tests.engines.blob.kill_writer", str(folder), str(seed), layout]
    writer = subprocess.Popen(
        [*command, "durable" if durable else "-"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )
    assert writer.stdout is not None
    # Nobody waits longer for a writer that hangs.
    watchdog = threading.Timer(60.0, writer.kill)
    watchdog.start()
    lines = []
    try:
        for _ in range(after):
            line = writer.stdout.readline()
            assert line, "the writer ended by itself"
            lines.append(line)
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines(keepends=True)
    finally:
        watchdog.cancel()
        writer.kill()
        writer.wait()
        writer.stdout.close()
    return [line.removesuffix(b"\n") for line in lines]
