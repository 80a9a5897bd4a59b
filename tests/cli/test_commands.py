"""Every command, as a user runs it: a process with KOWLOON_HOME."""

from __future__ import annotations

import json
import shlex
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from kowloon import __version__
from tests.cli.parts import Served, http_call, kowloon

ZONE = "cn-hongkong-c"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("cli") / "home") as served:
        yield served


def exports(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        word, assignment = shlex.split(line)
        assert word == "export"
        name, _, value = assignment.partition("=")
        found[name] = value
    return found


def test_up_says_where_it_serves_and_ends_clean(tmp_path: Path) -> None:
    with Served(tmp_path / "home", own_interpreter=True) as served:
        assert f"kowloon serves http and https on {served.endpoint} (engine paper, home" in served.log.read_text()
        assert (served.home / "ca-bundle.pem").exists()
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30.0) == 0
        assert not (served.home / "server.json").exists()
        assert "Traceback" not in served.log.read_text()


def test_a_second_server_on_the_home_is_refused(served: Served) -> None:
    ran = kowloon(served.home, "up", "--port", "0", "--engine", "paper")
    assert ran.returncode == 2
    assert "is another kowloon running on it? `kowloon status` tells" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_taken_port_is_refused(served: Served, tmp_path: Path) -> None:
    ran = kowloon(tmp_path / "other", "up", "--port", str(served.port), "--engine", "paper")
    assert ran.returncode == 2
    assert f"cannot serve on port {served.port}" in ran.stderr
    assert "try `kowloon up --port 0`" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--engine", "steam"], "there is no engine 'steam'; use process or paper"),
        (["up", "--warp"], "No such option"),
        (["fly"], "No such command"),
        (["env", "--for", "cobol"], "there is no family 'cobol'; use one of python, python-core, node, go, java"),
        (["env", "--format", "xml"], "there is no format 'xml'; use one of shell, dotenv, json"),
        (["fault", "inject", "zone-power"], "Missing argument"),
        (["fault", "inject", "zone-power", ZONE, "--set", "novalue"], "--set takes NAME=VALUE, not 'novalue'"),
        (["fault", "recover"], "name one fault, or use --all"),
        (["fault", "recover", "f-1", "--all"], "name one fault, or use --all"),
    ],
)
def test_wrong_usage_is_exit_code_2(served: Served, arguments: list[str], words: str) -> None:
    ran = kowloon(served.home, *arguments)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["env"],
        ["reset", "--yes"],
        ["fault", "list"],
        ["fault", "kinds"],
        ["fault", "inject", "zone-power", ZONE],
        ["dingtalk", "tail", "--once"],
        ["dingtalk", "robots"],
    ],
)
def test_without_a_running_cloud_it_is_exit_code_3(tmp_path: Path, arguments: list[str]) -> None:
    ran = kowloon(tmp_path, *arguments)
    assert ran.returncode == 3
    assert ran.stderr.strip() == f"no cloud is running in {tmp_path}; start one with `kowloon up`"


def test_a_server_that_was_killed_is_exit_code_3(tmp_path: Path) -> None:
    with Served(tmp_path / "home") as served:
        served.kill()
        ran = kowloon(served.home, "status")
        assert ran.returncode == 3
        assert f"the cloud at {served.endpoint} does not answer" in ran.stderr


def test_version_and_help(tmp_path: Path) -> None:
    assert kowloon(tmp_path, "--version", own_interpreter=True).stdout.strip() == __version__
    shown = kowloon(tmp_path, "--help", own_interpreter=True)
    assert shown.returncode == 0
    for command in ("up", "env", "run", "tf", "status", "reset", "doctor", "fault", "dingtalk"):
        assert command in shown.stdout


def test_status_for_people_and_machines(served: Served) -> None:
    people = kowloon(served.home, "status")
    assert people.returncode == 0
    assert f"on {served.endpoint}, engine paper" in people.stdout
    machines = kowloon(served.home, "status", "--json")
    answer = json.loads(machines.stdout)
    assert (answer["endpoint"], answer["version"]) == (served.endpoint, __version__)


