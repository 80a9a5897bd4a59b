"""Hand-overs at their second while the clock runs, and while it skips."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from kowloon.duty.planning.problem import Span
from kowloon.duty.resources import Rota, Turn
from tests.core.parts import get
from tests.duty.parts import Office, at


def _daily(layer: str, people: str, days: int, hour: int) -> list[Turn]:
    start = at("2025-10-09T00:00Z") + hour * 3600.0
    return [
        Turn(
            shift=f"dba/{layer}/{place}",
            layer=layer,
            person=person,
            spans=(Span(start + place * 43200.0, start + (place + 1) * 43200.0),),
        )
        for place, person in zip(range(2 * days), itertools.cycle(people.split()), strict=False)
    ]


async def test_a_week_is_skipped_and_each_hand_over_is_told_once_at_its_second(empty: Office) -> None:
    """Through the cloud's own door for it."""
    await empty.apply()
    turns = _daily("primary", "wei-1 wei-2 lin", 9, 9)
    rota = Rota(id=f"{empty.account}:dba", account=empty.account, post="dba", turns=tuple(turns))
    await empty.cloud.store.run(lambda tx: tx.put(rota))
    await empty.skip(minutes=7)
    await empty.until(lambda: empty.told("dba"))
    token = ("authorization", f"Bearer {empty.cloud.identity.admin_token}")
    request = get("/_kowloon/clock/skip", token, ("content-type", "application/json"), method="POST")
    request.body = b'{"seconds": 604800}'
    response = await empty.cloud.front.handle(request)
    assert response.status == 200, response.body
    due = [turn for turn in turns if turn.start <= empty.now]
    await empty.until(lambda: len(empty.told("dba")) >= len(due))
    told = [(each.created_at, each.person) for each in empty.told("dba")]
    assert told == [(turn.start, turn.person) for turn in due]
    # Each of the two is told of it.
    titles = empty.messages("wei-2")
    assert len(titles) == sum("wei-2" in (one.person, other.person) for one, other in itertools.pairwise(due))


async def test_acting_begins_and_ends_within_a_skip(office: Office) -> None:
    """An absence inside a week that is skipped whole: nobody sees it but the history."""
    await office.ask("CreateAbsence", PersonId="wei-1", From="2025-10-10T01:00:00Z", To="2025-10-10T05:00:00Z")
    await office.skip(days=3)
    await office.until(lambda: len(office.told("dba")) == 3)
    told = [
        (datetime.fromtimestamp(each.created_at, UTC).strftime("%dT%H:%M"), each.text) for each in office.told("dba")
    ]
    assert told[1:] == [("10T01:00", "from Wei to Lin, acting"), ("10T05:00", "from Lin to Wei")]
    assert await office.who("dba", "2025-10-10T02:00:00Z") == "+lin"


async def test_what_was_due_while_the_cloud_was_away_is_told_when_it_is_back(office: Office) -> None:
    """Its loops stand still; what is asked is right all the same."""
    await office.cloud.runtime.stop()
    await office.skip(days=5)
    assert await office.holder() == ("wei-2", "substantive")
    assert [each.person for each in office.told("dba")] == ["wei-1"]
    office.cloud.runtime.start()
    await office.until(lambda: [each.person for each in office.told("dba")] == ["wei-1", "wei-2"])


async def test_a_snapshot_brings_duty_back_and_it_goes_on(office: Office) -> None:
    await office.cloud.snapshots.save("monday")
    await office.ask("TakeOver", PostId="dba", PersonId="lin")
    page = (await office.ask("CreatePage", PostId="dba", Title="standby lags"))["PageId"]
    await office.cloud.snapshots.load("monday")
    assert await office.holder() == ("wei-1", "substantive")
    assert (await office.refused("GetPage", PageId=page))[0] == "PageNotFound"
    await office.skip(days=5)
    await office.until(lambda: [each.person for each in office.told("dba")] == ["wei-1", "wei-2"])
    assert office.told("dba")[-1].created_at == at("2025-10-13T09:00Z")
