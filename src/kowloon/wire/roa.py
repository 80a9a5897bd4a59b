"""Path templates of ROA products: `/clusters/{ClusterId}/nodes` against a path as it is on the wire."""

from __future__ import annotations

from typing import Generic, TypeVar

from kowloon.wire.parameters import decode_percent

T = TypeVar("T")


class Match(Generic[T]):
    """What a path led to, and the decoded values of its template's parameters."""

    __slots__ = ("parameters", "target")

    def __init__(self, target: T, parameters: dict[str, str]) -> None:
        self.target = target
        self.parameters = parameters


class Template:
    """One template, split. Literal segments are compared after decoding, parameters take any non-empty segment."""

    __slots__ = ("names", "segments", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.segments = split_path(text)
        self.names = tuple(_parameter_name(segment) for segment in self.segments)
        named = [name for name in self.names if name is not None]
        if len(set(named)) != len(named):
            raise ValueError(f"a parameter occurs twice in {text}")

    @property
    def specificity(self) -> tuple[bool, ...]:
        """Greater for literals further to the left."""
        return tuple(name is None for name in self.names)

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Values by parameter name, or None. `segments` are decoded and as many as the template has."""
        parameters: dict[str, str] = {}
        for expected, name, actual in zip(self.segments, self.names, segments, strict=True):
            if name is None:
                if expected != actual:
                    return None
            elif actual:
                parameters[name] = actual
            else:
                return None
        return parameters


class RoaRoutes(Generic[T]):
    """Templates of one product version by method; literal segments win over parameters."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, int], list[tuple[Template, T]]] = {}

    def add(self, method: str, template: str, target: T) -> None:
        parsed = Template(template)
        routes = self._routes.setdefault((method.upper(), len(parsed.segments)), [])
        routes.append((parsed, target))
        routes.sort(key=lambda route: route[0].specificity, reverse=True)

    def match(self, method: str, path: str) -> Match[T] | None:
        """The most literal route of a raw path; ApiError when the path is not decodable."""
        raw_segments = split_path(path)
        routes = self._routes.get((method.upper(), len(raw_segments)))
        if not routes:
            return None
        segments = [decode_percent(segment) for segment in raw_segments]
        for template, target in routes:
            parameters = template.match(segments)
            if parameters is not None:
                return Match(target, parameters)
        return None


def split_path(path: str) -> list[str]:
    """Raw segments; a slash at the end does not count."""
    return path.strip("/").split("/") if path.strip("/") else []


def _parameter_name(segment: str) -> str | None:
    return segment[1:-1] if segment.startswith("{") and segment.endswith("}") else None
