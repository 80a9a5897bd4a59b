"""A developer's server: takes what is posted to it, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from kowloon.wire.dingtalk_crypto import decrypt, encrypt, signature


class Posted(NamedTuple):
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """`answer` gives status and body of each answer."""

    def __init__(self, answer: Callable[[Posted], tuple[int, bytes]]) -> None:
        self.posted: list[Posted] = []
        self.answer = answer
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                posted = Posted(parts.path, dict(parse_qsl(parts.query)), headers, body)
                receiver.posted.append(posted)
                status, answer = receiver.answer(posted)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Subscriber:
    """Of events: decrypts what comes, and takes it while `takes`."""

    def __init__(self, *, line_breaks: bool = False, says: str = "success", token: str = "tok123") -> None:
        self.token = token
        self.aes_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        self.events: list[dict[str, Any]] = []
        self.owners: set[str] = set()
        self.takes = True
        self.says = says
        self._line_breaks = line_breaks
        self._signs_with = token

    def answer(self, posted: Posted) -> tuple[int, bytes]:
        encrypted = posted.json["encrypt"]
        query = posted.query
        signed = signature(self.token, query["timestamp"], query["nonce"], encrypted)
        assert query["signature"] == query["msg_signature"] == signed
        message, owner = decrypt(encrypted, self.aes_key)
        self.owners.add(owner)
        self.events.append(json.loads(message))
        if not self.takes:
            return 500, b""
        said = encrypt(self.says, owner, self.aes_key, b"abcdefghijklmnop")
        if self._line_breaks:
            said = "\n".join([said[:30], said[30:], ""])
        answer = {
            "msg_signature": signature(self._signs_with, "1760000000", "Nonce", said),
            "timeStamp": 1760000000,
            "nonce": "Nonce",
            "encrypt": said,
        }
        return 200, json.dumps(answer).encode()

    def sign_with(self, token: str) -> None:
        self._signs_with = token
