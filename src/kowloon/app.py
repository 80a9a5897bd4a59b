"""One cloud: the only place where implementations are chosen and wired. Two clouds live side by side in one process."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Mapping

import msgspec

from kowloon.actions.declare import Product, Registry
from kowloon.actions.paging import Pager
from kowloon.actions.ports import Standing
from kowloon.actions.routes import Routes
from kowloon.actions.sessions import TrustLog
from kowloon.actions.web_page import WebPage
from kowloon.addresses import ClaimedAddresses
from kowloon.admin.accounts import AccountRoutes
from kowloon.admin.ram import RamRoutes
from kowloon.admin.routes import AdminRoutes
from kowloon.admin.snapshots import BeforeFaults, Snapshots
from kowloon.changeover import Changeover
from kowloon.controllers.runtime import ControllerRuntime
from kowloon.controllers.units import UnitKeeper
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.config import HomeCredentials, HomeFiles, MailServer, Settings
from kowloon.core.errors import ConfigurationError
from kowloon.core.events import RequestEvent
from kowloon.core.ids import Ids
from kowloon.core.transitions import Transitions
from kowloon.dingtalk.service import DingTalkService
from kowloon.drill.operations import Operator
from kowloon.drill.routes import DrillRoutes
from kowloon.drill.service import Drills
from kowloon.duty.actions import duty
from kowloon.duty.channels import MailPager, WebhookPager
from kowloon.duty.people import DutyPeople
from kowloon.duty.rosters import Rosters
from kowloon.duty.service import DutyService
from kowloon.engines.base import EngineError, UnitEngine
from kowloon.engines.blob.storage import open_storage
from kowloon.engines.dialler import Dialler
from kowloon.engines.jobs import Jobs
from kowloon.engines.parts import PaperParts, Parts, ProcessParts
from kowloon.faults.manager import FaultManager
from kowloon.first_account import FirstAccount, write_private
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.chain import Chain
from kowloon.gateway.explanations import Explanations
from kowloon.gateway.front import Front
from kowloon.gateway.hosts import Hosts
from kowloon.gateway.internal import InternalCalls
from kowloon.gateway.json_calls import JsonCalls, Signer
from kowloon.gateway.personal import PersonalCalls
from kowloon.gateway.transport import Server
from kowloon.kept import open_audit, open_messages, open_store, restored
from kowloon.services.actiontrail.actions import actiontrail
from kowloon.services.actiontrail.audit import AuditTrail
from kowloon.services.actiontrail.delivery import TrailDelivery
from kowloon.services.ecs.actions import ecs
from kowloon.services.ecs.command_runs import CommandRuns
from kowloon.services.ecs.image_data import ImageData
from kowloon.services.ecs.metadata import Metadata
from kowloon.services.ecs.reconcile import InstanceStatus
from kowloon.services.location.actions import location
from kowloon.services.oss.actions import oss
from kowloon.services.oss.chain import ObjectChain
from kowloon.services.oss.leftovers import Leftovers
from kowloon.services.oss.parts import Parts as ObjectParts
from kowloon.services.oss.runs.access_logs import AccessLogs
from kowloon.services.oss.runs.dropped_run import DroppedRuns
from kowloon.services.oss.runs.inventory_run import InventoryRuns
from kowloon.services.oss.runs.leftover_runs import LeftoverRuns
from kowloon.services.oss.runs.lifecycle_run import LifecycleRuns
from kowloon.services.oss.runs.replication_run import ReplicationRuns
from kowloon.services.oss.space import Spaces, Versions
from kowloon.services.oss.uploads.async_fetch_run import FetchRuns
from kowloon.services.oss.uploads.callback_sender import CallbackSender
from kowloon.services.oss.zones import StorageZones
from kowloon.services.ram.actions import ram
from kowloon.services.ram.credentials import StoredCredentials
from kowloon.services.ram.diagnosis import DiagnosticSeal
from kowloon.services.ram.ims.actions import ims
from kowloon.services.ram.key_use import KeyUseLog
from kowloon.services.ram.policies import AttachedPolicies
from kowloon.services.ram.resourcemanager.actions import resourcemanager
from kowloon.services.ram.resourcemanager.control import ControlPolicies
from kowloon.services.ram.sign_in import SignIn
from kowloon.services.rds.actions import rds
from kowloon.services.rds.contents import DatabaseContents
from kowloon.services.rds.failover import DatabaseHa
from kowloon.services.slb.actions import slb
from kowloon.services.slb.failover import BalancerHa
from kowloon.services.slb.health import HealthListener
from kowloon.services.sts.actions import sts
from kowloon.services.sts.federation import Federation
from kowloon.services.tag.actions import tag
from kowloon.services.vpc.actions import vpc
from kowloon.services.vpc.reconcile import EipFollow
from kowloon.topology.health import HealthBoard
from kowloon.topology.map import Topology

PRODUCTS: tuple[Product, ...] = (
    ecs,
    vpc,
    slb,
    rds,
    oss,
    ram,
    ims,
    resourcemanager,
    sts,
    tag,
    actiontrail,
    location,
    duty,
)


class Cloud:
    """Build, `start`, use `endpoint`, `stop`. `clock` and the engines' parts can be given for simulation."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, parts: Parts | None = None) -> None:
        self.settings = settings
        self.files = HomeFiles(settings.home) if settings.home is not None else None
        if self.files is not None:
            self.files.home.mkdir(parents=True, exist_ok=True)
            os.chmod(self.files.home, 0o711)
        self.ids = Ids(settings.seed)
        self.bus = EventBus()
        self.registry = Registry(PRODUCTS)
        self.store, self.codec = open_store(self.files, self.registry)
        self.clock = restored(clock or Clock(), self.store)
        self.board = HealthBoard(Topology.vendor())
        self._declare_planes()
        self.parts = parts or self._choose_parts()
        self.storage = open_storage(
            self.files.objects if self.files is not None else None, durable=settings.durable, clock=self.clock
        )
        self.storage_zones = StorageZones(self.storage, self.board, self.clock)
        self.addresses = ClaimedAddresses(self.store, self.parts.addresses)
        self.first_account = FirstAccount(self.files, self.store, self.clock, self.ids)
        self.audit = open_audit(self.files, self.clock)
        self.faults = FaultManager(self.store, self.board, self.clock, self.bus, self.ids)
        self.drills = Drills(self.store, self.board, self.clock, self.bus, self.ids, self.faults)
        self.runtime = ControllerRuntime(self.store, self.clock, self.board, settings.takeover_s)
        self.transitions = self._choose_transitions()
        self.routes = Routes()
        self.server: Server | None = None
        #: A state is saved, or another takes its place.
        self._one_at_a_time = asyncio.Lock()
        self._opening: asyncio.Task[None] | None = None
        self.port = 0
        self._wire()

    @property
    def engines(self) -> Mapping[str, UnitEngine]:
        return self.parts.engines

    @property
    def identity(self) -> HomeCredentials:
        return self.first_account.identity

    @property
    def endpoint(self) -> str:
        """host:port as SDKs take it."""
        return f"{self.settings.host}:{self.port}"

    def _declare_planes(self) -> None:
        for product in self.registry.products:
            if product.plane is None:
                continue
            for region in self.board.topology.regions:
                nodes, edges = product.plane(region, self.board.topology.zone_ids(region))
                self.board.declare(nodes, edges)

    def _choose_transitions(self) -> Transitions:
        try:
            return Transitions(self.settings.transitions, self.clock, self.bus, self.runtime.poke)
        except ValueError as problem:
            raise ConfigurationError(str(problem)) from None

    def _choose_parts(self) -> Parts:
        if self.settings.engine == "paper":
            return PaperParts()
        if self.files is None:
            raise ConfigurationError("the process engine keeps data; give the cloud a home folder")
        return ProcessParts(
            self.files, lease_s=self.settings.lease_s, unsandboxed_user_data=self.settings.unsandboxed_user_data
        )

    def _wire(self) -> None:
        self.hosts = Hosts(frozenset({self.settings.host}))
        self._wire_loops()
        self._wire_listeners()
        self._wire_admin()
        self._wire_calls()
        self._wire_messenger()
        self._wire_duty()
        self._wire_objects()
        self._wire_front()
        self._wire_states()

    def _wire_loops(self) -> None:
        self.rosters = Rosters(self.store, self.clock)
        self.runtime.add(UnitKeeper(self.store, self.board, self.clock, self.bus, self.parts.engines, self.runtime))
        self.runtime.add(InstanceStatus(self.store, self.board, self.clock, self.bus, self.transitions))
        self.runtime.add(ImageData(self.store, self.board, self.clock, self.bus, self.transitions, self.parts.compute))
        self.runtime.add(CommandRuns(self.store, self.board.topology, self.clock, self.parts.compute))
        self.runtime.add(EipFollow(self.store, self.board.topology))
        self.runtime.add(BalancerHa(self.store, self.board, self.clock, self.bus))
        self.runtime.add(HealthListener(self.store, self.board.topology, self.clock, self.parts.balancer))
        self.runtime.add(
            DatabaseHa(self.store, self.board, self.clock, self.bus, self.transitions, self.parts.database)
        )
        self.runtime.add(DatabaseContents(self.store, self.board, self.parts.database))

    def _wire_listeners(self) -> None:
        self.key_use = KeyUseLog(self.store, self.clock, self.bus)
        self.credentials = StoredCredentials(self.store, self.rosters)
        self.duty_people = DutyPeople(self.rosters, self.clock)
        self.sign_in = SignIn(self.store, self.board, self.clock, self.ids, self.bus, self.credentials)
        self.internal = InternalCalls(lambda request: self.front.handle(request), self.store, self.clock, self.ids)
        self.bus.subscribe(self.audit.take, RequestEvent)
        self.runtime.add(self.audit)

    def _wire_admin(self) -> None:
        AdminRoutes(
            store=self.store,
            board=self.board,
            clock=self.clock,
            bus=self.bus,
            registry=self.registry,
            faults=self.faults,
            engines=self.parts.engines,
            storage=self.storage,
            reset=self.reset,
        ).register(self.routes)
        DrillRoutes(self.drills).register(self.routes)
        AccountRoutes(self.store, self.clock, self.ids).register(self.routes)
        self.seal = DiagnosticSeal(self.identity.admin_token)
        self.authorizer = AttachedPolicies(self.store, self.seal, ControlPolicies(self.store).of)
        RamRoutes(self.store, self.registry, self.clock, self.authorizer).register(self.routes)

    def _wire_calls(self) -> None:
        self.chain = Chain(
            registry=self.registry,
            store=self.store,
            board=self.board,
            clock=self.clock,
            ids=self.ids,
            bus=self.bus,
            credentials=self.credentials,
            authorizer=self.authorizer,
            default_region=self.settings.region,
            ports={
                AuditTrail: self.audit,
                Registry: self.registry,
                Standing: self.rosters,
                Rosters: self.rosters,
                TrustLog: self.authorizer.log,
                DiagnosticSeal: self.seal,
                Federation: Federation(self.store, self.clock, self._new_dialler()),
            },
        )
        self.sign_in.register(self.routes)
        JsonCalls(self.chain, self.registry, self.credentials, self.clock, self.ids, self._administrator).register(
            self.routes
        )

    def _administrator(self) -> Signer:
        return Signer(self.identity.access_key_id, self.identity.access_key_secret)

    def _wire_messenger(self) -> None:
        self.operator = Operator(self.faults, self.drills)
        self.dingtalk = DingTalkService(
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            bus=self.bus,
            board=self.board,
            log=open_messages(self.files),
            home=lambda: self.identity.account_id,
            people=self.duty_people,
            credentials=self.credentials,
            console=self.sign_in,
            objects=self.internal,
            client=PersonalCalls(
                self.chain, self.registry, self.store, self.credentials, self.authorizer, self.clock, self.ids
            ),
            operations=self.operator,
            secret=lambda: self.identity.admin_token,
            routes=self.routes,
            dialler=self._new_dialler(),
            endpoint=lambda: self.endpoint,
            poke=self.runtime.poke,
        )
        for loop in self.dingtalk.loops:
            self.runtime.add(loop)

    def _wire_duty(self) -> None:
        try:
            mail = MailServer.parse(self.settings.mail_server, self.settings.mail_sender)
        except ValueError as problem:
            raise ConfigurationError(str(problem)) from None
        pagers: dict[str, Pager] = {
            "dingtalk": self.dingtalk.pager,
            "email": MailPager(self._new_dialler(), mail),
            "webhook": WebhookPager(self._new_dialler()),
        }
        self.duty = DutyService(self.store, self.clock, self.ids, self.bus, self.rosters, pagers, self.runtime.poke)
        self.duty.cast.register(self.routes)
        for loop in self.duty.loops:
            self.runtime.add(loop)
        WebPage("duty", "kowloon.duty.page").register(self.routes)

    def _wire_objects(self) -> None:
        self.callbacks = CallbackSender(self.store, self.clock, self._new_dialler())
        self.callbacks.register(self.routes)
        self.image_jobs = Jobs(most=2)
        self.select_jobs = Jobs(most=2)
        versions = Versions(self.clock, self.ids)
        leftovers = Leftovers(lambda bucket: self.runtime.poke(LeftoverRuns.name, bucket))
        object_parts = ObjectParts(
            store=self.store,
            storage=self.storage,
            board=self.board,
            clock=self.clock,
            ids=self.ids,
            bus=self.bus,
            credentials=self.credentials,
            authorizer=self.authorizer,
            versions=versions,
            leftovers=leftovers,
            default_region=self.settings.region,
            own_host=self.hosts.serves,
            callbacks=self.callbacks,
            image_jobs=self.image_jobs,
            select_jobs=self.select_jobs,
            spaces=Spaces(self.storage, versions, leftovers),
        )
        self.access_logs = AccessLogs(object_parts)
        self.objects = ObjectChain(object_parts, self.access_logs)
        self.runtime.add(self.access_logs)
        self.runtime.add(DroppedRuns(object_parts))
        self.runtime.add(FetchRuns(object_parts, self._new_dialler()))
        self.runtime.add(InventoryRuns(object_parts))
        self.runtime.add(LeftoverRuns(object_parts))
        self.runtime.add(LifecycleRuns(object_parts))
        self.runtime.add(ReplicationRuns(object_parts))

    def _wire_front(self) -> None:
        self.metadata = Metadata(
            self.store,
            self.clock,
            self.ids,
            secret=self.identity.admin_token,
            account=lambda: self.identity.account_id,
            region=self.settings.region,
        )
        self.metadata.register(self.routes)
        self.explanations = Explanations()
        self.explanations.listen(self.bus)
        self.front = Front(
            self.chain,
            self.objects,
            self.routes,
            self.hosts,
            self.metadata.handle,
            self.explanations,
            self.identity.admin_token,
        )
        self.runtime.add(TrailDelivery(self.store, self.board.topology, self.clock, self.audit, self.internal))

    def _wire_states(self) -> None:
        before = BeforeFaults(self.store, self.clock)
        self.faults.before = before.keep
        has_real_parts = self.settings.engine == "process"
        self.changeover = Changeover(
            store=self.store,
            storage=self.storage,
            parts=self.parts,
            addresses=self.addresses,
            first_account=self.first_account,
            clock=self.clock,
            audit=self.audit,
            faults=self.faults,
            drills=self.drills,
            runtime=self.runtime,
            dingtalk=self.dingtalk,
            forget=(
                self.drills.forget,
                self.key_use.forget,
                self.authorizer.log.clear,
                self.runtime.forget,
                self.transitions.forget,
                self.access_logs.forget,
                self.duty.forget,
                self.dingtalk.forget,
                self.operator.forget,
            ),
            forget_before=before.forget,
            keeps_real_parts=has_real_parts,
        )
        self.snapshots = Snapshots(
            self.files.snapshots if self.files is not None else None,
            before,
            store=self.store,
            codec=self.codec,
            storage=self.storage,
            clock=self.clock,
            world=self.changeover,
            one_at_a_time=self._one_at_a_time,
            has_real_parts=has_real_parts,
        )
        self.snapshots.register(self.routes)

    def _new_dialler(self) -> Dialler:
        try:
            networks = [ipaddress.ip_network(text) for text in self.settings.reach]
        except ValueError as problem:
            raise ConfigurationError(f"a network that this cloud may reach is none: {problem}") from None
        return Dialler(lambda: (self.port,), networks)

    async def start(self, *, listen: bool = True) -> None:
        """Claim addresses, bring the declared state back, serve; the real parts are taken over meanwhile."""
        self.addresses.claim()
        # Before the storage is opened: a zone that is down has nobody to heal it, or to be healed by.
        self.faults.restore()
        await self.storage.open()
        await self.drills.restore()
        await self.dingtalk.start()
        if listen:
            await self._listen()
        self._opening = asyncio.get_running_loop().create_task(self._open_parts())

    async def ready(self) -> None:
        """Returns once the engines are open and the controllers run; raises what kept them from it."""
        if self._opening is not None:
            await asyncio.shield(self._opening)

    async def _open_parts(self) -> None:
        # Not before serving: probing a sandbox and meeting the supervisor take longer than a first answer may.
        try:
            await self.parts.open()
        except OSError as problem:
            raise EngineError(f"the real parts cannot be opened: {problem}; try `kowloon doctor`") from problem
        self.runtime.start()

    async def _listen(self) -> None:
        authority = None
        if self.files is not None:
            authority = CertificateAuthority(self.files.certificates, self.clock)
            authority.write_bundle(self.files.bundle)
            authority.write_truststore(self.files.truststore)
        self.server = Server(
            self.front.handle,
            receive=self.front.receive,
            tls=authority,
            serves_host=self.front.serves_host,
            clock=self.clock,
            explanations=self.explanations,
        )
        self.port = await self.server.start(self.settings.host, self.settings.port)
        if self.files is not None:
            running = {"endpoint": self.endpoint, "pid": os.getpid(), "engine": self.settings.engine}
            write_private(self.files.server, msgspec.json.encode(running))

    async def stop(self, *, end_units: bool = False) -> None:
        """Stop serving. Units live on for a lease, unless `end_units`."""
        self.dingtalk.say_goodbye()
        if self.server is not None:
            await self.server.close()
        self.drills.forget()
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self.runtime.stop()
        await self.access_logs.flush()
        await self.parts.close(end_units=end_units)
        self.addresses.release()
        self.operator.forget()
        self.dingtalk.close()
        self.key_use.close()
        self.faults.close()
        await self.storage_zones.close()
        await self.duty.close()
        await self.image_jobs.close()
        await self.select_jobs.close()
        await self.storage.close()
        self.snapshots.close()
        self.clock.close()
        self.store.close()
        self.audit.close()
        if self.files is not None:
            self.files.server.unlink(missing_ok=True)

    async def reset(self, *, clock: bool = False) -> None:
        """Everything gone but the account, its keys and the claimed addresses; and, if `clock`, what was skipped."""
        async with self._one_at_a_time:
            await self.changeover.reset(clock=clock)
