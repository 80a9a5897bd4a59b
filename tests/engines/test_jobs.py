"""Work in processes of its own: what goes in and out, and what ends a job that does not end itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from kowloon.engines.jobs import JobError, JobRefused, Jobs
from kowloon.wire.http import FileSlice

HERE = "tests.engines.job_functions"


@pytest.fixture
async def jobs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Jobs]:
    # Workers see installed packages only; the functions of these tests are beside them.
    import kowloon.engines.jobs as module

    spawn = module.subprocess.Popen
    root = str(Path(__file__).parents[2])

    def popen(argv: list[str], **options: object) -> object:
        code = f"import sys; sys.path.insert(0, {root!r}); from kowloon.engines.job_worker import main; main()"
        return spawn([argv[0], "-I", "-c", code], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    jobs = Jobs(2)
    yield jobs
    await jobs.close()


async def test_what_goes_in_comes_out(jobs: Jobs, tmp_path: Path) -> None:
    content = os.urandom(5_000_000)
    path = tmp_path / "file"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    slices = [FileSlice(descriptor, 10, 3_000_000), FileSlice(descriptor, 4_000_000, 5)]
    answer = await jobs.run(f"{HERE}:echo", b"argument", [b"head", b"", slices, content], 20)
    assert answer == b"argument" + b"head" + content[10:3_000_010] + content[4_000_000:4_000_005] + content
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


async def test_a_process_is_used_again(jobs: Jobs) -> None:
    first = await jobs.run(f"{HERE}:pid", b"", [], 20)
    with pytest.raises(JobRefused) as caught:
        await jobs.run(f"{HERE}:refuse", b"why", [], 20)
    assert caught.value.payload == b"why"
    assert await jobs.run(f"{HERE}:pid", b"", [], 20) == first


@pytest.mark.parametrize(
    ("function", "message"), [("fail", "failed"), ("die", "ended"), ("swell", "failed"), ("none", "failed")]
)
async def test_failures_are_the_jobs_own(jobs: Jobs, function: str, message: str) -> None:
    with pytest.raises(JobError, match=message):
        await jobs.run(f"{HERE}:{function}", b"", [], 20)
    assert await jobs.run(f"{HERE}:echo", b"still", [], 20) == b"still"


async def test_a_job_that_hangs_is_ended(jobs: Jobs) -> None:
    await jobs.run(f"{HERE}:pid", b"", [], 20)
    async with await jobs.start(f"{HERE}:hang", b"", [], 0.5) as job:
        pid = int(await anext(aiter(job)))
        with pytest.raises(JobError, match=r"not done within 0\.5 s"):
            await anext(aiter(job))
    assert not psutil.pid_exists(pid)


async def test_a_job_that_is_given_up_makes_room(jobs: Jobs) -> None:
    for _ in range(3):
        job = await jobs.start(f"{HERE}:hang", b"", [], 20)
        pid = int(await anext(aiter(job)))
        await job.close()
        assert not psutil.pid_exists(pid)


async def test_so_many_at_once(jobs: Jobs) -> None:
    hanging = [await jobs.start(f"{HERE}:hang", b"", [], 20) for _ in range(2)]
    third = asyncio.ensure_future(jobs.run(f"{HERE}:echo", b"3", [], 20))
    done, _ = await asyncio.wait([third], timeout=0.2)
    assert not done
    await hanging[0].close()
    assert await third == b"3"
    await hanging[1].close()


async def test_idle_processes_end(jobs: Jobs) -> None:
    hasty = Jobs(1, idle_s=0.01)
    pid = int(await hasty.run(f"{HERE}:pid", b"", [], 20))
    await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid)] if psutil.pid_exists(pid) else [], 10)
    assert not psutil.pid_exists(pid)
    await hasty.close()
