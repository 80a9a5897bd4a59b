"""Which TCP ports a local address listens on, from the kernel's table (Linux)."""

from __future__ import annotations

import socket
import sys

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LISTEN = b"0A"


def available() -> bool:
    try:
        with open(TABLES[0], "rb"):
            return True
    except OSError:
        return False


def listening_ports(address: str) -> set[int]:
    """Ports in LISTEN on exactly `address`; who listens on every address is reachable on every address anyway."""
    wanted = _kernel_form(address)
    ports: set[int] = set()
    for table in TABLES:
        try:
            with open(table, "rb") as lines:
                next(lines, None)
                for line in lines:
                    fields = line.split(None, 4)
                    if fields[3] != LISTEN:
                        break  # The kernel lists listeners first; connections may be many.
                    local, _, port = fields[1].partition(b":")
                    if local in wanted:
                        ports.add(int(port, 16))
        except OSError:
            continue
    return ports


def _kernel_form(address: str) -> tuple[bytes, bytes]:
    """The address as the IPv4 table and, mapped, the IPv6 table write it: words in the machine's byte order."""
    word = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    mapped_prefix = int.from_bytes(b"\x00\x00\xff\xff", sys.byteorder)
    return b"%08X" % word, b"%016X%08X%08X" % (0, mapped_prefix, word)
