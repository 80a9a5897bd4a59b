"""Which TCP ports a local address listens on, from the kernel's table (Linux)."""

from __future__ import annotations

import socket
import sys

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LISTEN = "0A"


def available() -> bool:
    try:
        with open(TABLES[0], encoding="ascii"):
            return True
    except OSError:
        return False


def listening_ports(address: str) -> set[int]:
    """Ports in LISTEN on exactly `address`; who listens on every address is reachable on every address anyway."""
    wanted = _kernel_form(address)
    ports: set[int] = set()
    for table in TABLES:
        try:
            with open(table, encoding="ascii") as lines:
                next(lines, None)
                for line in lines:
                    fields = line.split(None, 4)
                    if fields[3] != LISTEN:
                        break  # The kernel lists listeners first; connections may be many.
                    local, _, port = fields[1].partition(":")
                    if local in wanted:
                        ports.add(int(port, 16))
        except OSError:
            continue
    return ports


def _kernel_form(address: str) -> tuple[str, str]:
    """The address as the IPv4 table and, mapped, the IPv6 table write it: words in the machine's byte order."""
    word = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    mapped_prefix = int.from_bytes(b"\x00\x00\xff\xff", sys.byteorder)
    return f"{word:08X}", f"{0:016X}{mapped_prefix:08X}{word:08X}"
