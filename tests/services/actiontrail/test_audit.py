"""The index follows its journal: what the one has lost, the other does not keep."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from kowloon.core.clock import Clock
from kowloon.core.events import RequestEvent
from kowloon.engines.audit.index import AuditIndex, Wanted
from kowloon.engines.audit.journal import Journal
from kowloon.services.actiontrail.audit import AuditTrail

EVERYTHING = Wanted("1", 0.0, 1e12)


def _call(audit: AuditTrail, id: str, *, at: float, agent: str = "") -> None:
    audit.take(RequestEvent(at=at, wall=at, request_id=id, account="1", action="CreateVpc", user_agent=agent))


def _found(audit: AuditTrail) -> int:
    return len(audit.index.find(EVERYTHING, 10_000))


def test_events_after_a_lost_journal_can_be_looked_up(tmp_path: Path) -> None:
    clock = Clock()
    audit = AuditTrail(Journal(tmp_path / "journal"), AuditIndex(tmp_path / "index.db"), clock)
    for number in range(5):
        _call(audit, str(number), at=clock.now())
    asyncio.run(audit.catch_up())
    assert _found(audit) == 5
    audit.close()
    shutil.rmtree(tmp_path / "journal")
    audit = AuditTrail(Journal(tmp_path / "journal"), AuditIndex(tmp_path / "index.db"), clock)
    _call(audit, "new", at=clock.now())
    asyncio.run(audit.catch_up())
    assert _found(audit) == 1
    audit.close()


def test_the_index_keeps_what_the_journal_keeps() -> None:
    clock = Clock()
    journal = Journal(None, segment_bytes=16 * 1024, most_bytes=32 * 1024)
    audit = AuditTrail(journal, AuditIndex(None), clock)
    for number in range(500):
        _call(audit, str(number), at=clock.now(), agent="x" * 400)
        if number % 10 == 0:
            asyncio.run(audit.catch_up())
    asyncio.run(audit.reconcile("audit index"))
    assert journal.first > 0
    assert _found(audit) == len(list(journal.read(0)))
    audit.close()