def test_env_of_all_families_leads_no_other_program_here(served: Served) -> None:
    found = exports(kowloon(served.home, "env").stdout)
    assert found["ALIBABA_CLOUD_ACCESS_KEY_ID"] == served.keys["access_key_id"]
    assert found["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] == served.keys["access_key_secret"]
    assert found["KOWLOON_URL"] == f"http://{served.endpoint}"
    assert not [name for name in found if name.upper().endswith("_PROXY")]


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("python", ["SSL_CERT_FILE"]),
        ("python-core", ["ALIBABA_CLOUD_CA_BUNDLE"]),
        ("node", ["NODE_EXTRA_CA_CERTS"]),
        ("go", ["SSL_CERT_FILE"]),
        ("java", ["JAVA_TOOL_OPTIONS"]),
        ("cli", ["ALIBABA_CLOUD_REGION", "ALIBABA_CLOUD_IGNORE_PROFILE", "SSL_CERT_FILE"]),
        (
            "terraform",
            ["ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_REGION", "ECS_ENDPOINT", "STS_ENDPOINT"],
        ),
        ("oss", ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "REQUESTS_CA_BUNDLE"]),
    ],
)
def test_env_of_one_family(served: Served, family: str, names: list[str]) -> None:
    ran = kowloon(served.home, "env", "--for", family, "--region", "cn-beijing", "--https")
    found = exports(ran.stdout)
    assert (ran.returncode, found["ALIBABA_CLOUD_REGION_ID"]) == (0, "cn-beijing")
    assert found["KOWLOON_URL"] == f"https://{served.endpoint}"
    assert set(names) <= found.keys()
    assert not [name for name in found if name.upper().endswith("_PROXY")]
    for name in ("SSL_CERT_FILE", "ALIBABA_CLOUD_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"):
        if name in found:
            assert subject_of_https(served, found[name]) == "127.0.0.1"


def test_env_as_a_shell_a_file_and_a_program_want_it(served: Served) -> None:
    said = exports(kowloon(served.home, "env", "--for", "java").stdout)
    assert json.loads(kowloon(served.home, "env", "--for", "java", "--format", "json").stdout) == said
    lines = kowloon(served.home, "env", "--for", "java", "--format", "dotenv").stdout.splitlines()
    assert len(lines) == len(said)
    for line in lines:
        name, _, value = line.partition("=")
        assert shlex.split(value) == [said[name]]


