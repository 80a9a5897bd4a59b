"""What the operations robot does: questions at once, changes through the API with the rights of who asked."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kowloon.actions.operations import Operations
from kowloon.actions.people import People
from kowloon.actions.ports import PersonalClient
from kowloon.core.clock import iso_seconds
from kowloon.core.config import DEFAULT_REGION
from kowloon.core.errors import ApiError
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.ops.grammar import Command, is_dangerous, usage
from kowloon.dingtalk.platform.record import SERVICE, record
from kowloon.topology.health import HealthBoard
from kowloon.topology.status_page import status_page

if TYPE_CHECKING:
    from kowloon.dingtalk.parts import Parts

log = logging.getLogger("kowloon.dingtalk")

#: Permissions of what is no API action; on `*`.
INJECT, RECOVER, DRILL = "kowloon:InjectFault", "kowloon:RecoverFault", "kowloon:RunDrill"
_NO_USER: Final = (
    "You are no RAM user of this account, so I can do nothing in your name. "
    "An operator links you: `kowloon dingtalk member link USERID RAMUSER`."
)
_Call = tuple[str, str, dict[str, Any]]


class Refused(Exception):
    """The message is for people."""


class Commands:
    """`perform` answers in Markdown, and keeps who asked in the audit; `run` raises Refused."""

    def __init__(
        self,
        parts: Parts,
        board: HealthBoard,
        people: People,
        client: PersonalClient,
        operations: Operations,
    ) -> None:
        self._parts = parts
        self._board = board
        self._people = people
        self._client = client
        self._operations = operations

    async def perform(
        self, command: Command, caller: Member, tell: Callable[[str], Awaitable[None]], **told: str
    ) -> tuple[bool, str]:
        """Whether it went well, and what to say. `told`: what else the audit has of it."""
        problem = ""
        try:
            text = await self.run(command, caller, tell)
        except Refused as refused:
            problem = text = str(refused)
        except Exception:
            log.exception("the command %r failed", command.text)
            problem = text = "That failed in me; the server's log says why."
        # By the person's name, beside the calls that the command made.
        record(
            self._parts,
            f"ChatOps:{command.verb}",
            account=caller.account,
            member=caller,
            reads=not is_dangerous(command),
            parameters={"Command": command.text, **told},
            failure=ApiError("ChatOpsRefused", 400, problem) if problem else None,
        )
        return not problem, text

    async def run(self, command: Command, caller: Member, tell: Callable[[str], Awaitable[None]]) -> str:
        """`tell` is for what comes later."""
        handler = _HANDLERS[command.verb]
        try:
            return await handler(self, caller, list(command.words), tell)
        except ApiError as problem:
            raise Refused(f"`{problem.code}`: {problem.message}") from None

    # --- questions ---

    async def help(self, caller: Member, words: list[str], tell: Any) -> str:
        return usage()

    async def status(self, caller: Member, words: list[str], tell: Any) -> str:
        regions = self._board.topology.regions
        place = words[0] if words else DEFAULT_REGION
        region = next((each for each in regions if place == each or place in self._board.topology.zone_ids(each)), None)
        if region is None:
            raise Refused(f"There is no region or zone {place}.")
        lines = status_page(self._board, region, self._parts.clock.now())
        shown = [each for each in lines if place in (region, each.name)]
        wrong = [f"- **{each.name}**: {each.true_state}" for each in shown if each.true_state != "normal"]
        faults = self._fault_lines()
        if not wrong:
            return f"#### {place}\nEverything is normal: {len(shown)} zones and control planes." + _block(faults)
        return f"#### {place}\n" + "\n".join(wrong) + _block(faults)

    async def faults(self, caller: Member, words: list[str], tell: Any) -> str:
        return "\n".join(self._fault_lines()) or "No fault is injected."

    def _fault_lines(self) -> list[str]:
        return [
            f"- `{each.id}` {each.kind} on {', '.join(each.scope)} since {iso_seconds(each.since)}"
            for each in self._operations.impairments()
        ]

    async def who(self, caller: Member, words: list[str], tell: Any) -> str:
        names = {each.id: each.name for each in self._people.people(caller.account)}
        asked = words[0].lower() if words else ""
        rows = []
        for each in self._people.holders(caller.account):
            if asked and asked not in f"{each.post} {each.title}".lower():
                continue
            held = ", ".join([names.get(person, person) for person in each.people]) or "nobody"
            acting = " (acting)" if each.acting else ""
            rows.append(f"- **{each.title}**: {held}{acting}")
        if not rows:
            raise Refused(f"There is no post like {asked!r}." if asked else "This account has no duty organisation.")
        return "\n".join(rows)

    async def describe(self, caller: Member, words: list[str], tell: Any) -> str:
        id = words[0]
        kind = id.partition("-")[0]
        if kind == "i":
            body = await self._ask(caller, ("Ecs", "DescribeInstances", {"InstanceIds": [id]}), id)
            found = next(iter(body["Instances"]["Instance"]), None)
            if found is None:
                raise Refused(f"There is no instance {id}.")
            addresses = found["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]
            return _card(id, found, ("InstanceName", "Status", "InstanceType", "ZoneId"), {"Address": addresses})
        if kind in ("rm", "pgm"):
            body = await self._ask(caller, ("Rds", "DescribeDBInstanceAttribute", {"DBInstanceId": id}), id)
            found = body["Items"]["DBInstanceAttribute"][0]
            return _card(id, found, ("DBInstanceDescription", "DBInstanceStatus", "Engine", "EngineVersion", "ZoneId"))
        if kind == "lb":
            body = await self._ask(caller, ("Slb", "DescribeLoadBalancerAttribute", {"LoadBalancerId": id}), id)
            servers = [each["ServerId"] for each in body.get("BackendServers", {}).get("BackendServer", [])]
            fields = ("LoadBalancerName", "LoadBalancerStatus", "Address", "MasterZoneId", "SlaveZoneId")
            return _card(id, body, fields, {"Servers": servers})
        raise Refused(f"I know instances (i-), databases (rm-, pgm-) and balancers (lb-), not {id}.")

    # --- changes ---

    async def restart(self, caller: Member, words: list[str], tell: Any) -> str:
        id = words[0]
        if id.startswith("i-"):
            await self._ask(caller, ("Ecs", "RebootInstance", {"InstanceId": id}), id)
        elif id.startswith(("rm-", "pgm-")):
            await self._ask(caller, ("Rds", "RestartDBInstance", {"DBInstanceId": id}), id)
        else:
            raise Refused(f"I restart instances (i-) and databases (rm-, pgm-), not {id}.")
        return f"{id} restarts."

    async def start(self, caller: Member, words: list[str], tell: Any) -> str:
        await self._ask(caller, ("Ecs", "StartInstance", {"InstanceId": words[0]}), words[0])
        return f"{words[0]} starts."

    async def stop(self, caller: Member, words: list[str], tell: Any) -> str:
        await self._ask(caller, ("Ecs", "StopInstance", {"InstanceId": words[0]}), words[0])
        return f"{words[0]} stops."

    async def fail_over(self, caller: Member, words: list[str], tell: Any) -> str:
        id = words[0]
        found = await self._ask(caller, ("Rds", "DescribeDBInstanceHAConfig", {"DBInstanceId": id}), id)
        nodes = found["HostInstanceInfos"]["NodeInfo"]
        standby = next((each["NodeId"] for each in nodes if each["NodeType"] != "Master"), "")
        if not standby:
            raise Refused(f"{id} has no standby.")
        await self._ask(caller, ("Rds", "SwitchDBInstanceHA", {"DBInstanceId": id, "NodeId": standby}), id)
        return f"{id} switches to {standby}."

    async def weight(self, caller: Member, words: list[str], tell: Any) -> str:
        balancer, server, weight = words
        servers = msgspec.json.encode([{"ServerId": server, "Weight": weight}]).decode()
        given = {"LoadBalancerId": balancer, "BackendServers": servers}
        await self._ask(caller, ("Slb", "SetBackendServers", given), balancer)
        return f"{server} has weight {weight} behind {balancer}."

    async def inject(self, caller: Member, words: list[str], tell: Any) -> str:
        await self._must(caller, INJECT)
        id = await self._operations.inject(words[0], words[1:], f"by {caller.name} from the messenger")
        return f"Fault `{id}`: {words[0]} on {', '.join(words[1:])}. `recover {id}` ends it."

    async def recover(self, caller: Member, words: list[str], tell: Any) -> str:
        await self._must(caller, RECOVER)
        ended = await self._operations.recover("all" if words[0] == "全部" else words[0])
        return f"{ended} recovered."

    async def drill(self, caller: Member, words: list[str], tell: Callable[[str], Awaitable[None]]) -> str:
        await self._must(caller, DRILL)
        id = await self._operations.drill(words[0], tell)
        return f"Drill `{id}` of {words[0]} has begun."

    # --- in whose name ---

    async def _ask(self, caller: Member, call: _Call, id: str) -> dict[str, Any]:
        """By the API, where the resource is."""
        if not caller.user:
            raise Refused(_NO_USER)
        product, action, parameters = call
        scope = self._parts.store.scope_of(id)
        region = scope[1] if scope is not None and scope[0] == caller.account and scope[1] else DEFAULT_REGION
        answer = await self._client.call(
            SERVICE, caller.account, caller.user, product, action, {**parameters, "RegionId": region}
        )
        if answer.refusal:
            raise Refused(f"`{answer.body.get('Code', answer.status)}`: {answer.body.get('Message', '')}")
        return answer.body

    async def _must(self, caller: Member, permission: str) -> None:
        if not caller.user:
            raise Refused(_NO_USER)
        if caller.account != self._parts.home():
            # Places are everybody's: no other account's administrator may break them.
            raise Refused("`NoPermission`: faults and drills are of this cloud's first account.")
        if not await self._client.may(SERVICE, caller.account, caller.user, permission, "*"):
            raise Refused(f"`NoPermission`: your RAM user {caller.user} may not do {permission}.")


def _block(lines: list[str]) -> str:
    return "\n\nFaults:\n" + "\n".join(lines) if lines else ""


def _card(id: str, found: dict[str, Any], names: tuple[str, ...], more: dict[str, list[str]] | None = None) -> str:
    rows = [f"- {name}: {found[name]}" for name in names if found.get(name)]
    rows += [f"- {name}: {', '.join(values)}" for name, values in (more or {}).items() if values]
    return f"#### {id}\n" + "\n".join(rows)


_Handler = Callable[[Commands, Member, list[str], Callable[[str], Awaitable[None]]], Awaitable[str]]
_HANDLERS: Final[dict[str, _Handler]] = {
    "help": Commands.help,
    "status": Commands.status,
    "faults": Commands.faults,
    "who": Commands.who,
    "describe": Commands.describe,
    "restart": Commands.restart,
    "start": Commands.start,
    "stop": Commands.stop,
    "fail-over": Commands.fail_over,
    "weight": Commands.weight,
    "inject": Commands.inject,
    "recover": Commands.recover,
    "drill": Commands.drill,
}
