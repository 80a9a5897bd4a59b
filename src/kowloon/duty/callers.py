"""Who calls, as a person of the organisation, and what a call is about."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Named
from kowloon.actions.ports import Principal
from kowloon.duty.organisation import Organisation, Person
from kowloon.duty.resources import Asking, Page, StoredOrganisation, Tenure


def person_of(principal: Principal, whole: Organisation) -> Person | None:
    """Who the caller is; None for a root account, a role, a user who is nobody here."""
    if principal.type != "RAMUser":
        return None
    return next((person for person in whole.people if person.user and person.user == principal.name), None)


def names(call: Named) -> Mapping[str, str | list[str]]:
    """The post that a page or request is about; `Person` for whom the call is made, which is the caller where none is
    said; `Other`: the same where that is somebody else."""
    named: dict[str, str | list[str]] = {}
    stored = call.store.get(StoredOrganisation, call.caller.account)
    caller = person_of(call.caller, stored.whole) if stored is not None else None
    person = call.text("PersonId")
    if person and (caller is None or caller.id != person):
        named["Other"] = person
    if person or caller is not None:
        named["Person"] = person or (caller.id if caller is not None else "")
    store = call.store
    about: Page | Asking | Tenure | None = store.get(Page, call.text("PageId"))
    about = about or store.get(Asking, call.text("RequestId")) or store.get(Tenure, call.text("TenureId"))
    if about is not None and about.account == call.caller.account:
        named["PostId"] = about.post
    if call.text("ShiftId"):
        named["PostId"] = call.text("ShiftId").partition("/")[0]
    return named
