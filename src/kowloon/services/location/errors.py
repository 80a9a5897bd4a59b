"""Error codes of Location: those that clients know, letter for letter."""

from kowloon.core.errors import ErrorSpec

REGION_UNKNOWN = ErrorSpec("InvalidRegionId", 400, "The specified region does not exist.")
SERVICE_UNKNOWN = ErrorSpec("Illegal Parameter", 400, "Please check the parameters")
