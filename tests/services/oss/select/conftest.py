"""A bucket with something to select from."""

from __future__ import annotations

import json

import oss2
import pytest

from tests.services.oss.parts import Owner
from tests.services.oss.select.parts import CSV, PEOPLE


@pytest.fixture
def bucket(owner: Owner) -> oss2.Bucket:
    bucket = owner.bucket()
    bucket.put_object("a.csv", CSV)
    bucket.put_object("lines.json", "".join(json.dumps(person) + "\n" for person in PEOPLE))
    bucket.put_object("document.json", json.dumps({"people": PEOPLE, "n": 5}, indent=2))
    return bucket
