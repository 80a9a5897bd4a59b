"""`kowloon snapshot` and `kowloon fault undo`, against a cloud that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_vpc20160428 import models as vpc
from click.testing import Result
from typer.testing import CliRunner

from kowloon.cli.main import app
from kowloon.core.config import Settings
from kowloon.testing import LocalCloud
from tests.conftest import REGION


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(Settings(home=tmp_path, engine="paper", port=0, region=REGION)) as cloud:
        yield cloud


def kowloon(cloud: LocalCloud, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin, env={"KOWLOON_HOME": str(cloud.settings.home)})


def make_network(cloud: LocalCloud, name: str) -> str:
    request = vpc.CreateVpcRequest(region_id=REGION, vpc_name=name, cidr_block="10.0.0.0/8")
    return str(cloud.client("vpc20160428").create_vpc(request).body.vpc_id)


def networks(cloud: LocalCloud) -> list[str]:
    rows = cloud.client("vpc20160428").describe_vpcs(vpc.DescribeVpcsRequest(region_id=REGION)).body.vpcs.vpc
    return [row.vpc_name for row in rows]


def test_a_life(cloud: LocalCloud) -> None:
    assert kowloon(cloud, "snapshot", "list").stdout == "nothing is saved\n"
    make_network(cloud, "kept")
    saved = kowloon(cloud, "snapshot", "save", "friday")
    assert saved.exit_code == 0
    assert saved.stdout.startswith("friday is saved: ")
    later = make_network(cloud, "later")
    assert f"+ vpc {later}" in kowloon(cloud, "snapshot", "diff", "friday").stdout.splitlines()
    assert kowloon(cloud, "snapshot", "save", "saturday").exit_code == 0
    rows = json.loads(kowloon(cloud, "snapshot", "diff", "saturday", "friday", "--json").stdout)
    assert {"kind": "vpc", "id": later, "change": "removed", "fields": []} in rows
    listed = kowloon(cloud, "snapshot", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["friday", "saturday"]
    assert [row["name"] for row in json.loads(kowloon(cloud, "snapshot", "list", "--json").stdout)] == [
        "friday",
        "saturday",
    ]
    assert kowloon(cloud, "snapshot", "load", "friday", stdin="n\n").exit_code == 1
    assert networks(cloud) == ["kept", "later"]
    assert "friday is loaded" in kowloon(cloud, "snapshot", "load", "friday", stdin="y\n").stdout
    assert networks(cloud) == ["kept"]
    assert kowloon(cloud, "snapshot", "delete", "saturday").stdout == "saturday is deleted\n"
    gone = kowloon(cloud, "snapshot", "load", "saturday", "--yes")
    assert (gone.exit_code, gone.stderr) == (
        1,
        "SnapshotNotFound: There is no snapshot saturday; `kowloon snapshot list` shows them.\n",
    )
    assert kowloon(cloud, "snapshot", "save", "no/name").exit_code == 1
    assert kowloon(cloud, "snapshot", "diff", "friday", "friday").stdout == "nothing differs\n"


def test_what_was_before_a_fault_is_loaded_by_name(cloud: LocalCloud) -> None:
    make_network(cloud, "kept")
    fault = json.loads(kowloon(cloud, "fault", "inject", "zone-power", "cn-hongkong-c", "--json").stdout)["id"]
    later = make_network(cloud, "later")
    assert f"+ vpc {later}" in kowloon(cloud, "snapshot", "diff", f"@before-{fault}").stdout.splitlines()
    loaded = kowloon(cloud, "snapshot", "load", f"@before-{fault}", "--yes")
    assert loaded.exit_code == 0
    assert f"@before-{fault} is loaded" in loaded.stdout
    assert networks(cloud) == ["kept"]
    refused = kowloon(cloud, "snapshot", "diff", "@before-fault-none")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("SnapshotNotFound: There is no snapshot @before-fault-none;")


def test_a_fault_is_undone(cloud: LocalCloud) -> None:
    make_network(cloud, "kept")
    fault = json.loads(kowloon(cloud, "fault", "inject", "zone-power", "cn-hongkong-c", "--json").stdout)["id"]
    make_network(cloud, "later")
    assert f"@before-{fault}" in kowloon(cloud, "snapshot", "list").stdout
    undone = kowloon(cloud, "fault", "undo", fault)
    assert (undone.exit_code, undone.stdout) == (0, f"everything is as it was before {fault}\n")
    assert networks(cloud) == ["kept"]
    assert kowloon(cloud, "fault", "list").stdout == "nothing is injected\n"
    assert "SnapshotNotFound" in kowloon(cloud, "fault", "undo", "fault-none").stderr
