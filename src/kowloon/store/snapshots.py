"""Snapshots as files: what a state is of, and its resources as lines of JSON.

`FORMAT` is the version of what is in the folder. One that is newer, or that no version of kowloon has written, is
refused; an older one is brought to this one when there is one.

    snapshot.json     the head
    resources.jsonl   a kind and a resource in each line, those of one kind, account and region in order of creation
    objects/          a folder for each zone of object storage, of its own format
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.store.codec import Codec
from kowloon.store.resources import Key, Resource

FORMAT: Final = 1
_HEAD: Final = "snapshot.json"
_RESOURCES: Final = "resources.jsonl"
_OBJECTS: Final = "objects"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """`saved_at` is wall time, `offset_s` what was skipped until then; account and key are the first account's.
    `real_parts`: names of real parts whose data is not in it."""

    format: int = FORMAT
    kowloon: str
    saved_at: float
    offset_s: float
    account_id: str
    access_key_id: str
    access_key_secret: str
    resources: dict[str, int]
    real_parts: tuple[str, ...] = ()


class _Version(msgspec.Struct):
    format: int


class _Line(msgspec.Struct):
    kind: str
    resource: msgspec.Raw


def objects_of(folder: Path) -> Path:
    return folder / _OBJECTS


def begin(folder: Path) -> None:
    """An empty one, its owner's alone: there are keys and passwords in it."""
    shutil.rmtree(folder, ignore_errors=True)
    objects_of(folder).mkdir(mode=0o700, parents=True)
    os.chmod(folder, 0o700)


def write(folder: Path, head: Head, items: list[Resource]) -> None:
    encoder = msgspec.json.Encoder()
    lines = (encoder.encode(_Line(item.kind, msgspec.Raw(encoder.encode(item)))) for item in items)
    _write(folder / _RESOURCES, lines)
    _write(folder / _HEAD, iter([msgspec.json.format(encoder.encode(head))]))


def read_head(folder: Path) -> Head:
    """ConfigurationError: it is none, or none of this version."""
    try:
        raw = (folder / _HEAD).read_bytes()
        found = msgspec.json.decode(raw, type=_Version).format
        if found != FORMAT:
            raise ConfigurationError(
                f"{folder} has snapshot format {found}, this version of kowloon reads {FORMAT}; load it with the "
                "version that saved it"
            )
        return msgspec.json.decode(raw, type=Head)
    except (OSError, msgspec.DecodeError) as problem:
        raise ConfigurationError(f"{folder} is not a snapshot of kowloon: {problem}") from None


def read(folder: Path, codec: Codec) -> list[Resource]:
    """ConfigurationError: something in it cannot be read; then nothing of it is."""
    decoder = msgspec.json.Decoder(_Line)
    items: list[Resource] = []
    try:
        with (folder / _RESOURCES).open("rb") as file:
            for text in file:
                line = decoder.decode(text)
                items.append(codec.decode(line.kind, bytes(line.resource)))
    except (OSError, msgspec.DecodeError) as problem:
        raise ConfigurationError(f"{folder} is not a whole snapshot: {problem}") from None
    if len({item.key for item in items}) != len(items):
        raise ConfigurationError(f"{folder} is not a whole snapshot: a resource is in it twice")
    held: dict[str, int] = {}
    for item in items:
        held[item.kind] = held.get(item.kind, 0) + 1
    if held != read_head(folder).resources:
        raise ConfigurationError(f"{folder} is not a whole snapshot: it does not have the resources that it names")
    return items


class Changed(msgspec.Struct, frozen=True):
    """`fields`: names only, as there may be secrets in them."""

    kind: str
    id: str
    change: str
    fields: tuple[str, ...] = ()


def differences(before: list[Resource], after: list[Resource]) -> list[Changed]:
    """By kind and id."""
    old, new = {item.key: item for item in before}, {item.key: item for item in after}
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            found.append(Changed(*key, "removed"))
        elif key not in old:
            found.append(Changed(*key, "added"))
        elif old[key] != new[key]:
            found.append(Changed(*key, "changed", tuple(_changed_fields(old, new, key))))
    return found


def _changed_fields(old: dict[Key, Resource], new: dict[Key, Resource], key: Key) -> Iterator[str]:
    for name in new[key].__struct_fields__:
        if getattr(old[key], name, None) != getattr(new[key], name):
            yield name


def _write(path: Path, lines: Iterator[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(line + b"\n" for line in lines)
