"""Conditions of policies: every operator, and when one of them holds."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kowloon.wire.policy.globs import glob
from kowloon.wire.policy.syntax import PolicyError

# The value of a condition key for one request; None when it has none.
ValueOf = Callable[[str], str | None]
_Test = Callable[[str], bool]


class Condition(NamedTuple):
    """One key under one operator; `name` as written, `key` in lower case but for the name of a tag. `negative`: it
    holds where no test does, also for requests without the key."""

    operator: str
    name: str
    key: str
    wanted: tuple[str, ...]
    tests: tuple[_Test, ...]
    negative: bool

    def holds(self, value_of: ValueOf) -> bool:
        value = value_of(self.key)
        if value is None:
            return self.negative
        for test in self.tests:
            if test(value):
                return not self.negative
        return self.negative


def parse_conditions(conditions: Any) -> tuple[Condition, ...]:
    """Raises PolicyError."""
    if not isinstance(conditions, dict):
        raise PolicyError("Condition must be an object.")
    parsed: list[Condition] = []
    for operator, keys in conditions.items():
        if operator not in _OPERATORS:
            raise PolicyError(f"there is no condition operator {operator!r}.")
        if not isinstance(keys, dict) or not keys:
            raise PolicyError(f"{operator} must be an object that is not empty.")
        parsed += [_condition(operator, name, values) for name, values in keys.items()]
    return tuple(parsed)


def condition_key(name: str) -> str:
    """Keys know no letter case, but the names of tags do: `acs:ResourceTag/Team` is `acs:resourcetag/Team`."""
    prefix, slash, tag = name.partition("/")
    return f"{prefix.lower()}{slash}{tag}"


def _condition(operator: str, name: str, values: Any) -> Condition:
    wanted = tuple([_text(value) for value in (values if isinstance(values, list) else [values])])
    if not wanted:
        raise PolicyError(f"{name} needs a value.")
    make, negative = _OPERATORS[operator]
    try:
        tests = tuple([make(text) for text in wanted])
    except ValueError:
        raise PolicyError(f"{operator} cannot compare with {list(wanted)!r}.") from None
    return Condition(operator, name, condition_key(name), wanted, tests, negative)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise PolicyError("the values of a condition are strings.")


# Operators ------------------------------------------------------------------------------------------------------------


def _equals(wanted: str) -> _Test:
    return wanted.__eq__


def _equals_ignoring_case(wanted: str) -> _Test:
    folded = wanted.casefold()
    return lambda value: value.casefold() == folded


def _like(wanted: str) -> _Test:
    pattern = glob(wanted)
    return lambda value: pattern.match(value) is not None


def _true_or_false(wanted: str) -> _Test:
    if wanted.lower() not in ("true", "false"):
        raise ValueError(wanted)
    return lambda value: value.lower() == wanted.lower()


@functools.lru_cache(maxsize=1024)
def _number_of(address: str) -> tuple[int, int] | None:
    """IP version and number."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return parsed.version, int(parsed)


def _address(wanted: str) -> _Test:
    network = ipaddress.ip_network(wanted, strict=False)
    version, first, mask = network.version, int(network.network_address), int(network.netmask)

    def test(value: str) -> bool:
        found = _number_of(value)
        return found is not None and found[0] == version and found[1] & mask == first

    return test


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _compared(number: Callable[[str], float], holds: Callable[[float, float], bool]) -> Callable[[str], _Test]:
    def make(wanted: str) -> _Test:
        limit = number(wanted)

        def test(value: str) -> bool:
            try:
                return holds(number(value), limit)
            except ValueError:
                return False

        return test

    return make


def _comparisons(name: str, number: Callable[[str], float]) -> dict[str, tuple[Callable[[str], _Test], bool]]:
    return {
        f"{name}Equals": (_compared(number, float.__eq__), False),
        f"{name}NotEquals": (_compared(number, float.__eq__), True),
        f"{name}LessThan": (_compared(number, float.__lt__), False),
        f"{name}LessThanEquals": (_compared(number, float.__le__), False),
        f"{name}GreaterThan": (_compared(number, float.__gt__), False),
        f"{name}GreaterThanEquals": (_compared(number, float.__ge__), False),
    }


# Operator -> how a value is tested, and whether it is negative.
_OPERATORS: dict[str, tuple[Callable[[str], _Test], bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "Bool": (_true_or_false, False),
    "IpAddress": (_address, False),
    "NotIpAddress": (_address, True),
    **_comparisons("Numeric", float),
    **_comparisons("Date", _moment),
}
