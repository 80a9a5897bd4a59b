"""Paging."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kowloon.actions import pages
from kowloon.core.errors import ApiError

ROWS = list(range(25))


def test_pages_by_number() -> None:
    page = pages.by_number(ROWS, 3, 10)
    assert (page.items, page.total, page.number, page.size, page.next_token) == ([20, 21, 22, 23, 24], 25, 3, 10, "")
    assert pages.by_number(ROWS, 4, 10).items == []


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: pages.by_number(ROWS, 0, 10), "PageNumber"),
        (lambda: pages.by_number(ROWS, 1, 0), "PageSize"),
        (lambda: pages.by_number(ROWS, 1, 101), "PageSize"),
        (lambda: pages.by_number(ROWS, 1, 51, most=50), "PageSize"),
        (lambda: pages.by_token(ROWS, "", 0), "MaxResults"),
        (lambda: pages.by_token(ROWS, "", 101), "MaxResults"),
        (lambda: pages.by_token(ROWS, "%%%", 10), "NextToken"),
        (lambda: pages.by_token(ROWS, "中", 10), "NextToken"),
        (lambda: pages.by_token(ROWS, "b3RoZXI6MTA=", 10), "NextToken"),
        (lambda: pages.by_token(ROWS, "a293bG9vbjp4", 10), "NextToken"),
        (lambda: pages.by_token(ROWS, "a293bG9vbjotNQ==", 10), "NextToken"),
    ],
)
def test_what_is_out_of_range_or_foreign_is_refused(call: Callable[[], object], named: str) -> None:
    with pytest.raises(ApiError) as refused:
        call()
    assert (refused.value.code, refused.value.message) == (
        "InvalidParameter",
        f'The specified parameter "{named}" is not valid.',
    )


@given(st.integers(0, 60), st.integers(1, 100))
def test_tokens_lead_through_everything_once(count: int, size: int) -> None:
    seen, token, calls = [], "", 0
    while True:
        page = pages.by_token(list(range(count)), token, size)
        seen += page.items
        calls += 1
        token = page.next_token
        if not token:
            break
    assert seen == list(range(count))
    assert calls == max(-(-count // size), 1)


def test_tokens_win_when_they_are_used() -> None:
    assert pages.either(ROWS, 2, 10, "", None).items == ROWS[10:20]
    first = pages.either(ROWS, 2, 10, "", 5)
    assert first.items == ROWS[:5]
    assert pages.either(ROWS, 9, 10, first.next_token, None).items == ROWS[5:15]


@given(st.text(max_size=40))
def test_any_token_is_read_or_refused(token: str) -> None:
    said = ""
    try:
        assert pages.by_token(ROWS, token, 10).total == 25
    except ApiError as refused:
        said = f"{refused.code}: {refused.message}"
    assert said in ("", 'InvalidParameter: The specified parameter "NextToken" is not valid.')
