"""A zone's store as it is at one moment, kept in another folder, and taken up again.

Segments that are full and files of blobs are never changed, only unlinked: they are shared by hard links, or copied
where that cannot be. Keeping is done between two turns of the loop, so what is kept is what a killed process would have
left; whoever opens it recovers as from that.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from kowloon.core.errors import ConfigurationError
from kowloon.engines.blob import recovery
from kowloon.engines.blob.part import ZonePart


def keep(part: ZonePart, target: Path) -> None:
    """The zone as it is now, in a new folder. OSError: there is no room, or its own disk has failed."""
    if part.broken is not None:
        raise OSError(part.broken)
    for folder in (target, target / "segments", target / "files", target / "index"):
        folder.mkdir(mode=0o700)
    segments = part.segments
    if segments.size_bytes.get(segments.current):
        # What is written from now on goes elsewhere.
        segments.begin()
    _link_all([segments.path(number) for number, size in segments.size_bytes.items() if size], target / "segments")
    _link_all(list(part.files.iterdir()), target / "files")
    part.index.environment.copy(str(target / "index"))
    os.chmod(target / "index" / "data.mdb", 0o600)
    shutil.copy(part.folder / "format", target / "format")


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


def _link_all(paths: list[Path], folder: Path) -> None:
    for path in paths:
        try:
            os.link(path, folder / path.name)
        except OSError:
            # Another file system, or one without links.
            shutil.copy(path, folder / path.name)
