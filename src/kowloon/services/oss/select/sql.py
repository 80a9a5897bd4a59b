"""The SQL of SelectObject, looked at node by node and written anew for DuckDB.

Only what is understood here is written, constants are quoted in one place, and no name of the statement becomes a
name in the query: so there is no way to a function, a table or a setting of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from sqlglot import exp

from kowloon.services.oss.select.errors import SelectError, syntax
from kowloon.services.oss.select.records import MOST_PATH, Step

MOST_COLUMNS: Final = 1000
MOST_NAME_BYTES: Final = 1024
MOST_IN: Final = 1024
MOST_WILDCARDS: Final = 5
MOST_CONDITIONS: Final = 20
MOST_DEPTH: Final = 10
MOST_AGGREGATES: Final = 100
TABLE: Final = "ossobject"
_MOST_INTEGER: Final = (1 << 63) - 1

# `column` is a value of the object as it stands: a text, whatever it may look like.
Kind = Literal["column", "text", "int", "double", "bool", "time"]
_NUMBERS: Final = ("int", "double")
_TYPES: Final[dict[str, tuple[Kind, str]]] = {
    **dict.fromkeys(("INT", "BIGINT", "SMALLINT", "TINYINT"), ("int", "BIGINT")),
    **dict.fromkeys(("DOUBLE", "FLOAT", "DECIMAL"), ("double", "DOUBLE")),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR"), ("text", "VARCHAR")),
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), ("time", "TIMESTAMP")),
    "BOOLEAN": ("bool", "BOOLEAN"),
}
_COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_ARITHMETIC: Final[dict[type[exp.Expr], str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}
_AGGREGATES: Final[dict[type[exp.Expr], str]] = {
    exp.Avg: "avg",
    exp.Max: "max",
    exp.Min: "min",
    exp.Sum: "sum",
    exp.Count: "count",
}


class Value(NamedTuple):
    """A written expression. `raw`: of a column, its text."""

    sql: str
    kind: Kind
    constant: bool = False
    raw: str = ""


class OutputColumn(NamedTuple):
    """`sql` gives a text or, with `is_json`, a value as JSON. `position`: of a CSV column, from 0."""

    name: str
    sql: str
    is_json: bool = False
    position: int | None = None


class Query(NamedTuple):
    """`condition` and `skipped` are written, too: which records are meant, and which do not fit the statement.
    `columns` is empty for `*`."""

    path: list[Step]
    columns: list[OutputColumn]
    condition: str
    skipped: str
    aggregates: bool
    limit: int | None


class Writer:
    """Writes the query of one statement. `header`: the names of CSV columns, where the object has them."""

    def __init__(self, select: exp.Select, alias: str, is_json: bool, header: Sequence[str]) -> None:
        self._select = select
        self._alias = alias.lower()
        self._is_json = is_json
        self._header = {name.strip().lower(): number for number, name in reversed(list(enumerate(header)))}
        self._named = bool(header)
        self._used: dict[str, None] = {}
        self._mismatches: dict[str, None] = {}
        self._casts: dict[str, Kind] = {}
        self._conditions = 0

    def query(self, path: list[Step], *, skip_partial: bool, all_columns: bool) -> Query:
        columns, aggregates = self._columns()
        if aggregates and all_columns:
            raise SelectError(
                "SqlInvalidKeepAllColumnsWithAggregation", "KeepAllColumns does not go with aggregation functions."
            )
        indexes = [column.position for column in columns if column.position is not None]
        if all_columns and len(indexes) != len(set(indexes)):
            raise SelectError(
                "SqlInvalidKeepAllColumnsWithDuplicateColumn", "KeepAllColumns does not go with a column given twice."
            )
        where = self._select.args.get("where")
        condition = "true" if where is None else self._condition(where.this, 1)
        skipped = [*self._mismatches]
        if skip_partial:
            skipped += [f"({raw} IS NULL)" for raw in self._used]
        return Query(path, columns, condition, " OR ".join(skipped) or "false", aggregates, self._limit())

    def _limit(self) -> int | None:
        limit = self._select.args.get("limit")
        if limit is None:
            return None
        number = limit.expression
        if not isinstance(number, exp.Literal) or number.is_string or not number.name.isdigit() or int(number.name) < 1:
            raise SelectError("SqlInvalidLimitValue", "The number after LIMIT is smaller than 1.")
        return min(int(number.name), _MOST_INTEGER)

    # What is selected -------------------------------------------------------------------------------------------------

    def _columns(self) -> tuple[list[OutputColumn], bool]:
        nodes = self._select.expressions
        if not nodes:
            raise syntax("nothing is selected.")
        if len(nodes) > MOST_COLUMNS:
            raise syntax(f"more than {MOST_COLUMNS} columns are selected.")
        if any(isinstance(node, exp.Star) for node in nodes):
            if any(nodes[0].args.values()):
                raise syntax("* takes nothing.")
            if len(nodes) > 1:
                raise SelectError("SqlInvalidMixOfStarAndColumn", "* stands alone.")
            return [], False
        columns = [self._output(number, node) for number, node in enumerate(nodes, 1)]
        counted = [isinstance(node.unalias(), tuple(_AGGREGATES)) for node in nodes]
        if sum(counted) > MOST_AGGREGATES:
            raise SelectError("SqlExceedsMaxAggregationCount", f"There are more than {MOST_AGGREGATES} aggregations.")
        if any(counted) and not all(counted):
            raise SelectError("SqlInvalidMixOfAggregationAndColumn", "Columns do not go with aggregation functions.")
        return columns, any(counted)

    def _output(self, number: int, node: exp.Expr) -> OutputColumn:
        alias, node = node.alias if isinstance(node, exp.Alias) else "", node.unalias()
        if isinstance(node, tuple(_AGGREGATES)):
            return OutputColumn(alias or f"_{number}", self._aggregate(node))
        if isinstance(node, exp.Cast):
            return OutputColumn(alias or f"_{number}", self._cast(node).sql)
        if not isinstance(node, exp.Column | exp.Dot | exp.Bracket):
            raise syntax("only columns, casts and aggregation functions can be selected.")
        path = self._path(node)
        if self._is_json:
            raw = self._raw(path)
            last = path[-1] if path else None
            name = alias or (last if isinstance(last, str) else f"_{number}")
            return OutputColumn(name, raw.replace("json_extract_string(", "json_extract(", 1), is_json=True)
        index, name = self._csv_index(path)
        return OutputColumn(alias or name, self._raw([index]), position=index)

    def _aggregate(self, node: exp.Expr) -> str:
        function = _AGGREGATES[type(node)]
        argument = node.this
        if {name for name, value in node.args.items() if value} - {"this", "big_int"}:
            raise syntax("an aggregation function takes one argument.")
        if function == "count" and isinstance(argument, exp.Star | exp.Literal):
            return "count(*)"
        value = self._value(argument)
        if function == "count":
            return f"count({value.sql})"
        if value.kind == "time" and function in ("avg", "sum"):
            raise SelectError("SqlInvalidAggregationOnTimestamp", f"{function} does not take timestamps.")
        if value.kind not in (*_NUMBERS, "time"):
            raise SelectError("SqlAggregationOnNonNumericType", f"{function} takes numbers; cast what is none.")
        return f"{function}({value.sql})"

    # Conditions -------------------------------------------------------------------------------------------------------

    def _condition(self, node: exp.Expr, depth: int) -> str:
        if depth > MOST_DEPTH + MOST_CONDITIONS:
            raise SelectError("SqlExceedsMaxConditionDepth", f"Conditions nest more than {MOST_DEPTH} levels deep.")
        if isinstance(node, exp.Paren):
            return self._condition(node.this, depth + 1)
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self._condition(node.left, depth + 1)} {word} {self._condition(node.right, depth + 1)})"
        if isinstance(node, exp.Not):
            return f"(NOT {self._condition(node.this, depth + 1)})"
        if isinstance(node, exp.Boolean):
            return "true" if node.this else "false"
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise SelectError("SqlExceedsMaxConditionCount", f"There are more than {MOST_CONDITIONS} conditions.")
        write = _CONDITIONS.get(type(node))
        if write is None:
            raise _refused(node)
        return write(self, node)

    def _comparison(self, node: exp.Expr) -> str:
        left, right = self._alike(self._value(node.this), self._value(node.expression))
        return f"({left} {_COMPARISONS[type(node)]} {right})"

    def _between(self, node: exp.Expr) -> str:
        value, low, high = (self._value(node.args[name]) for name in ("this", "low", "high"))
        first, least = self._alike(value, low)
        second, most = self._alike(value, high)
        return f"({first} >= {least} AND {second} <= {most})"

    def _in(self, node: exp.Expr) -> str:
        listed = node.args.get("expressions") or []
        if any(value for name, value in node.args.items() if name not in ("this", "expressions")) or not listed:
            raise syntax("IN takes a list of constants.")
        if len(listed) > MOST_IN:
            raise SelectError("SqlExceedsMaxInCount", f"IN lists more than {MOST_IN} constants.")
        values = [self._value(each) for each in listed]
        if not all(value.constant for value in values):
            raise syntax("IN takes a list of constants.")
        if len({value.kind in _NUMBERS for value in values}) > 1:
            raise SelectError("SqlValueTypeOfInMustBeSame", "IN lists constants of different types.")
        pairs = [self._alike(self._value(node.this), value) for value in values]
        return f"({pairs[0][0]} IN ({', '.join(right for _, right in pairs)}))"

    def _like(self, node: exp.Expr) -> str:
        escape = ""
        if isinstance(node, exp.Escape):
            escape = node.expression.name if isinstance(node.expression, exp.Literal) else ""
            if len(escape) != 1:
                raise SelectError("SqlOnlyOneEscapeCharIsAllowed", "The escape character of LIKE is not one character.")
            if escape in "?%*":
                raise SelectError("SqlInvalidEscapeChar", "The escape character of LIKE is a wildcard.")
            node = node.this
        if not isinstance(node, exp.Like):
            raise _refused(node)
        value, pattern = self._value(node.this), node.expression
        if value.constant or value.kind not in ("column", "text"):
            raise SelectError("SqlInvalidLikeOperand", "LIKE compares a column that is a text.")
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            raise SelectError("SqlInvalidLikeOperand", "LIKE takes a text.")
        return f"({value.sql} LIKE {_quoted(_pattern(pattern.name, escape))} ESCAPE '\\')"

    def _is(self, node: exp.Expr) -> str:
        if isinstance(node.expression, exp.Null):
            value = self._value(node.this)
            if value.constant:
                raise SelectError("SqlInvalidIsNullOperand", "A constant is never null.")
            return f"({value.sql} IS NULL)"
        if isinstance(node.expression, exp.Boolean):
            left, right = self._alike(self._value(node.this), self._value(node.expression))
            return f"({left} = {right})"
        raise _refused(node)

    def _alike(self, left: Value, right: Value) -> tuple[str, str]:
        """Both in the type in which they can be compared."""
        kinds = {left.kind, right.kind}
        if kinds & set(_NUMBERS):
            if kinds & {"text", "bool", "time"}:
                raise SelectError("SqlComparerOperandTypeMismatch", "Values of different types are compared.")
            return self._number(left).sql, self._number(right).sql
        if "time" in kinds:
            if kinds & {"bool"}:
                raise SelectError("SqlComparerOperandTypeMismatch", "Values of different types are compared.")
            return tuple(  # type: ignore[return-value]
                value.sql if value.kind == "time" else f"TRY_CAST({value.sql} AS TIMESTAMP)" for value in (left, right)
            )
        if "bool" in kinds and kinds != {"bool"}:
            return tuple(  # type: ignore[return-value]
                value.sql if value.kind == "bool" else f"TRY_CAST({value.sql} AS BOOLEAN)" for value in (left, right)
            )
        return left.sql, right.sql

    # Values -----------------------------------------------------------------------------------------------------------

    def _value(self, node: exp.Expr) -> Value:
        if isinstance(node, exp.Paren):
            return self._value(node.this)
        if isinstance(node, exp.Column | exp.Dot | exp.Bracket):
            path = self._path(node)
            raw = self._raw(path) if self._is_json else self._raw([self._csv_index(path)[0]])
            return Value(raw, "column", raw=raw)
        if isinstance(node, exp.Cast):
            return self._cast(node)
        if isinstance(node, exp.Literal):
            return Value(_quoted(node.name), "text", True) if node.is_string else _number_constant(node.name)
        if isinstance(node, exp.Boolean):
            return Value("true" if node.this else "false", "bool", True)
        if isinstance(node, exp.Neg):
            value = self._arithmetic_operand(node.this)
            return Value(f"(-{value.sql})", value.kind, value.constant)
        if type(node) in _ARITHMETIC:
            left, right = self._arithmetic_operand(node.this), self._arithmetic_operand(node.expression)
            kind: Kind = "int" if left.kind == right.kind == "int" and not isinstance(node, exp.Div) else "double"
            sql = f"({left.sql} {_ARITHMETIC[type(node)]} {right.sql})"
            return Value(sql, kind, left.constant and right.constant)
        if isinstance(node, exp.DPipe):
            left, right = self._value(node.left), self._value(node.right)
            if left.constant and right.constant:
                raise SelectError("SqlInvalidConcatOperand", "Two constants are concatenated.")
            return Value(f"(CAST({left.sql} AS VARCHAR) || CAST({right.sql} AS VARCHAR))", "text")
        raise _refused(node)

    def _arithmetic_operand(self, node: exp.Expr) -> Value:
        value = self._value(node)
        if value.kind not in ("column", *_NUMBERS):
            raise SelectError("InvalidArithmeticOperand", "Only numbers can be calculated with.")
        return self._number(value)

    def _number(self, value: Value) -> Value:
        return value if value.kind in _NUMBERS else self._converted(value.raw, "double", "DOUBLE")

    def _cast(self, node: exp.Cast) -> Value:
        target = _TYPES.get(node.to.this.name) if isinstance(node.to, exp.DataType) else None
        if (
            target is None
            or type(node) is not exp.Cast
            or any(value for name, value in node.args.items() if name not in ("this", "to"))
        ):
            raise syntax("the type of a CAST is not known.")
        value = self._value(node.this)
        if not value.raw:
            return Value(f"TRY_CAST({value.sql} AS {target[1]})", target[0], value.constant)
        if self._casts.setdefault(value.raw, target[0]) != target[0]:
            raise SelectError("SqlOneColumnCastToDifferentTypes", "A column is cast to different types.")
        if target[0] == "text":
            return Value(value.raw, "text")
        return self._converted(value.raw, *target)

    def _converted(self, raw: str, kind: Kind, type_name: str) -> Value:
        """A text that is empty has no value; a record with one that cannot be converted does not fit."""
        sql = f"TRY_CAST(nullif({raw}, '') AS {type_name})"
        self._mismatches[f"({raw} <> '' AND {sql} IS NULL)"] = None
        return Value(sql, kind)

    # Columns ----------------------------------------------------------------------------------------------------------

    def _path(self, node: exp.Expr) -> list[Step]:
        """Where a column is, the table's alias left out."""
        path = self._steps(node)
        for step in path:
            if isinstance(step, str) and len(step.encode()) > MOST_NAME_BYTES:
                raise SelectError("SqlExceedsMaxColumnNameLength", f"A name has more than {MOST_NAME_BYTES} bytes.")
        if isinstance(path[0], str) and path[0].lower() in (self._alias, TABLE) and (len(path) > 1 or self._is_json):
            path = path[1:]
        if len(path) > MOST_PATH:
            raise SelectError("ExceedsMaxNestedColumnDepth", f"A column is more than {MOST_PATH} levels deep.")
        return path

    def _steps(self, node: exp.Expr) -> list[Step]:
        if isinstance(node, exp.Column):
            if not all(isinstance(part, exp.Identifier) for part in node.parts):
                raise _refused(node)
            return [part.name for part in node.parts]
        if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
            return [*self._steps(node.this), node.expression.name]
        if isinstance(node, exp.Bracket) and len(node.expressions) == 1:
            index = node.expressions[0]
            if isinstance(index, exp.Star):
                raise SelectError("WildCardNotAllowed", "[*] can be used after FROM only.")
            if isinstance(index, exp.Neg):
                raise SelectError("NegativeRowIndex", "The index of an array is negative.")
            if isinstance(index, exp.Literal) and index.name.isdigit() and not index.is_string and len(index.name) < 10:
                return [*self._steps(node.this), int(index.name)]
        raise _refused(node)

    def _csv_index(self, path: list[Step]) -> tuple[int, str]:
        """Number and name of a CSV column: `_1` is the first one, in any object."""
        if len(path) != 1 or not isinstance(path[0], str):
            raise SelectError("NestedColumnNotSupportInCsv", "Columns of CSV have no parts.")
        name = path[0]
        if name.lower() in self._header:
            return self._header[name.lower()], name
        if name[:1] == "_" and name[1:].isascii() and name[1:].isdigit():
            if len(name) > 5 or not 1 <= int(name[1:]) <= MOST_COLUMNS:
                raise SelectError("SqlInvalidColumnIndex", f"The index of a column is not 1 to {MOST_COLUMNS}.")
            return int(name[1:]) - 1, name
        raise SelectError("SqlInvalidColumnName", f"There is no column {name!r}.")

    def _raw(self, path: list[Step]) -> str:
        """The text of a value of the record, NULL where there is none."""
        pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
        raw = f"json_extract_string(record, {_quoted(pointer)})" if path else "json_extract_string(record, '$')"
        self._used[raw] = None
        return raw


