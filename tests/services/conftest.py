"""Customers of paper clouds."""

from __future__ import annotations

import pytest

from kowloon.testing.cloud import LocalCloud
from tests.services.parts import Customer


@pytest.fixture
def customer(shared_cloud: LocalCloud) -> Customer:
    """For tests that make what they need and look only at that."""
    return Customer(shared_cloud)


@pytest.fixture
def alone(cloud: LocalCloud) -> Customer:
    """The only customer of a cloud of its own: for faults, and where everything is counted."""
    return Customer(cloud)
