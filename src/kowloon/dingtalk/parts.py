"""What the messenger's endpoints are made of, chosen by app.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.dingtalk.approvals.telling import Approvals
from kowloon.dingtalk.cards.cards import Cards
from kowloon.dingtalk.chat.messenger import Messenger
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.push.http import HttpPush
from kowloon.dingtalk.sending.media import MediaStore
from kowloon.dingtalk.stream.connections import Connections
from kowloon.store.store import Store


class Parts(NamedTuple):
    """`home`: the account that operators mean when they name none."""

    store: Store
    clock: Clock
    ids: Ids
    bus: EventBus
    plane: MessengerPlane
    messenger: Messenger
    stream: Connections
    push: HttpPush
    cards: Cards
    media: MediaStore
    approvals: Approvals
    home: Callable[[], str]
