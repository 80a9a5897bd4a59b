from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kowloon.testing.cloud import LocalCloud
from tests.duty.page.browsers import DutyCloud, Visitor, start_browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of this folder: while it is there a loop runs in this thread, so that no test here may be a coroutine."""
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
    """An organisation whose posts have holders for two months, and nobody who can sign in yet. It is noon on the second
    Wednesday of a month: no hand-over, no night and no end of a month is near."""
    page_cloud.reset()
    now = datetime.fromtimestamp(page_cloud.cloud.clock.now(), ZoneInfo("Asia/Shanghai"))
    noons = (now.replace(hour=12, minute=0, second=0) + timedelta(days=day) for day in range(1, 40))
    noon = next(noon for noon in noons if noon.weekday() == 2 and 8 <= noon.day <= 14)
    page_cloud.skip(seconds=(noon - now).total_seconds())
    duty = DutyCloud(page_cloud)
    duty.apply()
    duty.take_turns()
    return duty


@pytest.fixture(scope="package")
def screen(browser: Browser) -> Page:
    """The one that most visitors share, one after the other: a new one takes longer than most visits."""
    return browser.new_context(viewport={"width": 1200, "height": 800}, locale="en-GB").new_page()


@pytest.fixture
def visit(browser: Browser, screen: Page, duty: DutyCloud) -> Iterator[Callable[..., Visitor]]:
    """`visit()`: somebody at a screen; `visit(width=360)`, or a second one, at another. Afterwards no browser has
    complained of anything."""
    visitors: list[Visitor] = []

    def come(**settings: Any) -> Visitor:
        page = screen
        if settings or visitors:
            viewport = {"width": settings.pop("width", 1200), "height": 800}
            page = browser.new_context(viewport=viewport, **{"locale": "en-GB", **settings}).new_page()
        visitors.append(Visitor(page, duty))
        return visitors[-1]

    yield come
    for visitor in visitors:
        if visitor.page is screen:
            visitor.leave()
        else:
            visitor.context.close()
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []
