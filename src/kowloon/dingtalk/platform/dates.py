"""Dates as texts: the platform's are of one time zone, wherever its caller is."""

from __future__ import annotations

import datetime
from typing import Final

SHANGHAI: Final = datetime.timezone(datetime.timedelta(hours=8))
