"""What changes on a card, and the click that it comes of. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.dingtalk.cards.resources import Card


class ParamMap(msgspec.Struct, frozen=True, rename="camel"):
    """Parameters of a card, as senders and answers to clicks write them."""

    card_param_map: dict[str, Any] = msgspec.field(default_factory=dict)


class UpdateOptions(msgspec.Struct, frozen=True, rename="camel"):
    update_card_data_by_key: bool = False
    update_private_data_by_key: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`data`: parameters that everybody sees; None leaves them. `private`: by userid what only they see. By key: those
    that are named are set; else they take the place of all. `guid`: of the piece of a stream that it is."""

    data: dict[str, str] | None = None
    private: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    data_by_key: bool = True
    private_by_key: bool = True
    guid: str = ""

    def applied(self, card: Card) -> Card:
        data = card.data
        if self.data is not None:
            data = {**data, **self.data} if self.data_by_key else self.data
        private = dict(card.private)
        for userid, own in self.private.items():
            private[userid] = {**private.get(userid, {}), **own} if self.private_by_key else own
        return msgspec.structs.replace(card, data=data, private=private, guid=self.guid or card.guid)


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """`action`: the id of the button; `params`: what else the card sends along."""

    card: Card
    userid: str
    action: str
    params: dict[str, Any]


def change_of(data: dict[str, str] | None, private: dict[str, dict[str, str]], options: UpdateOptions) -> Change:
    return Change(
        data=data,
        private=private,
        data_by_key=options.update_card_data_by_key,
        private_by_key=options.update_private_data_by_key,
    )


def texts(given: dict[str, Any]) -> dict[str, str]:
    """Parameters of a card are texts; what clients send as something else is taken as JSON. None is left out."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in given.items()
        if value is not None
    }
