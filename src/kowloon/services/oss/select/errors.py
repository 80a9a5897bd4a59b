"""What SelectObject refuses with: the vendor's codes; messages are ours where the vendor's are not known."""

from __future__ import annotations

import msgspec


class SelectError(Exception):
    """400 with that code: in the answer's body before anything was sent, in its last frame afterwards."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def encoded(self) -> bytes:
        return msgspec.json.encode([self.code, self.message])


def syntax(why: str) -> SelectError:
    return SelectError("SqlSyntaxError", f"The syntax of the SQL statement is invalid: {why}")
