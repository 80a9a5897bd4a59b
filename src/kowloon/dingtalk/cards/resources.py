"""Cards as they are kept, and where applications want to be asked back by HTTP."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kowloon.dingtalk.cards.view import View, view_of
from kowloon.store.resources import Resource


class Delivery(msgspec.Struct, frozen=True):
    """A conversation that shows the card. `space_type` and `space_id` as the sender named the conversation."""

    conversation: str
    space_type: str
    space_id: str


class Card(Resource, frozen=True, kw_only=True):
    """`track`: the outTrackId (or cardBizId) that its sender chose; unique in the organisation. `application`: an
    appKey; empty for the messenger's own. `data`: what everybody sees; `private`: by userid what goes before it.
    `route`, `callback_url`: where clicks go by HTTP; else they go by Stream. `guid`: of the last piece of a stream."""

    kind: ClassVar[str] = "dingtalk-card"
    track: str
    application: str
    template: str
    data: dict[str, str]
    private: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    route: str = ""
    callback_url: str = ""
    deliveries: tuple[Delivery, ...] = ()
    guid: str = ""

    def seen_by(self, userid: str = "") -> View:
        return view_of(self.template, self.data, self.private.get(userid))


class CardRoute(Resource, frozen=True, kw_only=True):
    """Of an application, by its callbackRouteKey; id is `<account>/<appKey>/<callbackRouteKey>`."""

    kind: ClassVar[str] = "dingtalk-card-route"
    application: str
    route: str
    url: str
    api_secret: str


RESOURCES: tuple[type[Resource], ...] = (Card, CardRoute)
