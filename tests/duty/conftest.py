from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.core.parts import paper_cloud
from tests.duty.parts import Office


@pytest.fixture
async def empty() -> AsyncIterator[Office]:
    """A cloud in which nobody has an organisation."""
    async with paper_cloud() as caller:
        yield Office(caller)


@pytest.fixture
async def office(empty: Office) -> Office:
    """wei-1, wei-2 and lin are on call for a week each, wei-1 now; omar acts as lead."""
    await empty.apply()
    await empty.turns("wei-1", "wei-2", "lin", "wei-1", "wei-2", "lin")
    return empty
