"""Owners of buckets in a shared cloud, and in one of their own."""

from __future__ import annotations

import pytest

from kowloon.testing.cloud import LocalCloud
from tests.services.oss.parts import Owner


@pytest.fixture
def owner(shared_cloud: LocalCloud) -> Owner:
    """For tests that make what they need and look only at that."""
    return Owner(shared_cloud)


@pytest.fixture
def alone(cloud: LocalCloud) -> Owner:
    """The only owner in a cloud of its own: for zones, clocks, and where everything is counted."""
    return Owner(cloud)
