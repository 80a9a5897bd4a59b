"""How one cloud is set up. Unknown or impossible settings refuse to start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

DEFAULT_PORT = 8520
DEFAULT_REGION = "cn-hangzhou"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`home` keeps everything that outlives the process; None keeps nothing. `port` 0 takes a free one. `seed` makes
    ids and choices repeat. `durable`: objects survive the loss of power, not only of the process.
    `reach`: private networks (CIDR) that callbacks may go to, besides loopback and the Internet.
    `transitions`: instant, realistic or reads:N (core/transitions.py).
    `mail_server`: HOST:PORT of the SMTP server that mail goes out by, as `mail_sender`; none when empty."""

    home: Path | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    engine: Literal["paper", "process"] = "process"
    region: str = DEFAULT_REGION
    seed: int | None = None
    unsandboxed_user_data: bool = False
    takeover_s: float = 2.0
    lease_s: float = 30.0
    durable: bool = False
    reach: tuple[str, ...] = ()
    transitions: str = "instant"
    mail_server: str = ""
    mail_sender: str = "duty@kowloon.invalid"


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    sender: str

    @staticmethod
    def parse(address: str, sender: str) -> MailServer | None:
        """None for an empty address. ValueError when it is not HOST:PORT."""
        if not address:
            return None
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{address!r} is no mail server; give HOST:PORT")
        return MailServer(host=host.strip("[]"), port=int(port), sender=sender)


class HomeFiles(msgspec.Struct, frozen=True):
    """The files of one home, by name."""

    home: Path

    @property
    def state(self) -> Path:
        return self.home / "state.db"

    @property
    def credentials(self) -> Path:
        """What `kowloon env` prints: readable by its owner only."""
        return self.home / "credentials.json"

    @property
    def certificates(self) -> Path:
        return self.home / "certificates"

    @property
    def bundle(self) -> Path:
        """System roots and this cloud's CA, for clients."""
        return self.home / "ca-bundle.pem"

    @property
    def truststore(self) -> Path:
        """The same for Java, as PKCS #12 with the password `changeit`."""
        return self.home / "ca-bundle.p12"

    @property
    def server(self) -> Path:
        """Where the running server listens."""
        return self.home / "server.json"

    @property
    def data(self) -> Path:
        """The data of real parts."""
        return self.home / "data"

    @property
    def audit(self) -> Path:
        """Who did what: the journal of all calls, and its index."""
        return self.home / "audit"

    @property
    def messages(self) -> Path:
        """What was said in the messenger."""
        return self.home / "messages.db"

    @property
    def snapshots(self) -> Path:
        """What was saved by name, a folder for each."""
        return self.home / "snapshots"

    @property
    def hooks(self) -> Path:
        """Scripts that run when a cloud boots, is ready and shuts down."""
        return self.home / "hooks"

    @property
    def objects(self) -> Path:
        """What object storage keeps, a folder for each zone."""
        return self.home / "objects"


class HomeCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """The bootstrap identity and the admin token."""

    account_id: str
    access_key_id: str
    access_key_secret: str
    admin_token: str
