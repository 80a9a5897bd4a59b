"""Whether a terminal's signals come to us, and so to what we started, too."""

from __future__ import annotations

import os


def in_foreground() -> bool:
    """Of the terminal that controls this process; False without one."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
