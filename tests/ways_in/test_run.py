"""Official clients under `kowloon run`: by the vendor's own names, told nothing about this cloud."""

from __future__ import annotations

import json
import re
import sys

import pytest

from kowloon.core.ids import Ids
from kowloon.store.identity import PolicyAttachment, Role
from tests.conftest import REGION
from tests.ways_in import installs
from tests.ways_in.test_python import client
from tests.ways_in.way import OFFICIAL, Way

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    pytest.mark.timeout(600),
]
SCHEMES = ["http", "https"]
OSS_HOST = f"oss-{REGION}.aliyuncs.com"
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("library", "signature"), [("core", "V1"), ("tea", "ACS3")])
def test_python(way: Way, library: str, signature: str, scheme: str) -> None:
    way.check_run(client(library), signature=signature, scheme=scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("library", "signature"), [("core", "V1"), ("tea", "ACS3")])
def test_python_with_proxy_and_start_up_hook(way: Way, library: str, signature: str, scheme: str) -> None:
    """Where there are no namespaces: also what trusts no variable through a tunnel."""
    way.check_run(client(library), "--proxy", signature=signature, scheme=scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("library", "signature"), [("pop-core", "V1"), ("openapi-core", "ACS3")])
def test_node(way: Way, library: str, signature: str, scheme: str) -> None:
    way.check_run([*installs.node(), library], signature=signature, scheme=scheme, status=library != "pop-core")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("library", "signature"), [("core", "V1"), ("tea", "ACS3")])
def test_go(way: Way, library: str, signature: str, scheme: str) -> None:
    way.check_run([*installs.go(), library], signature=signature, scheme=scheme)


@pytest.mark.parametrize(("library", "signature"), [("core", "V1"), ("tea", "ACS3")])
def test_java(way: Way, library: str, signature: str) -> None:
    way.check_run([*installs.java(), library], signature=signature, status=library != "core")


OSS2 = """
import os, oss2
keys = oss2.StsAuth if os.environ.get("OSS_SESSION_TOKEN") else oss2.Auth
auth = keys(os.environ["OSS_ACCESS_KEY_ID"], os.environ["OSS_ACCESS_KEY_SECRET"])
bucket = oss2.Bucket(auth, "https://{host}", "run-oss2")
bucket.create_bucket()
bucket.put_object("folder/香港 a+b", b"Hello")
print(bucket.get_object("folder/香港 a+b").read().decode(), [each.key for each in oss2.ObjectIterator(bucket)])
"""
OSS_V2 = """
import alibabacloud_oss_v2 as oss
settings = oss.config.load_default()
settings.credentials_provider = oss.credentials.EnvironmentVariableCredentialsProvider()
settings.region = "{region}"
client = oss.Client(settings)
client.put_bucket(oss.PutBucketRequest(bucket="run-oss-v2"))
client.put_object(oss.PutObjectRequest(bucket="run-oss-v2", key="folder/香港 a+b", body=b"Hello"))
found = client.get_object(oss.GetObjectRequest(bucket="run-oss-v2", key="folder/香港 a+b")).body.content.decode()
listed = client.list_objects_v2(oss.ListObjectsV2Request(bucket="run-oss-v2")).contents
print(found, [each.key for each in listed])
"""


@pytest.mark.parametrize("options", [(), ("--proxy",)], ids=["namespace", "proxy"])
@pytest.mark.parametrize("program", [OSS2, OSS_V2], ids=["oss2", "oss-v2"])
def test_python_object_store(way: Way, program: str, options: tuple[str, ...]) -> None:
    done = way.run([sys.executable, "-c", program.format(host=OSS_HOST, region=REGION)], *options)
    assert (done.returncode, done.stdout) == (0, "Hello ['folder/香港 a+b']\n"), done.stderr[-3000:]
    assert {request.scheme for request in way.requests} == {"https"}
    assert {re.sub("^run-oss[-v2]*[.]", "", request.host) for request in way.requests} == {OSS_HOST}
    # The bucket is in the host's name, for which there is a certificate of its own.
    assert any(request.host.startswith("run-oss") for request in way.requests)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_go_object_store(way: Way, version: str) -> None:
    done = way.run([*installs.go_oss(), version, f"run-go-{version}"], KOWLOON_URL=f"https://{OSS_HOST}")
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["Read"] == report["Signed"] == "Hello, Kowloon"
    assert (report["Status"], report["Code"]) == (404, "NoSuchKey")
    assert {request.host for request in way.requests} <= {OSS_HOST, f"run-go-{version}.{OSS_HOST}"}


