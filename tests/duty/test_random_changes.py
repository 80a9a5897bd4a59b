"""Whatever people do in whatever order: no call fails of the cloud's own, what is told is what is, whoever acts may."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kowloon.core.clock import iso_seconds
from kowloon.duty.logic import succession
from kowloon.duty.logic.state import DutyState
from kowloon.duty.resources import Absence, Asking, Holding, Page, Rota, Tenure
from kowloon.store.store import Transaction
from tests.duty.parts import Office

PEOPLE = ("wei-1", "wei-2", "lin", "ada", "omar")
RULES = (
    "    limits: {turns_between: 1}\n    manager: lead\n",
    "rules:\n  separations:\n    - {id: four-eyes, kind: together, posts: [lead, dba]}\nladders:",
)


class People:
    """Does something at random, which may be refused."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        self.random = random.Random(seed)
        self.done: list[str] = []

    def pick(self, kind: type[Any]) -> str:
        found = [each.id for each in self.office.cloud.store.list(kind)]
        return self.random.choice(found) if found else "none"

    def shift(self) -> str:
        rotas = self.office.cloud.store.list(Rota)
        return self.random.choice([turn.shift for rota in rotas for turn in rota.turns])

    def later(self) -> str:
        return iso_seconds(self.office.now + self.random.choice((-3600.0, 0.0, 600.0, 86400.0, 5 * 86400.0)))

    async def do(self) -> None:
        chosen = self.random.choice(sorted(self.ways()))
        fields = self.ways()[chosen]
        response = await self.office.caller.send(
            chosen, Version="2026-11-22", **{name: str(value) for name, value in fields.items()}
        )
        self.done.append(f"{chosen} {fields} {response.status}")
        assert response.status < 500, (self.done, response.body)

    def ways(self) -> dict[str, dict[str, Any]]:
        person, post = self.random.choice(PEOPLE), self.random.choice(("lead", "dba"))
        who = {"PersonId": person}
        return {
            "AcknowledgePage": {"PageId": self.pick(Page), **who},
            "AnswerRequest": {"RequestId": self.pick(Asking), "Agree": self.random.choice(("true", "false")), **who},
            "AppointActing": {"PostId": post},
            "AppointHolder": {"PostId": post, "From": self.later(), **who},
            "CreateAbsence": {"From": self.later(), "To": self.later(), **who},
            "CreateOverride": {"PostId": post, "From": self.later(), "To": self.later(), **who},
            "CreatePage": {"PostId": "dba", "Title": "x"},
            "EndAbsence": {"AbsenceId": self.pick(Absence), **who},
            "EndTenure": {"TenureId": self.pick(Tenure)},
            "ExtendActing": {"PostId": post},
            "GiveTurn": {"ShiftId": self.shift(), **who},
            "RequestCover": {"ShiftId": self.shift(), **who},
            "RequestSwap": {"ShiftId": self.shift(), "OtherShiftId": self.shift(), **who},
            "Resign": {"PostId": post, "At": self.later(), **who},
            "ResolvePage": {"PageId": self.pick(Page), **who},
            "TakeOver": {"PostId": post, **who},
        }


def look(office: Office) -> None:
    """What holds at any time, once what is due has happened."""

    def body(tx: Transaction) -> None:
        state = DutyState(tx, office.account, office.now, office.cloud.ids, office.cloud.rosters)
        for post in state.whole.posts:
            roster = state.rosters[post.id]
            holder = roster.at(office.now)
            told = tx.get(Holding, f"{office.account}:{post.id}")
            assert (told.person if told is not None else "") == (holder.person if holder is not None else "")
            if holder is None and roster.is_meant(office.now):
                meant = roster.meant(office.now)
                assert not succession.next_in_line(state, post, meant.person if meant is not None else "").person
            if holder is not None:
                assert not roster.is_away(holder.person, office.now)
            if holder is not None and holder.capacity == "acting":
                person = state.person(holder.person)
                assert not succession.lacks(person.planned(()), post.eligible)
            # Nobody's turn is two people's; of one that is left half-way the rest is open.
            names = [turn.shift for turn in roster.turns if turn.start > office.now and turn.person]
            assert len(names) == len(set(names))

    body(office.cloud.store.begin())


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_people_do_it_holds_together(empty: Office, seed: int) -> None:
    await empty.apply(("    manager: lead\n", RULES[0]), ("ladders:", RULES[1]))
    await empty.turns("wei-1", "wei-2", "lin", "wei-1", "wei-2", "lin")
    people = People(empty, seed)
    for _ in range(40):
        await people.do()
        if people.random.random() < 0.2:
            await empty.skip(hours=people.random.choice((1, 12, 48)))
        await empty.until(lambda: _idle(empty))
        look(empty)


def _idle(office: Office) -> bool:
    """No loop has anything to do now."""
    return all(not loop.pending and not loop.active for loop in office.cloud.runtime._loops)
