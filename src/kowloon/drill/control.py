"""How a runner steers the cloud: over the admin API, or in process for a drill on paper."""

from __future__ import annotations

from typing import Any, Protocol

import httpx
import msgspec

from kowloon.drill.resources import DrillRecord, DrillStatus
from kowloon.drill.service import Drills
from kowloon.faults.scenario import Provider

# A skip runs every timer on its way.
_REPLY_S = 120.0


class ControlError(Exception):
    """The cloud refused, or does not answer; the message is for people."""


class Control(Protocol):
    async def create(self, scenario: str, text: str, provider: Provider) -> DrillStatus: ...
    async def advance(self, drill_id: str, to_minute: float) -> DrillStatus: ...
    async def finish(self, drill_id: str) -> DrillStatus: ...
    async def abort(self, drill_id: str) -> DrillStatus: ...
    async def record(self, drill_id: str) -> DrillRecord: ...


class LocalControl:
    def __init__(self, drills: Drills) -> None:
        self._drills = drills

    async def create(self, scenario: str, text: str, provider: Provider) -> DrillStatus:
        return await self._drills.create(scenario, provider, text=text)

    async def advance(self, drill_id: str, to_minute: float) -> DrillStatus:
        return await self._drills.advance(drill_id, to_minute)

    async def finish(self, drill_id: str) -> DrillStatus:
        return await self._drills.finish(drill_id)

    async def abort(self, drill_id: str) -> DrillStatus:
        return await self._drills.abort(drill_id)

    async def record(self, drill_id: str) -> DrillRecord:
        return self._drills.record(drill_id)


class HttpControl:
    """`endpoint`: host:port, `token`: the admin token, both as in KOWLOON_HOME."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"http://{endpoint}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_REPLY_S,
            trust_env=False,
        )

    async def create(self, scenario: str, text: str, provider: Provider) -> DrillStatus:
        return await self._status("POST", "", {"scenario": scenario, "text": text, "provider": provider})

    async def advance(self, drill_id: str, to_minute: float) -> DrillStatus:
        return await self._status("POST", f"/{drill_id}/advance", {"to_minute": to_minute})

    async def finish(self, drill_id: str) -> DrillStatus:
        return await self._status("POST", f"/{drill_id}/finish", {})

    async def abort(self, drill_id: str) -> DrillStatus:
        return await self._status("POST", f"/{drill_id}/abort", {})

    async def record(self, drill_id: str) -> DrillRecord:
        return msgspec.json.decode(await self._ask("GET", f"/{drill_id}/record", None), type=DrillRecord)

    async def ask(self, method: str, path: str, body: object) -> dict[str, Any]:
        """Any other admin call, `path` under /_kowloon."""
        content = None if body is None else msgspec.json.encode(body)
        return msgspec.json.decode(await self._send(method, f"/_kowloon/{path}", content), type=dict[str, Any])

    async def close(self) -> None:
        await self._client.aclose()

    async def _status(self, method: str, path: str, body: dict[str, Any]) -> DrillStatus:
        return msgspec.json.decode(await self._ask(method, path, body), type=DrillStatus)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        return await self._send(method, f"/_kowloon/drills{path}", content)

    async def _send(self, method: str, path: str, content: bytes | None) -> bytes:
        try:
            answer = await self._client.request(method, path, content=content)
        except httpx.HTTPError as problem:
            raise ControlError(f"the cloud does not answer: {problem or type(problem).__name__}") from problem
        if answer.is_error:
            raise ControlError(_message_of(answer))
        return answer.content


def _message_of(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["Message"])
    except (ValueError, KeyError, TypeError):
        return f"the cloud answered with {answer.status_code}"
