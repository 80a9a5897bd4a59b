"""What the vendor publishes of the open platform, built here or not: so that what is missing is named."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec


def published_name(method: str, path: str) -> str:
    """The vendor's name of the call at that address, such as `robot_1_0 BatchSendOTO`; '' when it publishes none."""
    segments = path.split("/")
    for name, own_method, template in _table().get(len(segments), ()):
        if own_method == method and all(
            own == given or own == "*" for own, given in zip(template, segments, strict=True)
        ):
            return name
    return ""


@functools.cache
def _table() -> dict[int, list[tuple[str, str, tuple[str, ...]]]]:
    """By the number of segments. A file of lines `METHOD PATH NAME`, variables of a path as `*`."""
    raw = resources.files("kowloon.data").joinpath("dingtalk_operations.json").read_bytes()
    table: dict[int, list[tuple[str, str, tuple[str, ...]]]] = {}
    for line in msgspec.json.decode(raw, type=list[str]):
        method, path, name = line.split(" ", 2)
        template = tuple(path.split("/"))
        table.setdefault(len(template), []).append((name, method, template))
    return table
