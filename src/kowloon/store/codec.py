"""Resources to bytes and back, by kind."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.store.resources import Resource


class Codec:
    """Knows the resource types that products registered. A kind nobody registered is an error, never dropped."""

    def __init__(self, types: Iterable[type[Resource]]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoders: dict[str, msgspec.json.Decoder[Resource]] = {}
        for kind in types:
            if not kind.kind or kind.kind in self._decoders:
                raise ValueError(f"resource kind {kind.kind!r} of {kind.__name__} is empty or registered twice")
            self._decoders[kind.kind] = msgspec.json.Decoder(kind)

    def encode(self, item: Resource) -> bytes:
        return self._encoder.encode(item)

    def decode(self, kind: str, body: bytes) -> Resource:
        """ConfigurationError for what this version cannot read: it is refused, never guessed or dropped."""
        decoder = self._decoders.get(kind)
        if decoder is None:
            raise ConfigurationError(f"the state holds a {kind!r}, which this version of kowloon does not know")
        try:
            return decoder.decode(body)
        except msgspec.DecodeError as problem:
            raise ConfigurationError(f"the state holds a {kind!r} that cannot be read: {problem}") from None
