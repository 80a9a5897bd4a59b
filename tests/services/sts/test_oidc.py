"""Roles for whom an OpenID Connect issuer vouches for."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from alibabacloud_credentials.provider.oidc import OIDCRoleArnCredentialsProvider
from cryptography.hazmat.primitives.asymmetric import ec

from kowloon.testing.cloud import LocalCloud
from tests.admin.test_routes import Admin
from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.rights import Rights, document, statement
from tests.services.sts.issuers import CLIENT, Issuer, public_jwk, rsa_key

NO_PERMISSION = ("AuthenticationFail.NoPermission", "There is no permission", 401)
INVALID = "AuthenticationFail.OIDCToken.Invalid"
_numbers = itertools.count(1)


class Trusted:
    """An issuer that an account knows, and a role for whom it vouches for."""

    def __init__(self, admin: Customer, issuer: Issuer, *, client_ids: str = CLIENT, **condition: Any) -> None:
        self.admin, self.issuer = admin, issuer
        number = next(_numbers)
        self.name = f"issuer-{number}"
        made = admin.call(
            "ims", "CreateOIDCProvider", oidcprovider_name=self.name, issuer_url=issuer.url, client_ids=client_ids
        )
        self.arn = made.oidcprovider.arn
        self.role = f"acs:ram::{admin.cloud.account_id}:role/pod-{number}"
        self.trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [self.arn]}}
        if condition:
            self.trust["Condition"] = condition
        policy = Rights(admin).policy(statement("Allow", "vpc:*"))
        text = json.dumps({"Version": "1", "Statement": [self.trust]})
        admin.call("ram", "CreateRole", role_name=f"Pod-{number}", assume_role_policy_document=text)
        names = {"policy_type": "Custom", "policy_name": policy, "role_name": f"Pod-{number}"}
        admin.call("ram", "AttachPolicyToRole", **names)

    def take(self, token: str | None = None, **fields: Any) -> Any:
        """Nobody signs that call: any client will do."""
        request = {
            "oidcprovider_arn": self.arn,
            "oidctoken": self.issuer.token() if token is None else token,
            "role_arn": self.role,
            "role_session_name": "web-0",
            **fields,
        }
        return self.admin.call("sts", "AssumeRoleWithOIDC", **request)


def session(admin: Customer, keys: Any) -> Customer:
    return Customer(
        admin.cloud,
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
    )


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def standing(shared_cloud: LocalCloud) -> Iterator[Trusted]:
    """For tests that change nothing about the issuer or the role."""
    issuer = Issuer()
    yield Trusted(Customer(shared_cloud), issuer)
    issuer.close()


@pytest.fixture
def trusted(customer: Customer, issuer: Issuer) -> Trusted:
    return Trusted(customer, issuer)


def test_a_token_is_worth_a_session(standing: Trusted) -> None:
    now = int(time.time())
    answer = standing.take(standing.issuer.token(iat=now - 10, exp=now + 100, aud=["other", CLIENT]))
    told = answer.oidctoken_info
    assert (told.subject, told.issuer, told.client_ids) == ("alice", standing.issuer.url, f"other,{CLIENT}")
    assert told.verification_info == "Success"
    assert told.issuance_time == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 10))
    assert told.expiration_time == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 100))
    pod = session(standing.admin, answer.credentials)
    assert pod.call("vpc", "DescribeVpcs").request_id
    refused(lambda: pod.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to", status=403)
    me = pod.sts.get_caller_identity().body
    assert (me.identity_type, me.arn) == ("AssumedRoleUser", answer.assumed_role_user.arn)
    assert me.principal_id == answer.assumed_role_user.assumed_role_id
    assert me.arn.endswith("/web-0")


def test_elliptic_keys_and_tokens_without_a_key_id(trusted: Trusted) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    # What is no key to sign with, or is none at all, is passed over.
    trusted.issuer.documents["/keys"]["keys"] += [
        public_jwk(curve, kid="curve"),
        public_jwk(rsa_key("other"), kid="enc", use="enc"),
        {"kty": "RSA", "n": 5, "e": None, "kid": "broken"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
    ]
    trusted.take(trusted.issuer.token(key=curve, algorithm="ES256", kid="curve"))
    trusted.take(trusted.issuer.token(key=curve, algorithm="ES256", kid=None))
    trusted.take(trusted.issuer.token(kid=None))
    for kid, key in (("enc", rsa_key("other")), ("curve", rsa_key("issuer")), ("broken", rsa_key("issuer"))):
        refused(
            lambda kid=kid, key=key: trusted.take(trusted.issuer.token(key=key, kid=kid)),
            "AuthenticationFail.OIDCToken.InvalidSignature",
            "OIDC token validate failed: invalid signature.",
            401,
        )


def _without_signature(issuer: Issuer) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{head}.{issuer.token().split('.')[1]}."


def _tampered(issuer: Issuer) -> str:
    head, claims, signature = issuer.token().split(".")
    plain = json.loads(base64.urlsafe_b64decode(claims + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**plain, "sub": "root"}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


# By the public key as if it were a secret: what a naive verifier takes.
def _by_public_key(issuer: Issuer) -> str:
    secret = str(issuer.key.public_key().public_numbers().n)
    return jwt.encode({"iss": issuer.url, "sub": "x", "aud": CLIENT, "iat": 1, "exp": 9e9}, secret, "HS256")


SIGNATURE = "OIDC token validate failed: invalid signature."
CONTENT = "The Jwt content is invalid that cannot be recognized."


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda issuer: " ", INVALID, "The OIDCToken can not empty."),
        (lambda issuer: "a.b", INVALID, "The number of Jwt field should be divided into 3 parts with '.' ."),
        (lambda issuer: "a.b.!", INVALID, "Cannot decode base64 encoded response(format invalided)."),
        (lambda issuer: "bnVsbA.bnVsbA.bnVsbA", INVALID, CONTENT),
        (lambda issuer: "e30.e30.e30", INVALID, CONTENT),
        (lambda issuer: issuer.token(sub="x" * 30_000), INVALID, CONTENT),
        (lambda issuer: issuer.token(exp=None), INVALID, CONTENT),
        (lambda issuer: issuer.token(iat=None), INVALID, CONTENT),
        (lambda issuer: issuer.token(exp=1e30), INVALID, CONTENT),
        (lambda issuer: issuer.token(sub=None), INVALID, CONTENT),
        (_without_signature, INVALID, "The algorithm none that be specified in Jwt header is unknown."),
        (_by_public_key, INVALID, "The algorithm HS256 that be specified in Jwt header is unknown."),
        (_tampered, "AuthenticationFail.OIDCToken.InvalidSignature", SIGNATURE),
        (
            lambda issuer: issuer.token(key=rsa_key("foreign")),
            "AuthenticationFail.OIDCToken.InvalidSignature",
            SIGNATURE,
        ),
        (lambda issuer: issuer.token(kid="unknown"), "AuthenticationFail.OIDCToken.InvalidSignature", SIGNATURE),
        (
            lambda issuer: issuer.token(aud="other"),
            "AuthenticationFail.OIDCToken.AudienceNotMatch",
            "Invalid audience.",
        ),
        (lambda issuer: issuer.token(aud=[]), "AuthenticationFail.OIDCToken.AudienceNotMatch", "Invalid audience."),
        (
            lambda issuer: issuer.token(iss="https://other.example.com"),
            "AuthenticationFail.OIDCToken.IssuerNotMatch",
            "The issuer in the OIDC Token doesn't match the OIDC Provider registered.",
        ),
        (
            lambda issuer: issuer.token(exp=time.time() - 1),
            "AuthenticationFail.OIDCToken.Expired",
            "This JsonWebToken is expired.",
        ),
        (lambda issuer: issuer.token(nbf=time.time() + 300), INVALID, "This JsonWebToken is not valid yet."),
        (lambda issuer: issuer.token(iat=time.time() + 300), INVALID, "This JsonWebToken is not valid yet."),
        (
            lambda issuer: issuer.token(iat=time.time() - 13 * 3600),
            INVALID,
            "This JsonWebToken was issued more than 12 hours ago.",
        ),
    ],
)
def test_tokens_that_are_worth_nothing(standing: Trusted, make: Any, code: str, message: str) -> None:
    refused(lambda: standing.take(make(standing.issuer)), code, message, 401)


def test_how_old_a_token_may_be_is_the_providers_affair(trusted: Trusted) -> None:
    old = trusted.issuer.token(iat=time.time() - 13 * 3600)
    refused(lambda: trusted.take(old), INVALID, "This JsonWebToken was issued more than 12 hours ago.")
    trusted.admin.call("ims", "UpdateOIDCProvider", oidcprovider_name=trusted.name, issuance_limit_time=14)
    trusted.take(old)


@pytest.mark.parametrize(
    ("fields", "code", "message", "status"),
    [
        ({"role_arn": "nonsense"}, "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.", 400),
        (
            {"role_arn": "acs:ram::1234567890123456:role/none"},
            "EntityNotExist.Role",
            "The role not exists: acs:ram::1234567890123456:role/none.",
            404,
        ),
        ({"role_arn": ""}, "MissingParameter.RoleArn", "Parameter RoleArn is required.", 400),
        ({"role_session_name": "a b"}, "InvalidParameter.RoleSessionName", "is wrongly formed.", 400),
        ({"role_session_name": None}, "MissingRoleSessionName", "RoleSessionName is mandatory for this action.", 400),
        ({"oidcprovider_arn": ""}, "MissingParameter.OIDCProviderArn", "Parameter OIDCProviderArn is required.", 400),
        (
            {"oidcprovider_arn": "acs:ram::1:saml-provider/x"},
            "AuthenticationFail.NoPermission",
            "Parameter OIDCProviderArn is not valid",
            401,
        ),
        (
            {"oidcprovider_arn": "acs:ram::1:oidc-provider/x"},
            "AuthenticationFail.NoPermission",
            "No such OIDC Provider registered.",
            401,
        ),
        (
            {"duration_seconds": 899},
            "InvalidParameter.DurationSeconds",
            "The Min/Max value of DurationSeconds is 15min/3600s.",
            400,
        ),
        ({"duration_seconds": 3601}, "InvalidParameter.DurationSeconds", "15min/3600s.", 400),
        ({"policy": "{"}, "InvalidParameter.PolicyGrammar", "has not passed grammar check.", 400),
        ({"policy": "x" * 2049}, "InvalidParameter.PolicySize", "must be smaller than 2048 bytes.", 400),
    ],
)
def test_sessions_that_cannot_be(
    standing: Trusted, fields: dict[str, Any], code: str, message: str, status: int
) -> None:
    refused(lambda: standing.take(**fields), code, message, status)


def test_a_policy_of_the_session_narrows_it(standing: Trusted) -> None:
    narrow = document(statement("Allow", "vpc:DescribeVpcs"))
    pod = session(standing.admin, standing.take(policy=narrow).credentials)
    assert pod.call("vpc", "DescribeVpcs").request_id
    refused(lambda: pod.call("vpc", "DescribeVSwitches"), "Forbidden.RAM", "User not authorized to", status=403)


def test_the_role_says_who_may_come(customer: Customer, issuer: Issuer) -> None:
    wanted = {"oidc:iss": issuer.url, "oidc:aud": CLIENT}
    trusted = Trusted(customer, issuer, StringEquals=wanted, StringLike={"oidc:sub": "system:serviceaccount:web:*"})
    trusted.take(issuer.token(sub="system:serviceaccount:web:server"))
    error = refused(lambda: trusted.take(issuer.token(sub="system:serviceaccount:db:server")), *NO_PERMISSION)
    detail = error.accessDeniedDetail
    assert (detail["AuthPrincipalType"], detail["PolicyType"]) == ("OIDCUser", "AssumeRolePolicy")
    assert (detail["AuthPrincipalDisplayName"], detail["NoPermissionType"]) == (
        "system:serviceaccount:db:server",
        "ImplicitDeny",
    )
    request = f"ram/explain?request={error.data['RequestId']}"
    (decision,) = Admin(customer.cloud).call("GET", request)["decisions"]
    assert (decision["allowed"], decision["resource"]) == (False, trusted.role)
    sub = next(each for each in decision["statements"][0]["conditions"] if each["key"] == "oidc:sub")
    assert (sub["holds"], sub["value"]) == (False, "system:serviceaccount:db:server")


def test_a_denial_in_the_trust_is_final(trusted: Trusted) -> None:
    denial = {**trusted.trust, "Effect": "Deny", "Condition": {"StringEquals": {"oidc:sub": "mallory"}}}
    text = json.dumps({"Version": "1", "Statement": [trusted.trust, denial]})
    name = trusted.role.rpartition("/")[2]
    trusted.admin.call("ram", "UpdateRole", role_name=name, new_assume_role_policy_document=text)
    trusted.take()
    error = refused(lambda: trusted.take(trusted.issuer.token(sub="mallory")), *NO_PERMISSION)
    assert error.accessDeniedDetail["NoPermissionType"] == "ExplicitDeny"


def test_another_accounts_provider_vouches_for_nobody_here(alone: Customer, issuer: Issuer) -> None:
    trusted = Trusted(alone, issuer)
    stranger = other_account(alone.cloud)
    theirs = stranger.call(
        "ims", "CreateOIDCProvider", oidcprovider_name=trusted.name, issuer_url=issuer.url, client_ids=CLIENT
    )
    refused(lambda: trusted.take(oidcprovider_arn=theirs.oidcprovider.arn), *NO_PERMISSION)
    assert stranger.call("ims", "ListOIDCProviders").oidcproviders.oidcprovider[0].arn == theirs.oidcprovider.arn


def test_a_deleted_provider_vouches_for_nobody(trusted: Trusted) -> None:
    keys = trusted.take().credentials
    trusted.admin.call("ims", "DeleteOIDCProvider", oidcprovider_name=trusted.name)
    refused(trusted.take, "AuthenticationFail.NoPermission", "No such OIDC Provider registered.", 401)
    # Sessions are the role's by now.
    assert session(trusted.admin, keys).call("vpc", "DescribeVpcs").request_id


def test_keys_are_fetched_once(trusted: Trusted) -> None:
    for _ in range(3):
        trusted.take()
    assert trusted.issuer.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda issuer: setattr(issuer, "status", 500),
        lambda issuer: issuer.documents.clear(),
        lambda issuer: issuer.documents.update({"/keys": b"no json"}),
        lambda issuer: issuer.documents.update({"/keys": {"keys": "none"}}),
        lambda issuer: issuer.documents.update({"/.well-known/openid-configuration": b"[]"}),
        lambda issuer: issuer.documents["/.well-known/openid-configuration"].update(issuer="https://example.com"),
        lambda issuer: issuer.documents["/.well-known/openid-configuration"].update(jwks_uri="http://192.0.2.1/keys"),
        lambda issuer: issuer.documents["/.well-known/openid-configuration"].update(jwks_uri="file:///etc/passwd"),
        lambda issuer: issuer.documents.update({"/keys": b" " * 300_000}),
        lambda issuer: issuer.close(),
    ],
)
def test_issuers_that_cannot_be_asked(customer: Customer, issuer: Issuer, spoil: Any) -> None:
    trusted = Trusted(customer, issuer)
    spoil(issuer)
    refused(
        trusted.take,
        "AuthenticationFail.OIDCToken.IssuerConfigurationBroken",
        f"Get public keys from OIDC Provider failed, the issuer is {issuer.url}.",
        401,
    )


def test_the_official_credentials_library_reads_a_token_file(standing: Trusted, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(standing.issuer.token() + "\n")
    provider = OIDCRoleArnCredentialsProvider(
        role_arn=standing.role,
        oidc_provider_arn=standing.arn,
        oidc_token_file_path=str(file),
        role_session_name="pod",
        sts_endpoint=f"http://{standing.admin.cloud.endpoint}",
    )
    keys = provider.get_credentials()
    pod = Customer(
        standing.admin.cloud,
        access_key_id=keys.get_access_key_id(),
        access_key_secret=keys.get_access_key_secret(),
        security_token=keys.get_security_token(),
    )
    assert pod.sts.get_caller_identity().body.arn.endswith("/pod")
