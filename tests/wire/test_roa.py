from __future__ import annotations

import pytest

from kowloon.core.errors import ApiError
from kowloon.wire.roa import RoaRoutes


def routes() -> RoaRoutes[str]:
    table: RoaRoutes[str] = RoaRoutes()
    table.add("GET", "/clusters/{ClusterId}", "DescribeCluster")
    table.add("GET", "/clusters/all", "ListClusters")
    table.add("GET", "/clusters/{ClusterId}/nodes/{NodeId}", "DescribeNode")
    table.add("GET", "/clusters/{ClusterId}/{Kind}/first", "DescribeFirst")
    table.add("POST", "/clusters", "CreateCluster")
    table.add("GET", "/", "Root")
    return table


@pytest.mark.parametrize(
    ("method", "path", "target", "parameters"),
    [
        ("GET", "/clusters/c-1", "DescribeCluster", {"ClusterId": "c-1"}),
        ("get", "/clusters/c-1/", "DescribeCluster", {"ClusterId": "c-1"}),
        ("GET", "/clusters/all", "ListClusters", {}),
        ("GET", "/clusters/a%2Fb%20c+d", "DescribeCluster", {"ClusterId": "a/b c+d"}),
        ("GET", "/clusters/c/nodes/first", "DescribeNode", {"ClusterId": "c", "NodeId": "first"}),
        ("GET", "/clusters/c/pools/first", "DescribeFirst", {"ClusterId": "c", "Kind": "pools"}),
        ("POST", "/%63lusters", "CreateCluster", {}),
        ("GET", "", "Root", {}),
    ],
)
def test_match(method: str, path: str, target: str, parameters: dict[str, str]) -> None:
    match = routes().match(method, path)
    assert match is not None
    assert (match.target, match.parameters) == (target, parameters)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/clusters"), ("GET", "/clusters//nodes/n"), ("GET", "/a/b")])
def test_no_match(method: str, path: str) -> None:
    assert routes().match(method, path) is None


def test_undecodable_paths_and_templates_with_a_name_twice() -> None:
    with pytest.raises(ApiError):
        routes().match("GET", "/clusters/%zz")
    with pytest.raises(ValueError, match="twice"):
        routes().add("GET", "/{A}/{A}", "x")
