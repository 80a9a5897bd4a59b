"""Copies of disks whose owner is at work on them: what is copied, what is left out, and what is never reached."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from kowloon.engines.base import EngineError
from kowloon.engines.compute.disks import copy_folder


def copied(source: Path, target: Path) -> Path:
    copy_folder(source, target, uid=os.getuid(), gid=os.getgid())
    return target


def test_files_folders_and_links_are_copied_with_their_modes(tmp_path: Path) -> None:
    source = tmp_path / "disk"
    (source / "lib" / "empty").mkdir(parents=True)
    (source / "lib" / "app.sh").write_text("#!/bin/sh\n")
    (source / "lib" / "app.sh").chmod(0o4755)
    (source / "private").write_bytes(os.urandom(3 << 20))
    (source / "private").chmod(0o600)
    (source / "current").symlink_to("lib/app.sh")
    (source / "dangling").symlink_to("/nowhere")
    target = copied(source, tmp_path / "copy")
    assert (target / "lib" / "app.sh").read_text() == "#!/bin/sh\n"
    assert (target / "private").read_bytes() == (source / "private").read_bytes()
    assert os.readlink(target / "current") == "lib/app.sh"
    assert os.readlink(target / "dangling") == "/nowhere"
    assert (target / "lib" / "empty").is_dir()
    # Nobody gets rights by a copy.
    assert stat.S_IMODE((target / "lib" / "app.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "private").stat().st_mode) == 0o600


def test_pipes_and_sockets_are_left_out_and_nothing_waits_for_them(tmp_path: Path) -> None:
    source = tmp_path / "disk"
    source.mkdir()
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "agent.sock"))
        (source / "kept").write_text("kept")
        target = copied(source, tmp_path / "copy")
    assert sorted(path.name for path in target.iterdir()) == ["kept"]


def test_what_lies_outside_is_never_copied_however_names_are_swapped(tmp_path: Path) -> None:
    """A file and a folder that become links to a secret and back as fast as they can."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    source = tmp_path / "disk"
    source.mkdir()
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for name, made in (("file", False), ("folder", True)):
                path, fresh = source / name, source / f".{name}"
                if made:
                    fresh.mkdir()
                    (fresh / "file").write_text("harmless")
                else:
                    fresh.write_text("harmless")
                fresh.rename(path)
                path.rename(source / f"{name}.old")
                path.symlink_to(outside / "file" if not made else outside)
                path.unlink()
                if made:
                    (source / "folder.old" / "file").unlink()
                    (source / "folder.old").rmdir()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(150):
            target = copied(source, tmp_path / f"copy-{number}")
            for path in target.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    assert path.read_text() in ("", "harmless")
            assert (target / "folder").is_symlink() or "secret" not in str(list(target.rglob("*")))
    finally:
        ended.set()
        swapper.join()


def test_a_disk_that_is_too_deep_or_missing_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / "disk"
    deep.joinpath(*["d"] * 120).mkdir(parents=True)
    with pytest.raises(EngineError, match="folders more than 100 deep"):
        copied(deep, tmp_path / "copy")
    with pytest.raises(EngineError, match="cannot be copied"):
        copied(tmp_path / "none", tmp_path / "other")
    (tmp_path / "link").symlink_to(deep)
    with pytest.raises(EngineError, match="cannot be copied"):
        copied(tmp_path / "link", tmp_path / "third")
