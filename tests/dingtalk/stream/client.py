"""A Stream client by hand: frames as they are on the wire."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.dingtalk.platform import Office

EVENTS = {"type": "EVENT", "topic": "*"}
ROBOT = {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}
CARDS = {"type": "CALLBACK", "topic": "/v1.0/card/instances/callback"}
PATIENCE_S = 20.0


def opened(office: Office, *subscriptions: dict[str, str]) -> dict[str, str]:
    """Endpoint and ticket."""
    asked = {
        "clientId": office.app_key,
        "clientSecret": office.app_secret,
        "subscriptions": list(subscriptions or (EVENTS, ROBOT, CARDS)),
        "ua": "test",
        "localIp": "192.0.2.2",
    }
    answer: dict[str, str] = office.post("/v1.0/gateway/connections/open", asked, token="")
    return answer


class StreamClient:
    def __init__(self, office: Office, *subscriptions: dict[str, str]) -> None:
        told = opened(office, *subscriptions)
        self.socket: ClientConnection = connect(
            f"{told['endpoint']}?ticket={told['ticket']}", proxy=None, max_queue=None
        )

    def __enter__(self) -> StreamClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def frame(self) -> dict[str, Any]:
        """The next one but pings; its data read."""
        while True:
            frame = _read(self.socket.recv(PATIENCE_S))
            if frame["headers"]["topic"] != "ping":
                return frame

    def frames_so_far(self) -> list[dict[str, Any]]:
        """All but pings that are there by now: a ping of ours is answered behind what was sent."""
        assert self.socket.ping().wait(PATIENCE_S)
        frames = []
        while True:
            try:
                frames.append(_read(self.socket.recv(0)))
            except TimeoutError:
                return [frame for frame in frames if frame["headers"]["topic"] != "ping"]

    def silent(self) -> bool:
        return not self.frames_so_far()

    def acknowledge(self, frame: dict[str, Any], data: Any = None, code: int = 200) -> None:
        headers = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
        ack = {"code": code, "headers": headers, "message": "OK", "data": json.dumps(data or {"status": "SUCCESS"})}
        self.socket.send(json.dumps(ack))


def _read(text: str | bytes) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(text)
    assert frame["specVersion"] == "1.0"
    assert all(isinstance(value, str) for value in frame["headers"].values())
    assert isinstance(frame["data"], str)
    frame["data"] = json.loads(frame["data"])
    return frame
