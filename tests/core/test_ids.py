"""Identifiers: vendor-shaped, and the same ones for the same seed."""

from __future__ import annotations

import re

from kowloon.core.ids import Ids


def draw(ids: Ids) -> list[str]:
    return [
        part
        for _ in range(50)
        for part in (ids.resource("vpc"), ids.token(30), ids.digits(16), ids.request_id(), str(ids.random.random()))
    ]


def test_the_same_seed_gives_the_same_ids_in_the_same_order() -> None:
    assert draw(Ids(seed=3)) == draw(Ids(seed=3))
    assert draw(Ids(seed=3)) != draw(Ids(seed=4))


def test_without_a_seed_nothing_repeats() -> None:
    one, other = Ids(), Ids()
    assert not set(draw(one)) & set(draw(other))


def test_secrets_do_not_follow_from_the_seed() -> None:
    assert Ids(seed=3).secret(40) != Ids(seed=3).secret(40)
    assert re.fullmatch(r"[01]{64}", Ids(seed=3).secret(64, "01"))


def test_request_ids_do_not_use_up_the_other_source() -> None:
    quiet, busy = Ids(seed=9), Ids(seed=9)
    for _ in range(100):
        busy.request_id()
    assert quiet.resource("i") == busy.resource("i")


def test_shapes_are_the_vendors() -> None:
    ids = Ids(seed=1)
    assert re.fullmatch(r"vpc-[0-9a-z]{20}", ids.resource("vpc"))
    assert re.fullmatch(r"[1-9]\d{15}", ids.digits(16))
    assert re.fullmatch(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}", ids.request_id())
    assert re.fullmatch(r"[A-Za-z0-9]{40}", ids.token(40))
