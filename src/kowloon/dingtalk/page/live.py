"""`/dingtalk/live`: the page's open connection. What is said anywhere is told here to everybody who looks; what people
say comes in here.

In: `say`, answered `said` or `refused`; `read`, not answered (frames.py). Out: `message` (shown.ShownNow);
`conversation`: it is new, somebody came or went, or for whom it is `gone`; `read`: marks, some of them together; and
what else changes, as the messenger tells it: `recalled`, `card`.

A message is encoded once, whoever looks; to tell it costs one write for each open page, and nothing for others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from kowloon.actions.browser import ORIGIN_REFUSED, SIGN_IN_NEEDED, check_host, is_foreign
from kowloon.actions.routes import Routes
from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.people import SignedInPeople
from kowloon.dingtalk.contacts.resources import Member, MemberSession
from kowloon.dingtalk.page import errors
from kowloon.dingtalk.page.conversations import leads
from kowloon.dingtalk.page.frames import EVERYONE, Accepted, Read, Refused, Say, content_of
from kowloon.dingtalk.page.open_pages import OpenPages
from kowloon.dingtalk.page.shown import ShownNow, fields_of
from kowloon.dingtalk.parts import Parts
from kowloon.engines.messages.log import Kept
from kowloon.store.identity import LoginProfile, StoredKey, User
from kowloon.store.resources import Key, Resource
from kowloon.wire.http import HttpRequest, HttpResponse, WebSocket
from kowloon.wire.websocket import text_frame

PATH: Final = "/dingtalk/live"
SIGNED_OUT: Final = 4401
_RESTARTS: Final = 1012
_TRY_AGAIN_LATER: Final = 1013
_TOO_MUCH: Final = 1008
# How often it is looked whether sessions still last: at all when somebody's identity has changed, and else in so many
# looks, for those that run out.
_LOOK_S: Final = 0.5
_LOOKS: Final = 20
# Marks are told together, so often.
_MARKS_S: Final = 0.5

_log = logging.getLogger("kowloon.dingtalk")


class Live:
    def __init__(self, parts: Parts, people: SignedInPeople) -> None:
        self.pages = OpenPages()
        self._parts = parts
        self._people = people
        self._encoder = msgspec.json.Encoder()
        # As it was told last.
        self._known = {each.id: each for each in parts.store.list(Conversation)}
        self._marks: dict[str, dict[str, tuple[int, float]]] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._to_look_at: Iterator[OpenPage] = iter(())
        self._identities = parts.store.watch(Member, MemberSession, StoredKey, User, LoginProfile)
        self._budgets: dict[str, Budget] = {}
        parts.messenger.listen(self._said)
        parts.messenger.listen_to_changes(self._changed)
        parts.store.on_change(self._stored)

    def register(self, routes: Routes) -> None:
        routes.add("GET", PATH, self.open, "own")

    async def open(self, request: HttpRequest) -> HttpResponse:
        """A page of ours only: browsers say where a connection comes from, and no other page has business here."""
        check_host(request)
        if request.header("origin") is None:
            raise errors.ORIGIN_NEEDED.error()
        if is_foreign(request):
            raise ORIGIN_REFUSED.error()
        member = await self._people.person_of(request)
        if member is None:
            raise SIGN_IN_NEEDED.error()
        if not self._parts.plane.serves():
            raise errors.UNAVAILABLE.error()
        if len(self.pages.of_member(member.id)) >= limits.DINGTALK_PAGES_OF_ONE:
            raise errors.TOO_MANY_OPEN.error(most=limits.DINGTALK_PAGES_OF_ONE)
        return HttpResponse(101, websocket=OpenPage(self, request, member))

    def forget(self) -> None:
        """The cloud has another state: pages begin anew."""
        self._known = {each.id: each for each in self._parts.store.list(Conversation)}
        self._marks.clear()
        self._budgets.clear()
        for page in self.pages:
            page.socket.close(_RESTARTS, "The cloud has another state.")

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    # --- out ---

    def _said(self, conversation: Conversation, kept: Kept, said: Said) -> None:
        pages = self.pages.of(conversation)
        if pages:
            self._tell(pages, ShownNow(**fields_of(kept, said)))

    def _changed(self, conversation: Conversation, told: dict[str, Any]) -> None:
        change = told["change"]
        if change == "read":
            if not self._marks:
                asyncio.get_running_loop().call_later(_MARKS_S, self._tell_marks)
            self._marks.setdefault(conversation.id, {})[told["userid"]] = (told["sequence"], told["at"])
        # Who is in it is told when it is stored, whoever changes it.
        elif change != "members":
            rest = {name: value for name, value in told.items() if name != "change"}
            self._tell(self.pages.of(conversation), {"type": change, "conversation": conversation.id, **rest})

    def _tell_marks(self) -> None:
        marks, self._marks = self._marks, {}
        for id, of_people in marks.items():
            conversation = self._parts.store.get(Conversation, id)
            if conversation is not None:
                self._tell(self.pages.of(conversation), {"type": "read", "conversation": id, "marks": of_people})

    def _stored(self, changes: list[tuple[Key, Resource | None]]) -> None:
        for key, item in changes:
            if key.kind == Conversation.kind:
                self._conversation_changed(key.id, item if isinstance(item, Conversation) else None)
            elif key.kind == Member.kind and item is None:
                # At once: whoever is in no organisation is not of everybody.
                for page in self.pages.of_member(key.id):
                    page.socket.close(SIGNED_OUT, "The session has ended.")

    def _conversation_changed(self, id: str, after: Conversation | None) -> None:
        before = self._known.pop(id, None)
        if after is not None:
            self._known[id] = after
        if before is not None and after is not None and _looks(before) == _looks(after):
            return
        now = dict.fromkeys(self.pages.of(after)) if after is not None else {}
        left = [page for page in self.pages.of(before) if page not in now] if before is not None else []
        if left:
            self._tell(left, {"type": "conversation", "conversation": id, "gone": True})
        if after is not None and now:
            count = len(self._parts.messenger.members(after))
            told = {"type": "conversation", "conversation": id, "title": after.title, "owner": after.owner}
            self._tell(now, {**told, "members": count})

    def _tell(self, pages: Any, told: object) -> None:
        frame = text_frame(self._encoder.encode(told).decode())
        for page in pages:
            page.socket.send_frame(frame)

    # --- in ---

    def opened(self, page: OpenPage) -> None:
        self.pages.add(page)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def budget_of(self, member: Member) -> Budget:
        return self._budgets.setdefault(member.id, Budget())

    def say(self, page: OpenPage, say: Say) -> None:
        """ApiError for what cannot be said; else the answer comes when it is kept."""
        messenger, member = self._parts.messenger, page.member
        if not self._parts.plane.serves():
            raise errors.UNAVAILABLE.error()
        conversation = messenger.find(member.account, say.conversation)
        if conversation is None or not messenger.belongs(conversation, member.userid):
            raise errors.NO_CONVERSATION.error()
        _check_settings(conversation, member, say)
        content = content_of(say, lambda media: self._parts.media.find(member.account, media))
        if not self.budget_of(member).allows_saying():
            raise errors.TOO_FAST.error()
        # Whom one talks to alone is addressed without being named.
        named = conversation.robots if conversation.form == "robot" else say.at
        kept = messenger.post(
            conversation,
            Sender("member", member.userid, self._name_of(member)),
            content,
            robots=tuple([each for each in conversation.robots if each in named]),
            unique=f"member:{member.userid}/{say.unique}",
        )
        kept.add_done_callback(lambda done: self._answer(page, say, conversation, done))

    def _name_of(self, member: Member) -> str:
        """It may have changed since the page was opened."""
        now = self._parts.messenger.member(member.account, member.userid)
        return now.name if now is not None else member.name

    def _answer(self, page: OpenPage, say: Say, conversation: Conversation, kept: asyncio.Future[Kept]) -> None:
        if kept.cancelled() or kept.exception() is not None:
            _log.warning("a message of %s could not be kept: %s", page.member.id, kept)
            page.refuse(say.unique, errors.NOT_KEPT.error())
            return
        stands = kept.result()
        # Who says something has read what was there.
        self._mark(conversation, page.member.userid, stands.sequence)
        page.send(Accepted(say.unique, stands.conversation, stands.sequence, stands.id))

    def mark(self, page: OpenPage, read: Read) -> None:
        messenger, member = self._parts.messenger, page.member
        conversation = messenger.find(member.account, read.conversation)
        if conversation is None or not messenger.belongs(conversation, member.userid):
            return
        self._mark(conversation, member.userid, read.sequence)

    def _mark(self, conversation: Conversation, userid: str, sequence: int) -> None:
        """Never back, and no further than what is there."""
        log = self._parts.messenger.log
        sequence = min(sequence, log.last(conversation.id))
        if sequence > log.marks(conversation.id).get(userid, (0, 0.0))[0]:
            self._parts.messenger.mark_read(conversation, userid, sequence)

    # --- whether sessions last ---

    def _look(self) -> None:
        self._looking = None
        try:
            self._look_at_some()
        finally:
            if len(self.pages):
                self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look_at_some(self) -> None:
        if not self._parts.plane.serves():
            for page in self.pages:
                page.socket.close(_TRY_AGAIN_LATER, "The messenger is not available.")
            return
        if self._identities.changed():
            self._to_look_at = iter(())
            some = list(self.pages)
        else:
            some = list(islice(self._to_look_at, len(self.pages) // _LOOKS + 1))
        if not some:
            self._to_look_at = iter(self.pages)
            self._budgets = {id: each for id, each in self._budgets.items() if not each.is_full}
        for page in some:
            found = self._people.signed_in(page.request)
            if found is None or found.member.id != page.member.id:
                page.socket.close(SIGNED_OUT, "The session has ended.")


class OpenPage:
    """One connection: the handler of its WebSocket. `request` began it; `member` is whose it is, as they were then."""

    socket: WebSocket

    def __init__(self, live: Live, request: HttpRequest, member: Member) -> None:
        self.request = request
        self.member = member
        self._live = live

    def opened(self, socket: WebSocket) -> None:
        self.socket = socket
        self._live.opened(self)

    def closed(self) -> None:
        self._live.pages.remove(self)

    def text(self, message: str) -> None:
        if not self._live.budget_of(self.member).allows_frame():
            self.socket.close(_TOO_MUCH, "That is too much.")
            return
        unique = ""
        try:
            frame = _frame(message)
            if isinstance(frame, Say):
                unique = frame.unique
                self._live.say(self, frame)
            else:
                self._live.mark(self, frame)
        except ApiError as refused:
            self.refuse(unique, refused)

    def refuse(self, unique: str, refused: ApiError) -> None:
        self.send(Refused(unique, refused.code, refused.message))

    def send(self, told: object) -> None:
        self.socket.send(msgspec.json.encode(told).decode())


class Budget:
    """What one member may say and send in a time, on all pages together: a burst, and so many a second."""

    def __init__(self) -> None:
        self._says = float(limits.DINGTALK_SAYS_AT_ONCE)
        self._frames = float(limits.DINGTALK_FRAMES_AT_ONCE)
        self._at = asyncio.get_running_loop().time()

    @property
    def is_full(self) -> bool:
        self._fill()
        return self._says >= limits.DINGTALK_SAYS_AT_ONCE and self._frames >= limits.DINGTALK_FRAMES_AT_ONCE

    def allows_saying(self) -> bool:
        self._fill()
        if self._says < 1.0:
            return False
        self._says -= 1.0
        return True

    def allows_frame(self) -> bool:
        self._fill()
        if self._frames < 1.0:
            return False
        self._frames -= 1.0
        return True

    def _fill(self) -> None:
        now = asyncio.get_running_loop().time()
        past_s, self._at = now - self._at, now
        self._says = min(limits.DINGTALK_SAYS_AT_ONCE, self._says + past_s * limits.DINGTALK_SAYS_PER_S)
        self._frames = min(limits.DINGTALK_FRAMES_AT_ONCE, self._frames + past_s * limits.DINGTALK_FRAMES_PER_S)


def _check_settings(group: Conversation, member: Member, say: Say) -> None:
    """What owners have set for a group, by either generation's names."""
    if leads(group, member):
        return
    if _is_set(group, "chatBannedType", "chat_banned_type"):
        raise errors.BANNED.error()
    if EVERYONE in say.at and _is_set(group, "mentionAllAuthority", "mention_all_authority"):
        raise errors.NOT_EVERYONE.error()


def _is_set(group: Conversation, *names: str) -> bool:
    return any(str(group.settings.get(name, 0)) == "1" for name in names)


_decoder = msgspec.json.Decoder(Say | Read)


def _frame(message: str) -> Say | Read:
    try:
        frame: Say | Read = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise errors.FRAME.error(problem=str(problem)) from None
    return frame


def _looks(conversation: Conversation) -> tuple[object, ...]:
    """What the page shows of it."""
    return (
        conversation.title,
        conversation.owner,
        conversation.members,
        conversation.robots,
        conversation.sub_admins,
        conversation.everyone,
        conversation.dissolved,
    )
