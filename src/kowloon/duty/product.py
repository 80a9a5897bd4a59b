"""Duty: who answers for what, now. Not a product of the vendor: its API (version 2026-11-22) has the vendor's form, so
that its SDKs, permissions and audit serve here, too.
"""

from __future__ import annotations

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.core.errors import ErrorSpec
from kowloon.duty import errors
from kowloon.duty.callers import names
from kowloon.duty.resources import (
    Absence,
    Asking,
    Happening,
    Holding,
    Message,
    Note,
    Page,
    PlanRun,
    Rota,
    StoredOrganisation,
    Tenure,
)

duty = Product(
    "Duty",
    "2026-11-22",
    ram_code="duty",
    hosts=("duty",),
    central=True,
    resources=(
        StoredOrganisation,
        Rota,
        Tenure,
        Absence,
        Holding,
        PlanRun,
        Asking,
        Page,
        Message,
        Note,
        Happening,
    ),
    denied=NO_PERMISSION,
    names=names,
    errors=[each for each in vars(errors).values() if isinstance(each, ErrorSpec)],
)
