"""What tests of snapshots share."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import oss2
import pytest
from alibabacloud_vpc20160428 import models as vpc

from kowloon.core.config import HomeFiles, Settings
from kowloon.core.errors import ApiError
from kowloon.store.units import Unit
from kowloon.testing import LocalCloud
from tests.conftest import REGION

LARGE = bytes(range(256)) * 1000


def settings(home: Path | None, **changes: Any) -> Settings:
    return Settings(home=home, engine="paper", port=0, region=REGION, **changes)


def networks(caller: Any) -> list[str]:
    rows = caller.client("vpc20160428").describe_vpcs(vpc.DescribeVpcsRequest(region_id=REGION)).body.vpcs.vpc
    return [row.vpc_name for row in rows]


def make_network(caller: Any, name: str) -> str:
    request = vpc.CreateVpcRequest(region_id=REGION, vpc_name=name, cidr_block="10.0.0.0/8")
    return str(caller.client("vpc20160428").create_vpc(request).body.vpc_id)


def bucket_of(cloud: LocalCloud, name: str = "letters") -> oss2.Bucket:
    bucket = cloud.administrator.bucket(name)
    assert isinstance(bucket, oss2.Bucket)
    return bucket


def refused(cloud: LocalCloud, call: Any, code: str, message: str = "") -> ApiError:
    with pytest.raises(ApiError) as caught:
        cloud.run(call)
    assert caught.value.code == code
    assert message in caught.value.message
    return caught.value


def folder_of(cloud: LocalCloud, name: str) -> Path:
    assert cloud.settings.home is not None
    return HomeFiles(cloud.settings.home).snapshots / name


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def all_running(cloud: LocalCloud) -> int:
    units = cloud.call(lambda: cloud.cloud.store.list(Unit))
    return len(units) if all(unit.observed == "running" for unit in units) else 0
