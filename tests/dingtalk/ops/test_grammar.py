"""What the operations robot understands."""

from __future__ import annotations

import pytest

from kowloon.dingtalk.ops.grammar import VERBS, NotUnderstood, is_dangerous, parse


@pytest.mark.parametrize(
    ("text", "verb", "words"),
    [
        ("help", "help", ()),
        ("@Kowloon 帮助", "help", ()),
        ("status", "status", ()),
        ("Status of cn-hongkong-c", "status", ("cn-hongkong-c",)),
        ("状态 cn-hangzhou", "status", ("cn-hangzhou",)),
        ("who is on duty for db team?", "who", ("db team",)),
        ("who", "who", ()),
        ("值班 dba", "who", ("dba",)),
        ("谁在值班", "who", ()),
        ("faults", "faults", ()),
        ("describe instance i-abc123", "describe", ("i-abc123",)),
        ("查看 rm-1", "describe", ("rm-1",)),
        (" @a @b  RESTART   i-abc ", "restart", ("i-abc",)),
        ("重启 rm-1", "restart", ("rm-1",)),
        ("start i-1", "start", ("i-1",)),
        ("停止 i-1", "stop", ("i-1",)),
        ("fail over rm-1", "fail-over", ("rm-1",)),
        ("failover rm-1", "fail-over", ("rm-1",)),
        ("主备切换 rm-1", "fail-over", ("rm-1",)),
        ("weight lb-1 i-1 50", "weight", ("lb-1", "i-1", "50")),
        ("inject zone-power cn-hongkong-c cn-hongkong-b", "inject", ("zone-power", "cn-hongkong-c", "cn-hongkong-b")),
        ("注入 zone-network cn-hongkong-c", "inject", ("zone-network", "cn-hongkong-c")),
        ("recover fault-1", "recover", ("fault-1",)),
        ("恢复 全部", "recover", ("全部",)),
        ("drill hongkong-2022", "drill", ("hongkong-2022",)),
    ],
)
def test_what_it_understands(text: str, verb: str, words: tuple[str, ...]) -> None:
    command = parse(text)
    assert (command.verb, command.words) == (verb, words)
    assert is_dangerous(command) == (
        verb in ("restart", "start", "stop", "fail-over", "weight", "inject", "recover", "drill")
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("restart", "Write it as: `restart ID / 重启 ID`"),
        ("restart the web server", "Write it as: `restart ID / 重启 ID`"),
        ("please do", "I understand:"),
        ("", "I understand:"),
        ("restart i-1; rm -rf /", "Write it as: `restart ID / 重启 ID`"),
        ("x" * 400, "That is too long for me."),
    ],
)
def test_what_it_does_not(text: str, told: str) -> None:
    with pytest.raises(NotUnderstood) as problem:
        parse(text)
    assert str(problem.value).startswith(told)


def test_every_verb_is_in_the_help() -> None:
    with pytest.raises(NotUnderstood) as problem:
        parse("?!")
    assert all(verb.usage in str(problem.value) for verb in VERBS)
