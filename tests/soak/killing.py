"""Kill a serving cloud under load, again and again, and look whether it kept its word."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from pathlib import Path

import msgspec

from kowloon.core.events import RequestEvent
from kowloon.engines.audit.journal import Journal
from tests.cli.parts import Served

_VPCS_AT_ONCE = 2


class Load:
    """Clients that create networks until the server is gone, and note what they were promised."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.vpcs: dict[str, str] = {}
        self.vswitches: dict[str, tuple[str, str]] = {}
        self.refusals: list[bytes] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_VPCS_AT_ONCE)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30.0)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            number = 0
            while True:
                number += 1
                name = f"v{threading.get_ident() % 10**6}-{number}"
                vpc = self._ask(connection, "CreateVpc", VpcName=name, CidrBlock="10.0.0.0/8")
                if vpc is None:
                    return
                self.vpcs[vpc["VpcId"]] = name
                for third in range(2):
                    cidr = f"10.0.{third}.0/24"
                    vswitch = self._ask(
                        connection, "CreateVSwitch", VpcId=vpc["VpcId"], ZoneId="cn-hongkong-b", CidrBlock=cidr
                    )
                    if vswitch is None:
                        return
                    self.vswitches[vswitch["VSwitchId"]] = (vpc["VpcId"], cidr)

    def _ask(self, connection: http.client.HTTPConnection, action: str, **fields: str) -> dict[str, str] | None:
        connection.request("GET", self.served.target(action, **fields))
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            self.refusals.append(body)
            return None
        answer: dict[str, str] = json.loads(body)
        return answer

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30.0)
            assert not thread.is_alive()


class Toll(dict[str, int]):
    """Rounds, acknowledged creations, and found ones."""


def kill_repeatedly(home: Path, rounds: int, seed: int, progress_every: int = 0) -> Toll:
    """Each round: start on what the last one left, check it, load it, kill it. AssertionError for a broken promise."""
    chosen = random.Random(seed)
    toll = Toll(rounds=0, vpcs=0, vswitches=0)
    vpcs: dict[str, str] = {}
    vswitches: dict[str, tuple[str, str]] = {}
    began = time.monotonic()
    for number in range(rounds + 1):
        served = Served(home, "--quiet")
        try:
            check(served, vpcs, vswitches)
            if number == rounds:
                break
            if len(vpcs) > 400:
                # So that starting and checking stay as long as they are.
                assert served.admin("POST", "reset")[0] == 200
                vpcs, vswitches = {}, {}
            load = Load(served)
            threading.Event().wait(chosen.uniform(0.0, 0.25))
        finally:
            served.kill()
        load.join()
        assert load.refusals == []
        audited = audited_vpcs(home)
        assert load.vpcs.keys() <= audited, "an acknowledged call is not in the audit"
        vpcs |= load.vpcs
        vswitches |= load.vswitches
        toll["rounds"] += 1
        toll["vpcs"] += len(load.vpcs)
        toll["vswitches"] += len(load.vswitches)
        if progress_every and toll["rounds"] % progress_every == 0:
            print(f"kill -9: {toll} after {time.monotonic() - began:.0f} s", flush=True)
    return toll


def audited_vpcs(home: Path) -> set[str]:
    """The VPCs that the journal of a dead server knows to have been made."""
    journal = Journal(home / "audit")
    decoder = msgspec.msgpack.Decoder(RequestEvent)
    events = [decoder.decode(record[1:]) for _, record in journal.read(0)]
    journal.close()
    return {event.response["VpcId"] for event in events if event.action == "CreateVpc" and event.response}


def check(served: Served, vpcs: dict[str, str], vswitches: dict[str, tuple[str, str]]) -> None:
    status, answer = served.admin("GET", "status")
    assert status == 200
    stored_vpcs = {row["VpcId"]: row for row in everything(served, "DescribeVpcs", "Vpcs", "Vpc")}
    stored_vswitches = {
        row["VSwitchId"]: row for row in everything(served, "DescribeVSwitches", "VSwitches", "VSwitch")
    }
    assert {id: stored_vpcs[id]["VpcName"] for id in vpcs} == vpcs
    found = {id: (stored_vswitches[id]["VpcId"], stored_vswitches[id]["CidrBlock"]) for id in vswitches}
    assert found == vswitches
    # Nothing half: every vSwitch has its VPC, and the counts are those of the admin's own view.
    assert {row["VpcId"] for row in stored_vswitches.values()} <= stored_vpcs.keys()
    assert answer["resources"].get("vpc", 0) == len(stored_vpcs)


def everything(served: Served, action: str, outer: str, inner: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    number = 1
    while True:
        answer = served.ask(action, PageSize="50", PageNumber=str(number))
        rows += answer[outer][inner]
        if len(rows) >= answer["TotalCount"]:
            return rows
        number += 1
