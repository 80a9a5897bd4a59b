"""Cards: made, shown in conversations, changed wherever they are shown, and asked back about.

A card is kept apart from the messages that show it: those name it by its track, and whoever looks at them is told
when it changes. Whoever clicks has an answer within two seconds, or hears that there is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from kowloon.core import limits
from kowloon.core.clock import Clock
from kowloon.dingtalk.cards import errors
from kowloon.dingtalk.cards.asking import Asking
from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.cards.resources import Card, Delivery
from kowloon.dingtalk.cards.view import View
from kowloon.dingtalk.chat.messenger import Messenger
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.messages import At, Content
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.platform.call import make_room, own_id
from kowloon.dingtalk.platform.errors import SYSTEM_BUSY
from kowloon.engines.messages.log import Kept
from kowloon.store.store import Store, Transaction

MOST_TRACK_CHARACTERS: Final = 64
# The vendor's advice is a kilobyte for each value; Markdown of streams is longer.
MOST_DATA_BYTES: Final = 128 * 1024
_MOST_ACTION_CHARACTERS: Final = 256

ClickHandler = Callable[[Click], Awaitable[Change | None]]


class Cards:
    def __init__(self, store: Store, clock: Clock, plane: MessengerPlane, messenger: Messenger, asking: Asking) -> None:
        self._store = store
        self._clock = clock
        self._plane = plane
        self._messenger = messenger
        self._asking = asking
        self._handlers: dict[str, ClickHandler] = {}

    def on_click(self, prefix: str, handler: ClickHandler) -> None:
        """Of the messenger's own cards whose template begins so; the longest that fits is asked."""
        self._handlers[prefix] = handler

    def find(self, account: str, track: str) -> Card | None:
        return self._store.get(Card, own_id(account, track))

    def visible(self, account: str, userid: str, track: str) -> Card | None:
        """When it is shown in a conversation that the member is in."""
        card = self.find(account, track)
        if card is None:
            return None
        shown = [self._store.get(Conversation, each.conversation) for each in card.deliveries]
        return card if any(each is not None and self._messenger.belongs(each, userid) for each in shown) else None

    def create(
        self,
        tx: Transaction,
        account: str,
        *,
        track: str,
        template: str,
        data: Mapping[str, str],
        application: str = "",
        private: Mapping[str, dict[str, str]] | None = None,
        route: str = "",
        callback_url: str = "",
    ) -> Card:
        """Or the one of that track which is there already, if it is the same application's. PlatformError."""
        if not 0 < len(track) <= MOST_TRACK_CHARACTERS:
            raise errors.TRACK_TOO_LONG.error(most=MOST_TRACK_CHARACTERS)
        found = tx.get(Card, own_id(account, track))
        if found is not None:
            if found.application != application:
                raise errors.TAKEN.error()
            return found
        card = Card(
            id=own_id(account, track),
            account=account,
            created_at=self._clock.now(),
            track=track,
            application=application,
            template=template,
            data=dict(data),
            private=dict(private or {}),
            route=route,
            callback_url=callback_url,
        )
        _check_size(card)
        make_room(tx, tx.list(Card, account=account), limits.DINGTALK_RECORDS)
        tx.put(card)
        return card

    async def deliver(
        self,
        card: Card,
        sender: Sender,
        conversation: Conversation,
        *,
        at: At | None = None,
        space: tuple[str, str] = ("", ""),
        recipients: tuple[str, ...] = (),
    ) -> Kept:
        """Show it there: one message of type `card`, however often it is asked for."""
        kind, id = space if space[0] else ("IM_GROUP" if conversation.form == "group" else "IM_ROBOT", conversation.id)
        delivery = Delivery(conversation=conversation.id, space_type=kind, space_id=id)

        def body(tx: Transaction) -> None:
            fresh = tx.get(Card, card.id)
            if fresh is None:
                raise errors.NO_CARD.error()
            if all(each.conversation != conversation.id for each in fresh.deliveries):
                tx.put(msgspec.structs.replace(fresh, deliveries=(*fresh.deliveries, delivery)))

        await self._store.run(body)
        view = card.seen_by()
        told: dict[str, Any] = {"msgtype": "card", "outTrackId": card.track, "cardTemplateId": card.template}
        if recipients:
            told["recipients"] = list(recipients)
        content = Content(message_type="card", title=view.title, text=view.text, body=told, at=at or At())
        return await self._messenger.post(conversation, sender, content, unique=f"card/{card.track}")

    async def send(
        self,
        sender: Sender,
        conversation: Conversation,
        *,
        track: str,
        template: str,
        data: Mapping[str, str],
        at: At | None = None,
    ) -> Kept:
        """One of the messenger's own: clicks go to `on_click`'s handlers."""

        def body(tx: Transaction) -> Card:
            return self.create(tx, conversation.account, track=track, template=template, data=data)

        return await self.deliver(await self._store.run(body), sender, conversation, at=at)

    async def change(self, account: str, track: str, change: Change, *, application: str = "") -> Card:
        """And tell whoever looks at it. PlatformError where there is none of that application's."""

        def body(tx: Transaction) -> Card:
            card = tx.get(Card, own_id(account, track))
            if card is None or card.application != application:
                raise errors.NO_CARD.error()
            changed = change.applied(card)
            _check_size(changed)
            tx.put(changed)
            return changed

        card = await self._store.run(body)
        view = msgspec.to_builtins(card.seen_by())
        for delivery in card.deliveries:
            conversation = self._store.get(Conversation, delivery.conversation)
            if conversation is not None:
                self._messenger.changed(
                    conversation, "card", out_track_id=track, data=view, private=sorted(card.private)
                )
        return card

    async def click(self, account: str, userid: str, track: str, action: str, params: dict[str, Any]) -> View:
        """A member's click on a button: what the card looks like to them then. PlatformError where they see no such
        card or button, or nobody answers in time; nothing has changed then."""
        if not self._plane.serves():
            raise SYSTEM_BUSY.error()
        card = self.visible(account, userid, track)
        if card is None:
            raise errors.NO_CARD.error()
        if not 0 < len(action) <= _MOST_ACTION_CHARACTERS or not card.seen_by(userid).asks(action):
            raise errors.NO_ACTION.error()
        click = Click(card=card, userid=userid, action=action, params=params)
        if card.application:
            change = await self._asking.ask(click)
        else:
            change = await self._handler(card)(click)
        if change is not None:
            card = await self.change(account, track, change, application=card.application)
        else:
            card = self.find(account, track) or card
        return card.seen_by(userid)

    def _handler(self, card: Card) -> ClickHandler:
        fitting = [prefix for prefix in self._handlers if card.template.startswith(prefix)]
        if not fitting:
            raise errors.NOT_ANSWERED.error(problem=f"nobody answers for {card.template}")
        return self._handlers[max(fitting, key=len)]


def _check_size(card: Card) -> None:
    if len(msgspec.json.encode((card.data, card.private))) > MOST_DATA_BYTES:
        raise errors.DATA_TOO_LONG.error(most=MOST_DATA_BYTES)
