"""Invitations: asked, answered once, and over after fourteen days of the cloud's clock."""

from __future__ import annotations

import pytest
from alibabacloud_resourcemanager20200331 import models

from kowloon.testing.cloud import LocalCloud
from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Organisation, Owner

MISMATCH = ("HandshakeStatusMismatch", "You cannot perform the action on the handshake in its current status.", 409)
NOT_FOUND = ("EntityNotExists.Handshake", "The specified handshake does not exist.", 404)


def invite(organisation: Organisation, account: str, **fields: object) -> str:
    made = organisation.manage(
        "InviteAccountToResourceDirectory", target_entity=account, target_type="Account", **fields
    )
    return str(made.handshake.handshake_id)


def test_an_account_is_invited_and_joins(organisation: Organisation, owner: Owner) -> None:
    tag = [models.InviteAccountToResourceDirectoryRequestTag(key="from", value="outside")]
    made = organisation.manage(
        "InviteAccountToResourceDirectory", target_entity=owner.id, target_type="Account", note="Welcome", tag=tag
    ).handshake
    assert (made.status, made.note, made.master_account_id) == ("Pending", "Welcome", organisation.id)
    assert (made.target_entity, made.target_type) == (owner.id, "Account")
    seen = owner.manage("ListHandshakesForAccount").handshakes.handshake
    assert [each.handshake_id for each in seen] == [made.handshake_id]
    assert owner.manage("GetHandshake", handshake_id=made.handshake_id).handshake.status == "Pending"
    accepted = owner.manage("AcceptHandshake", handshake_id=made.handshake_id).handshake
    assert accepted.status == "Accepted"
    member = organisation.manage("GetAccount", account_id=owner.id, include_tags=True).account
    assert (member.type, member.join_method, member.status) == ("CloudAccount", "invited", "InviteSuccess")
    assert member.folder_id == organisation.directory.root_folder_id
    assert [(each.key, each.value) for each in member.tags] == [("from", "outside")]
    assert owner.manage("GetResourceDirectory").resource_directory.master_account_id == organisation.id
    # Who invited still sees it; who has answered does not.
    assert organisation.manage("GetHandshake", handshake_id=made.handshake_id).handshake.status == "Accepted"
    refused(lambda: owner.manage("GetHandshake", handshake_id=made.handshake_id), *MISMATCH)
    refused(lambda: owner.manage("AcceptHandshake", handshake_id=made.handshake_id), *MISMATCH)
    organisation.manage("RemoveCloudAccount", account_id=owner.id)
    refused(lambda: owner.manage("GetResourceDirectory"), "ResourceDirectoryNotInUse", "The specified account is not")


def test_an_invitation_is_declined_or_taken_back(organisation: Organisation, owner: Owner) -> None:
    first = invite(organisation, owner.id)
    refused(
        lambda: invite(organisation, owner.id),
        "EntityAlreadyExists.Handshake",
        "Handshakes with the same target entity already exist.",
        409,
    )
    assert owner.manage("DeclineHandshake", handshake_id=first).handshake.status == "Declined"
    second = invite(organisation, owner.id)
    assert organisation.manage("CancelHandshake", handshake_id=second).handshake.status == "Cancelled"
    for handshake in (first, second):
        refused(lambda id=handshake: owner.manage("AcceptHandshake", handshake_id=id), *MISMATCH)
        refused(lambda id=handshake: owner.manage("DeclineHandshake", handshake_id=id), *MISMATCH)
        refused(lambda id=handshake: organisation.manage("CancelHandshake", handshake_id=id), *MISMATCH)
    refused(
        lambda: organisation.manage("GetAccount", account_id=owner.id),
        "EntityNotExists.Account",
        "This resource directory account does not exist.",
    )
    listed = organisation.manage("ListHandshakesForResourceDirectory", page_size=1)
    assert (listed.total_count, len(listed.handshakes.handshake)) == (2, 1)
    rest = organisation.manage("ListHandshakesForResourceDirectory", page_size=1, page_number=2)
    assert [each.status for each in rest.handshakes.handshake] == ["Cancelled"]


def test_an_invitation_expires(cloud: LocalCloud) -> None:
    organisation, owner = Organisation(cloud), Owner(cloud)
    handshake = invite(organisation, owner.id)
    cloud.run(cloud.cloud.clock.skip(14 * 24 * 3600 - 60))
    assert organisation.manage("GetHandshake", handshake_id=handshake).handshake.status == "Pending"
    cloud.run(cloud.cloud.clock.skip(61))
    assert organisation.manage("GetHandshake", handshake_id=handshake).handshake.status == "Expired"
    refused(lambda: owner.manage("AcceptHandshake", handshake_id=handshake), *MISMATCH)
    # Another one may be sent.
    owner.manage("AcceptHandshake", handshake_id=invite(organisation, owner.id))


