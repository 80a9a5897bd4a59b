"""XML of OSS: request bodies into a small read-only tree, answers from plain data. Namespaces are ignored."""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
# What must be escaped or cannot be carried at all.
_SPECIAL: Final = re.compile("[^\t\n\x20-\x25\x27-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def escape(text: str) -> str:
    """`text` as element content. Characters that XML 1.0 cannot carry become U+FFFD: clients that may meet such
    names ask for `encoding-type=url`."""
    return text if _SPECIAL.search(text) is None else _SPECIAL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _ENTITIES.get(match[0], "\ufffd")


def element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
