"""A second evaluator of policies, written from the rules alone and as plainly as it goes: what the real one is compared
with. It shares no code with it and is in no hurry."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

Request = dict[str, Any]


def decide(
    identity: list[Any], session: Any | None, control: list[list[Any]], group: list[Any] | None, request: Request
) -> str:
    """`Allow`, or who does not: `ControlPolicy ExplicitDeny`, ... Policies are decoded documents."""
    for level in control:
        answer = _ask(level, request)
        if answer != "Allow":
            return f"ControlPolicy {answer}"
    if session is not None:
        answer = _ask([session], request)
        if answer != "Allow":
            return f"SessionPolicy {answer}"
    answer, in_group = _ask(identity, request), _ask(group or [], request)
    if answer == "ExplicitDeny":
        return "AccountLevelIdentityBasedPolicy ExplicitDeny"
    if in_group == "ExplicitDeny":
        return "ResourceGroupLevelIdentityBasedPolicy ExplicitDeny"
    return "Allow" if "Allow" in (answer, in_group) else "AccountLevelIdentityBasedPolicy ImplicitDeny"


def _ask(policies: list[Any], request: Request) -> str:
    effects = {s["Effect"] for policy in policies for s in policy["Statement"] if _matches(s, request)}
    if "Deny" in effects:
        return "ExplicitDeny"
    return "Allow" if "Allow" in effects else "ImplicitDeny"


def _matches(statement: Any, request: Request) -> bool:
    if "Action" in statement:
        action = any(like(one.lower(), request["action"].lower()) for one in _list(statement["Action"]))
    else:
        action = not any(like(one.lower(), request["action"].lower()) for one in _list(statement["NotAction"]))
    if "Resource" in statement:
        resource = any(_names(one, request["resource"]) for one in _list(statement["Resource"]))
    else:
        resource = not any(_names(one, request["resource"]) for one in _list(statement["NotResource"]))
    return (
        action
        and resource
        and all(
            _condition(operator, key, _list(wanted), request["context"])
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def like(pattern: str, text: str) -> bool:
    """By the table of all beginnings of both."""
    row = [True] + [False] * len(text)
    for sign in pattern:
        following = [row[0] and sign == "*"]
        for at, letter in enumerate(text):
            if sign == "*":
                following.append(row[at + 1] or following[at])
            else:
                following.append(row[at] and sign in ("?", letter))
        row = following
    return row[-1]


def _names(pattern: str, resource: str) -> bool:
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 4), resource.split(":", 4)
    if len(given) != 5:
        return False
    return all(like(want or "*", have) for want, have in zip(wanted, given, strict=True))


def _condition(operator: str, key: str, wanted: list[Any], context: dict[str, str]) -> bool:
    head, slash, tag = key.partition("/")
    value = context.get(head.lower() + slash + tag)
    negative = "Not" in operator
    if value is None:
        return negative
    texts = [("true" if one else "false") if isinstance(one, bool) else str(one) for one in wanted]
    return any(_test(operator.replace("Not", ""), text, value) for text in texts) != negative


def _test(operator: str, wanted: str, value: str) -> bool:
    if operator == "StringEquals":
        return value == wanted
    if operator == "StringEqualsIgnoreCase":
        return value.lower() == wanted.lower()
    if operator == "StringLike":
        return like(wanted, value)
    if operator == "Bool":
        return value.lower() == wanted.lower()
    if operator == "IpAddress":
        try:
            return ip_address(value) in ip_network(wanted, strict=False)
        except ValueError:
            return False
    number = float if operator.startswith("Numeric") else _seconds
    try:
        left, right = number(value), number(wanted)
    except ValueError:
        return False
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[operator.removeprefix("Numeric").removeprefix("Date")]


def _seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
