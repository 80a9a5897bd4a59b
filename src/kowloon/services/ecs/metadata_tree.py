"""What an instance can ask about itself, as folders and texts: paths are those below /latest/meta-data/."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Union

import msgspec

from kowloon.services.ecs.resources import Instance
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store

Tree = Mapping[str, Union[str, "Tree"]]


def read(tree: Tree, path: str) -> str | None:
    """The text at a path, or the names in a folder, one a line; None when there is nothing."""
    found: str | Tree = tree
    for label in path.split("/"):
        if not label:
            continue
        if isinstance(found, str) or label not in found:
            return None
        found = found[label]
    if isinstance(found, str):
        return None if path.endswith("/") else found
    return "\n".join(name if isinstance(child, str) else f"{name}/" for name, child in found.items())


def of_role(account: str, region: str, role: str) -> Tree:
    """For a program that has a role and no instance."""
    return {"owner-account-id": account, "region-id": region, **_credentials(role)}


def of_instance(store: Store, instance: Instance, role: str) -> Tree:
    vswitch = store.find(Key("vswitch", instance.refers_to("vswitch")))
    vpc = store.find(Key("vpc", vswitch.refers_to("vpc"))) if vswitch is not None else None
    vswitch_cidr, vpc_cidr = _cidr(vswitch), _cidr(vpc)
    network = {
        "vpc-id": vpc.id if vpc is not None else "",
        "vpc-cidr-block": vpc_cidr,
        "vswitch-id": vswitch.id if vswitch is not None else "",
        "vswitch-cidr-block": vswitch_cidr,
    }
    card = {
        "network-interface-id": instance.network_interface_id,
        "primary-ip-address": instance.private_ip,
        "private-ipv4s": f'["{instance.private_ip}"]',
        "netmask": _netmask(vswitch_cidr),
        "gateway": _gateway(vswitch_cidr),
        **network,
    }
    address = _public_address(store, instance)
    return {
        **({"eipv4": address} if address else {}),
        "hostname": instance.hostname,
        "image-id": instance.image_id,
        "instance": {"instance-name": instance.name, "instance-type": instance.instance_type},
        "instance-id": instance.id,
        "mac": instance.mac,
        "network": {"interfaces": {"macs": {instance.mac: card}}},
        "network-type": "vpc",
        "owner-account-id": instance.account,
        "private-ipv4": instance.private_ip,
        "region-id": instance.region,
        "serial-number": instance.serial_number,
        **network,
        "zone-id": instance.zone,
        **_credentials(role),
    }


def document(store: Store, instance: Instance) -> bytes:
    """The identity document. Nobody signs it here."""
    fields = {
        "zone-id": instance.zone,
        "serial-number": instance.serial_number,
        "instance-id": instance.id,
        "region-id": instance.region,
        "private-ipv4": instance.private_ip,
        "owner-account-id": instance.account,
        "mac": instance.mac,
        "image-id": instance.image_id,
        "instance-type": instance.instance_type,
    }
    return msgspec.json.encode(fields)


def _credentials(role: str) -> Tree:
    # What is in it is made when it is asked for.
    return {"ram": {"security-credentials": {role: ""}}} if role else {}


def _cidr(network: Resource | None) -> str:
    cidr: str = getattr(network, "cidr", "")
    return cidr


def _netmask(cidr: str) -> str:
    return str(ipaddress.ip_network(cidr).netmask) if cidr else ""


def _gateway(cidr: str) -> str:
    """The vendor's is the third from the end of the block."""
    return str(ipaddress.ip_network(cidr)[-3]) if cidr else ""


def _public_address(store: Store, instance: Instance) -> str:
    for holder in store.referrers(instance.key):
        if holder.kind == "eip":
            return next((reference.address for reference in holder.references if reference.address), "")
    return ""
