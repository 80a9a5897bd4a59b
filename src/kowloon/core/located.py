"""YAML as plain data that remembers its lines, so that every complaint can name one."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]


class Problem(Exception):
    """Something is wrong at a line (counted from 1)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Located:
    """`data` is what JSON could hold; dates stay text. `line` answers for a path of keys and positions in it."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        try:
            root = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            line = mark.line + 1 if mark is not None else 1
            raise Problem(line, f"not YAML: {problem.problem or problem.context}") from problem
        self.data: Any = None if root is None else self._plain(root, ())

    def line(self, path: Path) -> int:
        """Of the path, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _plain(self, node: Node, path: Path) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
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


def _scalar(node: Node) -> Any:
    text = str(node.value)
    match str(node.tag).rpartition(":")[2]:
        case "int":
            return int(text.replace("_", ""), 0)
        case "float":
            return float(text.replace("_", ""))
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case _:
            return text
