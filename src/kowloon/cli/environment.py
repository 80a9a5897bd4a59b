"""`env`: what each family of clients reads, as shell exports. Facts per family: docs/ways-in.md.

A proxy is never exported unless asked for: it would send every other program's traffic here, to be refused.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

import typer

from kowloon.cli.home import RunningCloud, fail
from kowloon.core.config import DEFAULT_REGION

Exports = dict[str, str]


def env(
    family: str = typer.Option(
        "", "--for", help="One family: python, python-core, node, go, java, cli, terraform, oss."
    ),
    region: str = typer.Option(DEFAULT_REGION, help="Region to export."),
    https: bool = typer.Option(False, "--https", help="Point at https instead of http."),
    proxy: bool = typer.Option(False, "--proxy", help="Also export proxy variables that lead every request here."),
) -> None:
    """Print exports for the shell: eval "$(kowloon env)"."""
    cloud = RunningCloud()
    if family and family not in _FAMILIES:
        fail(f"there is no family {family!r}; use one of {', '.join(_FAMILIES)}", 2)
    exports = _common(cloud, region, https)
    for name in [family] if family else _FAMILIES:
        exports.update(_FAMILIES[name](cloud, region, https))
    if proxy:
        exports.update(_proxy(cloud))
    for name, value in exports.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _common(cloud: RunningCloud, region: str, https: bool) -> Exports:
    identity = cloud.identity
    scheme = "https" if https else "http"
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": identity.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": identity.access_key_secret,
        "ALIBABA_CLOUD_ACCOUNT_ID": identity.account_id,
        "ALIBABA_CLOUD_REGION_ID": region,
        "ALIBABA_CLOUD_ENDPOINT": cloud.server.endpoint,
        "KOWLOON_ENDPOINT": cloud.server.endpoint,
        "KOWLOON_URL": f"{scheme}://{cloud.server.endpoint}",
        "KOWLOON_CA_BUNDLE": str(cloud.files.bundle),
        # No metadata service answers outside an instance: without this some credential chains wait for it.
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
    }


def _python(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {"SSL_CERT_FILE": str(cloud.files.bundle)}


def _python_core(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {"ALIBABA_CLOUD_CA_BUNDLE": str(cloud.files.bundle)}


def _node(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {"NODE_EXTRA_CA_CERTS": str(cloud.files.certificates / "ca.pem")}


def _go(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {"SSL_CERT_FILE": str(cloud.files.bundle)}


def _java(cloud: RunningCloud, region: str, https: bool) -> Exports:
    """Java reads no CA variable: its clients take the common KOWLOON_CA_BUNDLE in code (docs/ways-in.md)."""
    return {}


def _cli(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {
        "ALIBABA_CLOUD_REGION": region,
        "ALIBABA_CLOUD_IGNORE_PROFILE": "TRUE",
        "SSL_CERT_FILE": str(cloud.files.bundle),
    }


def _terraform(cloud: RunningCloud, region: str, https: bool) -> Exports:
    endpoints = {
        f"{name}_ENDPOINT": cloud.server.endpoint
        for name in ("ECS", "VPC", "SLB", "RDS", "RAM", "STS", "OSS", "LOCATION")
    }
    return {
        "ALICLOUD_ACCESS_KEY": cloud.identity.access_key_id,
        "ALICLOUD_SECRET_KEY": cloud.identity.access_key_secret,
        "ALICLOUD_REGION": region,
        **endpoints,
    }


def _oss(cloud: RunningCloud, region: str, https: bool) -> Exports:
    return {
        "OSS_ACCESS_KEY_ID": cloud.identity.access_key_id,
        "OSS_ACCESS_KEY_SECRET": cloud.identity.access_key_secret,
        "REQUESTS_CA_BUNDLE": str(cloud.files.bundle),
    }


def _proxy(cloud: RunningCloud) -> Exports:
    address = f"http://{cloud.server.endpoint}"
    return {
        "HTTP_PROXY": address,
        "HTTPS_PROXY": address,
        "http_proxy": address,
        "https_proxy": address,
        "NO_PROXY": "localhost,127.0.0.1",
    }


_FAMILIES: dict[str, Callable[[RunningCloud, str, bool], Exports]] = {
    "python": _python,
    "python-core": _python_core,
    "node": _node,
    "go": _go,
    "java": _java,
    "cli": _cli,
    "terraform": _terraform,
    "oss": _oss,
}
