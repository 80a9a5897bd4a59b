"""XML of OSS: request bodies into a small read-only tree, answers from strings. Namespaces are ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.ElementTree import DefusedXMLParser, ParseError

from kowloon.wire.oss.errors import MALFORMED_XML

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
# A thousand names of the greatest length, to be deleted, fit into this many times over; so do ten thousand parts.
MOST_BODY_BYTES: Final = 8 * 1024 * 1024
_MOST_DEPTH: Final = 32
# What must be escaped or cannot be carried at all.
_SPECIAL: Final = re.compile("[^\t\n\x20-\x25\x27-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


# Requests -------------------------------------------------------------------------------------------------------------


class Node:
    """One element of a request body. Names are case-sensitive and without namespace; texts are as sent."""

    __slots__ = ("_element",)

    def __init__(self, element: Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        return _local_name(self._element)

    @property
    def value(self) -> str:
        """The element's own text, before its first child."""
        return self._element.text or ""

    def child(self, name: str) -> Node | None:
        """The first child of this name."""
        for element in self._element:
            if _local_name(element) == name:
                return Node(element)
        return None

    def children(self, name: str) -> list[Node]:
        return [Node(element) for element in self._element if _local_name(element) == name]

    def text(self, name: str, default: str = "") -> str:
        """The text of the first child of this name; `default` when there is none."""
        for element in self._element:
            if _local_name(element) == name:
                return element.text or ""
        return default

    def __iter__(self) -> Iterator[Node]:
        return map(Node, self._element)


def _local_name(element: Element) -> str:
    tag = element.tag
    return tag if tag[:1] != "{" else tag.rpartition("}")[2]


def parse(body: bytes) -> Node:
    """The root of a request's document.

    400 MalformedXML for anything else: bad syntax, a document type or an entity, more depth or bytes than any call
    of the protocol needs.
    """
    if len(body) > MOST_BODY_BYTES:
        raise MALFORMED_XML.error()
    parser = DefusedXMLParser(target=TreeBuilder(), forbid_dtd=True)
    try:
        parser.feed(body.lstrip())
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError):
        # The last two: encodings that are unknown or not to be had, and what defusedxml forbids.
        raise MALFORMED_XML.error() from None
    if _too_deep(root):
        raise MALFORMED_XML.error()
    return Node(root)


def _too_deep(root: Element) -> bool:
    level = [root]
    for _ in range(_MOST_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


# Answers --------------------------------------------------------------------------------------------------------------


def document(root: str, content: str) -> bytes:
    """A whole document; `content` is XML already, of `element` and f-strings with `escape`."""
    return f"{HEAD}<{root}>{content}</{root}>".encode()


def element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


Content = str | int | bool | Mapping[str, "Content"] | Sequence["Content"] | None


def elements(content: Mapping[str, Content]) -> str:
    """An element for each name: a mapping nests, a sequence repeats the name, None is left out."""
    return "".join([_named(name, value) for name, value in content.items()])


def _named(name: str, value: Content) -> str:
    if isinstance(value, str):
        return element(name, value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{elements(value)}</{name}>"
    return "".join([_named(name, item) for item in value])


def escape(text: str) -> str:
    """`text` as the content of an element. What XML 1.0 cannot carry becomes U+FFFD: clients that may meet such names
    ask for `encoding-type=url`."""
    return text if _SPECIAL.search(text) is None else _SPECIAL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _ENTITIES.get(match[0], "\ufffd")
