"""The pytest plugin, in test suites of its own."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest

# Imported once, not again by every suite in here.
import kowloon.app
import kowloon.testing.plugin

pytest_plugins = ["pytester"]

ARGS = ("-p", "kowloon.testing.plugin", "-p", "no:cacheprovider")
NETWORKS = """
from alibabacloud_vpc20160428 import models

def networks(cloud):
    return cloud.client("vpc20160428").describe_vpcs(models.DescribeVpcsRequest(region_id=cloud.settings.region)).body

def make(cloud):
    request = models.CreateVpcRequest(region_id=cloud.settings.region, cidr_block="10.0.0.0/8")
    return cloud.client("vpc20160428").create_vpc(request).body.vpc_id
"""


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than the tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_it_comes_with_the_installation() -> None:
    (found,) = entry_points(group="pytest11", name="kowloon")
    assert found.load() is kowloon.testing.plugin


@pytest.mark.parametrize("mode", ["sockets", "in-process"])
def test_every_test_has_the_cloud_as_new(pytester: pytest.Pytester, mode: str) -> None:
    pytester.makeini(f"[pytest]\nkowloon_mode = {mode}\nkowloon_region = cn-hongkong\nkowloon_seed = 7\n")
    pytester.makepyfile(
        NETWORKS
        + """
import os, pytest

@pytest.mark.parametrize("number", range(5))
def test_alone(kowloon, number):
    assert networks(kowloon).total_count == 0
    make(kowloon)
    assert networks(kowloon).total_count == 1
    assert kowloon.call(lambda: kowloon.cloud.clock.offset_s) == 0
    kowloon.skip(hours=1)

def test_environment(kowloon, kowloon_cloud):
    assert kowloon is kowloon_cloud
    assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == kowloon.access_key_id
    assert os.environ["ALIBABA_CLOUD_REGION_ID"] == "cn-hongkong"

def test_no_cloud():
    assert "KOWLOON_ENDPOINT" not in os.environ
"""
    )
    pytester.runpytest_inprocess(*ARGS).assert_outcomes(passed=7)


def test_without_a_cloud_nothing_of_it_is_imported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_it():\n    assert 'kowloon.app' not in sys.modules\n")
    pytester.runpytest_subprocess(*ARGS).assert_outcomes(passed=1)


def test_each_worker_has_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_alone(kowloon, number, worker_id):
    kowloon.as_account("other")
    with open(f"{worker_id}.txt", "a") as file:
        file.write(f"{kowloon.account_id} {kowloon.endpoint}\\n")
"""
    )
    pytester.runpytest_subprocess(*ARGS, "-p", "xdist", "-n", "2", "--dist", "load").assert_outcomes(passed=6)
    seen = [set(path.read_text().splitlines()) for path in sorted(pytester.path.glob("gw*.txt"))]
    assert len(seen) == 2
    assert all(len(clouds) == 1 for clouds in seen)
    assert not seen[0] & seen[1]


@pytest.mark.parametrize(
    ("ini", "sentence"),
    [
        ("kowloon_mode = sokets", "kowloon_mode is sockets or in-process, not 'sokets'"),
        ("kowloon_seed = seven", "kowloon_seed is a number, not 'seven'"),
        ("kowloon_transitions = fast", "kowloon_transitions: transitions are instant, realistic or reads:N"),
    ],
)
def test_settings_that_are_none_are_refused(pytester: pytest.Pytester, ini: str, sentence: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess(*ARGS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in result.stderr.str()


def test_a_region_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nkowloon_region = cn-hongkon\n")
    pytester.makepyfile("def test_it(kowloon): pass")
    result = pytester.runpytest_inprocess(*ARGS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*kowloon_region is one of the vendor's, such as cn-hongkong, not 'cn-hongkon'*"])


@pytest.mark.parametrize("marker", ["kowloon(transition='instant')", "kowloon('instant')"])
def test_a_marker_that_says_something_unknown_is_refused(pytester: pytest.Pytester, marker: str) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.{marker}\ndef test_it(kowloon): pass")
    result = pytester.runpytest_inprocess(*ARGS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the marker kowloon takes transitions=..., not *"])


def test_a_marker_with_a_setting_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.kowloon(transitions='fast')\ndef test_it(kowloon): pass")
    result = pytester.runpytest_inprocess(*ARGS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*transitions are instant, realistic or reads:N*"])


def test_the_marker_is_for_its_test_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

def held(kowloon):
    return kowloon.cloud.transitions.setting

@pytest.mark.kowloon(transitions="reads:2")
def test_some(kowloon):
    assert held(kowloon) == "reads:2"

def test_others(kowloon):
    assert held(kowloon) == "instant"
"""
    )
    pytester.runpytest_inprocess(*ARGS).assert_outcomes(passed=2)


def test_unittest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_cases=NETWORKS
        + """
import os
from kowloon.testing import CloudTestCase

class Networks(CloudTestCase):
    kowloon_sockets = False

    def test_one(self):
        self.assertEqual(networks(self.kowloon).total_count, 0)
        make(self.kowloon)

    def test_two(self):
        self.assertEqual(networks(self.kowloon).total_count, 0)
        make(self.kowloon)
        self.assertEqual(os.environ["KOWLOON_ENDPOINT"], self.kowloon.endpoint)

class Later(CloudTestCase):
    def test_sockets(self):
        self.assertIn(":", self.kowloon.endpoint)
"""
    )
    done = pytester.run(sys.executable, "-m", "unittest", "-v", "test_cases")
    assert done.ret == 0, done.stderr.str()
    done.stderr.fnmatch_lines(["Ran 3 tests*"])
