"""What an index keeps of a zone's store as a whole."""

from __future__ import annotations

import msgspec

from kowloon.engines.blob.records import GroupState


class State(msgspec.Struct, array_like=True):
    """`log_end`: the place up to which the segments are in the index. `counter`: the largest number used for a
    sequence, a stamp or a blob. `stored_bytes`: of all blobs that entries have."""

    log_end: int = 0
    counter: int = 0
    stored_bytes: int = 0
    children: int = 0


class VolumeState(msgspec.Struct, array_like=True):
    zones: tuple[str, ...]
    entries: int = 0


encode = msgspec.msgpack.Encoder().encode
decode_state = msgspec.msgpack.Decoder(State).decode
decode_volume = msgspec.msgpack.Decoder(VolumeState).decode
decode_group = msgspec.msgpack.Decoder(GroupState).decode
