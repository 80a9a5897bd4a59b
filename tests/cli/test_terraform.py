"""`kowloon tf` with a stand-in that records what it sees, and with the real program where it is installed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO, cast

import pytest

from kowloon.cli.home import RunningCloud
from kowloon.cli.terraform import _override
from tests.cli.parts import COMMAND, Served, environment, kowloon

OVERRIDE = "kowloon_override.tf.json"
STAND_IN = f"""#!{sys.executable}
import json, os, signal, sys
path = "{OVERRIDE}" if not sys.argv[1].startswith("-chdir=") else sys.argv[1][7:] + "/{OVERRIDE}"
seen = {{"arguments": sys.argv[1:], "override": json.load(open(path)), "mode": os.stat(path).st_mode & 0o777,
        "environment": dict(os.environ)}}
signal.signal(signal.SIGINT, lambda *_: sys.exit(5))
print(json.dumps(seen), flush=True)
if "wait" in sys.argv:
    signal.pause()
sys.exit(int(sys.argv[-1]) if sys.argv[-1].isdigit() else 0)
"""
CONFIGURATION = """
provider "alicloud" {
  region     = "cn-hongkong"
  access_key = "not mine"
}
provider "alicloud" {
  alias  = "beijing"
  region = "cn-beijing"
}
provider "random" {
  alias = "not_ours"
}
resource "alicloud_vpc" "x" {
  provider   = alicloud.beijing
  cidr_block = "10.0.0.0/8"
}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("tf") / "home") as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration, and a stand-in beside it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "terraform"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    return folder


def command(*arguments: str) -> list[str]:
    return [*COMMAND, "tf", "--", *arguments]


def path_of(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder.parent / 'programs'}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def tf(
    served: Served, folder: Path, *arguments: str, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return kowloon(served.home, "tf", "--", *arguments, cwd=cwd or folder, **path_of(folder), **more)


def seen(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_override_says_what_the_provider_needs_and_is_gone_afterwards(served: Served, folder: Path) -> None:
    ran = tf(served, folder, "plan", "-out=x", "3")
    assert ran.returncode == 3, ran.stderr
    found = seen(ran)
    assert found["arguments"] == ["plan", "-out=x", "3"]
    assert found["mode"] == stat.S_IRUSR | stat.S_IWUSR
    default, beijing = found["override"]["provider"]["alicloud"]
    assert beijing == {"alias": "beijing", **default}
    (endpoints,) = default.pop("endpoints")
    assert default == {
        "access_key": served.keys["access_key_id"],
        "secret_key": served.keys["access_key_secret"],
        "security_token": "",
        "account_id": served.keys["account_id"],
        "account_type": "Domestic",
        "protocol": "HTTP",
        "skip_region_validation": True,
    }
    assert {"ecs", "vpc", "slb", "rds", "ram", "sts", "oss", "location"} <= endpoints.keys()
    assert set(endpoints.values()) == {served.endpoint}
    assert files(folder) == ["main.tf"]
    assert (folder / "main.tf").read_text() == CONFIGURATION


def test_the_other_products_are_led_here_by_variables(served: Served, folder: Path) -> None:
    theirs = {"ALICLOUD_ASSUME_ROLE_ARN": "stays", "ALIBABA_CLOUD_PROFILE": "mine", "ALICLOUD_SECURITY_TOKEN": "t"}
    found = seen(tf(served, folder, "plan", **theirs))["environment"]
    for product in ("CMS", "ALB", "NLB", "R_KVSTORE", "KVSTORE", "BSSOPENAPI", "SLS", "LOG", "CS", "ECS"):
        assert found[f"ALIBABA_CLOUD_ENDPOINT_{product}"] == served.endpoint
        assert found[f"{product}_ENDPOINT"] == served.endpoint
    assert found["OSS_ENDPOINT"] == found["ALICLOUD_OSS_ENDPOINT"] == f"http://{served.endpoint}"
    assert found["ALICLOUD_ACCESS_KEY"] == served.keys["access_key_id"]
    assert found["SSL_CERT_FILE"] == str(served.home / "ca-bundle.pem")
    assert not {"ALIBABA_CLOUD_PROFILE", "ALICLOUD_SECURITY_TOKEN"} & found.keys()


def test_another_folder(served: Served, folder: Path) -> None:
    ran = tf(served, folder, "-chdir=configuration", "plan", cwd=folder.parent)
    assert ran.returncode == 0, ran.stderr
    assert len(seen(ran)["override"]["provider"]["alicloud"]) == 2
    assert files(folder) == ["main.tf"]
    ran = tf(served, folder, "-chdir=nowhere", "plan")
    assert (ran.returncode, ran.stderr.strip()) == (2, "there is no folder nowhere")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "this is { not",
        '{"provider": 3',
        '{"provider": 3}',
        '{"provider": [{"alicloud": 3}]}',
        "[]",
        "locals { a = 1 }",
    ],
)
def test_what_cannot_be_read_is_terraforms_to_refuse(served: Served, folder: Path, content: str) -> None:
    (folder / "odd.tf").write_text(content)
    (folder / "odd.tf.json").write_text(content)
    ran = tf(served, folder, "plan")
    assert ran.returncode == 0, ran.stderr
    assert len(seen(ran)["override"]["provider"]["alicloud"]) == 2


