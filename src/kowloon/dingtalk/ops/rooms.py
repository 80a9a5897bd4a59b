"""Incident rooms: a group with the people whom duty names, a card that lives, and a summary at the end. One for all
that happens in one place at one time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from kowloon.actions.people import People
from kowloon.actions.ports import PersonalClient
from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.core.events import DutyEvent, Event, HealthEvent, ResourceEvent, RoomEvent
from kowloon.dingtalk.cards.cards import Cards
from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.cards.view import INCIDENT
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import At, Content
from kowloon.dingtalk.ops import incident as incidents
from kowloon.dingtalk.ops.incident import QUIET_S, Incident, Lead, Trouble
from kowloon.dingtalk.ops.robot import NAME, OperationsRobot, operations_key
from kowloon.dingtalk.ops.rules import account_of
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import make_room
from kowloon.dingtalk.platform.record import SERVICE
from kowloon.engines.messages.log import Kept
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction
from kowloon.topology.map import Topology

_MOST_HEARD: Final = 500
_PAGE_WORDS: Final = frozenset({"paged", "acknowledged", "resolved"})


class IncidentRooms:
    """A listener of the bus, and the Reconciler by account that does what it heard. Only accounts that have a duty
    organisation get rooms: nobody else says who belongs in one."""

    name = "dingtalk-incidents"
    workers = 1

    def __init__(
        self,
        parts: Parts,
        robot: OperationsRobot,
        cards: Cards,
        people: People,
        client: PersonalClient,
        topology: Topology,
        poke: Callable[[str, str], None],
    ) -> None:
        self._parts = parts
        self._robot = robot
        self._cards = cards
        self._people = people
        self._client = client
        self._topology = topology
        self._poke = poke
        self._heard: dict[str, list[Trouble]] = {}
        # Of open incidents: each message anywhere asks.
        self._by_room: dict[str, str] = {}
        self._incidents = parts.store.watch(Incident)
        parts.bus.subscribe(self._hear, HealthEvent, ResourceEvent, DutyEvent)
        parts.messenger.listen(self._said)
        cards.on_click(INCIDENT, self._clicked)

    def forget(self) -> None:
        self._heard.clear()

    # --- what it hears ---

    def _said(self, conversation: Conversation, kept: Kept, said: Said) -> None:
        """What people say in a room, for the record of the incident."""
        if said.sender.type != "member":
            return
        if self._incidents.changed():
            self._by_room = {each.conversation: each.id for each in self._open()}
        incident = self._parts.store.get(Incident, self._by_room.get(conversation.id, ""))
        if incident is not None:
            self._tell(incident, "said", said.sender.id, said.text[:200], at=kept.at)

    def _hear(self, event: Event) -> None:
        accounts = list(self._people.accounts())
        if isinstance(event, DutyEvent):
            accounts = [event.account]
        elif isinstance(event, ResourceEvent):
            owner = account_of(self._parts, event.id)
            accounts = [each for each in accounts if each == owner]
        trouble = self._trouble(event)
        if trouble is None:
            return
        for account in accounts:
            heard = self._heard.setdefault(account, [])
            if len(heard) < _MOST_HEARD:
                heard.append(trouble)
            self._poke(self.name, account)

    def _trouble(self, event: Event) -> Trouble | None:
        """Of places zones and services count; halls and hosts are within them."""
        if isinstance(event, HealthEvent):
            if "/" in event.node:
                return None
            region = self._region_of(event.node)
            text = f"{event.node} {event.aspect}: {event.state}"
            broken, whole = event.level == "CRITICAL", event.level == "INFO"
            node = f"{event.node} {event.aspect}"
            return Trouble(
                at=event.at, text=text, region=region, hit=node if broken else "", well=node if whole else ""
            )
        if isinstance(event, ResourceEvent):
            if event.level == "INFO":
                return None
            return Trouble(at=event.at, text=f"{event.kind} {event.id}: {event.state}", region=event.region)
        if isinstance(event, DutyEvent):
            text = f"{event.what}: {event.post} {event.person} {event.text}".rstrip()
            what = event.what if event.what in _PAGE_WORDS else ""
            return Trouble(at=event.at, text=text, page=event.page, post=event.post, person=event.person, what=what)
        return None

    def _region_of(self, node: str) -> str:
        place = node.rpartition("@")[2]
        if place in self._topology.regions:
            return place
        return self._topology.region_of(place) if self._topology.is_zone(place) else ""

    # --- the loop ---

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return ()

    def all_keys(self) -> Iterable[str]:
        return sorted({*self._heard, *[each.account for each in self._open()]})

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        if not self._parts.plane.serves():
            # It has fallen with the cloud; what is heard meanwhile is told when it is back.
            return 30.0
        heard = self._heard.pop(key, [])
        by_place: dict[str, list[Trouble]] = {}
        for each in heard:
            by_place.setdefault(each.region, []).append(each)
        # What has no place belongs to what has one, so it comes last.
        for region in sorted(by_place, key=lambda place: not place):
            await self._go_on(key, region, by_place[region])
        waits = [await self._close_if_over(each) for each in self._open(key)]
        return min([each for each in waits if each is not None], default=None)

    def _open(self, account: str | None = None) -> list[Incident]:
        return [each for each in self._parts.store.list(Incident, account=account) if each.state == "open"]

    async def _go_on(self, account: str, region: str, troubles: list[Trouble]) -> None:
        current = self._current(account, region)
        if current is None:
            told = self._just_told(account, region)
            first = next((place for place, each in enumerate(troubles) if each.opens and each.hit not in told), None)
            if first is None:
                return
            troubles = troubles[first:]
            current = await self._begin(account, region, troubles[0])
        updated = incidents.gone_on(msgspec.structs.replace(current, where=current.where or region), troubles)
        called = incidents.involved(updated.posts, self._people.holders(account), self._people.units(account))
        updated = incidents.led(updated, incidents.lead_of(called, self._parts.clock.now()))
        if updated.acknowledged_at != current.acknowledged_at:
            self._tell(updated, "acknowledged", updated.acknowledged_by, at=updated.acknowledged_at)
        if updated.leads != current.leads:
            lead = updated.leads[-1]
            self._tell(updated, "lead", lead.person, lead.capacity)
        await self._invite(updated, [*updated.paged, *[person for each in called for person in each.people]])
        await self._keep(updated)

    def _current(self, account: str, region: str) -> Incident | None:
        """The open one of that place; what has no place belongs to the newest."""
        found = self._open(account)
        fitting = [each for each in found if not region or each.where == region]
        fitting = fitting or [each for each in found if not each.where]
        return fitting[-1] if fitting else None

    def _just_told(self, account: str, region: str) -> set[str]:
        """What opens no other room: it was hit in one that was closed a moment ago, or is about that ('': a page)."""
        since = self._parts.clock.now() - QUIET_S
        closed = [each for each in self._parts.store.list(Incident, account=account) if each.closed_at > since]
        fitting = [each for each in closed if not region or each.where in ("", region)]
        return {node for each in fitting for node in ("", *each.was_hit)}

    async def _begin(self, account: str, region: str, first: Trouble) -> Incident:
        id = self._parts.ids.resource("inc", 10)

        def body(tx: Transaction) -> Incident:
            title = f"Incident {region}".rstrip()
            group = self._parts.messenger.new_group(tx, account, title=title)
            self._robot.join(tx, group)
            made = Incident(
                id=id,
                account=account,
                region=region,
                created_at=first.at,
                title=f"{title}: {first.text}"[:200],
                conversation=group.id,
                where=region,
                last_at=first.at,
                told_at=self._parts.clock.now(),
            )
            kept = tx.list(Incident, account=account)
            make_room(tx, kept, limits.DINGTALK_RECORDS)
            tx.put(made)
            return made

        made = await self._parts.store.run(body)
        self._tell(made, "opened", text=first.text, at=made.told_at)
        return made

    async def _invite(self, incident: Incident, people: list[str]) -> None:
        """Who is a member of the organisation and not in the room yet."""
        userids = Directory(self._parts.store, incident.account).userids_of(dict.fromkeys(people))

        def body(tx: Transaction) -> list[str]:
            group = tx.get(Conversation, incident.conversation)
            fresh = {person: userid for person, userid in userids.items() if group and userid not in group.members}
            if group is not None and fresh:
                tx.put(msgspec.structs.replace(group, members=(*group.members, *dict.fromkeys(fresh.values()))))
            return list(fresh)

        for person in await self._parts.store.run(body):
            self._tell(incident, "joined", person)

    async def _keep(self, incident: Incident) -> None:
        """Stored, and shown on its card: a new one calls everybody in the room."""
        await self._parts.store.run(lambda tx: tx.put(incident))
        data = incidents.shown(incident, self._names(incident.account))
        if self._cards.find(incident.account, incident.id) is not None:
            await self._cards.change(incident.account, incident.id, Change(data=data, data_by_key=False))
            return
        group = self._parts.store.get(Conversation, incident.conversation)
        if group is not None:
            sender = Sender("application", operations_key(incident.account), NAME)
            at = At(user_ids=group.members)
            await self._cards.send(sender, group, track=incident.id, template=INCIDENT, data=data, at=at)

    def _names(self, account: str) -> dict[str, str]:
        """Of persons of the duty, and of members."""
        members = self._parts.store.list(Member, account=account)
        return {each.userid: each.name for each in members} | {
            each.person: each.name for each in members if each.person
        }

    def _tell(self, incident: Incident, what: str, person: str = "", text: str = "", at: float = 0.0) -> None:
        moment = at or self._parts.clock.now()
        self._parts.bus.emit(
            RoomEvent(at=moment, account=incident.account, room=incident.id, what=what, person=person, text=text)
        )

    # --- its end ---

    async def _close_if_over(self, incident: Incident) -> float | None:
        """When to look again, or None: it is closed, or goes on."""
        if not incident.is_over:
            return None
        left_s = incident.last_at + QUIET_S - self._parts.clock.now()
        if left_s > 0.0:
            return left_s
        await self._close(incident)
        return None

    async def _close(self, incident: Incident) -> None:
        now, known = self._parts.clock.now(), self._parts.store.get(Incident, incident.id)
        if known is None or known.state == "closed":
            return
        over = msgspec.structs.replace(incident, state="closed", closed_at=now, pages={}, hit=())
        await self._keep(over)
        self._tell(over, "closed", text=f"after {incidents.minutes(now - over.created_at)}")
        group = self._parts.store.get(Conversation, over.conversation)
        if group is None:
            return
        text = incidents.summary(over, self._names(over.account))
        body = {"msgtype": "markdown", "markdown": {"title": "Summary", "text": text}}
        content = Content(message_type="markdown", title="Summary", text=text, body=body)
        sender = Sender("application", operations_key(over.account), NAME)
        await self._parts.messenger.post(group, sender, content, unique=f"summary/{over.id}")

    # --- its buttons ---

    async def _clicked(self, click: Click) -> Change | None:
        incident = self._parts.store.get(Incident, click.card.track)
        if incident is None or incident.state == "closed":
            return None
        problem = ""
        if click.action == "lead":
            lead = Lead(click.userid, "by own hand", self._parts.clock.now())
            await self._keep(msgspec.structs.replace(incident, leads=(*incident.leads, lead)))
            self._tell(incident, "lead", click.userid, lead.capacity)
        elif click.action == "close":
            await self._close(incident)
        else:
            problem = await self._acknowledge(incident, click.userid)
        return Change(private={click.userid: {"tips": problem}}) if problem else None

    async def _acknowledge(self, incident: Incident, userid: str) -> str:
        """By the duty's own call, with the rights of who clicks; what kept it from that."""
        member = self._parts.messenger.member(incident.account, userid)
        if member is None or not member.user:
            return "You are no RAM user of this account; acknowledge where you were paged."
        for page in incident.pages:
            try:
                answer = await self._client.call(
                    SERVICE, incident.account, member.user, "Duty", "AcknowledgePage", {"PageId": page}
                )
            except ApiError as problem:
                return problem.message
            if answer.refusal:
                return answer.refusal
        return ""
