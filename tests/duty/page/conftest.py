from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from kowloon.testing.cloud import LocalCloud
from tests.duty.page.browsers import DutyCloud, Visitor, start_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module: while it is there a loop runs in this thread, and tests that are coroutines cannot."""
    with sync_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page_cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def duty(page_cloud: LocalCloud) -> DutyCloud:
    """An organisation whose posts have holders for two months, and nobody who can sign in yet."""
    page_cloud.reset()
    duty = DutyCloud(page_cloud)
    duty.apply()
    duty.take_turns()
    return duty


@pytest.fixture
def visit(browser: Browser, duty: DutyCloud) -> Iterator[Callable[..., Visitor]]:
    """`visit(width=360)`: somebody at a screen. Afterwards no browser has complained of anything."""
    visitors: list[Visitor] = []

    def come(width: int = 1200, **settings: Any) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": 800}, **{"locale": "en-GB", **settings})
        visitors.append(Visitor(context, duty))
        return visitors[-1]

    yield come
    troubles = [trouble for visitor in visitors for trouble in visitor.troubles]
    for visitor in visitors:
        visitor.context.close()
    assert troubles == []
