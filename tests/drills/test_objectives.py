"""Objective files: what is accepted, and that every mistake names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.drill.objectives import ApiSpec, HttpSpec, LedgerSpec, ObjectivesError, load_workload, parse_workload

EXAMPLE = Path(__file__).parents[2] / "examples" / "exchange"
ENVIRONMENT = {
    "EXCHANGE_URL": "http://127.1.2.3:8080",
    "EXCHANGE_DSN": "postgresql://exchange@127.1.2.4:5432/exchange",
    "EXCHANGE_STATEMENT_URL": "http://127.0.0.1:8520/exchange/statements/alice.json?x-oss-signature=a",
    "ALIBABA_CLOUD_ENDPOINT": "127.0.0.1:8520",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
}
WRONG = """title: Shop
probes:
  - {name: page, kind: http, url: "${SHOP_URL}/", every_ms: 500}
  - {name: page, kind: http, url: "http://x/", expect_satus: 200}
  - {name: other, kind: htpp}
  - {name: third, kind: sql}
objectives:
  - {name: up, probe: page, availability: 2}
colour: red
"""


def test_the_example_is_valid() -> None:
    workload = load_workload(EXAMPLE / "objectives.yaml", ENVIRONMENT, "multi-zone")
    balances, withdrawals, _, statements = workload.probes
    assert isinstance(balances, HttpSpec)
    assert balances.url == "http://127.1.2.3:8080/accounts/alice"
    assert isinstance(withdrawals, LedgerSpec)
    assert withdrawals.body == {"id": "{id}", "account": "alice", "amount": 1}
    assert isinstance(statements, HttpSpec)
    assert statements.url == ENVIRONMENT["EXCHANGE_STATEMENT_URL"]
    assert workload.objectives[2].acknowledged_writes_lost == 0
    provider = load_workload(EXAMPLE / "provider.yaml", ENVIRONMENT, "provider")
    assert [probe.zone[-1] for probe in provider.probes if isinstance(probe, ApiSpec)] == ["b", "c", "d"]


def test_every_mistake_is_told_with_its_line() -> None:
    with pytest.raises(ObjectivesError) as refused:
        parse_workload(WRONG, "shop.yaml", {"SHOP_URI": "x"}, "v")
    assert refused.value.problems == [
        "shop.yaml:3: ${SHOP_URL} is not set in the environment; did you mean SHOP_URI?",
        "shop.yaml:3: every_ms is from 10 to 100: at least 10 probes a second",
        "shop.yaml:4: unknown key 'expect_satus'; did you mean expect_status? (known: name, zone, every_ms, "
        "timeout_ms, retries, url, method, expect_status, kind)",
        "shop.yaml:5: unknown probe kind 'htpp'; did you mean http? (kinds: http, sql, api, ledger)",
        "shop.yaml:6: Object missing required field `dsn`",
        "shop.yaml:9: unknown key 'colour' (known: title, probes, objectives)",
    ]


def test_objectives_are_held_against_their_probes() -> None:
    text = """title: Shop
probes: [{name: page, kind: http, url: "http://x/"}]
objectives:
  - {name: a, probe: pages, availability: 0.9}
  - {name: b, probe: page, availability: 99.9}
  - {name: c, probe: page, acknowledged_writes_lost: 0}
  - {name: d, probe: page}
"""
    with pytest.raises(ObjectivesError) as refused:
        parse_workload(text, "shop.yaml", {}, "v")
    assert refused.value.problems == [
        "shop.yaml:4: no probe 'pages'; did you mean page?",
        "shop.yaml:5: availability is a share from 0 to 1",
        "shop.yaml:6: page acknowledges no writes: it is no ledger probe",
        "shop.yaml:7: an objective sets availability, recovery_s or acknowledged_writes_lost",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_workload(tmp_path / "none.yaml", {}, "v")
    with pytest.raises(ObjectivesError, match=r"x\.yaml:1: this file is a mapping"):
        parse_workload("- 1", "x.yaml", {}, "v")
