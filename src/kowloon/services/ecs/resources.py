"""What ECS stores."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from kowloon.store.resources import Resource

Status = Literal["Pending", "Starting", "Running", "Stopping", "Stopped"]


class SecurityRule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    direction: Literal["ingress", "egress"]
    protocol: str
    port_range: str
    policy: str
    priority: int
    peer_cidr: str = ""
    peer_group: str = ""
    description: str = ""
    created_at: float = 0.0


class SecurityGroup(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "security-group"
    name: str = ""
    description: str = ""
    group_type: str = "normal"
    rules: tuple[SecurityRule, ...] = ()


class KeyPair(Resource, frozen=True, kw_only=True):
    """id is `<account>:<region>:<name>`; the private key is never stored."""

    kind: ClassVar[str] = "key-pair"
    name: str
    key_pair_id: str
    public_key: str
    fingerprint: str


def pair_id(account: str, region: str, name: str) -> str:
    """Key pairs are named on the wire."""
    return f"{account}:{region}:{name}"


def pair_name(item: Resource) -> str:
    return item.id.rpartition(":")[2]


class Image(Resource, frozen=True, kw_only=True):
    """A custom image: what was on an instance's disk. `source` is that instance, `base` the public image that its disk
    began with. Creating until `ready_at` is known and has come; `failed`: why there is none."""

    kind: ClassVar[str] = "image"
    name: str
    description: str = ""
    version: str = ""
    family: str = ""
    source: str
    base: str
    size_gib: int
    ready_at: float | None = None
    deprecated: bool = False
    failed: str = ""


class Instance(Resource, frozen=True, kw_only=True):
    """`status` is what the control plane believes. The real part is the compute unit of the same id.

    `missing_since`: when its checker first found no running part while it believed it Running. `unread_image`: the
    custom image that its disk still has to be filled from; until then it has no part that runs. `boot_since`: since
    when a boot has waited for that image's data. `ram_role`: the name of what its programs may act as, narrowed by
    `ram_role_policy`.
    """

    kind: ClassVar[str] = "instance"
    name: str
    description: str = ""
    hostname: str = ""
    instance_type: str
    image_id: str
    private_ip: str
    network_interface_id: str
    mac: str
    key_pair: str = ""
    user_data: str = ""
    status: Status
    started_at: float = 0.0
    missing_since: float | None = None
    unread_image: str = ""
    boot_since: float | None = None
    deletion_protection: bool = False
    charge_type: str = "PostPaid"
    serial_number: str = ""
    ram_role: str = ""
    ram_role_policy: str = ""

    @property
    def group_ids(self) -> list[str]:
        return [reference.id for reference in self.references if reference.kind == SecurityGroup.kind]


class Command(Resource, frozen=True, kw_only=True):
    """A script of the cloud assistant; `content` is base64 as given."""

    kind: ClassVar[str] = "command"
    name: str
    description: str = ""
    command_type: str
    content: str
    working_dir: str = ""
    timeout_s: int = 60
    parameters: tuple[str, ...] = ()


class InvocationResult(msgspec.Struct, frozen=True, kw_only=True):
    """`output` is base64. `status`: Pending, Running, Success, Failed, Timeout, or Aborted (it was never sent)."""

    instance_id: str
    status: str = "Pending"
    exit_code: int | None = None
    output: str = ""
    dropped: int = 0
    error_code: str = ""
    error_info: str = ""
    started_at: float | None = None
    finished_at: float | None = None

    @property
    def finished(self) -> bool:
        return self.status not in ("Pending", "Running")


class Invocation(Resource, frozen=True, kw_only=True):
    """One run of a command on some instances; `script` is what runs, with its parameters filled in."""

    kind: ClassVar[str] = "invocation"
    command_id: str
    command_name: str
    command_type: str
    description: str = ""
    content: str
    script: str
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    working_dir: str
    timeout_s: int
    results: tuple[InvocationResult, ...]

    @property
    def finished(self) -> bool:
        return all(result.finished for result in self.results)
