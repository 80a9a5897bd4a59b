"""What kinds of files the messenger takes, and how they are known: by their first bytes, not by their names."""

from __future__ import annotations

from typing import Final, NamedTuple

MIB: Final = 1024 * 1024


class FileType(NamedTuple):
    """`shown`: a browser may show it in the page; others are only saved."""

    content_type: str
    shown: bool


_IMAGES: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"BM", "image/bmp"),
)
_VOICES: Final = (
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"RIFF", "audio/wav"),
)
MOST_BYTES: Final = {"image": 20 * MIB, "voice": 2 * MIB, "video": 20 * MIB, "file": 20 * MIB}


def type_of(kind: str, content: bytes) -> FileType | None:
    """None for what is not of the kind that its sender says."""
    if kind == "file":
        return FileType("application/octet-stream", shown=False)
    if kind == "video":
        return FileType("video/mp4", shown=False) if content[4:8] == b"ftyp" else None
    known = _IMAGES if kind == "image" else _VOICES
    found = next((content_type for start, content_type in known if content.startswith(start)), None)
    return FileType(found, shown=kind == "image") if found is not None else None
