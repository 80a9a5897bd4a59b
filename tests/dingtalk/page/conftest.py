"""One cloud and one browser for all tests of the chat page; each begins with an empty organisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.page.people import Chats
from tests.dingtalk.page.screens import Screen
from tests.duty.page.browsers import start_browser


@pytest.fixture(scope="package")
def page_cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def chats(page_cloud: LocalCloud) -> Chats:
    page_cloud.reset()
    return Chats(page_cloud)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """While it is there a loop runs in this thread, so that no test here may be a coroutine."""
    with sync_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture
def screen(browser: Browser) -> Iterator[Callable[..., Screen]]:
    """`screen()`: another browser's window. Afterwards none has complained of anything."""
    screens: list[Screen] = []

    def begin(**settings: Any) -> Screen:
        screens.append(Screen(browser, **settings))
        return screens[-1]

    yield begin
    for each in screens:
        each.leave()
    assert [trouble for each in screens for trouble in each.troubles] == []
