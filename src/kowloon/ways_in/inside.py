"""What `kowloon run` starts in place of a command: it makes the network that the command will see, and becomes it.

Run as a file, by an interpreter that has loaded nothing but the standard library: `inside.py CHANNEL PLAN COMMAND...`.
CHANNEL is a socket's descriptor, over which the listening sockets of the new network go to the parent; PLAN is JSON:
`addresses` to answer on, TCP `ports`, and `files`, a list of (path, what is seen there instead).
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys

_NEW_MOUNTS, _NEW_USERS, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_BIND, _PRIVATE_BELOW = 4096, 16384 | 262144
_SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8914, 0x8916, 0x891C
_UP = 0x1
_DEATH_SIGNAL = 1
_BACKLOG = 256
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    plan, command = json.loads(sys.argv[2]), sys.argv[3:]
    parent = os.getppid()
    doing = "leaving the machine's network"
    try:
        _leave()
        doing = "putting other files in the place of those that decide about names"
        _see(plan["files"])
        doing = "raising a network"
        _raise_network(plan["addresses"])
        doing = "listening in it"
        listeners = _listen(plan["ports"])
    except OSError as problem:
        channel.sendall(json.dumps({"error": f"{doing}: {problem.strerror}"}).encode())
        return
    labels = json.dumps({"sockets": [label for label, _ in listeners]}).encode()
    descriptors = array.array("i", [listener.fileno() for _, listener in listeners])
    channel.sendmsg([labels], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
    for _, listener in listeners:
        listener.close()
    # The parent serves from now on, or is gone.
    if not channel.recv(1):
        return
    _become(command, parent)


def _leave() -> None:
    """A network and a view of the files of its own. Whoever may not make them makes them as the owner of a user
    namespace in which it stays who it is."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 and _LIBC.unshare(_NEW_NETWORK | _NEW_MOUNTS) == 0:
        return
    _checked(_LIBC.unshare(_NEW_USERS | _NEW_NETWORK | _NEW_MOUNTS))
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


def _see(files: list[tuple[str, str]]) -> None:
    _checked(_LIBC.mount(b"none", b"/", None, _PRIVATE_BELOW, None))
    for path, instead in files:
        _checked(_LIBC.mount(instead.encode(), path.encode(), None, _BIND, None))


def _raise_network(addresses: list[str]) -> None:
    """Loopback with some addresses more. There is no other device, so nothing leads out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
        for number, address in enumerate(addresses):
            name = f"lo:{number}".encode()
            for request, value in ((_SET_ADDRESS, address), (_SET_MASK, "255.255.255.255")):
                fcntl.ioctl(
                    control, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value))
                )


def _listen(ports: list[int]) -> list[tuple[str, socket.socket]]:
    found = []
    for port in ports:
        found.append(("tcp", socket.create_server(("0.0.0.0", port), backlog=_BACKLOG)))
    found.append(("dns-tcp", socket.create_server(("127.0.0.1", 53), backlog=_BACKLOG)))
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    return [*found, ("dns-udp", names)]


def _become(command: list[str], parent: int) -> None:
    # What the interpreter ignores, the command would ignore as well.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    # Without the parent there is no network: then the command ends, too.
    _LIBC.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        sys.exit(_say(f"kowloon run: there is no command {command[0]!r}", 127))
    except OSError as problem:
        sys.exit(_say(f"kowloon run: {command[0]!r} cannot be started: {problem.strerror}", 126))


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
