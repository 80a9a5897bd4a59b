"""The instance types on sale (data/instance_types.json) and the public images."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec


class InstanceType(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    family: str
    vcpu: int
    memory_gib: float
    arch: str
    category: str
    eni: int
    private_ipv4_per_eni: int
    bandwidth_gbps: float = 1.0


@functools.cache
def instance_types() -> dict[str, InstanceType]:
    raw = resources.files("kowloon.data").joinpath("instance_types.json").read_bytes()
    return {row.id: row for row in msgspec.json.decode(raw, type=list[InstanceType])}


class PublicImage(msgspec.Struct, frozen=True, kw_only=True):
    """Names as the vendor publishes them; whatever the name, what boots is the engine's own image (see ADR 5)."""

    id: str
    name: str
    os_name: str
    platform: str
    architecture: str = "x86_64"
    size_gib: int = 20


PUBLIC_IMAGES = (
    PublicImage(
        id="aliyun_3_x64_20G_alibase_20240528.vhd",
        name="aliyun_3_x64_20G_alibase_20240528.vhd",
        os_name="Alibaba Cloud Linux  3.2104 LTS 64位",
        platform="Aliyun",
    ),
    PublicImage(
        id="debian_12_6_x64_20G_alibase_20240711.vhd",
        name="debian_12_6_x64_20G_alibase_20240711.vhd",
        os_name="Debian  12.6 64位",
        platform="Debian",
    ),
    PublicImage(
        id="ubuntu_22_04_x64_20G_alibase_20240710.vhd",
        name="ubuntu_22_04_x64_20G_alibase_20240710.vhd",
        os_name="Ubuntu  22.04 64位",
        platform="Ubuntu",
    ),
    PublicImage(
        id="ubuntu_22_04_arm64_20G_alibase_20240710.vhd",
        name="ubuntu_22_04_arm64_20G_alibase_20240710.vhd",
        os_name="Ubuntu  22.04 64位 ARM版",
        platform="Ubuntu",
        architecture="arm64",
    ),
)
