"""All actions of duty, declared by importing the modules that hold them."""

from kowloon.duty.actions import (
    absences,
    calendars,
    organisations,
    pages,
    plans,
    requests,
    schedule,
    tenures,
)
from kowloon.duty.product import duty

__all__ = ["absences", "calendars", "duty", "organisations", "pages", "plans", "requests", "schedule", "tenures"]
