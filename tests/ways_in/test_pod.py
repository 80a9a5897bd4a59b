"""A program with the token of a pod, by the vendor's own names: its official library takes the pod's role."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kowloon.store.identity import OidcProvider, Role
from tests.services.sts.issuers import CLIENT, Issuer
from tests.ways_in.way import Way

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    pytest.mark.timeout(120),
]
PROGRAM = """
from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_credentials.models import Config as Settings
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.models import Config
import sys
pod = Credentials(Settings(type="oidc_role_arn")) if "explicit" in sys.argv else Credentials()
print(pod.get_credential().provider_name)
print(Client(Config(credential=pod, region_id="cn-hongkong")).get_caller_identity().body.arn)
"""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.mark.parametrize("options", [(), ("--proxy",)], ids=["namespace", "proxy"])
def test_the_credentials_library_takes_the_role_of_a_pod(
    way: Way, issuer: Issuer, tmp_path: Path, options: tuple[str, ...]
) -> None:
    account = way.cloud.account_id
    provider = OidcProvider(
        id=f"{account}:cluster",
        account=account,
        name="cluster",
        issuer=issuer.url,
        client_ids=(CLIENT,),
        fingerprints=(),
    )
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [provider.arn]}}
    role = Role(
        id=f"{account}:pod",
        account=account,
        name="pod",
        role_id="300000000000000001",
        trust=json.dumps({"Version": "1", "Statement": [trust]}),
    )

    async def put() -> None:
        def body(transaction: object) -> None:
            for item in (provider, role):
                transaction.put(item)  # type: ignore[attr-defined]

        await way.cloud.cloud.store.run(body)

    way.cloud.run(put())
    token = tmp_path / "token"
    token.write_text(issuer.token())
    environment = {
        "ALIBABA_CLOUD_ROLE_ARN": role.arn,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": provider.arn,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token),
        "ALIBABA_CLOUD_ROLE_SESSION_NAME": "web-0",
    }
    arn = f"acs:ram::{account}:assumed-role/pod/web-0"
    # By the shell, where the chain of credentials finds it first; by the command, which `kowloon run` does not touch.
    done = way.run([sys.executable, "-c", PROGRAM], *options, **environment)
    assert (done.returncode, done.stdout.split()) == (0, ["default/oidc_role_arn", arn]), done.stderr[-3000:]
    told = [f"{name}={value}" for name, value in environment.items()]
    done = way.run(["env", *told, sys.executable, "-c", PROGRAM, "explicit"], *options)
    assert (done.returncode, done.stdout.split()) == (0, ["oidc_role_arn", arn]), done.stderr[-3000:]
