"""When an issuer is asked for its keys, and whom it has to be."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError
from kowloon.engines.dialler import Dialler
from kowloon.services.sts.issuer_keys import IssuerKeys
from kowloon.store.identity import OidcProvider
from tests.services.sts.issuers import Issuer, certificate, pem, public_jwk, rsa_key

ASKED = ["/.well-known/openid-configuration", "/keys"]


class Wall:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def keys(wall: Wall) -> IssuerKeys:
    return IssuerKeys(Clock(wall), Dialler(lambda: ()))


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


def provider(issuer: Issuer, *fingerprints: str) -> OidcProvider:
    return OidcProvider(id="1:x", name="x", issuer=issuer.url, client_ids=("c",), fingerprints=fingerprints)


async def test_keys_are_kept_for_an_hour(keys: IssuerKeys, issuer: Issuer, wall: Wall) -> None:
    assert [key.id for key in await keys.of(provider(issuer), "first")] == ["first"]
    wall.now_s += 3599
    await keys.of(provider(issuer), "first")
    assert issuer.asked == ASKED
    wall.now_s += 1
    await keys.of(provider(issuer), "first")
    assert issuer.asked == ASKED * 2


async def test_a_new_key_is_found_but_unknown_ones_are_not_looked_for_each_time(
    keys: IssuerKeys, issuer: Issuer, wall: Wall
) -> None:
    await keys.of(provider(issuer), "first")
    issuer.documents["/keys"]["keys"] = [public_jwk(rsa_key("other"), kid="second")]
    for _ in range(3):
        assert [key.id for key in await keys.of(provider(issuer), "second")] == ["first"]
    assert issuer.asked == ASKED
    wall.now_s += 5
    assert [key.id for key in await keys.of(provider(issuer), "second")] == ["second"]
    assert issuer.asked == ASKED * 2


async def test_an_issuer_that_was_down_is_asked_again_after_a_while(
    keys: IssuerKeys, issuer: Issuer, wall: Wall
) -> None:
    issuer.status = 503
    for _ in range(3):
        with pytest.raises(ApiError, match="Get public keys from OIDC Provider failed"):
            await keys.of(provider(issuer), "first")
    assert issuer.asked == ASKED[:1]
    issuer.status = 200
    wall.now_s += 5
    assert await keys.of(provider(issuer), "first")


async def test_good_keys_outlive_a_failure_within_their_hour(keys: IssuerKeys, issuer: Issuer, wall: Wall) -> None:
    await keys.of(provider(issuer), "first")
    issuer.status = 503
    wall.now_s += 5
    assert [key.id for key in await keys.of(provider(issuer), "a stranger's")] == ["first"]
    assert issuer.asked == [*ASKED, ASKED[0]]
    wall.now_s += 3594
    assert [key.id for key in await keys.of(provider(issuer), "first")] == ["first"]
    wall.now_s += 1
    with pytest.raises(ApiError, match="Get public keys from OIDC Provider failed"):
        await keys.of(provider(issuer), "first")


async def test_each_caller_gets_an_error_of_its_own(keys: IssuerKeys, issuer: Issuer) -> None:
    issuer.status = 503
    refusals = []
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            await keys.of(provider(issuer), "first")
        refusals.append(refused.value)
    assert refusals[0] is not refusals[1]


async def test_only_so_many_issuers_are_kept(keys: IssuerKeys, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.services.sts.issuer_keys._MOST_ISSUERS", 2)
    for fingerprint in "abca":
        await keys.of(provider(issuer, fingerprint), "first")
    assert issuer.asked == ASKED * 4


# --- by https ---


def _sha1(certificate: Any) -> str:
    return hashlib.sha1(certificate.public_bytes(Encoding.DER)).hexdigest()


def _sha256(certificate: Any) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest().upper()


class Authority:
    """A root of one's own, and a server certificate for loopback that rests on it."""

    def __init__(self, folder: Path, name: str = "root") -> None:
        self.root = certificate(name, rsa_key(name))
        self.leaf = certificate("leaf", rsa_key("leaf"), issuer=(self.root, rsa_key(name)), address=True)
        self.file = folder / f"{name}.pem"

    def context(self, *shown: Any) -> ssl.SSLContext:
        """Which certificates a server with the leaf shows along with it."""
        chain = [certificate.public_bytes(Encoding.PEM) for certificate in (self.leaf, *shown)]
        self.file.write_bytes(b"".join([pem(rsa_key("leaf")), *chain]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


async def _outcome(keys: IssuerKeys, provider: OidcProvider) -> str:
    """The last part of the refusal's code, or `keys`."""
    try:
        found = await keys.of(provider, "first")
    except ApiError as refused:
        return refused.code.rpartition(".")[2]
    return "keys" if found else "none"


async def test_who_has_no_public_certificate_needs_a_fingerprint(keys: IssuerKeys, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issuer = Issuer(authority.context(authority.root))
    try:
        assert await _outcome(keys, provider(issuer)) == "HttpsUrlInvalid"
        assert await _outcome(keys, provider(issuer, "0" * 40)) == "PublicKeyFingerprintMismatch"
        for named in (_sha1(authority.root), _sha256(authority.root), _sha1(authority.leaf)):
            assert await _outcome(keys, provider(issuer, "0" * 40, named)) == "keys"
    finally:
        issuer.close()


async def test_showing_the_right_certificate_is_not_having_it(keys: IssuerKeys, tmp_path: Path) -> None:
    """The chain of an impostor has the pinned root in it; its own certificate does not rest on that."""
    wanted, impostor = Authority(tmp_path), Authority(tmp_path, "impostor")
    issuer = Issuer(impostor.context(impostor.root, wanted.root))
    try:
        assert await _outcome(keys, provider(issuer, _sha1(wanted.root))) == "HttpsUrlInvalid"
    finally:
        issuer.close()


async def test_a_certificate_for_another_name_is_refused(keys: IssuerKeys, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issuer = Issuer(authority.context(authority.root))
    issuer.url = issuer.url.replace("127.0.0.1", "localhost")
    try:
        assert await _outcome(keys, provider(issuer, _sha1(authority.root))) == "HttpsUrlInvalid"
    finally:
        issuer.close()


async def test_nobody_speaks_tls_there(keys: IssuerKeys, issuer: Issuer) -> None:
    issuer.url = issuer.url.replace("http", "https")
    assert await _outcome(keys, provider(issuer, "0" * 40)) == "IssuerConfigurationBroken"
    assert await _outcome(keys, provider(issuer)) == "IssuerConfigurationBroken"
