"""Root given away: a worker needs it to bind ports below 1024 and to start from root's own folders, for no more."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_KEEPCAPS = 8
CAP_NET_BIND_SERVICE = 10
CAPABILITY_VERSION_3 = 0x20080522


def become(uid: int, gid: int) -> None:
    """Run as `uid` from here on; on Linux the right to bind low ports is kept. Nothing happens unless we are root."""
    if os.geteuid() != 0 or uid == 0:
        return
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc is not None:
        _keep_only(libc, CAP_NET_BIND_SERVICE)


def _keep_only(libc: ctypes.CDLL, capability: int) -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    # Effective, permitted, inheritable; twice, for the low and the high 32 capabilities.
    data = (ctypes.c_uint32 * 6)(bit, bit, 0, 0, 0, 0)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset: the worker's privileges could not be reduced")
