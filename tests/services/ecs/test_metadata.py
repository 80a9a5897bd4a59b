"""The metadata service as an instance's programs see it, and the credentials that it hands out."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

import msgspec
import pytest

from kowloon.store.identity import StoredKey
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import refused
from tests.services.ecs.test_instance_roles import attach, make_role
from tests.services.parts import IMAGE, TYPE, Customer

HOST = "100.100.100.200"
TTL = "X-aliyun-ecs-metadata-token-ttl-seconds"
TOKEN = "X-aliyun-ecs-metadata-token"
FOLDER = "/latest/meta-data/ram/security-credentials/"


class Program:
    """Something that runs as if on an instance."""

    def __init__(self, cloud: LocalCloud, **wanted: str) -> None:
        self.cloud = cloud
        self.status, body = admin(cloud, wanted)
        self.refusal = body if self.status != 200 else {}
        self.identity: str = body.get("identity", "")

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        word = base64.b64encode(f"kowloon:{self.identity}".encode()).decode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.cloud, method, path, {"Proxy-Authorization": f"Basic {word}", **named})

    def read(self, path: str) -> str:
        status, text = self.ask(f"/latest/meta-data/{path}")
        assert status == 200, (path, text)
        return text


def ask(cloud: LocalCloud, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(cloud.endpoint, timeout=30.0)
    try:
        connection.request(method, path, headers={"Host": HOST, **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def admin(cloud: LocalCloud, body: object) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(cloud.endpoint, timeout=30.0)
    headers = {"Authorization": f"Bearer {cloud.admin_token}"}
    try:
        connection.request("POST", "/_kowloon/ecs/identities", json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def as_session(cloud: LocalCloud, answer: str) -> tuple[Customer, dict[str, str]]:
    keys = json.loads(answer)
    assert keys["Code"] == "Success"
    given = ("AccessKeyId", "AccessKeySecret", "SecurityToken")
    names = ("access_key_id", "access_key_secret", "security_token")
    return Customer(cloud, **dict(zip(names, map(keys.__getitem__, given), strict=True))), keys


def test_an_instance_reads_about_itself(customer: Customer) -> None:
    network = customer.network("b")
    script = b"#!/bin/sh\ntrue\n"
    (id,) = customer.launch(network, instance_name="me", user_data=base64.b64encode(script).decode())
    item = customer.call("ecs", "DescribeInstances", instance_ids=json.dumps([id])).instances.instance[0]
    program = Program(customer.cloud, instance=id)
    card = item.network_interfaces.network_interface[0]
    wanted = {
        "instance-id": id,
        "region-id": REGION,
        "zone-id": f"{REGION}-b",
        "vpc-id": network.vpc,
        "vpc-cidr-block": "10.0.0.0/8",
        "vswitch-id": network.switches[0],
        "vswitch-cidr-block": "10.0.0.0/24",
        "private-ipv4": item.vpc_attributes.private_ip_address.ip_address[0],
        "mac": card.mac_address,
        "hostname": item.host_name,
        "image-id": IMAGE,
        "owner-account-id": customer.cloud.account_id,
        "serial-number": item.serial_number,
        "network-type": "vpc",
        "instance/instance-type": TYPE,
        "instance/instance-name": "me",
        f"network/interfaces/macs/{card.mac_address}/network-interface-id": card.network_interface_id,
        f"network/interfaces/macs/{card.mac_address}/netmask": "255.255.255.0",
    }
    assert {path: program.read(path) for path in wanted} == wanted
    listed = program.read("").split("\n")
    assert {"instance-id", "instance/", "network/", "zone-id"} <= set(listed)
    assert "ram/" not in listed
    assert program.read("instance/").split("\n") == ["instance-name", "instance-type"]
    assert program.ask("/latest/user-data") == (200, script.decode())
    status, document = program.ask("/latest/dynamic/instance-identity/document")
    assert (status, json.loads(document)["instance-id"], json.loads(document)["zone-id"]) == (200, id, f"{REGION}-b")
    for path in ("/latest/meta-data/nothing", "/latest/meta-data/instance-id/", "/latest/nothing", "/", FOLDER):
        assert program.ask(path)[0] == 404, path
    assert program.ask("/latest/meta-data/", "POST")[0] == 405

    customer.call("ecs", "DeleteInstance", instance_id=id, force=True)
    assert program.ask("/latest/meta-data/") == (404, "The instance is released.\n")


def test_a_public_address_is_there_once_it_is_bound(customer: Customer) -> None:
    (id,) = customer.launch(customer.network("b"))
    program = Program(customer.cloud, instance=id)
    assert program.ask("/latest/meta-data/eipv4")[0] == 404
    eip = customer.call("vpc", "AllocateEipAddress")
    customer.call("vpc", "AssociateEipAddress", allocation_id=eip.allocation_id, instance_id=id)
    assert program.read("eipv4") == eip.eip_address


def test_the_role_of_an_instance_gives_keys_that_work(customer: Customer) -> None:
    cloud = customer.cloud
    role = make_role(customer, "OnInstance")
    customer.call(
        "ram",
        "AttachPolicyToRole",
        policy_type="System",
        policy_name="AliyunECSReadOnlyAccess",
        role_name=role,
    )
    (id,) = customer.launch(customer.network("b"))
    program = Program(cloud, instance=id)
    assert program.ask(FOLDER)[0] == 404
    attach(customer, role, id)
    assert program.ask(FOLDER) == (200, role)
    status, answer = program.ask(FOLDER + role)
    assert status == 200
    session, keys = as_session(cloud, answer)
    assert keys["AccessKeyId"].startswith("STS.")
    arn = session.sts.get_caller_identity().body.arn
    assert arn == f"acs:ram::{cloud.account_id}:assumed-role/{role.lower()}/vm-ram-{id}"
    assert session.call("ecs", "DescribeInstances", instance_ids=json.dumps([id])).total_count == 1
    refused(
        lambda: session.call("ecs", "StopInstance", instance_id=id),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
        status=403,
    )
    # The same keys while they are young; a role that is taken away takes its folder along.
    assert json.loads(program.ask(FOLDER + role.lower())[1])["AccessKeyId"] == keys["AccessKeyId"]
    customer.call("ecs", "DetachInstanceRamRole", instance_ids=json.dumps([id]))
    assert program.ask(FOLDER + role)[0] == 404


def test_a_role_without_an_instance(customer: Customer) -> None:
    cloud = customer.cloud
    role = make_role(customer, "NoInstance")
    program = Program(cloud, role=role.lower())
    assert program.ask(FOLDER) == (200, role)
    assert program.read("region-id") == cloud.settings.region
    assert program.read("owner-account-id") == cloud.account_id
    assert program.ask("/latest/meta-data/instance-id")[0] == 404
    session, _ = as_session(cloud, program.ask(FOLDER + role)[1])
    assert session.sts.get_caller_identity().body.arn.endswith("/vm-ram-kowloon")
    by_arn = Program(cloud, role=f"acs:ram::{cloud.account_id}:role/{role.lower()}")
    assert by_arn.ask(FOLDER) == (200, role)


def test_the_uri_gives_the_same_credentials(customer: Customer) -> None:
    cloud = customer.cloud
    role = make_role(customer, "ByUri")
    program = Program(cloud, role=role)
    status, answer = ask(cloud, "GET", f"/_kowloon/ecs/credentials/{program.identity}", {"Host": "127.0.0.1"})
    assert status == 200
    session, _ = as_session(cloud, answer)
    assert session.sts.get_caller_identity().body.identity_type == "AssumedRoleUser"
    for word in ("", "x", program.identity[:-1], program.identity + "A", "ü"):
        path = f"/_kowloon/ecs/credentials/{word}".encode("ascii", "replace").decode()
        assert ask(cloud, "GET", path, {"Host": "127.0.0.1"})[0] == 403, word


def test_a_role_that_is_gone_gives_no_keys(customer: Customer) -> None:
    role = make_role(customer, "Gone")
    program = Program(customer.cloud, role=role)
    old = json.loads(program.ask(FOLDER + role)[1])
    customer.call("ram", "DeleteRole", role_name=role)
    status, text = program.ask(FOLDER + role)
    assert (status, text) == (404, "InvalidRamRole.NotFound: The specified RAMRoleName does not exist.\n")
    make_role(customer, "Gone")
    assert json.loads(program.ask(FOLDER + role)[1])["AccessKeyId"] != old["AccessKeyId"]


def test_tokens(customer: Customer) -> None:
    program = Program(customer.cloud, role=make_role(customer, "Tokens"))
    for ttl in ("1", "21600"):
        status, token = program.ask("/latest/api/token", "PUT", **{TTL: ttl})
        assert (status, bool(token)) == (200, True)
    assert program.ask("/latest/meta-data/region-id", **{TOKEN: token})[0] == 200
    for ttl in ("0", "21601", "-1", "1.5", "", "9" * 40, "0000000019999999999", "x"):
        assert program.ask("/latest/api/token", "PUT", **{TTL: ttl})[0] == 400, ttl
    assert program.ask("/latest/api/token", "PUT")[0] == 400
    assert program.ask("/latest/api/token")[0] == 405
    for wrong in ("x", token[:-2], "A" + token, program.identity, ""):
        status, text = program.ask("/latest/meta-data/region-id", **{TOKEN: wrong})
        assert (status, text) == (403, "The token is not valid, or not any more.\n"), wrong


def test_a_token_ends_by_the_wall_clock(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = customer.cloud
    program = Program(cloud, role=make_role(customer, "TokenEnds"))
    _, token = program.ask("/latest/api/token", "PUT", **{TTL: "60"})
    clock = cloud.cloud.clock
    wall = clock._wall
    monkeypatch.setattr(clock, "_wall", lambda: wall() + 59.0)
    assert program.ask("/latest/meta-data/region-id", **{TOKEN: token})[0] == 200
    monkeypatch.setattr(clock, "_wall", lambda: wall() + 61.0)
    assert program.ask("/latest/meta-data/region-id", **{TOKEN: token})[0] == 403


def test_keys_are_renewed_before_they_end(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    role = make_role(customer, "Renewed")
    program = Program(customer.cloud, role=role)
    first = json.loads(program.ask(FOLDER + role)[1])["AccessKeyId"]
    clock = customer.cloud.cloud.clock
    wall = clock._wall
    monkeypatch.setattr(clock, "_wall", lambda: wall() + 4 * 3600.0)
    assert json.loads(program.ask(FOLDER + role)[1])["AccessKeyId"] == first
    monkeypatch.setattr(clock, "_wall", lambda: wall() + 5.5 * 3600.0)
    assert json.loads(program.ask(FOLDER + role)[1])["AccessKeyId"] != first


def test_a_session_that_somebody_named_alike_is_not_handed_out(customer: Customer) -> None:
    trust = {"Service": ["ecs.aliyuncs.com"], "RAM": [f"acs:ram::{customer.cloud.account_id}:root"]}
    role = make_role(customer, "Alike", trust)
    program = Program(customer.cloud, role=role)
    arn = f"acs:ram::{customer.cloud.account_id}:role/{role.lower()}"
    customer.call("sts", "AssumeRole", role_arn=arn, role_session_name="vm-ram-kowloon", duration_seconds=3600)
    theirs = customer.call("sts", "AssumeRole", role_arn=arn, role_session_name="vm-ram-kowloon").credentials
    store = customer.cloud.cloud.store
    key = store.get(StoredKey, theirs.access_key_id)
    assert key is not None
    # It would last long enough.
    longer = msgspec.structs.replace(key, expires_at=(key.expires_at or 0.0) + 20_000.0)
    customer.cloud.run(store.run(lambda tx: tx.put(longer)))
    assert json.loads(program.ask(FOLDER + role)[1])["AccessKeyId"] != key.id


def test_sessions_that_have_ended_go_when_new_ones_begin(customer: Customer) -> None:
    store = customer.cloud.cloud.store
    ended = StoredKey(id="STS.ended", account=customer.cloud.account_id, secret="x", expires_at=1.0)
    customer.cloud.run(store.run(lambda tx: tx.put(ended)))
    role = make_role(customer, "Ending")
    assert Program(customer.cloud, role=role).ask(FOLDER + role)[0] == 200
    assert store.get(StoredKey, ended.id) is None


def test_nobody_is_nobody(shared_cloud: LocalCloud) -> None:
    forged = base64.b64encode(b"kowloon:AAAA").decode()
    for word in (None, "", "Basic", f"Basic {forged}", "Bearer x", "Basic ?", "Basic " + "A" * 5000):
        headers = {} if word is None else {"Proxy-Authorization": word}
        for method, path in (("GET", "/latest/meta-data/"), ("PUT", "/latest/api/token"), ("GET", "/")):
            status, text = ask(shared_cloud, method, path, headers)
            assert status == 403, (word, path)
            assert "`kowloon run --instance ID` or `kowloon run --ecs-role ROLE`" in text


def test_identities_are_refused_with_the_reason(customer: Customer) -> None:
    cloud = customer.cloud
    make_role(customer, "ForUsers", {"RAM": [f"acs:ram::{cloud.account_id}:root"]})
    for wanted, status, code in (
        ({}, 400, "MissingParameter"),
        ({"role": "nobody"}, 404, "InvalidRamRole.NotFound"),
        ({"role": "ForUsers"}, 404, "InvalidRamRole.NotEcsRole"),
        ({"instance": "i-missing"}, 404, "InvalidInstanceId.NotFound"),
        ({"rolle": "x"}, 400, "InvalidBody"),
        ([], 400, "InvalidBody"),
    ):
        found, body = admin(cloud, wanted)
        assert (found, body["Code"]) == (status, code), wanted
    _, body = admin(cloud, {"role": "ForUsers"})
    assert '"Principal": {"Service": ["ecs.aliyuncs.com"]}' in body["Message"]
    connection = http.client.HTTPConnection(cloud.endpoint, timeout=30.0)
    connection.request("POST", "/_kowloon/ecs/identities", "{}")
    assert connection.getresponse().status == 401
    connection.close()


def test_the_policy_of_an_attachment_narrows_the_role(customer: Customer) -> None:
    role = make_role(customer, "Narrow")
    customer.call("ram", "AttachPolicyToRole", policy_type="System", policy_name="AdministratorAccess", role_name=role)
    (id,) = customer.launch(customer.network("b"))
    only = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*"}]}
    attach(customer, role, id, policy=json.dumps(only))
    session, _ = as_session(customer.cloud, Program(customer.cloud, instance=id).ask(FOLDER + role)[1])
    assert session.call("ecs", "DescribeInstances", instance_ids=json.dumps([id])).total_count == 1
    refused(lambda: session.call("vpc", "DescribeVpcs"), "Forbidden.RAM", "User not authorized to operate", status=403)
