"""The pytest plugin: fixtures, a marker and settings in pytest's ini file. Nothing of a cloud is imported, and none is
started, before a test asks for one. Each worker of xdist has its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kowloon.core.config import Settings
    from kowloon.testing.cloud import LocalCloud

_SOCKETS, _IN_PROCESS = "sockets", "in-process"
_MODES = (_SOCKETS, _IN_PROCESS)
_MARKER = "kowloon"
_MARKED = ("transitions",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("kowloon_mode", "How clients reach the cloud: sockets or in-process.", default=_SOCKETS)
    parser.addini("kowloon_region", "Region of calls that name none.", default="cn-hangzhou")
    parser.addini("kowloon_transitions", "How fast things change: instant, realistic or reads:N.", default="instant")
    parser.addini("kowloon_seed", "A number that makes ids and choices repeat.", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "kowloon(transitions): the cloud of this test: transitions instant, realistic or reads:N"
    )
    mode, seed = config.getini("kowloon_mode"), config.getini("kowloon_seed")
    if mode not in _MODES:
        raise pytest.UsageError(f"kowloon_mode is sockets or in-process, not {mode!r}")
    if seed and not seed.isdigit():
        raise pytest.UsageError(f"kowloon_seed is a number, not {seed!r}")
    _refuse_unknown("kowloon_transitions", config.getini("kowloon_transitions"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers(_MARKER):
            unknown = sorted(marker.kwargs.keys() - set(_MARKED))
            if marker.args or unknown:
                said = ", ".join(map(repr, [*marker.args, *unknown]))
                raise pytest.UsageError(f"{item.nodeid}: the marker kowloon takes transitions=..., not {said}")
            _refuse_unknown(f"{item.nodeid}: transitions", marker.kwargs.get("transitions", "instant"))


def _refuse_unknown(what: str, transitions: object) -> None:
    from kowloon.core.transitions import parse_transitions

    try:
        parse_transitions(str(transitions))
    except ValueError as problem:
        raise pytest.UsageError(f"{what}: {problem}") from None


@pytest.fixture(scope="session")
def kowloon_settings(pytestconfig: pytest.Config) -> Settings:
    """What the session's cloud is made of: override it in a conftest for more than the ini settings say."""
    from kowloon.core.config import Settings

    seed = pytestconfig.getini("kowloon_seed")
    return Settings(
        engine="paper",
        port=0,
        region=_region(pytestconfig.getini("kowloon_region")),
        seed=int(seed) if seed else None,
        transitions=pytestconfig.getini("kowloon_transitions"),
    )


def _region(name: str) -> str:
    from kowloon.topology.map import Topology

    if name not in Topology.vendor().regions:
        raise pytest.UsageError(f"kowloon_region is one of the vendor's, such as cn-hongkong, not {name!r}")
    return name


@pytest.fixture(scope="session")
def kowloon_cloud(pytestconfig: pytest.Config, kowloon_settings: Settings) -> Iterator[LocalCloud]:
    """One cloud for all tests of this process. Tests want `kowloon`; this is for fixtures that outlive a test."""
    from kowloon.testing.cloud import LocalCloud

    with LocalCloud(kowloon_settings, sockets=pytestconfig.getini("kowloon_mode") == _SOCKETS) as cloud:
        yield cloud


@pytest.fixture
def kowloon(request: pytest.FixtureRequest, kowloon_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The cloud with nothing in it, its administrator's keys in the environment."""
    kowloon_cloud.reset()
    marked: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        marked.update(marker.kwargs)
    kowloon_cloud.set_transitions(marked.get("transitions", kowloon_cloud.settings.transitions))
    with kowloon_cloud.environment():
        yield kowloon_cloud
