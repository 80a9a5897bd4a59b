"""What people may say to the operations robot, in English or Chinese. Pure: a text becomes a command, or what is wrong
with it and what can be typed instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_ID: Final = r"[A-Za-z][A-Za-z0-9]{0,7}-[A-Za-z0-9][A-Za-z0-9-]{0,63}"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_@.-]{0,79}"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """`verb` is one of VERBS; `words` are its arguments, in order."""

    verb: str
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join((self.verb, *self.words))


class NotUnderstood(Exception):
    """The message is for people."""


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """`pattern`: of the whole text, its groups are the words. `danger`: it changes something that people depend on.
    `usage` is shown by help."""

    name: str
    pattern: str
    usage: str
    danger: bool = False


VERBS: Final[Sequence[Verb]] = (
    Verb(name="help", pattern=r"help|\?|帮助|你好|hello|hi", usage="help / 帮助"),
    Verb(name="status", pattern=rf"(?:status|状态)(?:\s+(?:of\s+)?({_NAME}))?", usage="status [REGION] / 状态 [地域]"),
    Verb(
        name="who",
        pattern=r"(?:who(?:\s+is)?(?:\s+on\s+duty)?(?:\s+for)?|谁在?值班|值班)(?:\s+(.{1,80}?))?\??",
        usage="who is on duty [for POST] / 值班 [岗位]",
    ),
    Verb(name="faults", pattern=r"faults|故障", usage="faults / 故障"),
    Verb(
        name="describe",
        pattern=rf"(?:describe|show|查看|查询)\s+(?:(?:instance|database|balancer|实例|数据库|负载均衡)\s+)?({_ID})",
        usage="describe ID / 查看 ID",
    ),
    Verb(name="restart", pattern=rf"(?:restart|reboot|重启)\s+({_ID})", usage="restart ID / 重启 ID", danger=True),
    Verb(name="start", pattern=rf"(?:start|启动)\s+({_ID})", usage="start ID / 启动 ID", danger=True),
    Verb(name="stop", pattern=rf"(?:stop|停止)\s+({_ID})", usage="stop ID / 停止 ID", danger=True),
    Verb(
        name="fail-over",
        pattern=rf"(?:fail\s?-?over|switch\s?-?over|主备切换|切换)\s+({_ID})",
        usage="fail over rm-... / 切换 rm-...",
        danger=True,
    ),
    Verb(
        name="weight",
        pattern=rf"(?:weight|scale|权重)\s+({_ID})\s+({_ID})\s+(\d{{1,3}})",
        usage="weight lb-... i-... 0-100 / 权重 lb-... i-... 0-100",
        danger=True,
    ),
    Verb(
        name="inject",
        pattern=rf"(?:inject|fault|注入)\s+({_NAME})\s+((?:{_NAME})(?:\s+{_NAME})*)",
        usage="inject KIND PLACE... / 注入 KIND 位置...",
        danger=True,
    ),
    Verb(
        name="recover",
        pattern=rf"(?:recover|恢复)\s+({_ID}|all|全部)",
        usage="recover FAULT|all / 恢复 FAULT|全部",
        danger=True,
    ),
    Verb(name="drill", pattern=rf"(?:drill|演练)\s+({_NAME})", usage="drill SCENARIO / 演练 SCENARIO", danger=True),
)
_COMPILED: Final = [(verb, re.compile(verb.pattern, re.IGNORECASE)) for verb in VERBS]
_BY_NAME: Final = {verb.name: verb for verb in VERBS}
_MENTION: Final = re.compile(r"^(?:@\S+\s+)+")
_MOST_CHARACTERS: Final = 300


def parse(text: str) -> Command:
    """Whoever it is addressed to at the beginning is passed over. Raises NotUnderstood."""
    plain = " ".join(_MENTION.sub("", text.strip() + " ").split())
    if len(plain) > _MOST_CHARACTERS:
        raise NotUnderstood("That is too long for me. " + usage())
    for verb, pattern in _COMPILED:
        found = pattern.fullmatch(plain)
        if found is not None:
            words = tuple([each for each in found.groups() if each])
            if verb.name == "inject":
                words = (words[0], *words[1].split())
            return Command(verb=verb.name, words=words)
    first = plain.split(" ")[0].lower() if plain else ""
    near = [verb.usage for verb, _ in _COMPILED if first and first in verb.usage.lower().split()]
    if near:
        raise NotUnderstood("Write it as: " + "; ".join(f"`{each}`" for each in near))
    raise NotUnderstood(usage())


def is_dangerous(command: Command) -> bool:
    return _BY_NAME[command.verb].danger


def usage() -> str:
    rows = [f"- `{verb.usage}`{' (asks first)' if verb.danger else ''}" for verb in VERBS]
    return "I understand:\n" + "\n".join(rows)
