"""One way in per client family, by what `kowloon env` exports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.parts import Served, environment, kowloon
from tests.cli.test_commands import exports

STRICT = os.environ.get("KOWLOON_TEST_ALLOW_SKIPS") == "0"

TEA = """
import os
from alibabacloud_vpc20160428 import models
from alibabacloud_vpc20160428.client import Client
from alibabacloud_tea_openapi.models import Config
client = Client(Config(
    access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    region_id=os.environ["ALIBABA_CLOUD_REGION_ID"],
    endpoint=os.environ["ALIBABA_CLOUD_ENDPOINT"],
    protocol=os.environ["KOWLOON_URL"].partition(":")[0],
    read_timeout=20000,
))
print(client.create_vpc(models.CreateVpcRequest(region_id="cn-hongkong")).body.vpc_id)
"""

CORE = """
import os
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
client = AcsClient(
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"], os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "cn-hongkong", timeout=20
)
request = CommonRequest(domain=os.environ.get("DOMAIN") or os.environ["ALIBABA_CLOUD_ENDPOINT"], version="2016-04-28",
                        action_name="CreateVpc")
request.set_protocol_type(os.environ["KOWLOON_URL"].partition(":")[0])
request.set_method("POST")
import json
print(json.loads(client.do_action_with_exception(request))["VpcId"])
"""

NODE = """
const RPCClient = require('@alicloud/pop-core').RPCClient;
const client = new RPCClient({
  accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
  endpoint: process.env.KOWLOON_URL,
  apiVersion: '2016-04-28',
});
client.request('CreateVpc', {RegionId: 'cn-hongkong'}, {method: 'POST', timeout: 20000})
  .then((answer) => console.log(answer.VpcId))
  .catch((problem) => { console.error(problem); process.exit(1); });
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("ways") / "home") as served:
        yield served


def run(served: Served, family: str, command: list[str], *options: str, **more: str) -> str:
    """Run a client with what `kowloon env` exports for its family; the id of the VPC that it made."""
    exported = exports(kowloon(served.home, "env", "--for", family, *options).stdout)
    ran = subprocess.run(
        command,
        env={**environment(served.home), **exported, **more},
        capture_output=True,
        text=True,
        timeout=100.0,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def check_made(served: Served, vpc: str) -> None:
    assert vpc.startswith("vpc-")
    assert served.ask("DescribeVpcs", VpcId=vpc)["TotalCount"] == 1


@pytest.mark.parametrize("options", [[], ["--https"]])
def test_python_tea(served: Served, options: list[str]) -> None:
    check_made(served, run(served, "python", [sys.executable, "-c", TEA], *options))


@pytest.mark.parametrize("options", [[], ["--https"]])
def test_python_core(served: Served, options: list[str]) -> None:
    check_made(served, run(served, "python-core", [sys.executable, "-c", CORE], *options))


def test_python_core_with_the_vendors_own_host_name_through_the_proxy(served: Served) -> None:
    made = run(served, "python-core", [sys.executable, "-c", CORE], "--proxy", DOMAIN="vpc.aliyuncs.com")
    check_made(served, made)


@pytest.fixture(scope="module")
def node_folder() -> Path:
    """@alicloud/pop-core, installed once into the user's cache."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kowloon-tests" / "pop-core-1"
    if (folder / "ready").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing("node and npm are not installed")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f"{folder.name}-{os.getpid()}")
    fresh.mkdir(exist_ok=True)
    try:
        ran = subprocess.run(
            [
                str(npm),
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
                str(fresh),
                "@alicloud/pop-core@1",
            ],
            capture_output=True,
            text=True,
            timeout=90.0,
        )
        if ran.returncode != 0:
            missing(f"npm cannot install @alicloud/pop-core: {ran.stderr[-300:]}")
        (fresh / "ready").touch()
        if not folder.exists():
            fresh.rename(folder)
    except subprocess.TimeoutExpired:
        missing("npm cannot install @alicloud/pop-core within 90 s")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def missing(why: str) -> None:
    if STRICT:
        pytest.fail(why)
    pytest.skip(why)


@pytest.mark.parametrize("options", [[], ["--https"]])
def test_node(served: Served, node_folder: Path, options: list[str]) -> None:
    modules = str(node_folder / "node_modules")
    check_made(served, run(served, "node", ["node", "-e", NODE], *options, NODE_PATH=modules))


def test_the_exports_can_be_read_by_a_shell(served: Served) -> None:
    text = kowloon(served.home, "env", "--for", "terraform").stdout
    code = f"{text}\n{shutil.which('env')}"
    ran = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=30, env={"PATH": os.defpath})
    assert f"ALICLOUD_SECRET_KEY={served.keys['access_key_secret']}" in ran.stdout.splitlines()
    assert json.loads(kowloon(served.home, "status", "--json").stdout)["endpoint"] == served.endpoint