def test_aliases_of_json_files_count_once(served: Served, folder: Path) -> None:
    blocks = [{"alias": "beijing"}, {"alias": "shanghai"}, {"region": "cn-hongkong"}]
    (folder / "more.tf.json").write_text(json.dumps({"provider": {"alicloud": blocks}}))
    found = seen(tf(served, folder, "plan"))["override"]["provider"]["alicloud"]
    assert [block.get("alias") for block in found] == [None, "beijing", "shanghai"]


def test_one_at_a_time_and_signals_are_passed_on(served: Served, folder: Path) -> None:
    first = subprocess.Popen(
        command("wait"), cwd=folder, env=environment(served.home, **path_of(folder)), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert first.stdout is not None
    assert "kowloon tf" in first.stdout.readline()
    second = tf(served, folder, "plan")
    assert second.returncode == 2
    assert f"another `kowloon tf` works in {folder}" in second.stderr
    assert files(folder) == [OVERRIDE, "main.tf"]
    first.send_signal(signal.SIGINT)
    assert first.wait(30.0) == 5
    first.stdout.close()
    assert files(folder) == ["main.tf"]


def test_a_file_that_went_before_it_was_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, waiting = fcntl.flock, [True, True]

    def slow(file: TextIO, how: int) -> None:
        # The one before ends between the opening and the locking; the second time, another makes a new file.
        if waiting:
            waiting.pop()
            (tmp_path / OVERRIDE).unlink()
            if not waiting:
                (tmp_path / OVERRIDE).touch()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    identity = SimpleNamespace(account_id="1", access_key_id="i", access_key_secret="s")
    cloud = SimpleNamespace(identity=identity, server=SimpleNamespace(endpoint="127.0.0.1:1"))
    with _override(tmp_path, cast(RunningCloud, cloud)):
        found = json.loads((tmp_path / OVERRIDE).read_text())
        assert found["provider"]["alicloud"][0]["access_key"] == "i"
        with (tmp_path / OVERRIDE).open() as other, pytest.raises(BlockingIOError):
            lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not waiting
    assert files(tmp_path) == []


def test_a_file_that_a_killed_one_left_is_replaced_and_a_strangers_is_not(served: Served, folder: Path) -> None:
    (folder / OVERRIDE).write_text('{"//": "Written by `kowloon tf`, which removes it when it ends.", "provider": {}}')
    assert len(seen(tf(served, folder, "plan"))["override"]["provider"]["alicloud"]) == 2
    assert files(folder) == ["main.tf"]
    (folder / OVERRIDE).write_text('{"provider": {}}')
    ran = tf(served, folder, "plan")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.strip() == f"{OVERRIDE} is not ours; move it away"
    assert (folder / OVERRIDE).read_text() == '{"provider": {}}'


def test_without_terraform_it_says_so(served: Served, folder: Path) -> None:
    (folder.parent / "programs" / "terraform").unlink()
    ran = tf(served, folder, "plan")
    assert ran.returncode == 127
    assert "neither terraform nor tofu is on PATH; install one" in ran.stderr
    (folder.parent / "programs" / "tofu").write_text(STAND_IN)
    (folder.parent / "programs" / "tofu").chmod(0o755)
    assert tf(served, folder, "plan").returncode == 0


def test_the_real_program_reads_the_configuration_with_the_override(served: Served, folder: Path) -> None:
    """As far as it goes without its provider, which no registry here has: loading and merging."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not on PATH")
    (folder.parent / "programs" / "terraform").unlink()
    (folder.parent / "programs" / "terraform").symlink_to(program)
    ran = tf(served, folder, "providers", CHECKPOINT_DISABLE="1")
    assert ran.returncode == 0, ran.stderr
    assert "alicloud" in ran.stdout
    assert files(folder) == ["main.tf"]
    # An override of an alias that is nowhere is what it refuses.
    (folder / "wrong_override.tf.json").write_text('{"provider": {"alicloud": {"alias": "nowhere"}}}')
    refused = tf(served, folder, "providers", CHECKPOINT_DISABLE="1")
    assert (refused.returncode, "nowhere" in refused.stderr) == (1, True)
