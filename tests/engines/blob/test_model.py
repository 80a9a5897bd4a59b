"""Random histories against a dictionary: keys of every length, reopening, lost indexes."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.engines.blob.base import Delete, Layout, Put
from tests.engines.blob.parts import LRS, ZRS, bytes_of, storage

# Few letters and lengths around the chunks of 480 bytes, so that keys share chunks and end at their borders.
_tails = st.binary(max_size=2)
keys = st.one_of(
    st.binary(max_size=3),
    st.tuples(
        st.sampled_from([b"\0", b"a", b"\xff"]),
        st.sampled_from([478, 479, 480, 481, 959, 960, 961, 1023, 1090]),
        _tails,
    ).map(lambda t: t[0] * t[1] + t[2]),
    st.tuples(st.sampled_from([479, 480, 481, 960]), _tails).map(lambda t: (b"a" * t[0])[:-1] + b"b" + t[1]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.binary(max_size=20)),
        st.tuples(st.just("delete"), keys, st.none()),
        st.tuples(st.just("move"), keys, keys),
        st.tuples(st.just("scan"), keys, st.one_of(st.none(), keys)),
        st.tuples(st.just("await"), st.none(), st.none()),
        st.tuples(st.just("reopen"), st.booleans(), st.none()),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=steps, layout=st.sampled_from([LRS, ZRS]), durable=st.booleans())
def test_a_volume_behaves_as_a_sorted_dictionary(
    steps: list[tuple[str, bytes, bytes]], layout: Layout, durable: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(follow(Path(folder) / "objects", steps, layout, durable))


async def follow(folder: Path, steps: list[tuple[str, bytes, bytes]], layout: Layout, durable: bool) -> None:
    model: dict[bytes, bytes] = {}
    remaining = iter(steps)
    ended = False
    while not ended:
        without_index = False
        async with storage(folder, durable=durable, segment_bytes=2000) as made:
            volume = made.volume(5, layout)
            # Neighbours in the same index must not be seen.
            neighbours = [made.volume(id, layout) for id in (4, 6)]
            for neighbour in neighbours:
                neighbour.commit([Put(b"\xff" * 600, b"n"), Put(b"", b"n")])
            for kind, first, second in remaining:
                if kind == "put":
                    model[first] = second
                    volume.commit([Put(first, b"v", (second,))])
                elif kind == "delete":
                    model.pop(first, None)
                    volume.commit([Delete(first)])
                elif kind == "move" and first in model and first != second:
                    entry = volume.get(first)
                    assert entry is not None
                    model[second] = model.pop(first)
                    volume.commit([Put(second, b"v", entry.blobs), Delete(first)])
                elif kind == "scan":
                    expected = sorted(key for key in model if first <= key and (second is None or key < second))
                    assert [entry.key for entry in volume.scan(first, second)] == expected
                    assert [entry.key for entry in volume.scan(first, second, reverse=True)] == expected[::-1]
                elif kind == "await":
                    await volume.settled()
                elif kind == "reopen":
                    without_index = bool(first)
                    break
            else:
                ended = True
            found = {entry.key: bytes_of(volume, entry)[0] for entry in volume.scan(b"")}
            assert found == model
            assert list(found) == sorted(model)
            for key in model:
                assert volume.get(key) is not None
            await volume.settled()
            assert {entry.key: bytes_of(volume, entry)[0] for entry in volume.scan(b"")} == model
        if without_index:
            for zone in layout.zones:
                shutil.rmtree(folder / zone / "index")


async def test_a_long_history_with_compaction(tmp_path: Path) -> None:
    """Small segments, so that everything moves several times; the index is thrown away now and then."""
    chosen = random.Random(20260101)
    names = [b"%d" % n + b"x" * chosen.choice((0, 10, 480, 900)) for n in range(60)]
    model: dict[bytes, bytes] = {}
    for turn in range(8):
        async with storage(tmp_path / "objects", segment_bytes=20_000) as made:
            volume = made.volume(5, LRS)
            assert {entry.key: bytes_of(volume, entry)[0] for entry in volume.scan(b"")} == model
            for step in range(150):
                key = chosen.choice(names)
                if chosen.random() < 0.4:
                    model.pop(key, None)
                    volume.commit([Delete(key)])
                elif key in model and chosen.random() < 0.3:
                    other = chosen.choice([name for name in names if name != key])
                    entry = volume.get(key)
                    assert entry is not None
                    model[other] = model.pop(key)
                    volume.commit([Delete(key), Put(other, b"moved", entry.blobs)])
                else:
                    model[key] = chosen.randbytes(chosen.randrange(900))
                    volume.commit([Put(key, b"v", (model[key],))])
                if step % 10 == 0:
                    await asyncio.sleep(0)
                if step % 50 == 25:
                    await volume.settled()
                    await made.part("zone-a").compact()
            await volume.settled()
            assert {entry.key: bytes_of(volume, entry)[0] for entry in volume.scan(b"")} == model
        if turn % 2:
            shutil.rmtree(tmp_path / "objects" / "zone-a" / "index")
