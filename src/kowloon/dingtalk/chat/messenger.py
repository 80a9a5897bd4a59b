"""The messenger: conversations, who is in them, and what is said. Whatever is said anywhere goes through here."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.dingtalk.chat.resources import Conversation, Form, Said, Sender
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.platform.call import own_id
from kowloon.engines.messages.log import Kept, MessageLog
from kowloon.store.store import Store, Transaction

Listener = Callable[[Conversation, Kept, Said], None]
ChangeListener = Callable[[Conversation, dict[str, Any]], None]


class Messenger:
    """Listeners hear of every message in the order in which it stands in its conversation, once it is kept; and of
    changes: `{"change": "recalled" | "read" | "members" | ..., ...}`. They must be quick and must not fail."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, kept: MessageLog) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self.log = kept
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Said)
        self._listeners: list[Listener] = []
        self._change_listeners: list[ChangeListener] = []
        kept.listen(self._kept)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def listen_to_changes(self, listener: ChangeListener) -> None:
        self._change_listeners.append(listener)

    # --- conversations ---

    def find(self, account: str, id: str) -> Conversation | None:
        """The organisation's, dissolved or not, by openConversationId or chatid."""
        if id.startswith("chat"):
            return next((each for each in self.conversations(account) if each.chat_id == id), None)
        found = self._store.get(Conversation, id)
        return found if found is not None and found.account == account else None

    def conversations(self, account: str) -> list[Conversation]:
        return self._store.list(Conversation, account=account)

    def of_member(self, account: str, userid: str) -> list[Conversation]:
        """Those that a member sees."""
        return [each for each in self.conversations(account) if self.belongs(each, userid)]

    def belongs(self, conversation: Conversation, userid: str) -> bool:
        if conversation.dissolved:
            return False
        if userid in conversation.members:
            return True
        return conversation.everyone and self.member(conversation.account, userid) is not None

    def members(self, conversation: Conversation) -> tuple[str, ...]:
        """The userids of those who are in it now."""
        if not conversation.everyone:
            return conversation.members
        return tuple([each.userid for each in self._store.list(Member, account=conversation.account)])

    def member(self, account: str, userid: str) -> Member | None:
        return self._store.get(Member, own_id(account, userid))

    def new_group(
        self,
        tx: Transaction,
        account: str,
        *,
        title: str,
        owner: str = "",
        members: tuple[str, ...] = (),
        robots: tuple[str, ...] = (),
        everyone: bool = False,
        settings: dict[str, Any] | None = None,
        template: str = "",
        id: str = "",
    ) -> Conversation:
        """With the owner as a member. Written by the transaction."""
        group = Conversation(
            id=id or _opaque("cid", self._ids.secret(24)),
            account=account,
            created_at=self._clock.now(),
            chat_id="chat" + self._ids.secret(32, "0123456789abcdef"),
            title=title,
            owner=owner,
            members=tuple(dict.fromkeys([*([owner] if owner else []), *members])),
            robots=robots,
            everyone=everyone,
            template=template,
            settings=settings or {},
        )
        tx.put(group)
        return group

    def named_group(self, tx: Transaction, account: str, title: str) -> Conversation:
        """The one group of that title that operators have by name: made for everyone when there is none yet."""
        id = _opaque("cid", f"{account}/{title}")
        return tx.get(Conversation, id) or self.new_group(tx, account, title=title, everyone=True, id=id)

    def between(self, tx: Transaction, account: str, form: Form, first: str, second: str) -> Conversation:
        """The one conversation of two members; or, of form robot or notice, of a member (`first`) and an application
        (`second`). Made when there is none yet, and anew for who came under the userid of somebody who left."""
        pair = sorted((first, second)) if form == "single" else [first, second]
        members = tuple(dict.fromkeys(pair)) if form == "single" else (first,)
        names, turn = [account, form, *pair], 0
        while (found := tx.get(Conversation, id := _opaque("cid", "/".join(names)))) is not None:
            if set(members) <= set(found.members):
                return found
            turn += 1
            names[4:] = [str(turn)]
        made = Conversation(
            id=id,
            account=account,
            created_at=self._clock.now(),
            form=form,
            members=members,
            robots=() if form == "single" else (second,),
        )
        tx.put(made)
        return made

    def changed(self, conversation: Conversation, change: str, **told: Any) -> None:
        """Tell whoever looks at the conversation that something but its messages is different."""
        for listener in self._change_listeners:
            listener(conversation, {"change": change, **told})

    # --- messages ---

    def post(
        self,
        conversation: Conversation,
        sender: Sender,
        content: Content,
        *,
        robots: tuple[str, ...] = (),
        unique: str = "",
    ) -> asyncio.Future[Kept]:
        """Says it; who may is decided before. The order of calls is the order of messages. `unique`: the same one
        again stands there once, and its first message is the answer."""
        said = Said(
            sender=sender,
            type=content.message_type,
            title=content.title,
            text=content.text,
            body=content.body,
            at=self._addressed(conversation, content),
            at_all=content.at.everyone,
            robots=robots,
        )
        return self.log.append(
            conversation.id,
            at=self._clock.now(),
            sender=f"{sender.type}:{sender.id}",
            body=self._encoder.encode(said),
            unique=unique,
        )

    def _addressed(self, conversation: Conversation, content: Content) -> tuple[str, ...]:
        """Who is really notified: named in the field and in the text, and in the conversation."""
        named = [each for each in content.at.user_ids if f"@{each}" in content.text or content.message_type == "card"]
        mobiles = [each for each in content.at.mobiles if f"@{each}" in content.text]
        if mobiles:
            by_mobile = {each.mobile: each.userid for each in self._store.list(Member, account=conversation.account)}
            named += [by_mobile[each] for each in mobiles if each in by_mobile]
        return tuple(dict.fromkeys([each for each in named if self.belongs(conversation, each)]))

    def find_message(self, account: str, id: str) -> tuple[Conversation, Kept] | None:
        """One that stands in a conversation of the organisation."""
        kept = self.log.find(id)
        conversation = self.find(account, kept.conversation) if kept is not None else None
        return (conversation, kept) if kept is not None and conversation is not None else None

    def read(self, kept: Kept) -> Said:
        return self._decoder.decode(kept.body)

    async def recall(self, conversation: Conversation, kept: Kept) -> None:
        """Nobody can read it any more; that there was one is still seen."""
        said = self.read(kept)
        gone = Said(sender=said.sender, type=said.type, recalled=True)
        await self.log.replace(kept.id, self._encoder.encode(gone))
        self.changed(conversation, "recalled", id=kept.id, sequence=kept.sequence)

    async def replace(self, conversation: Conversation, kept: Kept, said: Said) -> None:
        """The same message with another content."""
        await self.log.replace(kept.id, self._encoder.encode(said))
        self.changed(conversation, "replaced", id=kept.id, sequence=kept.sequence)

    def mark_read(self, conversation: Conversation, userid: str, sequence: int) -> None:
        """No further than the last message."""
        at, sequence = self._clock.now(), min(sequence, self.log.last(conversation.id))
        self.log.mark_read(conversation.id, userid, sequence, at)
        self.changed(conversation, "read", userid=userid, sequence=sequence, at=at)

    def readers(self, conversation: Conversation, sequence: int) -> dict[str, float]:
        """Who has read that message, and when the mark was set."""
        return {user: at for user, (read, at) in self.log.marks(conversation.id).items() if read >= sequence}

    def _kept(self, kept: Kept) -> None:
        conversation = self._store.get(Conversation, kept.conversation)
        if conversation is None:
            return
        said = self._decoder.decode(kept.body)
        for listener in self._listeners:
            listener(conversation, kept, said)


def _opaque(prefix: str, text: str) -> str:
    """As the vendor's ids look: a prefix and base64 that is safe in URLs and ends in two signs of padding."""
    return prefix + base64.urlsafe_b64encode(hashlib.blake2b(text.encode(), digest_size=16).digest()).decode()
