"""An organisation in a paper cloud whose clock stands still unless told, and signed calls about it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from kowloon.core.clock import iso_seconds
from kowloon.duty.planning.problem import Span
from kowloon.duty.resources import Happening, Message, Rota, Turn
from tests.core.parts import Caller

T = TypeVar("T")
_RAM = {"Version": "2015-05-01"}
_DUTY = {"Version": "2026-11-22"}
# The clock stands at 2025-10-09T08:53:20Z, a Thursday.
ORGANISATION = """title: Exchange
time_zone: UTC
units:
  - {id: cloud, title: Cloud}
  - {id: rds, title: Databases, parent: cloud, products: [rds]}
people:
  - {id: wei-1, name: Wei, user: wei, pools: [dba], reach: [{by: dingtalk, at: wei-1}]}
  - {id: wei-2, name: Wei, user: wei2, pools: [dba], reach: [{by: dingtalk, at: wei-2}]}
  - {id: lin, name: Lin, user: lin, pools: [dba, seniors], seniority: 3, reach: [{by: dingtalk, at: lin}]}
  - {id: ada, name: Ada, user: ada, pools: [partners], seniority: 5, reach: [{by: dingtalk, at: ada}]}
  - {id: omar, name: Omar, user: omar, pools: [partners], seniority: 4, reach: [{by: dingtalk, at: omar}]}
posts:
  - id: lead
    title: Lead, cloud
    oversees: [cloud]
    role: CloudLead
    acting: {succession: [omar, ada], most_days: 30}
  - id: dba
    title: Database on call
    oversees: [rds]
    role: DbaOnCall
    manager: lead
    ladder: calls
    eligible: {pools: [dba]}
    layers:
      - {id: primary, rotation: {starts: "2025-10-06T09:00", repeats: "FREQ=WEEKLY;BYDAY=MO"}}
    acting: {succession: [lin, "pool:dba"], most_days: 10}
ladders:
  - id: calls
    steps:
      - {notify: [holder], wait_min: 5, acting: true}
      - {notify: [manager], wait_min: 10}
"""
WEEKS = ("dba/primary/20251006T0900", "dba/primary/20251013T0900", "dba/primary/20251020T0900")
WEEK_S = 7 * 86400.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Office:
    """The organisation's side of a cloud: calls of one caller, the administrator at first."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.cloud = caller.cloud
        self.account = caller.cloud.identity.account_id

    @property
    def now(self) -> float:
        return self.cloud.clock.now()

    async def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """The answer of a call that succeeds, its only part if it has one."""
        answer = await self.caller.ask(action, **_DUTY, **_flat(fields))
        del answer["RequestId"]
        (first, *others) = answer.values() or [None]
        return first if not others and isinstance(first, dict) else answer

    async def refused(self, action: str, **fields: Any) -> tuple[str, str]:
        """Code and message of a call that fails, which is never a failure of the cloud's own."""
        status, code, message = await self.caller.refused(action, **_DUTY, **_flat(fields))
        assert 400 <= status < 500, (status, code, message)
        return code, message

    async def apply(self, *changes: tuple[str, str]) -> dict[str, Any]:
        """Each change: what is there, and what is to be instead."""
        text = ORGANISATION
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        return await self.ask("ApplyOrganisation", File=text)

    async def user(self, name: str, *actions: str, resource: str = "*", deny: str = "") -> Office:
        """Calls of a RAM user who may do these."""
        await self.caller.ask("CreateUser", UserName=name, **_RAM)
        statements = [{"Effect": "Allow", "Action": list(actions), "Resource": resource}] if actions else []
        if deny:
            statements.append({"Effect": "Deny", "Action": deny, "Resource": "*"})
        if statements:
            document = json.dumps({"Version": "1", "Statement": statements})
            await self.caller.ask("CreatePolicy", PolicyName=name, PolicyDocument=document, **_RAM)
            await self.caller.ask("AttachPolicyToUser", PolicyType="Custom", PolicyName=name, UserName=name, **_RAM)
        key = (await self.caller.ask("CreateAccessKey", UserName=name, **_RAM))["AccessKey"]
        return Office(self.caller.key(key["AccessKeyId"], key["AccessKeySecret"]))

    async def turns(self, *people: str, post: str = "dba", layer: str = "primary") -> None:
        """A week each from Monday the 6th on, 09:00: the first one is now."""
        begins = at("2025-10-06T09:00Z")
        made = [
            Turn(
                shift=f"{post}/{layer}/{time.strftime('%Y%m%dT%H%M', time.gmtime(start))}",
                layer=layer,
                person=person,
                spans=(Span(start, start + WEEK_S),),
            )
            for start, person in zip(range(int(begins), 1 << 40, int(WEEK_S)), people, strict=False)
        ]
        rota = Rota(id=f"{self.account}:{post}", account=self.account, post=post, turns=tuple(made))
        await self.cloud.store.run(lambda tx: tx.put(rota))
        await self.until(lambda: self.told(post) or not people)

    def told(self, post: str) -> list[Happening]:
        """Hand-overs of a post."""
        return [each for each in self.happened("handed-over") if each.post == post]

    def happened(self, *what: str) -> list[Happening]:
        found = self.cloud.store.list(Happening, account=self.account)
        return [each for each in found if not what or each.what in what]

    def messages(self, person: str, since: float = 0.0) -> list[str]:
        """Titles of what somebody is told, delivered or not."""
        found = self.cloud.store.list(Message, account=self.account)
        return [each.title for each in found if each.person == person and each.created_at >= since]

    async def skip(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        await self.cloud.clock.skip(seconds + 60 * minutes + 3600 * hours + 86400 * days)

    async def until(self, check: Callable[[], T], timeout_s: float = 20.0) -> T:
        """Lets the cloud run until that is so."""
        deadline = time.monotonic() + timeout_s
        while not (found := check()):
            assert time.monotonic() < deadline, "it never came to be"
            await asyncio.sleep(0.002)
        return found

    async def holder(self, post: str = "dba") -> tuple[str, str]:
        """Who holds it now, and how."""
        holder = await self.ask("GetHolder", PostId=post)
        return holder["PersonId"], holder["Capacity"]

    async def who(self, post: str, moment: str) -> str:
        """Who holds it at a time; `+` in front of who acts."""
        holder = await self.ask("GetHolder", PostId=post, At=moment)
        return ("+" if holder["Capacity"] == "acting" else "") + holder["PersonId"]

    def iso(self, later_s: float = 0.0) -> str:
        return iso_seconds(self.now + later_s)


def _flat(fields: dict[str, Any]) -> dict[str, str]:
    """As RPC calls carry them."""
    flat: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, list):
            flat |= {f"{name}.{place}": str(each) for place, each in enumerate(value, 1)}
        elif isinstance(value, bool):
            flat[name] = "true" if value else "false"
        else:
            flat[name] = str(value)
    return flat
