"""YAML as plain data that remembers its lines, so that every complaint can name one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node

Path = tuple[str | int, ...]
T = TypeVar("T")
_MOST_VALUES = 200_000
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


class Problem(Exception):
    """Something is wrong at a line (counted from 1)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Located:
    """`data` is what JSON could hold; dates stay text. `line` answers for a path of keys and positions in it."""

    def __init__(self, text: str) -> None:
        # Most who import this read no file, and it takes a while to load.
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        self._lines: dict[Path, int] = {(): 1}
        self._values = 0
        try:
            root = YAML(typ="safe", pure=True).compose(text)
            self.data: Any = None if root is None else self._plain(root, ())
        except MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            line = mark.line + 1 if mark is not None else 1
            raise Problem(line, f"not YAML: {problem.problem or problem.context}") from problem
        except YAMLError as problem:
            raise Problem(1, f"not YAML: {str(problem).splitlines()[0]}") from problem
        except RecursionError:
            raise Problem(1, "it is nested too deeply, or in itself") from None

    def line(self, path: Path) -> int:
        """Of the path, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _plain(self, node: Node, path: Path) -> Any:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self._lines.setdefault(path, node.start_mark.line + 1)
        # An alias is its anchor's values once more.
        self._values += 1
        if self._values > _MOST_VALUES:
            raise Problem(node.start_mark.line + 1, f"it has more than {_MOST_VALUES} values")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        from ruamel.yaml.nodes import ScalarNode

        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise Problem(line, "a key must be a word")
            key = str(key_node.value)
            if key in found:
                raise Problem(line, f"{key!r} is given twice")
            self._lines[(*path, key)] = line
            found[key] = self._plain(value_node, (*path, key))
        return found


class Reading:
    """Takes what a file says as typed data. Everything that is wrong is kept in `problems`, each with its line."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.problems: list[Problem] = []

    def complain(self, where: Path, message: str) -> None:
        self.problems.append(Problem(self.located.line(where), message))

    def convert(self, value: Any, kind: type[T], where: Path, extra: tuple[str, ...] = ()) -> T | None:
        """As the type, or a complaint; unknown keys are named with the nearest known one. `extra`: further keys that
        may stand there."""
        accepted = [field.name for field in msgspec.structs.fields(kind)]  # type: ignore[arg-type]
        if isinstance(value, dict):
            known = [*accepted, *extra]
            unknown = [key for key in value if key not in known]
            for key in unknown:
                self.complain((*where, key), f"unknown key {key!r}{nearest(key, known)} (known: {', '.join(known)})")
            if unknown:
                return None
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as problem:
            message, _, path = str(problem).partition(" - at `$")
            self.complain((*where, *_path(path.rstrip("`"))), message)
            return None

    def report(self, file: str) -> list[str]:
        """`file:line: message`, in order of lines."""
        ordered = sorted(self.problems, key=lambda problem: problem.line)
        return [f"{file}:{problem.line}: {problem.message}" for problem in ordered]


def nearest(name: str, accepted: Iterable[str]) -> str:
    """`; did you mean x?` for the most similar accepted name, or ''."""
    close = get_close_matches(name, list(accepted), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _path(text: str) -> Path:
    """`.events[3].parameters[...]` as a path; what is not told (`...`) ends it."""
    found: list[str | int] = []
    for name, index in _STEP.findall(text):
        if index == "...":
            break
        found.append(name or int(index))
    return tuple(found)


def _scalar(node: Node) -> Any:
    text = str(node.value)
    kind = str(node.tag).rpartition(":")[2]
    try:
        if kind == "int":
            return int(text.replace("_", ""), 0)
        if kind == "float":
            return float(text.replace("_", ""))
    except ValueError:
        raise Problem(node.start_mark.line + 1, f"{text!r} is no number that is taken here") from None
    match kind:
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case _:
            return text
