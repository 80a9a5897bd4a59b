"""`tf`: Terraform or OpenTofu against this cloud, its configuration as it is.

An override file beside the configuration changes what its provider blocks say about endpoints, protocol and keys, for
as long as the command runs. Variables lead the products that have no endpoint there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import typer

from kowloon.cli.environment import trust
from kowloon.cli.home import RunningCloud, fail
from kowloon.ways_in.environment import all_keys, without_credentials
from kowloon.ways_in.foreground import in_foreground

OVERRIDE = "kowloon_override.tf.json"
_MARK = "Written by `kowloon tf`, which removes it when it ends."
_PROGRAMS = ("terraform", "tofu")
_FROM_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (*_FROM_TERMINALS, signal.SIGTERM, signal.SIGHUP)

# Endpoints that every version of the provider knows; an unknown one would be refused. The others go by variables.
_IN_THE_BLOCK = ("ecs", "location", "oss", "ram", "rds", "slb", "sts", "vpc")
# Products by the names of the provider's endpoint variables (connectivity/endpoint.go, 2025).
_BY_VARIABLE = """
    actiontrail adb adcp aiworkspace alb alidns alikafka amqp amqp_open antiddos_public apig apigateway arms bpstudio
    brain_industrial bssopenapi cas cassandra cbn cddc cdn chatbot clickhouse cloudapi cloudauth cloudcontrol cloudfw
    cloudphone cloudsso cms computenest config cr cs das datahub dataworks_public dbfs dbs dcdn dds ddosbgp ddoscoo
    devops_rdc dfs dg dm dms_enterprise dns drds dts dysmsapi eais ebs ecd eci ecs edas eds_aic eds_user eflo ehpc
    eipanycast elasticsearch emr ens esa ess eventbridge expressconnectrouter fc fc_open fnf foasconsole ga gdb
    governance gpdb green gwlb hbase hbr hitsdb hologram imm imp ims iot kms kvstore live location log market
    maxcompute mhub mns mns_open mscopensubscription mse nas nlb oceanbasepro ons oos opensearch oss ots polardb
    polardbx privatelink pvtz quickbi_public quotas r_kvstore ram rds resourcecenter resourcemanager resourcesharing
    rocketmq ros sae sag sas scdn schedulerx2 sddp selectdb servicecatalog servicemesh sgw slb sls smartag sts
    swas_open tablestore tag vod vpc vpcipam vpcpeer vs waf_openapi yundun_bastionhost yundun_dbaudit
""".split()


def tf(
    arguments: list[str] = typer.Argument(..., metavar="ARGUMENTS...", help="As for terraform; put -- before them."),
) -> None:
    """Run terraform (or tofu) so that its alicloud provider works on this cloud; no file needs an edit."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        fail("neither terraform nor tofu is on PATH; install one, or add its folder to PATH", 127)
    cloud = RunningCloud()
    folder = _folder(arguments)
    if not folder.is_dir():
        fail(f"there is no folder {folder}", 2)
    with _override(folder, cloud):
        raise typer.Exit(_run([program, *arguments], _environment(cloud)))


def _folder(arguments: Sequence[str]) -> Path:
    """Where terraform will look for the configuration."""
    for argument in arguments:
        if not argument.startswith("-"):
            break
        name, _, value = argument.lstrip("-").partition("=")
        if name == "chdir":
            return Path(value)
    return Path()


@contextlib.contextmanager
def _override(folder: Path, cloud: RunningCloud) -> Iterator[None]:
    """The file is there, readable by its owner only: it has keys in it. One that a killed command left is replaced."""
    path = folder / OVERRIDE
    content = json.dumps(override(cloud, _aliases(folder)), indent=2) + "\n"
    with _locked(path) as file:
        there = file.read()
        if there and _MARK not in there:
            fail(f"{path} is not ours; move it away", 2)
        file.seek(0)
        file.truncate()
        file.write(content)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    """The file at that path, made if need be; nobody else works with it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as problem:
            fail(f"{path} cannot be written: {problem.strerror}", 2)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fail(f"another `kowloon tf` works in {path.parent.resolve()}", 2)
            # Whoever had the lock before may have removed what was opened here.
            if _is_at(path, descriptor):
                yield file
                return


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def override(cloud: RunningCloud, aliases: Sequence[str]) -> dict[str, Any]:
    """The file's content. The default provider configuration is there even if no block says so; those with an alias
    can be overridden only where they are."""
    settings = {
        "access_key": cloud.identity.access_key_id,
        "secret_key": cloud.identity.access_key_secret,
        "security_token": "",
        "account_id": cloud.identity.account_id,
        # Asked of a billing product otherwise.
        "account_type": "Domestic",
        "protocol": "HTTP",
        "skip_region_validation": True,
        "endpoints": [dict.fromkeys(_IN_THE_BLOCK, cloud.server.endpoint)],
    }
    blocks = [settings, *({"alias": alias, **settings} for alias in aliases)]
    return {"//": _MARK, "provider": {"alicloud": blocks}}


def _aliases(folder: Path) -> list[str]:
    found: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name == OVERRIDE or not path.name.endswith((".tf", ".tofu", ".tf.json")):
            continue
        for block in _provider_blocks(path):
            alias = str(block.get("alias", "")).strip('"')
            if alias and alias not in found:
                found.append(alias)
    return found


def _provider_blocks(path: Path) -> list[dict[str, Any]]:
    """The alicloud provider configurations of one file; a file that cannot be read is terraform's to refuse."""
    import hcl2

    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        parsed: object = json.loads(text) if path.suffix == ".json" else hcl2.loads(text)
    except Exception:
        # The parser raises whatever its grammar does; terraform explains what is wrong better than we could.
        return []
    found: list[dict[str, Any]] = []
    for provider in _objects(parsed.get("provider") if isinstance(parsed, dict) else None):
        for name, blocks in provider.items():
            if name.strip('"') == "alicloud":
                found += _objects(blocks)
    return found


def _objects(value: object) -> list[dict[str, Any]]:
    """One block or a list of them, as JSON may say it."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _environment(cloud: RunningCloud) -> dict[str, str]:
    endpoint = cloud.server.endpoint
    mine = without_credentials(os.environ)
    for product in _BY_VARIABLE:
        mine[f"ALIBABA_CLOUD_ENDPOINT_{product.upper()}"] = mine[f"{product.upper()}_ENDPOINT"] = endpoint
    # A state that is kept in a bucket.
    mine["ALICLOUD_OSS_ENDPOINT"] = mine["OSS_ENDPOINT"] = f"http://{endpoint}"
    return {**mine, **all_keys(cloud.identity), "SSL_CERT_FILE": trust(cloud)["SSL_CERT_FILE"]}


def _run(command: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=environment)

    def pass_on(number: int, frame: object) -> None:
        # A terminal has given it to terraform already; a second one would end it at once.
        if number in _FROM_TERMINALS and in_foreground():
            return
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
