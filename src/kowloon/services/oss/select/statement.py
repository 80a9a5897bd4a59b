"""A statement of SelectObject as far as it can be read without the object: one SELECT FROM ossobject, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from kowloon.services.oss.select.errors import SelectError, syntax
from kowloon.services.oss.select.records import MOST_PATH, Step
from kowloon.services.oss.select.sql import TABLE, Query, Writer

_CLAUSES: Final = {"expressions", "from_", "where", "limit"}


class Statement:
    """A statement as far as it can be read without the object."""

    def __init__(self, sql: str, *, is_json: bool) -> None:
        self._is_json = is_json
        self.path, rest = _take_path(sql)
        if self.path and not is_json:
            raise SelectError("TableRootNodeOnlySupportInJson", "Only objects of JSON have a path after FROM.")
        try:
            statements = sqlglot.parse(rest)
        except (SqlglotError, RecursionError, ValueError):
            raise syntax("it cannot be parsed.") from None
        if len(statements) != 1 or not isinstance(statements[0], exp.Select):
            raise syntax("it is not one SELECT.")
        self._select = statements[0]
        for clause, value in self._select.args.items():
            if value and clause not in _CLAUSES:
                raise syntax(f"{clause.replace('_', ' ').strip().upper()} is not supported.")
        self._alias = self._table()

    def _table(self) -> str:
        source = self._select.args.get("from_")
        table = source.this if isinstance(source, exp.From) else None
        if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
            raise syntax("it is not FROM ossobject.")
        if table.name.lower() != TABLE or any(
            value for name, value in table.args.items() if name not in ("this", "alias")
        ):
            raise syntax("it is not FROM ossobject.")
        alias = table.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise syntax("an alias has no columns.")
        return table.alias or TABLE

    def compiled(self, header: Sequence[str], *, skip_partial: bool, all_columns: bool) -> Query:
        """`header`: the names of CSV columns, where the object has them."""
        return Writer(self._select, self._alias, self._is_json, header).query(
            self.path, skip_partial=skip_partial, all_columns=all_columns
        )


def _take_path(sql: str) -> tuple[list[Step], str]:
    """The path that stands behind `FROM ossobject`, and the statement without it."""
    try:
        tokens = sqlglot.tokenize(sql)
    except (SqlglotError, ValueError):
        raise syntax("it cannot be parsed.") from None
    starts = [number for number, token in enumerate(tokens) if token.token_type is TokenType.FROM]
    if len(starts) != 1 or starts[0] + 1 >= len(tokens):
        raise syntax("it is not FROM ossobject.")
    at = starts[0] + 2
    path: list[Step] = []
    while at + 1 < len(tokens):
        if tokens[at].token_type is TokenType.DOT:
            path.append(tokens[at + 1].text)
            at += 2
        elif tokens[at].token_type is TokenType.L_BRACKET and at + 2 < len(tokens):
            path.append(_index(tokens[at + 1]))
            if tokens[at + 2].token_type is not TokenType.R_BRACKET:
                raise syntax("a bracket is not closed.")
            at += 3
        else:
            break
    if len(path) > MOST_PATH:
        raise SelectError("JsonNodeExceedsMaxDepth", f"The path after FROM has more than {MOST_PATH} levels.")
    table = tokens[starts[0] + 1]
    return path, f"{sql[: table.end + 1]} {sql[tokens[at - 1].end + 1 :]}"


def _index(token: Token) -> Step:
    if token.token_type is TokenType.STAR:
        return None
    if token.token_type is TokenType.NUMBER and token.text.isdigit() and len(token.text) < 10:
        return int(token.text)
    raise syntax("an index is neither a number nor *.")
