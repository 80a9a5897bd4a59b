"""People with the chat page open, and what they hear and say, over sockets and without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.contacts.directory import union_id_of
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.messages import Content, parse
from kowloon.dingtalk.platform.call import own_id
from kowloon.engines.messages.log import Kept
from kowloon.store.identity import LoginProfile, StoredKey, User
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction
from kowloon.testing.cloud import LocalCloud

PATIENCE_S = 30.0
HOUR_S = 3600.0


class Person:
    """A member who is signed in with the console's session."""

    def __init__(self, office: Chats, name: str, account: str) -> None:
        self.office = office
        self.id = name
        self.account = account
        self.session = f"STS.{account}{name}"
        self.cookie = f"kowloon_session={self.session}:token-of-{name}"

    @property
    def address(self) -> str:
        return f"http://{self.office.cloud.endpoint}"

    def send(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        """`path` behind /dingtalk/api/. A body of bytes is a file."""
        given = {"Cookie": self.cookie, "Origin": self.address}
        if method == "POST":
            given["Content-Type"] = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        given |= {name.replace("_", "-"): text for name, text in headers.items()}
        data = body if isinstance(body, bytes | type(None)) else json.dumps(body)
        return requests.request(method, f"{self.address}/dingtalk/api/{path}", data=data, headers=given, timeout=30)

    def get(self, path: str) -> Any:
        response = self.send("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: object) -> Any:
        response = self.send("POST", path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, str]:
        response = self.send(method, path, body, **headers)
        answer = response.json()
        return response.status_code, answer["Code"], answer["Message"]

    def live(self) -> Page:
        return Page(self)

    def conversation(self, id: str) -> Any:
        return next(each for each in self.get("conversations")["conversations"] if each["id"] == id)


class Page:
    """An open connection. What it has heard is kept until somebody asks for it."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self._heard: list[Any] = []
        self.socket: ClientConnection = connect(
            f"ws://{person.office.cloud.endpoint}/dingtalk/live",
            additional_headers={"Cookie": person.cookie},
            origin=person.address,  # type: ignore[arg-type]
            open_timeout=PATIENCE_S,
            # It would not read on, and never hear a goodbye.
            max_queue=None,
        )

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, frame: object) -> None:
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def hear(self, kind: str, **wanted: Any) -> Any:
        """The first frame of that type with those fields that nobody has waited for yet."""
        return self._first(lambda frame: frame["type"] == kind and wanted.items() <= frame.items())

    def say(self, conversation: str, text: str, unique: str = "", **fields: Any) -> Any:
        """Said, or refused."""
        unique = unique or f"u-{text}"[:60]
        self.send({"type": "say", "conversation": conversation, "unique": unique, "text": text, **fields})
        return self._first(lambda frame: frame["type"] in ("said", "refused") and frame["unique"] in ("", unique))

    def _first(self, fits: Callable[[Any], bool]) -> Any:
        found = next((frame for frame in self._heard if fits(frame)), None)
        if found is not None:
            self._heard.remove(found)
            return found
        while True:
            frame = json.loads(self.socket.recv(timeout=PATIENCE_S))
            if fits(frame):
                return frame
            self._heard.append(frame)


class Chats:
    """One cloud's organisation, as tests furnish it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    def put(self, *resources: Resource) -> None:
        def body(tx: Transaction) -> None:
            for each in resources:
                tx.put(each)

        self.cloud.run(self.cloud.cloud.store.run(body))

    def remove(self, kind: type[Resource], id: str) -> None:
        def body(tx: Transaction) -> None:
            found = tx.get(kind, id)
            assert found is not None
            tx.delete(found)

        self.cloud.run(self.cloud.cloud.store.run(body))

    def person(self, id: str, *, account: str = "", lasts_s: float = HOUR_S, **fields: Any) -> Person:
        account = account or self.cloud.account_id
        person = Person(self, id, account)
        user_id = f"2{abs(hash((account, id))) % 10**15:015d}"
        self.put(
            User(id=f"{account}:{id}", account=account, name=id, user_id=user_id),
            LoginProfile(id=user_id, account=account, salt="", hashes=()),
            StoredKey(
                id=person.session,
                account=account,
                secret="s" * 44,
                user=f"{account}:{id}",
                token=f"token-of-{id}",
                expires_at=self.cloud.cloud.clock.wall() + lasts_s,
            ),
            Member(
                id=own_id(account, id),
                account=account,
                userid=id,
                union_id=union_id_of(account, id),
                user=id,
                **{"name": id.title(), **fields},
            ),
        )
        return person

    def robot(self, name: str = "ops", account: str = "") -> Application:
        account = account or self.cloud.account_id
        robot = Application(id=f"ding{account}{name}", account=account, name=name, secret="s", agent_id=7)
        self.put(robot)
        return robot

    def group(self, owner: Person, *others: Person, title: str = "ops", robots: tuple[str, ...] = ()) -> str:
        answer = owner.post(
            "conversations", {"title": title, "members": [each.id for each in others], "robots": list(robots)}
        )
        id: str = answer["id"]
        return id

    def find(self, conversation: str) -> Conversation:
        found = self.cloud.cloud.store.get(Conversation, conversation)
        assert found is not None
        return found

    def post(self, conversation: str, body: dict[str, Any], *, sender: str = "alarms", unique: str = "") -> Kept:
        """As a custom robot would."""
        return self.say(conversation, parse(body), sender=sender, unique=unique)

    def say(self, conversation: str, content: Content, *, sender: str = "alarms", unique: str = "") -> Kept:
        async def body() -> Kept:
            found = self.find(conversation)
            return await self.cloud.cloud.dingtalk.messenger.post(
                found, Sender("robot", "robot-1", sender), content, unique=unique
            )

        return self.cloud.run(body())
