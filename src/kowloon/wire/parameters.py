"""Parameters of a request: query and form text into pairs, flattened names into nested plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.wire.errors import INVALID_PARAMETER, TOO_MANY_PARAMETERS
from kowloon.wire.http import HttpRequest

FORM_TYPE: Final = "application/x-www-form-urlencoded"
# How much of an offending name an error message repeats.
_SHOWN_CHARACTERS: Final = 64
# An index longer than this is a map key, not a place in a list.
_INDEX_DIGITS: Final = 9

_HEX_DIGITS: Final = "0123456789abcdefABCDEF"
_BYTE_OF_HEX: Final = {high + low: bytes([int(high + low, 16)]) for high in _HEX_DIGITS for low in _HEX_DIGITS}

Branch = dict[int | str, object]


def invalid(name: str) -> ApiError:
    """The vendor's refusal of one parameter, its name shortened to something printable."""
    return INVALID_PARAMETER.error(name=name[:_SHOWN_CHARACTERS].encode("ascii", "replace").decode("ascii"))


def decode_percent(text: str) -> str:
    """Percent-decoded text, `+` kept. ApiError when a `%` is not followed by two digits or the bytes are not UTF-8."""
    if "%" not in text:
        return text
    head, *pieces = text.split("%")
    decoded = bytearray(head.encode())
    for piece in pieces:
        byte = _BYTE_OF_HEX.get(piece[:2])
        if byte is None:
            raise invalid(text)
        decoded += byte
        decoded += piece[2:].encode()
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise invalid(text) from None


def decode_pairs(raw: str) -> list[tuple[str, str]]:
    """Decoded pairs in wire order. A name without `=` has an empty value; empty pieces (`&&`) are skipped."""
    if not raw:
        return []
    if raw.count("&") > 2 * limits.MAX_PARAMETERS:
        raise TOO_MANY_PARAMETERS.error(most=limits.MAX_PARAMETERS)
    if not raw.isascii():
        _require_encodable(raw)
    if "+" in raw:
        # A literal plus is always sent as %2B, so every raw one is a space.
        raw = raw.replace("+", " ")
    pairs = []
    for piece in raw.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((decode_percent(name), decode_percent(value)) if "%" in piece else (name, value))
    if len(pairs) > limits.MAX_PARAMETERS:
        raise TOO_MANY_PARAMETERS.error(most=limits.MAX_PARAMETERS)
    return pairs


def _require_encodable(raw: str) -> None:
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise invalid(raw) from None


def has_form(request: HttpRequest) -> bool:
    """Whether the body carries parameters."""
    if not request.body:
        return False
    return (request.header("content-type") or "").lower().lstrip().startswith(FORM_TYPE)


def form_text(request: HttpRequest) -> str:
    """The urlencoded body as text, still encoded; empty when the body is something else."""
    if not has_form(request):
        return ""
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise invalid("body") from None


def request_parameters(request: HttpRequest) -> dict[str, str]:
    """Query and form merged. Of a name given twice the first value counts, the query before the form."""
    pairs = decode_pairs(request.query)
    form = form_text(request)
    if form:
        pairs += decode_pairs(form)
        if len(pairs) > limits.MAX_PARAMETERS:
            raise TOO_MANY_PARAMETERS.error(most=limits.MAX_PARAMETERS)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        parameters = dict(reversed(pairs))
    return parameters


def unflatten(params: Mapping[str, str]) -> dict[str, object]:
    """Nested data of flattened names: `Tag.1.Key=a` gives `{"Tag": [{"Key": "a"}]}`.

    Numbered children become a list in the order of their numbers, gaps closed; `Map.#3#a.b=v` has the map key `a.b`.
    ApiError when names contradict each other (`a=1&a.b=2`, `a.1=x&a.b=y`) or nest deeper than MAX_NESTING.
    """
    plain: dict[str, object] = {}
    branches: Branch = {}
    for name, value in params.items():
        if "." in name:
            _insert(branches, name, value)
        else:
            plain[name] = value
    for key, branch in branches.items():
        top = str(key)
        if top in plain:
            raise invalid(top)
        plain[top] = _collect(branch, top)
    return plain


def flatten(name: str, value: object, depth: int = 1) -> Iterator[tuple[str, str]]:
    """Plain data under a name as the parameters that `unflatten` makes it of. Nothing, and what is empty, is left out.
    ApiError when it nests deeper than MAX_NESTING."""
    if depth > limits.MAX_NESTING:
        raise invalid(name)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(f"{name}.{_quoted(str(key))}", inner, depth + 1)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value, 1):
            yield from flatten(f"{name}.{number}", inner, depth + 1)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is not None:
        yield name, str(value)


def _quoted(key: str) -> str:
    """A key that would be taken for something else is quoted."""
    plain = key and "." not in key and not key.startswith("#") and not isinstance(_segment(key), int)
    return key if plain else f"#{len(key)}#{key}"


def _insert(root: Branch, name: str, value: str) -> None:
    first, _, rest = name.partition(".")
    path: list[int | str] = [first, *split_name(rest)]
    if len(path) > limits.MAX_NESTING:
        raise invalid(name)
    branch = root
    for segment in path[:-1]:
        child = branch.setdefault(segment, {})
        if not isinstance(child, dict):
            raise invalid(name)
        branch = child
    if path[-1] in branch:
        raise invalid(name)
    branch[path[-1]] = value


def split_name(text: str) -> list[int | str]:
    """Segments of what follows the first dot: numbers as int, `#<length>#<key>` as the key with its dots."""
    segments: list[int | str] = []
    position = 0
    while len(segments) < limits.MAX_NESTING:
        if text.startswith("#", position):
            key = _quoted_key(text, position)
            if key is not None:
                segments.append(key[0])
                if key[1] == len(text):
                    return segments
                position = key[1] + 1
                continue
        end = text.find(".", position)
        segment = text[position:] if end < 0 else text[position:end]
        segments.append(_segment(segment))
        if end < 0:
            return segments
        position = end + 1
    # One more than allowed, so that the caller refuses the name.
    return [*segments, ""]


def _segment(text: str) -> int | str:
    if text.isdigit() and text.isascii() and len(text) <= _INDEX_DIGITS:
        return int(text)
    return text


def _quoted_key(text: str, start: int) -> tuple[str, int] | None:
    """The key of `#<length>#<key>` at `start` and where it ends; None when it is an ordinary segment after all."""
    hash_at = text.find("#", start + 1, start + 2 + _INDEX_DIGITS)
    length = _segment(text[start + 1 : hash_at]) if hash_at > 0 else ""
    if not isinstance(length, int):
        return None
    rest = text[hash_at + 1 :]
    # Some generators count characters, others bytes.
    for key in (rest[:length], rest.encode()[:length].decode("utf-8", "ignore")):
        if length in (len(key), len(key.encode())) and rest[len(key) : len(key) + 1] in ("", "."):
            return key, hash_at + 1 + len(key)
    return None


def _collect(node: object, name: str) -> object:
    if not isinstance(node, dict):
        return node
    numbered = sum(isinstance(key, int) for key in node)
    if numbered == 0:
        return {key: _collect(child, name) for key, child in node.items()}
    if numbered != len(node):
        raise invalid(name)
    return [_collect(node[index], name) for index in sorted(node)]
