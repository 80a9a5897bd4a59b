"""A node's folder: what it was last, its data, and the files that PostgreSQL is configured by.

node.json      generation, role and synchronous standby: what fencing goes by
node.conf      the whole configuration, written before each start and reload
hba.conf       who may log in: everybody by password, the cloud's own account for replication
passfile       how a standby logs in to its primary
data/          PostgreSQL's own
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Literal

import msgspec

SUPERUSER = "kowloon"
HBA = f"""\
host replication {SUPERUSER} 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
"""


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder is. `promoting`: a standby that was told to become primary of this generation, not yet known to
    have done so. `synchronous`: the standby that commits wait for. `owned`: its first password has been replaced."""

    generation: int
    role: Literal["primary", "standby", "promoting"]
    synchronous: str = ""
    owned: bool = False


class NodeFolder:
    """Everything in it belongs to the uid that the server runs under."""

    def __init__(self, path: Path, uid: int, gid: int) -> None:
        self.path = path
        self._uid = uid
        self._gid = gid

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def incoming(self) -> Path:
        """Where new data is made before it replaces the old."""
        return self.path / "incoming"

    @property
    def config(self) -> Path:
        return self.path / "node.conf"

    @property
    def hba(self) -> Path:
        return self.path / "hba.conf"

    @property
    def passfile(self) -> Path:
        return self.path / "passfile"

    @property
    def log(self) -> Path:
        return self.path / "postgres.log"

    def make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(self.path, self._uid, self._gid)

    def marker(self) -> Marker | None:
        """None: nothing whole is here."""
        try:
            return msgspec.json.decode((self.path / "node.json").read_bytes(), type=Marker)
        except FileNotFoundError:
            return None

    def mark(self, marker: Marker) -> None:
        """Durable when it returns: fencing rests on it."""
        self.write(self.path / "node.json", msgspec.json.encode(marker).decode(), durable=True)

    def write(self, path: Path, text: str, *, durable: bool = False) -> None:
        new = path.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchown(descriptor, self._uid, self._gid)
            if durable:
                file.flush()
                os.fsync(descriptor)
        new.replace(path)
        if durable:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def write_passfile(self, password: str) -> None:
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        self.write(self.passfile, f"*:*:*:{SUPERUSER}:{escaped}\n")

    def discard_incoming(self) -> None:
        shutil.rmtree(self.incoming, ignore_errors=True)

    def take_incoming(self) -> None:
        """The new data replaces the old."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.incoming.rename(self.data)

    def make_standby(self) -> None:
        self.write(self.data / "standby.signal", "")

    def postmaster_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def signal(self, number: signal.Signals) -> None:
        """To the running server of this folder; who calls knows that it runs."""
        pid = self.postmaster_pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def clear_stale_pid(self) -> None:
        """After a power cut the old pid may by now be another process, which PostgreSQL would take for its own."""
        pid = self.postmaster_pid()
        if pid is None:
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return  # PostgreSQL sees that as well, and frees the shared memory named in the file.
        except PermissionError:
            pass
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def configuration(folder: NodeFolder, *, address: str, port: int, max_connections: int, synchronous: str,
                  upstream: str, standby_id: str) -> str:  # fmt: skip
    """node.conf. An empty `upstream` leaves a standby without a source."""
    source = ""
    if upstream:
        source = (
            f"host={upstream} port={port} user={SUPERUSER} passfile={_conninfo(str(folder.passfile))} "
            f"application_name={_conninfo(standby_id)} connect_timeout=2 sslmode=disable"
        )
    settings = {
        "listen_addresses": address,
        "port": str(port),
        "unix_socket_directories": "",
        "hba_file": str(folder.hba),
        "max_connections": str(max_connections),
        "password_encryption": "scram-sha-256",
        "shared_buffers": "16MB",
        "max_wal_size": "128MB",
        "min_wal_size": "16MB",
        "wal_keep_size": "256MB",
        "wal_level": "replica",
        "wal_log_hints": "on",
        "max_wal_senders": "8",
        "hot_standby": "on",
        # Both default to waits of many seconds, which a failover would spend.
        "wal_retrieve_retry_interval": "100ms",
        "wal_sender_timeout": "2s",
        "wal_receiver_timeout": "2s",
        "wal_receiver_status_interval": "1s",
        "fsync": "on",
        "synchronous_commit": "on",
        "synchronous_standby_names": f'"{synchronous}"' if synchronous else "",
        "primary_conninfo": source,
        # A statement that fails may carry a password.
        "log_min_error_statement": "panic",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",
    }
    return "".join(f"{name} = '{_quoted(value)}'\n" for name, value in settings.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _conninfo(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