def test_node_object_store(way: Way) -> None:
    program = """
const OSS = require("ali-oss");
const client = new OSS({ accessKeyId: process.env.OSS_ACCESS_KEY_ID, accessKeySecret: process.env.OSS_ACCESS_KEY_SECRET,
  region: process.argv[1], secure: true });
(async () => {
  await client.putBucket("run-node");
  client.useBucket("run-node");
  await client.put("folder/香港 a+b", Buffer.from("Hello"));
  console.log((await client.get("folder/香港 a+b")).content.toString());
})();
"""
    node = installs.node()[0]
    done = way.run([node, "-e", program, f"oss-{REGION}"], NODE_PATH=str(installs.node_modules()))
    assert (done.returncode, done.stdout) == (0, "Hello\n"), done.stderr[-3000:]
    assert {request.scheme for request in way.requests} == {"https"}
    assert {request.host for request in way.requests} <= {OSS_HOST, f"run-node.{OSS_HOST}"}


ON_AN_INSTANCE = """
from alibabacloud_credentials.client import Client as Chain
from alibabacloud_ecs20140526.client import Client
from alibabacloud_ecs20140526.models import DescribeRegionsRequest, DescribeInstancesRequest
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config
from Tea.exceptions import TeaException
import alibabacloud_ecs20140526.models as models
config = Config(credential=Chain(), region_id="{region}")
print(config.credential.get_credential().provider_name)
print(Sts(config).get_caller_identity().body.arn)
ecs = Client(config)
print(len(ecs.describe_regions(DescribeRegionsRequest()).body.regions.region) > 20)
try:
    ecs.delete_key_pairs(models.DeleteKeyPairsRequest(region_id="{region}", key_pair_names='["x"]'))
except TeaException as refused:
    print(refused.code)
"""


@pytest.fixture(scope="module")
def role(way: Way) -> str:
    """A role for instances that may only read."""
    account, ids = way.cloud.account_id, Ids()
    made = Role(
        id=f"{account}:runner",
        account=account,
        name="Runner",
        role_id=ids.digits(18),
        trust=json.dumps({"Version": "1", "Statement": [TRUST]}),
    )
    reads = PolicyAttachment(
        id=f"{account}:role/runner:System/AliyunECSReadOnlyAccess",
        account=account,
        entity="role/runner",
        policy_type="System",
        policy_name="AliyunECSReadOnlyAccess",
    )

    async def put() -> None:
        def body(transaction: object) -> None:
            for item in (made, reads):
                transaction.put(item)  # type: ignore[attr-defined]

        await way.cloud.cloud.store.run(body)

    way.cloud.run(put())
    return made.name


@pytest.mark.parametrize("options", [(), ("--proxy",)], ids=["namespace", "proxy"])
def test_the_credentials_library_finds_the_role_of_the_instance(way: Way, role: str, options: tuple[str, ...]) -> None:
    """Keys in the user's own profile are nobody's business here."""
    profile = way.home / ".aliyun"
    profile.mkdir(exist_ok=True)
    keys = {"name": "default", "mode": "AK", "access_key_id": "LTAImine", "access_key_secret": "mine"}
    (profile / "config.json").write_text(json.dumps({"current": "default", "profiles": [keys]}))
    program = ON_AN_INSTANCE.format(region=REGION)
    done = way.run([sys.executable, "-c", program], "--ecs-role", role, *options)
    assert done.returncode == 0, done.stderr[-3000:]
    provider, arn, listed, code = done.stdout.splitlines()
    assert provider == "default/ecs_ram_role"
    assert arn.endswith("assumed-role/runner/vm-ram-kowloon")
    assert (listed, code) == ("True", "Forbidden.RAM")


def test_the_hardened_way_to_the_role(way: Way, role: str) -> None:
    """With tokens only; also by URI alone."""
    program = ON_AN_INSTANCE.format(region=REGION)
    hardened = way.run([sys.executable, "-c", program], "--ecs-role", role, ALIBABA_CLOUD_IMDSV1_DISABLED="true")
    assert hardened.stdout.startswith("default/ecs_ram_role\n"), hardened.stderr[-3000:]
    assert any(request.method == "PUT" and request.path == "/latest/api/token" for request in way.requests)
    environment = way.environment("python", "--ecs-role", role, "--proxy", "--https")
    by_uri = way.start(
        [sys.executable, "-c", program],
        {**environment, "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "WAYS_IN_HOST": OFFICIAL},
    )
    # Through a bare proxy this client trusts no authority; the keys it has found all the same.
    assert by_uri.stdout.startswith("default/credential_uri\n"), by_uri.stderr[-3000:]
