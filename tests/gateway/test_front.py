"""The front of a cloud that listens: hosts, the admin's door, two clouds, reset, restarts."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kowloon.app import Cloud
from kowloon.core.clock import Clock
from kowloon.core.config import Settings
from kowloon.core.errors import ConfigurationError
from kowloon.wire.http import HttpRequest, HttpResponse
from tests.core.parts import REGION, Caller, Wall, answer, get, paper_cloud, told


def admin(caller: Caller, *headers: tuple[str, str], host: str = "127.0.0.1:8520", **more: Any) -> HttpRequest:
    token = ("authorization", f"Bearer {caller.cloud.identity.admin_token}")
    return get(more.pop("target", "/_kowloon/status"), token, *headers, host=host, **more)


@pytest.mark.parametrize(
    "host", ["example.com", "aliyuncs.com.evil.net", "192.168.1.1", "8.8.8.8", "evil-aliyuncs.com"]
)
async def test_a_host_that_is_not_ours_is_refused_and_nothing_is_forwarded(host: str) -> None:
    async with paper_cloud() as caller:
        for request in (get("/", host=host), admin(caller, host=host), caller.request("DescribeVpcs", host=host)):
            status, code, message = told(await answer(caller.cloud, request))
            assert (status, code) == (421, "HostNotServed")
            assert message == (
                f"Kowloon does not serve {host!r} and forwards nothing; point the client at this cloud's "
                "endpoint (kowloon env) or at a name under aliyuncs.com or dingtalk.com, and keep other programs "
                "out of its proxy variables (NO_PROXY)."
            )


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.8.9.1", "[::1]:80", "ecs.aliyuncs.com", "VPC.CN-Hongkong.aliyuncs.com"]
)
async def test_our_hosts_are_served(host: str) -> None:
    async with paper_cloud() as caller:
        assert (await answer(caller.cloud, caller.request("DescribeVpcs", host=host))).status == 200


async def test_the_admin_door_asks_for_the_token() -> None:
    async with paper_cloud() as caller:
        handle = functools.partial(answer, caller.cloud)
        assert (await handle(admin(caller))).status == 200
        for given in (
            (),
            (("authorization", "Bearer wrong"),),
            (("authorization", "Basic x"),),
            (("authorization", ""),),
        ):
            assert told(await handle(get("/_kowloon/status", *given))) == (
                401,
                "AdminTokenRequired",
                "Admin routes need the token kept in KOWLOON_HOME as `Authorization: Bearer TOKEN`.",
            )
        assert told(await handle(get("/_kowloon/reset", method="POST")))[:2] == (401, "AdminTokenRequired")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "file://", ""])
async def test_a_page_of_another_origin_is_refused_even_with_the_token(origin: str) -> None:
    async with paper_cloud() as caller:
        assert told(await answer(caller.cloud, admin(caller, ("origin", origin)))) == (
            403,
            "OriginRefused",
            "Admin routes refuse requests of other origins.",
        )
        own = admin(caller, ("origin", "http://127.0.0.1:8520"))
        assert (await answer(caller.cloud, own)).status == 200


@pytest.mark.parametrize("host", ["rebound.dingtalk.com", "ecs.aliyuncs.com", ""])
async def test_a_name_that_somebody_elses_dns_can_point_here_opens_no_admin_door(host: str) -> None:
    async with paper_cloud() as caller:
        assert told(await answer(caller.cloud, admin(caller, host=host))) == (
            403,
            "HostNotLocal",
            "Admin routes answer to localhost and loopback addresses only.",
        )


@pytest.mark.parametrize("host", ["rebound.localhost", "rebound.oss-cn-hongkong.aliyuncs.com"])
async def test_the_host_of_a_bucket_has_no_door_of_ours_at_all(host: str) -> None:
    async with paper_cloud() as caller:
        for target in ("/_kowloon/status", "/_kowloon/health", "/robot/send"):
            response = await answer(caller.cloud, admin(caller, target=target, host=host))
            assert response.status == 400
            assert b"<Code>InvalidArgument</Code><Message>Authorization header is invalid.</Message>" in response.body


async def test_a_wrong_method_is_405_and_an_unknown_path_is_an_api_call() -> None:
    async with paper_cloud() as caller:
        handle = functools.partial(answer, caller.cloud)
        assert told(await handle(admin(caller, method="DELETE"))) == (
            405,
            "MethodNotAllowed",
            "This address takes GET.",
        )
        post = await handle(admin(caller, target="/_kowloon/health", method="POST"))
        assert told(post) == (405, "MethodNotAllowed", "This address takes GET, HEAD.")
        assert told(await handle(admin(caller, target="/_kowloon/nothing")))[1] == "MissingParameter"


async def test_a_mistake_in_a_route_is_500_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with paper_cloud() as caller:

        def broken(request: HttpRequest) -> HttpResponse:
            raise ZeroDivisionError("a secret of the house")

        caller.cloud.routes.add("GET", "/_kowloon/broken", broken, "open")
        response = await answer(caller.cloud, get("/_kowloon/broken"))
        assert told(response) == (500, "InternalError", "This is a mistake in Kowloon; see its log.")
        assert "a secret of the house" in caplog.text


# --- over a socket ---


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Caller]:
    cloud = Cloud(settings)
    await cloud.start()
    try:
        await cloud.ready()
        yield Caller(cloud, Wall(cloud.clock.wall()))
    finally:
        await cloud.stop(end_units=True)


async def over_socket(caller: Caller, target: str) -> tuple[int, dict[str, Any]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.cloud.port)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {caller.cloud.endpoint}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await asyncio.wait_for(reader.read(), 30.0)).partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)
    finally:
        writer.close()


async def test_health_is_open_and_answers_while_200_slow_calls_run() -> None:
    async with listening(Settings(engine="paper", port=0)) as caller:
        arrived = 0
        everyone, release = asyncio.Event(), asyncio.Event()

        async def slow(request: HttpRequest) -> HttpResponse:
            nonlocal arrived
            arrived += 1
            if arrived == 200:
                everyone.set()
            await release.wait()
            return HttpResponse(200, b"{}")

        caller.cloud.routes.add("GET", "/slow", slow, "open")
        calls = [asyncio.create_task(over_socket(caller, "/slow")) for _ in range(200)]
        await asyncio.wait_for(everyone.wait(), 30.0)
        status, answer = await over_socket(caller, "/_kowloon/health")
        assert (status, answer["status"]) == (200, "serving")
        assert not any(call.done() for call in calls)
        release.set()
        assert await asyncio.gather(*calls) == [(200, {})] * 200


async def test_two_clouds_in_one_process_do_not_see_each_other() -> None:
    async with listening(Settings(engine="paper", port=0)) as one, listening(Settings(engine="paper", port=0)) as other:
        await one.ask("CreateVpc")
        assert (await other.ask("DescribeVpcs"))["TotalCount"] == 0
        crossed = other.key(one.key_id, one.secret)
        assert (await crossed.refused("DescribeVpcs"))[:2] == (404, "InvalidAccessKeyId.NotFound")
        wrong_token = get("/_kowloon/status", ("authorization", f"Bearer {one.cloud.identity.admin_token}"))
        assert told(await answer(other.cloud, wrong_token))[:2] == (401, "AdminTokenRequired")
        await one.cloud.faults.inject("zone-power", list(one.cloud.board.topology.zone_ids(REGION)), {}, label="")
        assert (await one.refused("DescribeInstances"))[:2] == (503, "ServiceUnavailable")
        assert await other.ask("DescribeInstances")
        await one.cloud.clock.skip(3600.0)
        assert other.cloud.clock.offset_s == 0.0
        # A nonce that is used here is fresh there.
        await one.ask("GetCallerIdentity", SignatureNonce="n")
        await other.ask("GetCallerIdentity", SignatureNonce="n")


# --- reset and restart ---


async def test_reset_leaves_the_account_its_keys_and_the_time_and_nothing_else() -> None:
    async with paper_cloud() as caller:
        await caller.ask("CreateVpc", ClientToken="t")
        await caller.cloud.faults.inject("zone-power", [f"{REGION}-b"], {}, label="")
        await caller.cloud.clock.skip(3600.0)
        reset = await answer(caller.cloud, admin(caller, target="/_kowloon/reset", method="POST"))
        assert (reset.status, json.loads(reset.body)) == (200, {"status": "reset"})
        assert (await caller.ask("DescribeVpcs"))["TotalCount"] == 0
        assert caller.cloud.faults.faults(injected_only=False) == []
        assert caller.cloud.board.effects() == []
        assert caller.cloud.clock.offset_s == 3600.0
        # The token is forgotten with what it made.
        assert (await caller.ask("CreateVpc", ClientToken="t", VpcName="other"))["VpcId"]
        assert caller.cloud.dingtalk.commentary.robot() is not None


async def test_a_restart_on_the_same_home_keeps_everything(tmp_path: Path) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path / "home")
    async with home_cloud(settings) as caller:
        vpc = (await caller.ask("CreateVpc", VpcName="kept", ClientToken="t"))["VpcId"]
        await caller.ask("CreateVSwitch", VpcId=vpc, ZoneId=f"{REGION}-b", CidrBlock="172.16.0.0/24")
        fault = await caller.cloud.faults.inject("zone-power", [f"{REGION}-c"], {}, label="mine")
        await caller.cloud.clock.skip(7200.0)
        before = (caller.cloud.identity, [item for item in caller.cloud.store.everything() if item.kind != "counter"])
        impaired = caller.cloud.board.view(caller.cloud.clock.now()).summary()
        assert impaired["hosts"]
    async with home_cloud(settings) as caller:
        after = (caller.cloud.identity, [item for item in caller.cloud.store.everything() if item.kind != "counter"])
        assert after[0] == before[0]
        assert {item.key: item for item in after[1]} == {item.key: item for item in before[1]}
        assert caller.cloud.clock.offset_s == 7200.0
        assert [one.id for one in caller.cloud.faults.faults(injected_only=True)] == [fault.id]
        assert caller.cloud.board.view(caller.cloud.clock.now()).summary() == impaired
        assert (await caller.ask("CreateVpc", VpcName="kept", ClientToken="t"))["VpcId"] == vpc
        await caller.cloud.faults.recover(fault.id)
        assert (await caller.ask("DescribeVSwitches", VpcId=vpc))["TotalCount"] == 1


@asynccontextmanager
async def home_cloud(settings: Settings) -> AsyncIterator[Caller]:
    """Wall time stands still, so that what is derived from it can be compared."""
    wall = Wall()
    cloud = Cloud(settings, clock=Clock(wall))
    await cloud.start(listen=False)
    try:
        await cloud.ready()
        yield Caller(cloud, wall)
    finally:
        await cloud.stop(end_units=True)


async def test_a_second_cloud_on_the_same_home_is_refused(tmp_path: Path) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path / "home")
    async with home_cloud(settings):
        with pytest.raises(ConfigurationError, match="is another kowloon running on it"):
            Cloud(settings)


async def test_files_with_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    async with listening(Settings(engine="paper", port=0, home=tmp_path / "home")) as caller:
        files = caller.cloud.files
        assert files is not None
        for path in (files.credentials, files.server, files.state, files.certificates / "ca-key.pem"):
            assert path.stat().st_mode & 0o077 == 0, path
        assert json.loads(files.server.read_bytes())["endpoint"] == caller.cloud.endpoint
    assert not files.server.exists()
