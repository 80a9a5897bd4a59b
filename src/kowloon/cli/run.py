"""`run`: any command, unmodified, with the vendor's names leading here and nothing leading to the vendor."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from kowloon.cli.environment import identity_of, pod_credentials, proxied, role_credentials, trust
from kowloon.cli.home import RunningCloud, fail
from kowloon.core.config import DEFAULT_REGION
from kowloon.ways_in.environment import Exports, all_keys, without_credentials

# Where instances of databases and the like listen, on addresses of their own.
_DATA_PORTS = (22, 3306, 5432, 6379, 8080)
_MOST_PORTS = 200


def run(
    command: list[str] = typer.Argument(..., metavar="COMMAND...", help="What to run; put -- before it."),
    proxy: bool = typer.Option(
        False, "--proxy", help="Proxy and CA variables instead of a network of its own; the only way but on Linux."
    ),
    port: list[int] = typer.Option(
        [], "--port", help="A port of this machine's loopback addresses that the command may reach; repeat for more."
    ),
    ecs_role: str = typer.Option("", "--ecs-role", metavar="ROLE", help="Run as if on an instance with this role."),
    instance: str = typer.Option("", "--instance", metavar="ID", help="Run as if on this instance."),
    region: str = typer.Option("", help=f"Region to export, whatever is set; else what is set, or {DEFAULT_REGION}."),
    keep_keys: bool = typer.Option(False, "--keep-keys", help="Leave the keys of the calling shell as they are."),
) -> None:
    """Run a command so that official host names reach this cloud and nothing reaches the real one."""
    if any(not 1 <= each <= 65535 for each in port) or len(port) > _MOST_PORTS:
        fail(f"--port takes ports from 1 to 65535, at most {_MOST_PORTS} of them", 2)
    if keep_keys and (ecs_role or instance):
        fail("--keep-keys and an instance's role exclude each other: keys come first in every chain", 2)
    cloud = RunningCloud()
    wanted = {name: value for name, value in (("role", ecs_role), ("instance", instance)) if value}
    identity = identity_of(cloud, wanted) if wanted else ""
    environment = _environment(cloud, identity, region, keep_keys=keep_keys)

    from kowloon.ways_in import namespace

    if proxy or not namespace.available():
        _become(command, {**environment, **_proxied(cloud, environment, identity)})
    host, _, own_port = cloud.server.endpoint.rpartition(":")
    try:
        code = namespace.run(
            command,
            environment,
            cloud=(host, int(own_port)),
            ports=[*_DATA_PORTS, *port],
            identity=identity,
        )
    except namespace.NamespaceRefused as problem:
        fail(str(problem), 2)
    raise typer.Exit(code)


def _environment(cloud: RunningCloud, identity: str, region: str, *, keep_keys: bool) -> Exports:
    """The caller's variables; other proxies and endpoints would lead elsewhere, other keys mean nothing here."""
    mine = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    if not keep_keys:
        mine = {**without_credentials(mine), **_credentials(cloud, identity, mine)}
    for name in ("ALIBABA_CLOUD_REGION_ID", "ALIBABA_CLOUD_REGION", "ALICLOUD_REGION"):
        if region or name not in mine:
            mine[name] = region or DEFAULT_REGION
    mine.pop("ALIBABA_CLOUD_ENDPOINT", None)
    trusted = trust(cloud)
    if "JAVA_TOOL_OPTIONS" in mine:
        trusted["JAVA_TOOL_OPTIONS"] = f"{mine['JAVA_TOOL_OPTIONS']} {trusted['JAVA_TOOL_OPTIONS']}"
    return {**mine, "KOWLOON_ENDPOINT": cloud.server.endpoint, **trusted}


def _credentials(cloud: RunningCloud, identity: str, mine: Exports) -> Exports:
    """The role of an instance, or the one that the caller's variables give to a pod, or the administrator's keys."""
    if identity:
        return role_credentials(cloud, identity, metadata=True)
    return pod_credentials(cloud, mine) or all_keys(cloud.identity)


def _proxied(cloud: RunningCloud, environment: Exports, identity: str) -> Exports:
    import kowloon.ways_in

    host, _, port = cloud.server.endpoint.rpartition(":")
    proxies = [f"-D{scheme}.proxyHost={host} -D{scheme}.proxyPort={port}" for scheme in ("http", "https")]
    start_up = str(Path(kowloon.ways_in.__file__).with_name("start_up"))
    behind = environment.get("PYTHONPATH")
    return {
        **proxied(cloud, identity),
        "PYTHONPATH": f"{start_up}{os.pathsep}{behind}" if behind else start_up,
        "JAVA_TOOL_OPTIONS": " ".join([environment["JAVA_TOOL_OPTIONS"], *proxies]),
    }


def _become(command: list[str], environment: Exports) -> None:
    try:
        os.execvpe(command[0], command, environment)
    except FileNotFoundError:
        fail(f"kowloon run: there is no command {command[0]!r}", 127)
    except OSError as problem:
        fail(f"kowloon run: {command[0]!r} cannot be started: {problem.strerror}", 126)
