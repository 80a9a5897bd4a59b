"""Dates of OSS: HTTP dates, the compact stamp of V4 signatures, and the ISO times of documents.

Moments are seconds since the Unix epoch.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS: Final = {name: number for number, name in enumerate(_MONTHS, 1)}
_TIME: Final = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# RFC 9110 asks recipients to take all three: the usual one, RFC 850's, and that of C's asctime.
_HTTP_DATES: Final = (
    re.compile(rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_TIME} GMT", re.ASCII),
    re.compile(rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_TIME} GMT", re.ASCII),
    re.compile(rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})", re.ASCII),
)
_STAMP: Final = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


@functools.lru_cache(maxsize=1024)
def http_date(second: int) -> str:
    """`Wed, 01 Jan 2025 00:00:00 GMT`."""
    moment = datetime.fromtimestamp(second, UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


@functools.lru_cache(maxsize=1024)
def parse_http_date(text: str) -> float | None:
    """The moment of an HTTP date in any of its three forms; None when malformed."""
    for form in _HTTP_DATES:
        match = form.fullmatch(text)
        if match is not None:
            return _moment(match)
    return None


def _moment(match: re.Match[str]) -> float | None:
    month = _MONTH_NUMBERS.get(match["month"])
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    if month is None:
        return None
    try:
        moment = datetime(
            year, month, int(match["day"]), int(match["hour"]), int(match["minute"]), int(match["second"]), tzinfo=UTC
        )
    except ValueError:
        return None
    return moment.timestamp()


@functools.lru_cache(maxsize=1024)
def parse_stamp(text: str) -> float | None:
    """The moment of `20250101T000000Z`; None when malformed."""
    if _STAMP.fullmatch(text) is None:
        return None
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def stamp(moment: float) -> str:
    """`20250101T000000Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


def iso_milliseconds(moment: float) -> str:
    """`2025-01-01T00:00:00.000Z`, as documents have it: whole seconds, because one client reads nothing else."""
    return iso_second(int(moment))


@functools.lru_cache(maxsize=4096)
def iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
