"""A zone's store as it is at one moment, kept in another folder, and taken up again.

Segments that are full and files of blobs are never changed, only unlinked: they are shared by hard links, or copied
where that cannot be. (The file of a blob that is gone may become another's, but not one with a second name.) What is
kept is settled between two turns of the loop, and is what a killed process would have left; who opens it recovers as
from that. Linking and copying is a thread's, and nothing is unlinked meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import TypeVar

from kowloon.core.errors import ConfigurationError
from kowloon.engines.blob import recovery
from kowloon.engines.blob.part import ZonePart

T = TypeVar("T")


def keep(part: ZonePart, target: Path) -> asyncio.Future[None]:
    """The zone as it is now, in a new folder once it is waited for. OSError, then too: there is no room, or its own
    disk has failed."""
    if part.broken is not None:
        raise OSError(part.broken)
    segments = part.segments
    if segments.size_bytes.get(segments.current):
        # What is written from now on goes elsewhere.
        segments.begin()
    full = [segments.path(number) for number, size in segments.size_bytes.items() if size]
    copy_index = part.index.copier()

    def work() -> None:
        try:
            for folder in (target, target / "segments", target / "files", target / "index"):
                folder.mkdir(mode=0o700)
        finally:
            copy_index(target / "index")
        os.chmod(target / "index" / "data.mdb", 0o600)
        _link_all(full, target / "segments")
        # Those that are still being written, or are not needed any more, are no loss: the index has none of them.
        _link_all(list(part.files.iterdir()), target / "files", may_be_gone=True)
        shutil.copy(part.folder / "format", target / "format")
        if part.broken is not None:
            raise OSError(part.broken)

    return part.undisturbed(work)


async def to_its_end(running: asyncio.Future[T]) -> T:
    """A thread cannot be stopped: who is cancelled meanwhile waits for it, too."""
    try:
        await asyncio.wait([running])
    finally:
        if not running.done():
            await asyncio.wait([running])
    return running.result()


def take_up(source: Path, target: Path) -> None:
    """A kept zone as a folder that can be opened and written to, without changing what is kept. ConfigurationError: it
    is of another version, or none."""
    if not (source / "format").exists():
        raise ConfigurationError(f"{source} is not a zone of a snapshot")
    recovery.identify(source)
    for folder in (target, target / "segments", target / "files", target / "index"):
        folder.mkdir(mode=0o700)
    kept = sorted((source / "segments").glob("*"))
    _link_all(kept[:-1], target / "segments")
    # The newest is written on, and so is the index; without one it is made anew.
    for path in [*kept[-1:], *(source / "index").glob("*")]:
        shutil.copy(path, target / path.parent.name / path.name)
    _link_all(list((source / "files").glob("*")), target / "files")
    shutil.copy(source / "format", target / "format")


def _link_all(paths: list[Path], folder: Path, *, may_be_gone: bool = False) -> None:
    for path in paths:
        with contextlib.suppress(*([FileNotFoundError] if may_be_gone else [])):
            _link(path, folder / path.name)


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        # Another file system, or one without links.
        shutil.copy(path, target)