_CONDITIONS: Final[dict[type[exp.Expr], Callable[[Writer, exp.Expr], str]]] = {
    **dict.fromkeys(_COMPARISONS, Writer._comparison),
    exp.Between: Writer._between,
    exp.In: Writer._in,
    exp.Like: Writer._like,
    exp.Escape: Writer._like,
    exp.Is: Writer._is,
}


def _refused(node: exp.Expr) -> SelectError:
    return syntax(f"{node.key.upper()} is not supported.")


def _quoted(text: str) -> str:
    """A text constant. DuckDB knows one special character in it, and no zero bytes."""
    if "\x00" in text:
        raise syntax("it has a zero byte in it.")
    return "'" + text.replace("'", "''") + "'"


def _number_constant(text: str) -> Value:
    if text.isdigit() and int(text) <= _MOST_INTEGER:
        return Value(str(int(text)), "int", True)
    try:
        return Value(repr(float(text)) + "::DOUBLE", "double", True)
    except ValueError:
        raise syntax("a number is none.") from None


def _pattern(text: str, escape: str) -> str:
    """A pattern of LIKE as DuckDB has it: `%` and `*` stand for any characters, `?` for one."""
    written: list[str] = []
    wildcards, at = 0, 0
    while at < len(text):
        character = text[at]
        if escape and character == escape:
            at += 1
            if at == len(text):
                raise SelectError("SqlNoCharAfterEscapeChar", "Nothing follows the escape character of LIKE.")
            written.append(_literal(text[at]))
        elif character in "%*":
            wildcards += 1
            written.append("%")
        else:
            written.append("_" if character == "?" else _literal(character))
        at += 1
    if wildcards > MOST_WILDCARDS:
        raise SelectError("SqlExceedsMaxWildCardCount", f"LIKE has more than {MOST_WILDCARDS} wildcards.")
    return "".join(written)


def _literal(character: str) -> str:
    return f"\\{character}" if character in "%_\\" else character
