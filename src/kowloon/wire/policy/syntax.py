"""What all policy documents have in common: version 1, and statements of known elements."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any


class PolicyError(Exception):
    """What is wrong with a document, as a sentence that goes on after `The policy is invalid:`."""


def read_statements(document: str, elements: Set[str]) -> list[dict[str, Any]]:
    """Each has only these elements, and an Effect. Raises PolicyError."""
    try:
        policy = json.loads(document, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise PolicyError("it is not JSON.") from None
    if not isinstance(policy, dict) or set(policy) - {"Version", "Statement", "Id"}:
        raise PolicyError("it takes Version and Statement.")
    if policy.get("Version") != "1":
        raise PolicyError('Version must be the string "1".')
    statements = policy.get("Statement")
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Statement must be a list that is not empty.")
    for statement in statements:
        _check(statement, elements)
    return statements


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names that come twice could be read in two ways."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise PolicyError("a name comes twice in one object.")
    return read


def _check(statement: Any, elements: Set[str]) -> None:
    if not isinstance(statement, dict):
        raise PolicyError("each statement must be an object.")
    unknown = sorted(set(statement) - elements)
    if unknown:
        raise PolicyError(f"a statement has no element {unknown[0]!r}.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Effect must be Allow or Deny.")


def either(statement: dict[str, Any], name: str, but: str) -> tuple[list[str], bool]:
    """The texts of the one that is there, and whether it is `but`."""
    if (name in statement) == (but in statement):
        raise PolicyError(f"a statement has either {name} or {but}.")
    return (texts(statement[name], name), False) if name in statement else (texts(statement[but], but), True)


def texts(value: Any, name: str) -> list[str]:
    """A text, or a list of them that is not empty."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(text, str) and text for text in found):
        raise PolicyError(f"{name} must be a list of strings that is not empty.")
    return found
