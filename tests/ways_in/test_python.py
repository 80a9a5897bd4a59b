"""The official Python clients: aliyun-python-sdk-core (V1 signatures) and tea-openapi (ACS3); what a proxy refuses."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ways_in.installs import HERE
from tests.ways_in.way import OFFICIAL, Way

SIGNATURES = {"core": "V1", "tea": "ACS3"}
FAMILIES = {"core": "python-core", "tea": "python"}
WAYS = {"http": (), "https": ("--https",), "proxy": ("--proxy",)}
FOREIGN = ["example.com", "203.0.113.7", "aliyuncs.com.example.com", "notaliyuncs.com"]


def client(library: str) -> list[str]:
    return [sys.executable, str(HERE / "python" / "client.py"), library]


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("library", SIGNATURES)
def test_python(way: Way, library: str, options: tuple[str, ...]) -> None:
    way.check(client(library), FAMILIES[library], *options, signature=SIGNATURES[library])


def test_the_older_client_over_https_through_the_proxy(way: Way) -> None:
    way.check(client("core"), "python-core", "--proxy", "--https", signature="V1")


def test_the_current_client_over_https_through_the_proxy_wants_the_authority_in_its_config(way: Way) -> None:
    environment = way.environment("python", "--proxy", "--https")
    refused = way.start(client("tea"), {**environment, "WAYS_IN_HOST": OFFICIAL})
    assert refused.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
    assert not way.requests
    authority = {"WAYS_IN_CA": environment["KOWLOON_CA_BUNDLE"]}
    way.check(client("tea"), "python", "--proxy", "--https", signature="ACS3", extra=authority)


def test_a_wrong_authority_is_not_trusted(way: Way) -> None:
    """The https tests prove something only if a client that was told nothing refuses."""
    environment = way.environment("python", "--https")
    untold = {name: value for name, value in environment.items() if name != "SSL_CERT_FILE"}
    refused = way.start(client("tea"), untold)
    assert refused.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


def ask_proxy(way: Way, method: str, target: str, host: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(way.cloud.endpoint, timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        response = connection.getresponse()
        # An opened tunnel has no body: reading would wait for it.
        return response.status, json.loads(response.read()) if response.status >= 400 else {}
    finally:
        connection.close()


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_refused_by_the_proxy(way: Way, host: str) -> None:
    status, body = ask_proxy(way, "GET", f"http://{host}/", host)
    assert (status, body["Code"]) == (421, "HostNotServed")
    assert repr(host) in body["Message"]
    assert "forwards nothing" in body["Message"]


@pytest.mark.parametrize("host", FOREIGN)
def test_no_tunnel_leads_to_a_foreign_host(way: Way, host: str) -> None:
    status, body = ask_proxy(way, "CONNECT", f"{host}:443", f"{host}:443")
    assert (status, body["Code"]) == (403, "TunnelRefused")
    assert host in body["Message"]


@contextmanager
def neighbour() -> Iterator[socket.socket]:
    """Another program's port on this machine: the one place that a forwarded request could reach in a test."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def test_nothing_is_forwarded_to_other_ports_of_this_machine(way: Way) -> None:
    with neighbour() as listener:
        port = listener.getsockname()[1]
        status, body = ask_proxy(way, "GET", f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}")
        assert (status, bool(body["Code"])) == (400, True)
        # Our own server answers at the end of the tunnel.
        status, _ = ask_proxy(way, "CONNECT", f"127.0.0.1:{port}", f"127.0.0.1:{port}")
        assert status == 200
        with pytest.raises(BlockingIOError):
            listener.accept()
