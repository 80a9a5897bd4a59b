"""The server of `kowloon up`. Only `up` imports it: no other command waits for asyncio."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import uvloop

from kowloon.cli.hooks import HookFailed, Hooks
from kowloon.core.config import HomeCredentials, Settings
from kowloon.core.errors import ConfigurationError
from kowloon.engines.base import EngineError
from kowloon.ways_in.environment import keys, place

if TYPE_CHECKING:
    from kowloon.app import Cloud

# Why a cloud does not start; each says so in a sentence.
REFUSALS = (ConfigurationError, EngineError, HookFailed)
_OPEN_FILES = 65_536


def serve(settings: Settings, hooks: Path, *, hook_limit_s: float, hooks_may_fail: bool, quiet: bool) -> None:
    """Until a signal ends it. Raises one of REFUSALS, or OSError where it cannot listen."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What scripts print is why they were written.
    logging.getLogger("kowloon.hooks").setLevel(logging.INFO)
    scripts = Hooks(hooks, limit_s=hook_limit_s, may_fail=hooks_may_fail)
    _prepare_process()
    scripts.check()
    uvloop.run(run(settings, scripts, quiet))


def _prepare_process() -> None:
    """Room for many connections and open files, and no time spent on looking for garbage among what always stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    gc.set_threshold(10_000, 50, 100)


async def run(settings: Settings, hooks: Hooks, quiet: bool) -> None:
    from kowloon.app import Cloud

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    cloud = Cloud(settings)
    try:
        await hooks.run("boot", _told(cloud.identity, settings, ""))
    except BaseException:
        await cloud.stop()
        raise
    await cloud.start()
    gc.collect()
    gc.freeze()
    if not quiet:
        typer.echo(
            f"kowloon serves http and https on {cloud.endpoint} (engine {settings.engine}, home {settings.home})"
        )
        typer.echo('point a shell at it:  eval "$(kowloon env)"')
    try:
        # What keeps the real parts from being opened ends the cloud with its reason.
        opening, waiting = loop.create_task(cloud.ready()), loop.create_task(ended.wait())
        await asyncio.wait((opening, waiting), return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
            await _run_ready_hooks(hooks, cloud, settings, waiting)
        await waiting
    finally:
        try:
            await hooks.run("shutdown", _told(cloud.identity, settings, cloud.endpoint))
        finally:
            await cloud.stop(end_units=True)


async def _run_ready_hooks(hooks: Hooks, cloud: Cloud, settings: Settings, ended: asyncio.Task[bool]) -> None:
    """Unless the cloud is ended meanwhile."""
    running = asyncio.create_task(hooks.run("ready", _told(cloud.identity, settings, cloud.endpoint)))
    await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        running.cancel()
    await asyncio.gather(running, return_exceptions=ended.done())


def _told(identity: HomeCredentials, settings: Settings, endpoint: str) -> dict[str, str]:
    """What a hook's clients read. Before the cloud listens there is no endpoint."""
    return {
        "KOWLOON_HOME": str(settings.home),
        **keys(identity),
        "ALIBABA_CLOUD_REGION_ID": settings.region,
        **(place(endpoint) if endpoint else {}),
    }
