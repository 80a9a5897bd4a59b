"""What names and texts may look like; the vendor's refusal names the parameter that is wrong."""

from __future__ import annotations

import re
from typing import Final

from kowloon.services.ram.errors import INVALID_CHARS, INVALID_FORMAT, INVALID_LENGTH

USER: Final = re.compile(r"[A-Za-z0-9._-]+")
GROUP: Final = re.compile(r"[A-Za-z0-9._-]+")
ROLE: Final = re.compile(r"[A-Za-z0-9.-]+")
POLICY: Final = re.compile(r"[A-Za-z0-9-]+")
MFA_DEVICE: Final = re.compile(r"[A-Za-z0-9.-]+")
PROVIDER: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_PRINTABLE: Final = re.compile(r"[^\x00-\x1f\x7f]*")
_PHONE: Final = re.compile(r"\d{1,4}-\d{5,20}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

NAME_CHARACTERS: Final = 64
POLICY_NAME_CHARACTERS: Final = 128
PROVIDER_CHARACTERS: Final = 128
COMMENT_CHARACTERS: Final = 128
DESCRIPTION_CHARACTERS: Final = 1024


def check(value: str, parameter: str, pattern: re.Pattern[str], most: int = NAME_CHARACTERS) -> str:
    """The name, when it has 1 to `most` allowed characters."""
    if not 1 <= len(value) <= most:
        raise INVALID_LENGTH.error(name=parameter)
    if not pattern.fullmatch(value):
        raise INVALID_CHARS.error(name=parameter)
    return value


def check_text(value: str, parameter: str, most: int) -> str:
    """Free text of at most `most` characters."""
    if len(value) > most:
        raise INVALID_LENGTH.error(name=parameter)
    return value


def check_title(value: str, parameter: str, most: int) -> str:
    """A display name: text in one line."""
    check_text(value, parameter, most)
    if not _PRINTABLE.fullmatch(value):
        raise INVALID_CHARS.error(name=parameter)
    return value


def check_phone(value: str, parameter: str) -> str:
    """`86-18600008888`, or empty."""
    if value and not _PHONE.fullmatch(value):
        raise INVALID_FORMAT.error(name=parameter)
    return value


def check_email(value: str, parameter: str) -> str:
    if value and (len(value) > DESCRIPTION_CHARACTERS or not _EMAIL.fullmatch(value)):
        raise INVALID_FORMAT.error(name=parameter)
    return value
