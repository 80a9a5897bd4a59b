from __future__ import annotations

import ssl
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from kowloon.core.clock import Clock
from kowloon.core.errors import ConfigurationError
from kowloon.gateway import certificates
from kowloon.gateway.certificates import CertificateAuthority


def leaf_of(authority: CertificateAuthority, name: str, sni: str | None = None) -> x509.Certificate:
    """Shake hands in memory, trusting the authority, and return the leaf that was shown."""
    trusting = ssl.create_default_context(cafile=str(authority.certificate_path))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    trusting.check_hostname = bool(sni)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.context(name).wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname=sni)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


def test_files_and_reuse(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    first = CertificateAuthority(folder, Clock())
    second = CertificateAuthority(folder, Clock())
    assert first.certificate_path.read_bytes() == second.certificate_path.read_bytes()
    assert stat.S_IMODE((folder / "ca-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    first.context("a.test")
    assert sorted(path.name for path in folder.iterdir()) == ["ca-key.pem", "ca.pem"]


def test_processes_that_start_together_share_one_authority(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: CertificateAuthority(tmp_path, Clock()), range(8)))
    assert len({authority.certificate_path.read_bytes() for authority in made}) == 1
    assert len({authority._certificate.serial_number for authority in made}) == 1


@pytest.mark.parametrize("name", ["ecs.aliyuncs.com", "a" * 60 + "." + "b" * 60 + ".test"])
def test_leaf(tmp_path: Path, name: str) -> None:
    leaf = leaf_of(CertificateAuthority(tmp_path, Clock()), "other.test", name)
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert lifetime.days <= 397
    assert time.time() - leaf.not_valid_before_utc.timestamp() >= 86_000
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]


def test_addresses_are_address_names(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, Clock())
    for name in ("127.0.0.1", "[::1]"):
        # An address never travels as SNI: the name of the context counts.
        names = leaf_of(authority, name).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == [name.strip("[]")]


@pytest.mark.parametrize("name", ["", "a b", "*.evil.test", "-a", "a" * 300, "ü.test", "a\x00b", "a/b"])
def test_what_is_no_host_name_gets_the_fallback(tmp_path: Path, name: str) -> None:
    authority = CertificateAuthority(tmp_path, Clock())
    assert authority.context(name) is authority.context("localhost")


def test_contexts_are_kept_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "CONTEXTS_KEPT", 3)
    authority = CertificateAuthority(tmp_path, Clock())
    first = authority.context("A.test.")
    for name in ("b.test", "c.test"):
        authority.context(name)
    assert authority.context("a.test") is first
    authority.context("d.test")
    assert authority.context("a.test") is first
    assert list(authority._contexts) == ["c.test", "d.test", "a.test"]


def test_leaf_is_renewed_before_it_ends(tmp_path: Path) -> None:
    wall = [time.time()]
    authority = CertificateAuthority(tmp_path, Clock(lambda: wall[0]))
    first = authority.context("a.test")
    wall[0] += 380 * 86_400
    assert authority.context("a.test") is first
    wall[0] += 10 * 86_400
    assert authority.context("a.test") is not first


def test_unusable_authorities_are_named(tmp_path: Path) -> None:
    CertificateAuthority(tmp_path, Clock())
    with pytest.raises(ConfigurationError, match=r"ca-key\.pem has expired"):
        CertificateAuthority(tmp_path, Clock(lambda: time.time() + 11 * 365 * 86_400))
    (tmp_path / "ca-key.pem").write_text("nonsense")
    with pytest.raises(ConfigurationError, match=r"ca-key\.pem is not readable"):
        CertificateAuthority(tmp_path, Clock())