def test_env_of_a_role_has_its_credentials_by_uri_and_no_keys(served: Served) -> None:
    from tests.cli.test_run import TRUST_ECS, ask_ram

    ask_ram(served, RoleName="ByEnv", AssumeRolePolicyDocument=TRUST_ECS)
    found = exports(kowloon(served.home, "env", "--for", "python", "--ecs-role", "ByEnv").stdout)
    assert found["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] == "true"
    assert not [name for name in found if "ACCESS_KEY" in name]
    uri = found["ALIBABA_CLOUD_CREDENTIALS_URI"]
    assert uri.startswith(f"http://{served.endpoint}/_kowloon/ecs/credentials/")
    status, answer = http_call(served.port, "GET", uri.partition(served.endpoint)[2])
    assert (status, answer["Code"], answer["AccessKeyId"][:4]) == (200, "Success", "STS.")
    proxied = exports(kowloon(served.home, "env", "--ecs-role", "ByEnv", "--proxy").stdout)
    assert proxied["HTTP_PROXY"] == f"http://kowloon:{uri.rpartition('/')[2]}@{served.endpoint}"
    assert "ALIBABA_CLOUD_ECS_METADATA_DISABLED" not in proxied
    ran = kowloon(served.home, "env", "--ecs-role", "nobody")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "InvalidRamRole.NotFound" in ran.stderr


def subject_of_https(served: Served, authorities: str) -> str:
    """The address that a verified connection's certificate is for."""
    import socket

    context = ssl.create_default_context(cafile=authorities)
    with (
        socket.create_connection(("127.0.0.1", served.port), 30.0) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
    ):
        certificate = encrypted.getpeercert()
    assert certificate is not None
    return str(certificate["subjectAltName"][0][1])  # type: ignore[index,misc]


def test_a_proxy_is_exported_when_asked_for(served: Served) -> None:
    found = exports(kowloon(served.home, "env", "--for", "go", "--proxy").stdout)
    assert {found[name] for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")} == {
        f"http://{served.endpoint}"
    }
    assert found["NO_PROXY"] == "localhost,127.0.0.1"


def test_the_life_of_a_fault(served: Served) -> None:
    kinds = kowloon(served.home, "fault", "kinds")
    assert (kinds.returncode, "zone-power" in kinds.stdout) == (0, True)
    assert json.loads(kowloon(served.home, "fault", "kinds", "--json").stdout)[0]["kind"]
    ran = kowloon(served.home, "fault", "inject", "zone-power", ZONE, "--label", "mine", "--json")
    fault = json.loads(ran.stdout)
    assert (ran.returncode, fault["scope"], fault["label"]) == (0, [ZONE], "mine")
    assert f"{ZONE}: 24 hosts out of service" in kowloon(served.home, "status").stdout
    listed = kowloon(served.home, "fault", "list")
    assert fault["id"] in listed.stdout
    assert "mine" in listed.stdout
    recovered = kowloon(served.home, "fault", "recover", fault["id"])
    assert (recovered.returncode, recovered.stdout.strip()) == (0, f"{fault['id']} is recovered")
    assert kowloon(served.home, "fault", "list").stdout.strip() == "nothing is injected"
    assert len(json.loads(kowloon(served.home, "fault", "list", "--all", "--json").stdout)) == 1
    share = ("fault", "inject", "brownout", "ecs@cn-hongkong", "--set", "error_share=0.25")
    assert kowloon(served.home, *share).returncode == 0
    assert kowloon(served.home, "fault", "recover", "--all").stdout.strip() == "1 faults are recovered"


def test_what_the_cloud_refuses_is_exit_code_1_with_its_words(served: Served) -> None:
    ran = kowloon(served.home, "fault", "inject", "earthquake", ZONE)
    assert ran.returncode == 1
    assert ran.stderr.startswith("InvalidFaultKind.NotFound: no fault kind 'earthquake'")
    for odd in ("f-nothing", "f no/such?x", "故障"):
        ran = kowloon(served.home, "fault", "recover", odd)
        assert ran.returncode == 1
        assert "NotFound" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_something_else_on_the_port_is_no_cloud(served: Served, tmp_path: Path) -> None:
    import socket
    import threading

    for name in ("credentials.json", "server.json"):
        (tmp_path / name).write_bytes((served.home / name).read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        running = json.loads((tmp_path / "server.json").read_bytes())
        running["endpoint"] = f"127.0.0.1:{stranger.getsockname()[1]}"
        (tmp_path / "server.json").write_text(json.dumps(running))

        def answer() -> None:
            connection, _ = stranger.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        ran = kowloon(tmp_path, "status")
        thread.join(30.0)
    assert ran.returncode == 3
    assert f"the cloud at {running['endpoint']} does not answer" in ran.stderr
    (tmp_path / "server.json").write_text("{")
    assert kowloon(tmp_path, "status").returncode == 3


def test_reset_asks_first(served: Served) -> None:
    served.ask("CreateVpc")
    refused = kowloon(served.home, "reset", stdin="n\n")
    assert (refused.returncode, served.ask("DescribeVpcs")["TotalCount"]) == (1, 1)
    done = kowloon(served.home, "reset", "--yes")
    assert (done.returncode, done.stdout.strip()) == (0, "everything is released")
    assert served.ask("DescribeVpcs")["TotalCount"] == 0


def test_dingtalk_tail_shows_what_is_there_and_robots_their_webhooks(served: Served) -> None:
    status, made = served.admin("POST", "dingtalk/robots", {"name": "a", "group": "值班 & co", "keywords": ["disk"]})
    assert status == 201
    body = json.dumps({"msgtype": "markdown", "markdown": {"title": "disk", "text": "full 满"}}).encode()
    answer = http_call(served.port, "POST", made["webhook"], body, {"Content-Type": "application/json"})
    assert answer == (200, {"errcode": 0, "errmsg": "ok"})
    shown = kowloon(served.home, "dingtalk", "tail", "--once", "--group", "值班 & co")
    assert shown.returncode == 0
    assert "[值班 & co] disk" in shown.stdout
    assert "full 满" in shown.stdout
    [line] = kowloon(served.home, "dingtalk", "tail", "--once", "--group", "值班 & co", "--json").stdout.splitlines()
    message = json.loads(line)
    assert (message["title"], message["text"]) == ("disk", "full 满")
    assert f"http://{served.endpoint}{made['webhook']}" in kowloon(served.home, "dingtalk", "robots").stdout


def test_doctor_says_what_is_there_and_what_to_do(tmp_path: Path) -> None:
    ran = kowloon(tmp_path / "home", "doctor", "--json", timeout_s=110.0)
    rows = json.loads(ran.stdout)
    assert {row["check"] for row in rows} >= {"home folder can be written"}
    assert ran.returncode == (0 if all(row["ok"] for row in rows) else 1)
    assert all(row["advice"] for row in rows if not row["ok"])


def test_the_client_side_commands_load_no_server() -> None:
    import subprocess
    import sys

    code = (
        "import sys, kowloon.cli.main\n"
        "print([name for name in ('kowloon.app', 'rich', 'matplotlib', 'asyncio', 'asyncpg', 'cryptography', 'uvloop', "
        "'ruamel.yaml', 'sqlite3') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
