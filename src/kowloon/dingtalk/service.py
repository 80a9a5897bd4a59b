"""The messenger of one cloud, put together: what app.py gives it, and its routes."""

from __future__ import annotations

from collections.abc import Callable

from kowloon.actions.operations import Operations
from kowloon.actions.people import People
from kowloon.actions.ports import ConsoleSessions, CredentialSource, InternalClient, PersonalClient
from kowloon.actions.routes import Routes
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.dingtalk import earlier
from kowloon.dingtalk.admin import DingTalkAdmin
from kowloon.dingtalk.approvals.commands import ApprovedCommands
from kowloon.dingtalk.approvals.telling import Approvals, listen_to_clicks
from kowloon.dingtalk.cards.asking import Asking
from kowloon.dingtalk.cards.cards import Cards
from kowloon.dingtalk.chat.messenger import Messenger
from kowloon.dingtalk.commentary import Commentary
from kowloon.dingtalk.contacts.consent import Consent
from kowloon.dingtalk.contacts.follow import DutyFollower
from kowloon.dingtalk.contacts.operators import MemberAdmin
from kowloon.dingtalk.contacts.people import SignedInPeople
from kowloon.dingtalk.contacts.sign_in import MemberSignIn
from kowloon.dingtalk.open_platform import endpoints
from kowloon.dingtalk.ops.admin import RuleRoutes
from kowloon.dingtalk.ops.cast import ChatCast
from kowloon.dingtalk.ops.commands import Commands
from kowloon.dingtalk.ops.robot import OperationsRobot
from kowloon.dingtalk.ops.rooms import IncidentRooms
from kowloon.dingtalk.ops.rules import Rules
from kowloon.dingtalk.page.service import ChatPage
from kowloon.dingtalk.pager import RobotPager
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.platform.serving import OpenPlatform
from kowloon.dingtalk.push.console import PushConsole
from kowloon.dingtalk.push.deliveries import EventDeliveries
from kowloon.dingtalk.push.http import HttpPush
from kowloon.dingtalk.robot import RobotWebhook
from kowloon.dingtalk.sending.media import MediaStore
from kowloon.dingtalk.sending.sessions import SessionWebhooks
from kowloon.dingtalk.stream import opening
from kowloon.dingtalk.stream.connections import Connections
from kowloon.dingtalk.stream.inbox import RobotInbox
from kowloon.engines.dialler import Dialler
from kowloon.engines.messages.log import MessageLog
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard


class DingTalkService:
    """`home`: the account that operators mean when they name none; `objects` keeps files; `secret` signs links to
    them; `client` calls the cloud in the name of who asks; `endpoint`: host and port of this cloud; `poke` wakes a loop
    by its name for a key. `start` before it serves, and again when the cloud has got another state; `loops` are to be
    run; `say_goodbye` before the server closes, and `close` at the end."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        ids: Ids,
        bus: EventBus,
        board: HealthBoard,
        log: MessageLog,
        home: Callable[[], str],
        people: People,
        credentials: CredentialSource,
        console: ConsoleSessions,
        objects: InternalClient,
        client: PersonalClient,
        operations: Operations,
        secret: Callable[[], str],
        routes: Routes,
        dialler: Dialler,
        endpoint: Callable[[], str],
        poke: Callable[[str, str], None],
    ) -> None:
        self._log = log
        self.messenger = Messenger(store, clock, ids, log)
        plane = MessengerPlane(board, clock)
        self.stream = Connections(clock, ids, plane)
        self.parts = Parts(
            store=store,
            clock=clock,
            ids=ids,
            bus=bus,
            plane=plane,
            messenger=self.messenger,
            stream=self.stream,
            push=HttpPush(clock, ids, dialler),
            cards=Cards(store, clock, plane, self.messenger, Asking(store, clock, self.stream, dialler)),
            media=MediaStore(store, clock, ids, objects, home, secret),
            approvals=Approvals(),
            home=home,
        )
        listen_to_clicks(self.parts)
        self.people = SignedInPeople(self.parts, credentials)
        self.consent = Consent(self.parts, self.people)
        self.platform = OpenPlatform(endpoints, self.parts)
        self.webhook = RobotWebhook(self.parts)
        self.session_webhooks = SessionWebhooks(self.parts)
        self.commentary = Commentary(self.parts, self.webhook)
        self.pager = RobotPager(self.parts, self.webhook)
        self.events = EventDeliveries(store, clock, plane, self.stream, self.parts.push, poke)
        self.page = ChatPage(self.parts, self.people)
        self.inbox = RobotInbox(self.parts, self.session_webhooks, dialler, endpoint)
        self.rules = Rules(self.parts, poke)
        self.cast = ChatCast(self.parts)
        self.cast.register(routes)
        RuleRoutes(self.parts, self.rules).register(routes)
        commands = Commands(self.parts, board, people, client, operations)
        ApprovedCommands(self.parts, commands)
        self.robot = OperationsRobot(self.parts, self.parts.cards, commands, people)
        self.rooms = IncidentRooms(self.parts, self.robot, self.parts.cards, people, client, board.topology, poke)
        self.loops = (self.rules, self.stream, self.events, DutyFollower(self.parts, people), self.rooms)
        self.platform.register(routes)
        routes.add("GET", opening.PATH, self.stream.connect, "own")
        self.webhook.register(routes)
        self.session_webhooks.register(routes)
        self.parts.media.register(routes)
        MemberSignIn(self.parts, self.people, console).register(routes)
        self.consent.register(routes)
        self.page.register(routes)
        DingTalkAdmin(self.parts, self.webhook).register(routes)
        PushConsole(self.parts).register(routes)
        MemberAdmin(self.parts).register(routes)

    async def start(self) -> None:
        await earlier.bring_in(self.parts)
        await self.commentary.ensure_robot()
        await self.robot.start()

    def forget(self) -> None:
        """What is only in memory: the cloud has another state now."""
        self.platform.forget()
        self.webhook.forget()
        self.parts.media.forget()
        self.session_webhooks.forget()
        self.consent.forget()
        self.stream.forget()
        self.events.forget()
        self.inbox.forget()
        self.commentary.forget()
        self.robot.forget()
        self.parts.approvals.forget()
        self.page.live.forget()
        self.rooms.forget()
        self.rules.forget()
        self.cast.clear()

    def clear(self) -> None:
        """Nothing was ever said."""
        self._log.clear()

    def say_goodbye(self) -> None:
        """Whoever is connected shall come again."""
        self.stream.end_all("the server is closing")

    def close(self) -> None:
        self.robot.close()
        self.parts.approvals.close()
        self.rules.forget()
        self.cast.clear()
        self.page.live.close()
        self.events.close()
        self.inbox.close()
        self.commentary.close()
        self._log.close()
