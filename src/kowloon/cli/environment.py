"""`env`: what each family of clients reads. Facts per family: docs/guides/ways-in.md.

A proxy is never exported unless asked for: it would send every other program's traffic here, to be refused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import typer

from kowloon.cli.home import RunningCloud, fail, show_json
from kowloon.core.config import DEFAULT_REGION
from kowloon.ways_in.environment import (
    NO_METADATA,
    PAST_PROFILES,
    Exports,
    keys,
    oss_keys,
    place,
    terraform_keys,
    without_credentials,
)

# Products of Terraform's provider that have a variable of the old form, which its object store's client reads.
_OLD_FORM = ("ECS", "VPC", "SLB", "RDS", "RAM", "STS", "OSS", "LOCATION")
_FORMATS = ("shell", "dotenv", "json")


def env(
    family: str = typer.Option(
        "", "--for", help="One family: python, python-core, node, go, java, cli, terraform, oss."
    ),
    region: str = typer.Option(DEFAULT_REGION, help="Region to export."),
    https: bool = typer.Option(False, "--https", help="Point at https instead of http."),
    proxy: bool = typer.Option(False, "--proxy", help="Also export proxy variables that lead every request here."),
    ecs_role: str = typer.Option(
        "", "--ecs-role", metavar="ROLE", help="Temporary credentials of this role, by URI, instead of keys."
    ),
    form: str = typer.Option("shell", "--format", help="shell, dotenv or json."),
) -> None:
    """Print exports for the shell: eval "$(kowloon env)"."""
    if family and family not in _FAMILIES:
        fail(f"there is no family {family!r}; use one of {', '.join(_FAMILIES)}", 2)
    if form not in _FORMATS:
        fail(f"there is no format {form!r}; use one of {', '.join(_FORMATS)}", 2)
    cloud = RunningCloud()
    exports = _common(cloud, region, https)
    for name in [family] if family else _FAMILIES:
        exports.update(_FAMILIES[name](cloud, region))
    identity = ""
    if ecs_role:
        identity = identity_of(cloud, {"role": ecs_role})
        exports = {**without_credentials(exports), **role_credentials(cloud, identity, metadata=proxy)}
    if proxy:
        exports.update(proxied(cloud, identity))
    _print(exports, form)


def _print(exports: Exports, form: str) -> None:
    if form == "json":
        show_json(exports)
        return
    for name, value in exports.items():
        if form == "dotenv":
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
            typer.echo(f'{name}="{escaped}"')
        else:
            typer.echo(f"export {name}={shlex.quote(value)}")


def _common(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {
        **keys(cloud.identity),
        "ALIBABA_CLOUD_REGION_ID": region,
        **place(cloud.server.endpoint, https=https),
        "KOWLOON_CA_BUNDLE": str(cloud.files.bundle),
    }


def _python(cloud: RunningCloud, region: str) -> Exports:
    return {"SSL_CERT_FILE": str(cloud.files.bundle)}


def _python_core(cloud: RunningCloud, region: str) -> Exports:
    return {"ALIBABA_CLOUD_CA_BUNDLE": str(cloud.files.bundle)}


def _node(cloud: RunningCloud, region: str) -> Exports:
    return {"NODE_EXTRA_CA_CERTS": str(cloud.files.certificates / "ca.pem")}


def _go(cloud: RunningCloud, region: str) -> Exports:
    return {"SSL_CERT_FILE": str(cloud.files.bundle)}


def _java(cloud: RunningCloud, region: str) -> Exports:
    """Java reads no variable with a file of PEM: the machine itself is told where its store of trust is."""
    path = str(cloud.files.truststore)
    # What is in these options is split at blanks, except between quotes.
    quoted = f'"{path}"' if " " in path else path
    options = {"trustStore": quoted, "trustStoreType": "PKCS12", "trustStorePassword": "changeit"}
    told = " ".join(f"-Djavax.net.ssl.{name}={value}" for name, value in options.items())
    return {"JAVA_TOOL_OPTIONS": told}


def _cli(cloud: RunningCloud, region: str) -> Exports:
    return {
        "ALIBABA_CLOUD_REGION": region,
        "ALIBABA_CLOUD_IGNORE_PROFILE": "TRUE",
        "SSL_CERT_FILE": str(cloud.files.bundle),
    }


def _terraform(cloud: RunningCloud, region: str) -> Exports:
    return {
        **terraform_keys(cloud.identity),
        "ALICLOUD_REGION": region,
        **{f"{name}_ENDPOINT": cloud.server.endpoint for name in _OLD_FORM},
    }


def _oss(cloud: RunningCloud, region: str) -> Exports:
    return {**oss_keys(cloud.identity), "REQUESTS_CA_BUNDLE": str(cloud.files.bundle)}


_FAMILIES: dict[str, Callable[[RunningCloud, str], Exports]] = {
    "python": _python,
    "python-core": _python_core,
    "node": _node,
    "go": _go,
    "java": _java,
    "cli": _cli,
    "terraform": _terraform,
    "oss": _oss,
}


# Shared with `run` and `tf` ---------------------------------------------------------------------------------------


def trust(cloud: RunningCloud) -> Exports:
    """The authority of this cloud, for every family."""
    found: Exports = {"KOWLOON_CA_BUNDLE": str(cloud.files.bundle), "CURL_CA_BUNDLE": str(cloud.files.bundle)}
    for family in (_python, _python_core, _node, _java):
        found.update(family(cloud, ""))
    found["REQUESTS_CA_BUNDLE"] = str(cloud.files.bundle)
    return found


def proxied(cloud: RunningCloud, identity: str) -> Exports:
    """Every request here. `identity` goes with each, for the metadata service."""
    user = f"kowloon:{identity}@" if identity else ""
    address = f"http://{user}{cloud.server.endpoint}"
    return {
        "HTTP_PROXY": address,
        "HTTPS_PROXY": address,
        "http_proxy": address,
        "https_proxy": address,
        "NO_PROXY": "localhost,127.0.0.1",
        # From its version 24 on, Node minds the others if this is set.
        "NODE_USE_ENV_PROXY": "1",
    }


# What every pod with a role has; a name for its sessions it may have as well.
_OF_PODS = ("ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE")
_ROLE_ARN = re.compile(r"acs:ram::(\d+):role/")


def identity_of(cloud: RunningCloud, wanted: Mapping[str, Any]) -> str:
    """The word by which the metadata service knows on whose behalf it is asked; `wanted`: `role`, `instance`."""
    identity: str = cloud.call("POST", "ecs/identities", dict(wanted))["identity"]
    return identity


def role_credentials(cloud: RunningCloud, identity: str, *, metadata: bool) -> Exports:
    """What leads a chain of credentials to the role: past the user's own profiles, to the metadata service if it can
    be reached, else to the URI."""
    uri = f"http://{cloud.server.endpoint}/_kowloon/ecs/credentials/{identity}"
    found = {"ALIBABA_CLOUD_CREDENTIALS_URI": uri, **PAST_PROFILES}
    if not metadata:
        found.update(NO_METADATA)
    return found


def pod_credentials(cloud: RunningCloud, variables: Mapping[str, str]) -> Exports:
    """The role of a pod and its token, if they are complete and the role is of this cloud. Empty if not: what a shell
    says of real clouds means nothing here."""
    found = {name: variables[name] for name in _OF_PODS if variables.get(name)}
    match = _ROLE_ARN.match(found.get("ALIBABA_CLOUD_ROLE_ARN", ""))
    if len(found) < len(_OF_PODS) or match is None:
        return {}
    if match[1] not in {row["account"] for row in cloud.call("GET", "accounts")["accounts"]}:
        return {}
    session = {name: variables[name] for name in ("ALIBABA_CLOUD_ROLE_SESSION_NAME",) if variables.get(name)}
    return {**found, **session, **PAST_PROFILES, **NO_METADATA}
