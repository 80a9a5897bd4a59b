"""Owners and organisations in the shared cloud."""

from __future__ import annotations

import pytest

from kowloon.testing.cloud import LocalCloud
from tests.services.ram.resourcemanager.parts import Organisation, Owner


@pytest.fixture
def owner(shared_cloud: LocalCloud) -> Owner:
    return Owner(shared_cloud)


@pytest.fixture
def organisation(shared_cloud: LocalCloud) -> Organisation:
    return Organisation(shared_cloud)
