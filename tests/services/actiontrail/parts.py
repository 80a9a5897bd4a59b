"""ActionTrail as customers use it."""

from __future__ import annotations

from typing import Any

from alibabacloud_actiontrail20200706 import models
from alibabacloud_actiontrail20200706.client import Client

from tests.conftest import sdk_config
from tests.services.parts import Customer


class Auditor:
    """The official client, with a customer's keys."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.client = Client(sdk_config(customer.cloud, **customer.config))

    def call(self, action: str, **fields: Any) -> Any:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action).lstrip("_")
        return getattr(self.client, method)(getattr(models, f"{action}Request")(**fields)).body

    def events(self, **wanted: str) -> list[dict[str, Any]]:
        """`events(EventName="CreateVpc")`: newest first."""
        attributes = [models.LookupEventsRequestLookupAttribute(key=key, value=value) for key, value in wanted.items()]
        return list(self.call("LookupEvents", lookup_attribute=attributes, max_results="50").events)
