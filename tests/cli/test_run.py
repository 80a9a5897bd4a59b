"""`kowloon run`: where names lead, what is refused, and how a command begins and ends in there."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.parts import Served, environment, kowloon
from tests.helpers import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
PYTHON = sys.executable
VENDOR_ADDRESS = "198.18.0.1"
ALLOWED = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}
TRUST_ECS = json.dumps({"Version": "1", "Statement": [ALLOWED]})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # A blank in the path: variables and files must survive it.
    with Served(tmp_path_factory.mktemp("a run") / "home") as served:
        served.ask("CreateVpc")
        yield served


def run(
    served: Served, *command: str, options: tuple[str, ...] = (), stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return kowloon(served.home, "run", *options, "--", *command, stdin=stdin)


def inside(served: Served, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    return run(served, PYTHON, "-c", program, options=options)


class Background:
    """A `kowloon run` that goes on; its first line says that the command has begun."""

    def __init__(self, served: Served, program: str, *prefix: str) -> None:
        command = [*prefix, PYTHON, "-m", "kowloon.cli.main", "run", "--", PYTHON, "-c", program]
        self.process = subprocess.Popen(
            command, env=environment(served.home), stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline().strip()

    def rest(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_commands(served: Served, code: int) -> None:
    assert run(served, "sh", "-c", f"exit {code}").returncode == code


def test_standard_streams_are_the_commands(served: Served) -> None:
    ran = run(served, "sh", "-c", "cat; echo out; echo err >&2", stdin="in\n")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "in\nout\n", "err\n")


def test_options_after_the_command_are_its_own(served: Served) -> None:
    ran = kowloon(served.home, "run", "printf", "%s\\n", "--port", "--proxy")
    assert ran.stdout == "--port\n--proxy\n"


def test_commands_that_cannot_be_started(served: Served, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    for options in ((), ("--proxy",)):
        ran = run(served, "no-such-command", options=options)
        assert (ran.returncode, ran.stderr) == (127, "kowloon run: there is no command 'no-such-command'\n")
        ran = run(served, str(plain), options=options)
        assert (ran.returncode, "cannot be started: Permission denied" in ran.stderr) == (126, True)


def test_the_vendors_names_lead_here_and_no_others_anywhere(served: Served) -> None:
    program = """