def test_so_many_in_a_day(cloud: LocalCloud) -> None:
    organisation, owner = Organisation(cloud), Owner(cloud)
    first = invite(organisation, owner.id)
    owner.manage("AcceptHandshake", handshake_id=first)
    organisation.manage("RemoveCloudAccount", account_id=owner.id)
    for _ in range(20):
        organisation.manage("CancelHandshake", handshake_id=invite(organisation, owner.id))
    too_many = ("LimitExceeded.Handshake", "The number of invitations of a day exceeds the limit.", 409)
    refused(lambda: invite(organisation, owner.id), *too_many)
    # Another directory's are its own.
    invite(Organisation(cloud), owner.id)
    cloud.skip(hours=24)
    invite(organisation, owner.id)


def test_those_that_are_over_are_shown_for_thirty_days(cloud: LocalCloud) -> None:
    organisation, owner = Organisation(cloud), Owner(cloud)
    cancelled = invite(organisation, owner.id)
    organisation.manage("CancelHandshake", handshake_id=cancelled)
    cloud.skip(hours=24)
    expired = invite(organisation, owner.id)
    cloud.skip(hours=29 * 24)
    pending = invite(organisation, owner.id)
    listed = organisation.manage("ListHandshakesForResourceDirectory").handshakes.handshake
    assert [(each.handshake_id, each.status) for each in listed] == [(expired, "Expired"), (pending, "Pending")]
    refused(lambda: organisation.manage("GetHandshake", handshake_id=cancelled), *NOT_FOUND)


def test_of_very_many_the_first_that_are_over_go(
    organisation: Organisation, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kowloon.services.ram.resourcemanager.handshakes.MOST_KEPT", 3)
    pending, kept = invite(organisation, Owner(organisation.cloud).id), []
    for _ in range(3):
        kept.append(invite(organisation, owner.id))
        owner.manage("DeclineHandshake", handshake_id=kept[-1])
    listed = organisation.manage("ListHandshakesForResourceDirectory").handshakes.handshake
    assert [each.handshake_id for each in listed] == [pending, *kept[1:]]


def test_only_those_two_have_to_do_with_it(organisation: Organisation, owner: Owner) -> None:
    handshake = invite(organisation, owner.id)
    other = Organisation(organisation.cloud)
    for action in ("GetHandshake", "AcceptHandshake", "DeclineHandshake", "CancelHandshake"):
        refused(lambda action=action: other.manage(action, handshake_id=handshake), *NOT_FOUND)
    refused(lambda: organisation.manage("AcceptHandshake", handshake_id=handshake), *NOT_FOUND)
    refused(lambda: owner.manage("CancelHandshake", handshake_id=handshake), *NOT_FOUND)
    assert other.manage("ListHandshakesForAccount").total_count == 0


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"target_entity": "1234567812345678"}, "EntityNotExists.TargetAccount", "does not exist"),
        ({"target_type": "Fax"}, "InvalidParameter.TargetType", "The TargetType is invalid."),
        ({"note": "x" * 1025}, "InvalidParameter.Note", "The Note is invalid."),
        ({"target_type": "Email", "target_entity": "a@b.c"}, "NotBuiltInKowloon", "by Email"),
    ],
)
def test_invitations_that_are_not_sent(
    organisation: Organisation, owner: Owner, fields: dict[str, str], code: str, message: str
) -> None:
    request = {"target_entity": owner.id, "target_type": "Account", **fields}
    refused(lambda: organisation.manage("InviteAccountToResourceDirectory", **request), code, message)


def test_who_is_in_a_directory_is_not_invited(organisation: Organisation, owner: Owner) -> None:
    busy = ("EntityAlreadyExists.ResourceDirectoryAccount", "The account is already in a resource directory.", 409)
    member = organisation.member("already")
    refused(lambda: invite(organisation, member), *busy)
    refused(lambda: invite(organisation, Organisation(organisation.cloud).id), *busy)
    handshake = invite(organisation, owner.id)
    owner.manage("InitResourceDirectory")
    refused(lambda: owner.manage("AcceptHandshake", handshake_id=handshake), *busy)
