"""What a caller set wrong is said in the server's log, once, in a sentence that says what to set."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from kowloon.core.config import Settings
from kowloon.gateway.explanations import Explanations
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.parts import Customer

NTP = "its clock is more than 15 minutes from this machine's: set both by NTP"


@pytest.fixture
def with_tls(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(Settings(home=tmp_path / "home", engine="paper", port=0)) as cloud:
        yield cloud


def said(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


def address_of(cloud: LocalCloud) -> tuple[str, int]:
    host, _, port = cloud.endpoint.rpartition(":")
    return host, int(port)


def test_a_client_without_our_authority(with_tls: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        with (
            socket.create_connection(address_of(with_tls), 30.0) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(plain, server_hostname="ecs.aliyuncs.com")
    eventually(lambda: said(caplog, "does not trust this cloud's authority"))
    (sentence,) = said(caplog, "does not trust")
    assert sentence == (
        "a TLS client at 127.0.0.1 left: it does not trust this cloud's authority: set the CA variable of its family "
        "(kowloon env --for FAMILY prints it), or run it under `kowloon run`"
    )


def test_tls_to_a_cloud_without_certificates(cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with socket.create_connection(address_of(cloud), 30.0) as plain, pytest.raises(ssl.SSLError) as caught:
            ssl.create_default_context().wrap_socket(plain, server_hostname="ecs.aliyuncs.com")
        # An alert that the client understands, not bytes that it cannot read.
        assert caught.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"
    assert said(caplog, "TLS") == [
        "a client at 127.0.0.1 speaks TLS to a cloud without certificates: use http, or give the cloud a home folder"
    ]


def ask(cloud: LocalCloud, method: str, target: str, host: str) -> str:
    connection = http.client.HTTPConnection(cloud.endpoint, timeout=30.0)
    try:
        connection.request(method, target, headers={"Host": host})
        response = connection.getresponse()
        assert response.status in (403, 421)
        return response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(("method", "target"), [("GET", "/"), ("CONNECT", "shop.example.com:443")])
def test_a_foreign_host(cloud: LocalCloud, caplog: pytest.LogCaptureFixture, method: str, target: str) -> None:
    why = "point the client at this cloud's endpoint (kowloon env) or at a name under aliyuncs.com or dingtalk.com"
    for _ in range(2):
        assert why in ask(cloud, method, target, "shop.example.com")
    (sentence,) = said(caplog, "shop.example.com")
    assert sentence.startswith("a request for shop.example.com was refused: ")
    assert why in sentence
    assert "NO_PROXY" in sentence


def test_a_clock_that_is_off(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = Customer(cloud)
    clock = cloud.cloud.clock
    wall = clock._wall
    monkeypatch.setattr(clock, "_wall", lambda: wall() + 1000.0)
    for _ in range(2):
        refused(
            lambda: customer.call("ecs", "DescribeRegions"),
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
            400,
        )
    (sentence,) = said(caplog, "InvalidTimeStamp.Expired")
    assert NTP in sentence


def test_a_clock_that_is_off_at_the_object_store(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import oss2

    bucket = oss2.Bucket(oss2.Auth(cloud.access_key_id, cloud.access_key_secret), f"http://{cloud.endpoint}", "a-clock")
    clock = cloud.cloud.clock
    wall = clock._wall
    monkeypatch.setattr(clock, "_wall", lambda: wall() - 1000.0)
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.create_bucket()
    assert caught.value.code == "RequestTimeTooSkewed"
    assert NTP in said(caplog, "RequestTimeTooSkewed")[0]


def test_keys_of_another_cloud(cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    stranger = Customer(cloud, access_key_id="LTAI5tNobody", access_key_secret="x")
    refused(lambda: stranger.call("ecs", "DescribeRegions"), "InvalidAccessKeyId.NotFound", "Specified access key is")
    (sentence,) = said(caplog, "InvalidAccessKeyId.NotFound")
    assert 'use the keys of this cloud: eval "$(kowloon env)"' in sentence
    assert "LTAI5tNobody" not in sentence
    assert REGION not in sentence


def test_what_is_said_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "kowloon.gateway")
    explanations = Explanations()
    for number in range(3000):
        explanations.host_refused(f"h{number}.example.com")
    assert len(said(caplog, "was refused")) == 1000
    explanations.host_refused("x" * 10_000)