import socket
for name in ("ecs.cn-hongkong.aliyuncs.com", "my-bucket.oss-cn-hangzhou.aliyuncs.com", "oapi.dingtalk.com",
             "OSS.aliyuncs.com.", "b.localhost", "localhost", "example.com", "aliyuncs.com.example.com",
             "notaliyuncs.com"):
    try:
        print(name, socket.getaddrinfo(name, 443, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror as problem:
        print(name, problem.errno == socket.EAI_NONAME)
"""
    ran = inside(served, program)
    assert ran.stdout.splitlines() == [
        f"ecs.cn-hongkong.aliyuncs.com {VENDOR_ADDRESS}",
        f"my-bucket.oss-cn-hangzhou.aliyuncs.com {VENDOR_ADDRESS}",
        f"oapi.dingtalk.com {VENDOR_ADDRESS}",
        f"OSS.aliyuncs.com. {VENDOR_ADDRESS}",
        "b.localhost 127.0.0.1",
        "localhost 127.0.0.1",
        "example.com True",
        "aliyuncs.com.example.com True",
        "notaliyuncs.com True",
    ]
    said = "kowloon run: {} is not one of this cloud's names, and nothing else is reached from here"
    assert ran.stderr.splitlines() == [
        said.format(name) for name in ("example.com", "aliyuncs.com.example.com", "notaliyuncs.com")
    ]


def test_there_is_no_way_out(served: Served) -> None:
    program = """
import errno, socket
for address in ("192.0.2.1", "198.51.100.7", "8.8.8.8"):
    try:
        socket.create_connection((address, 443), 5)
    except OSError as problem:
        print(errno.errorcode[problem.errno])
print(sorted(name for _, name in socket.if_nameindex()))
"""
    assert inside(served, program).stdout.splitlines() == ["ENETUNREACH"] * 3 + ["['lo']"]


def test_an_address_of_this_machine_is_reached_only_if_its_port_is_named(served: Served) -> None:
    import socket
    import threading

    program = """
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as end:
        end.sendall(b"hello")
        end.shutdown(socket.SHUT_WR)
        print(end.makefile("rb").read().decode())
except ConnectionRefusedError:
    print("refused")
"""
    with socket.create_server(("127.0.0.1", 0)) as neighbour:
        port = neighbour.getsockname()[1]

        def answer() -> None:
            end, _ = neighbour.accept()
            with end:
                end.sendall(end.makefile("rb").read().upper())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert run(served, PYTHON, "-c", program, str(port)).stdout == "refused\n"
        named = run(served, PYTHON, "-c", program, str(port), options=("--port", str(port)))
        thread.join(30.0)
    assert named.stdout == "HELLO\n"


def test_both_schemes_lead_here_by_name_and_verified(served: Served) -> None:
    program = """
import json, ssl, urllib.request
for url in ("http://ecs.cn-hongkong.aliyuncs.com/", "https://ecs.cn-hongkong.aliyuncs.com/",
            "https://a-bucket.oss-cn-hangzhou.aliyuncs.com/", "http://127.0.0.1:%s/_kowloon/health"):
    try:
        print(urllib.request.urlopen(url % %r if "%s" in url else url, timeout=30).status)
    except urllib.error.HTTPError as problem:
        body = problem.read().decode()
        print(problem.code, "MissingAction" in body or "MissingParameter" in body, "NoSuchBucket" in body)
""".replace("%r", repr(str(served.port)))
    ran = inside(served, program)
    assert ran.stdout.splitlines() == ["400 True False", "400 True False", "404 False True", "200"], ran.stderr


def test_what_is_large_comes_through_whole(served: Served) -> None:
    """Sixteen mebibytes each way, through an official name, against the bytes that were sent."""
    import oss2

    auth = oss2.Auth(served.keys["access_key_id"], served.keys["access_key_secret"])
    oss2.Bucket(auth, f"http://{served.endpoint}", "big-through").create_bucket()
    program = """
import hashlib, os, oss2
auth = oss2.Auth(os.environ["OSS_ACCESS_KEY_ID"], os.environ["OSS_ACCESS_KEY_SECRET"])
bucket = oss2.Bucket(auth, "https://oss-cn-hangzhou.aliyuncs.com", "big-through")
data = os.urandom(1 << 24)
bucket.put_object("k", data)
print(hashlib.sha256(bucket.get_object("k").read()).digest() == hashlib.sha256(data).digest())
"""
    ran = inside(served, program)
    assert ran.stdout == "True\n", ran.stderr


def test_many_connections_at_once(served: Served) -> None:
    program = f"""
import concurrent.futures, urllib.request
def ask(number):
    return urllib.request.urlopen("http://127.0.0.1:{served.port}/_kowloon/health", timeout=60).status
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(sum(status == 200 for status in pool.map(ask, range(400))))
"""
    ran = inside(served, program)
    assert ran.stdout == "400\n", ran.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_signals_are_passed_on(served: Served, name: str) -> None:
    program = f"""
import signal, sys
def end(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(9)
signal.signal(signal.{name}, end)
print("begun", flush=True)
signal.pause()
"""
    background = Background(served, program)
    assert background.first == "begun"
    background.process.send_signal(signal.Signals[name])
    assert (background.rest(), background.process.wait(30.0)) == (f"{name}\n", 9)


def test_a_terminals_interrupt_comes_once(served: Served) -> None:
    """The terminal gives it to the command by itself: passed on as well, it would come twice."""
    program = """
import signal, sys, time
seen = []
def interrupt(*_):
    seen.append(1)
    print("interrupted", flush=True)
def end(*_):
    print(len(seen), sys.stdin.isatty(), flush=True)
    sys.exit()
signal.signal(signal.SIGINT, interrupt)
signal.signal(signal.SIGUSR1, end)
print("begun", flush=True)
while True:
    time.sleep(0.01)
"""
    master, slave = pty.openpty()
    command = [PYTHON, "-m", "kowloon.cli.main", "run", "--", PYTHON, "-c", program]
    process = subprocess.Popen(
        command,
        env=environment(served.home),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    with open(master, "rb", buffering=0) as terminal:
        shown = b""
        while b"begun\r\n" not in shown:
            shown += terminal.read(1024)
        os.write(master, b"\x03")
        while b"interrupted\r\n" not in shown:
            shown += terminal.read(1024)
        # It goes the same way as an interrupt that is passed on, and behind it.
        process.send_signal(signal.SIGUSR1)
        while b"True\r\n" not in shown:
            shown += terminal.read(1024)
        assert process.wait(30.0) == 0
    assert shown.replace(b"^C", b"").split() == [b"begun", b"interrupted", b"1", b"True"]


def test_a_command_that_a_signal_ends(served: Served) -> None:
    assert run(served, "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM
    assert run(served, "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_what_a_command_leaves_running_ends_with_it(served: Served) -> None:
    ran = run(served, "sh", "-c", "sleep 300 & echo $!; setsid sleep 300 >/dev/null 2>&1 & echo $!; exit 3")
    assert ran.returncode == 3
    pids = [int(line) for line in ran.stdout.split()]
    assert len(pids) == 2
    assert not [pid for pid in pids if alive(pid)]


def test_the_command_ends_when_its_way_out_does(served: Served) -> None:
    background = Background(served, "import os, signal\nprint(os.getpid(), flush=True)\nsignal.pause()")
    pid = int(background.first)
    assert alive(pid)
    background.process.kill()
    background.process.wait(30.0)
    eventually(lambda: not alive(pid))


def test_nothing_is_left_in_the_temporary_folder(served: Served, tmp_path: Path) -> None:
    """Not even by one that is killed: when the command begins, nothing is there any more."""
    variables = environment(served.home, TMPDIR=str(tmp_path))
    command = [PYTHON, "-m", "kowloon.cli.main", "run", "--", "sh", "-c", 'ls "$TMPDIR"; cat /etc/resolv.conf; exit 4']
    ran = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (4, "nameserver 127.0.0.1")
    assert list(tmp_path.iterdir()) == []


def test_the_machines_own_files_stay_as_they_are(served: Served) -> None:
    paths = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
    before = {path: Path(path).read_bytes() for path in paths if os.path.exists(path)}
    ran = run(served, "cat", "/etc/resolv.conf")
    assert ran.stdout.startswith("nameserver 127.0.0.1\n")
    assert {path: Path(path).read_bytes() for path in before} == before


def test_without_privileges_it_is_the_same(served: Served) -> None:
    """As an ordinary user has it: a user namespace of its own."""
    drop = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"] if os.geteuid() == 0 else []
    program = "import os, socket\nprint(os.getuid(), socket.gethostbyname('ecs.aliyuncs.com'))"
    command = [*drop, PYTHON, "-m", "kowloon.cli.main", "run", "--", PYTHON, "-c", program]
    ran = subprocess.run(command, env=environment(served.home), capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.returncode) == (f"{os.getuid()} {VENDOR_ADDRESS}\n", 0), ran.stderr


def test_a_machine_that_forbids_it_says_what_to_do(served: Served) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give up what it takes")
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    command = [*drop, PYTHON, "-m", "kowloon.cli.main", "run", "--", "true"]
    ran = subprocess.run(command, env=environment(served.home), capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert "use --proxy, or allow unprivileged user namespaces" in ran.stderr
    assert "Traceback" not in ran.stderr


def variables_of(served: Served, *options: str, **mine: str) -> dict[str, str]:
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    command = [PYTHON, "-m", "kowloon.cli.main", "run", *options, "--", PYTHON, "-c", program]
    ran = subprocess.run(
        command, env=environment(served.home, **mine), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def test_the_variables_of_every_family(served: Served) -> None:
    theirs = {
        "HTTPS_PROXY": "http://elsewhere:1",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "t",
        "ALIBABA_CLOUD_ENDPOINT": "elsewhere",
        "ALIBABA_CLOUD_CREDENTIALS_URI": "http://elsewhere",
        "ALIBABA_CLOUD_REGION_ID": "cn-beijing",
        "JAVA_TOOL_OPTIONS": "-Dmine=1",
        "UNRELATED": "stays",
    }
    found = variables_of(served, **theirs)
    bundle = str(served.home / "ca-bundle.pem")
    for name in (
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "ALIBABA_CLOUD_CA_BUNDLE",
        "KOWLOON_CA_BUNDLE",
    ):
        assert found[name] == bundle
    assert found["NODE_EXTRA_CA_CERTS"].endswith("certificates/ca.pem")
    assert found["JAVA_TOOL_OPTIONS"].startswith("-Dmine=1 -Djavax.net.ssl.trustStore=")
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY", "OSS_ACCESS_KEY_ID"):
        assert found[name] == served.keys["access_key_id"]
    assert (found["ALIBABA_CLOUD_REGION_ID"], found["UNRELATED"]) == ("cn-beijing", "stays")
    gone = {"HTTPS_PROXY", "ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_ENDPOINT", "ALIBABA_CLOUD_CREDENTIALS_URI"}
    assert not gone & found.keys()
    assert variables_of(served, "--region", "cn-hongkong", **theirs)["ALIBABA_CLOUD_REGION_ID"] == "cn-hongkong"
    kept = variables_of(served, "--keep-keys", ALIBABA_CLOUD_ACCESS_KEY_ID="mine", ALIBABA_CLOUD_SECURITY_TOKEN="t")
    assert (kept["ALIBABA_CLOUD_ACCESS_KEY_ID"], kept["ALIBABA_CLOUD_SECURITY_TOKEN"]) == ("mine", "t")


def test_what_a_pod_has_is_left_if_it_is_this_clouds(served: Served) -> None:
    account = served.keys["account_id"]
    pod = {
        "ALIBABA_CLOUD_ROLE_ARN": f"acs:ram::{account}:role/pod",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": f"acs:ram::{account}:oidc-provider/cluster",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/var/run/secrets/token",
    }
    session = {"ALIBABA_CLOUD_ROLE_SESSION_NAME": "web-0"}
    theirs = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "mine", "ALIBABA_CLOUD_PROFILE": "mine"}
    key = "ALIBABA_CLOUD_ACCESS_KEY_ID"
    names = {*pod, *session, *theirs, "OSS_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY"}

    def told(found: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in found.items() if name in names}

    assert told(variables_of(served, **pod, **theirs)) == pod
    found = variables_of(served, **pod, **session)
    assert told(found) == {**pod, **session}
    assert found["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] == "true"
    assert told(variables_of(served, "--keep-keys", **pod, **theirs)) == {**pod, **theirs}
    # Not complete, or of a real cloud.
    elsewhere = {**pod, "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1000000000000001:role/pod"}
    for other in ({**pod, "ALIBABA_CLOUD_OIDC_TOKEN_FILE": ""}, elsewhere, {**pod, "ALIBABA_CLOUD_ROLE_ARN": "pod"}):
        found = variables_of(served, **other, **session)
        assert found[key] == served.keys["access_key_id"]
        assert not {*pod, *session} & found.keys()


@pytest.mark.parametrize("proxy", [(), ("--proxy",)], ids=["namespace", "proxy"])
def test_as_if_on_an_instance(served: Served, proxy: tuple[str, ...]) -> None:
    ask_ram(served, RoleName="OnInstances", AssumeRolePolicyDocument=TRUST_ECS)
    program = """
import os, urllib.request
print(urllib.request.urlopen("http://100.100.100.200/latest/meta-data/ram/security-credentials/", timeout=30).read())
print([name for name in os.environ if name.endswith(("ACCESS_KEY_ID", "SECRET", "ACCESS_KEY", "SECRET_KEY"))])
print(b"Success" in urllib.request.urlopen(os.environ["ALIBABA_CLOUD_CREDENTIALS_URI"], timeout=30).read())
"""
    ran = inside(served, program, "--ecs-role", "oninstances", *proxy)
    assert ran.stdout.splitlines() == ["b'OnInstances'", "[]", "True"], ran.stderr


def ask_ram(served: Served, **fields: str) -> None:
    from tests.cli.parts import http_call
    from tests.core.parts import query_of, signed_fields

    signed = signed_fields(
        served.keys["access_key_id"],
        served.keys["access_key_secret"],
        "CreateRole",
        wall=time.time(),
        SignatureNonce=f"{os.getpid()}-{time.monotonic_ns()}",
        **{"Version": "2015-05-01", **fields},
    )
    status, answer = http_call(served.port, "GET", f"/?{query_of(signed)}")
    assert status == 200 or answer["Code"] == "EntityAlreadyExists.Role", answer


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--ecs-role", "nobody"), 1, "InvalidRamRole.NotFound: The specified RAMRoleName does not exist."),
        (("--instance", "i-nothing"), 1, "InvalidInstanceId.NotFound"),
        (("--port", "0"), 2, "--port takes ports from 1 to 65535, at most 200 of them"),
        (("--port", "65536"), 2, "--port takes ports from 1 to 65535"),
        (("--keep-keys", "--ecs-role", "x"), 2, "--keep-keys and an instance's role exclude each other"),
    ],
)
def test_wrong_options(served: Served, options: tuple[str, ...], code: int, words: str) -> None:
    ran = run(served, "true", options=options)
    assert ran.returncode == code
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_command_is_needed(served: Served) -> None:
    assert kowloon(served.home, "run").returncode == 2


def test_without_a_cloud_nothing_runs(tmp_path: Path) -> None:
    for command in ("run", "tf"):
        ran = kowloon(tmp_path, command, "--", "true")
        assert (ran.returncode, ran.stdout) == (3, "")
