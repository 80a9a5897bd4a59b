"""Member accounts: real ones, that the management account can get into."""

from __future__ import annotations

import pytest
from alibabacloud_resourcemanager20200331 import models

from kowloon.testing import people
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import person
from tests.services.ram.resourcemanager.parts import ACCESS_ROLE, Organisation

NO_ACCOUNT = "This resource directory account does not exist."


def test_an_account_is_made_and_entered(organisation: Organisation) -> None:
    folder = organisation.folder("apps")
    made = organisation.manage(
        "CreateResourceAccount", display_name="Dev", account_name_prefix="dev", parent_folder_id=folder
    ).account
    directory = organisation.directory.resource_directory_id
    assert made.account_name == f"dev@{directory}.aliyunid.com"
    assert (made.type, made.status, made.join_method) == ("ResourceAccount", "CreateSuccess", "created")
    assert (made.folder_id, made.resource_directory_id, made.display_name) == (folder, directory, "Dev")
    assert len(made.account_id) == 16
    shown = organisation.manage("GetAccount", account_id=made.account_id).account
    assert shown.resource_directory_path.endswith(f"{folder}/{made.account_id}")
    inside = organisation.inside(made.account_id)
    me = inside.call("sts", "GetCallerIdentity")
    assert (me.account_id, me.identity_type) == (made.account_id, "AssumedRoleUser")
    vpc = inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id
    # It is the member's, and nobody else's.
    assert organisation.call("vpc", "DescribeVpcs", vpc_id=vpc).total_count == 0
    role = inside.call("ram", "GetRole", role_name=ACCESS_ROLE).role
    assert organisation.id in role.assume_role_policy_document
    # The operator gets keys for it, as for every account.
    keys = people.account(organisation.cloud, made.account_name)
    assert keys.account_id == made.account_id


def test_only_who_may_gets_in(organisation: Organisation) -> None:
    account = organisation.member("closed")
    arn = f"acs:ram::{account}:role/{ACCESS_ROLE.lower()}"
    clerk = person(organisation, "clerk")
    refused(
        lambda: clerk.call("sts", "AssumeRole", role_arn=arn, role_session_name="clerk"),
        "NoPermission",
        "You are not authorized to do this action.",
        403,
    )
    stranger = Organisation(organisation.cloud)
    refused(
        lambda: stranger.call("sts", "AssumeRole", role_arn=arn, role_session_name="stranger"),
        "NoPermission",
        "You are not authorized to do this action.",
        403,
    )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"display_name": "x"}, "InvalidParameter.DisplayName", "The DisplayName is invalid."),
        ({"display_name": "a/b"}, "InvalidParameter.DisplayName", "The DisplayName is invalid."),
        ({"account_name_prefix": "a"}, "InvalidParameter.AccountNamePrefix", "The AccountNamePrefix is invalid."),
        ({"account_name_prefix": "a..b"}, "InvalidParameter.AccountNamePrefix", "The AccountNamePrefix is invalid."),
        ({"account_name_prefix": "a" * 38}, "InvalidParameter.AccountNamePrefix", "The AccountNamePrefix is invalid."),
        (
            {"parent_folder_id": "fd-0000000000"},
            "EntityNotExists.Folder",
            "The resource directory folder does not exist.",
        ),
        ({"payer_account_id": "1234567812345678"}, "InvalidParameter.PayerAccountId", "The PayerAccountId is invalid."),
    ],
)
def test_accounts_that_are_not_made(
    organisation: Organisation, fields: dict[str, str], code: str, message: str
) -> None:
    refused(lambda: organisation.manage("CreateResourceAccount", **{"display_name": "right", **fields}), code, message)
    assert organisation.manage("ListAccounts").total_count == 0


def test_names_are_given_once(organisation: Organisation) -> None:
    organisation.manage("CreateResourceAccount", display_name="one", account_name_prefix="one")
    refused(lambda: organisation.member("one"), "InvalidParameter.DisplayName.AlreadyUsed", "already exists", 400)
    refused(
        lambda: organisation.manage("CreateResourceAccount", display_name="two", account_name_prefix="one"),
        "EntityAlreadyExists.ResourceDirectory.AccountName",
        "already exists",
        409,
    )


def test_lists(organisation: Organisation) -> None:
    folder = organisation.folder("here")
    tag = [models.CreateResourceAccountRequestTag(key="team", value="red")]
    organisation.manage("CreateResourceAccount", display_name="tagged", parent_folder_id=folder, tag=tag)
    accounts = [organisation.member(f"account-{number}") for number in range(3)]
    all_of_them = organisation.manage("ListAccounts", page_size=3)
    assert (all_of_them.total_count, len(all_of_them.accounts.account)) == (4, 3)
    last = organisation.manage("ListAccounts", page_size=3, page_number=2, include_tags=True)
    assert [each.account_id for each in last.accounts.account] == accounts[2:]
    red = organisation.manage("ListAccounts", include_tags=True, tag=[models.ListAccountsRequestTag(key="team")])
    row = red.accounts.account[0]
    assert (red.total_count, row.display_name, row.folder_id) == (1, "tagged", folder)
    assert [(each.key, each.value) for each in row.tags.tag] == [("team", "red")]
    there = organisation.manage("ListAccountsForParent", parent_folder_id=folder).accounts.account
    assert [each.display_name for each in there] == ["tagged"]
    at_root = organisation.manage("ListAccountsForParent", query_keyword="account-1")
    assert [each.account_id for each in at_root.accounts.account] == [accounts[1]]
    shown = organisation.manage("GetAccount", account_id=row.account_id, include_tags=True).account
    assert [(each.key, each.value) for each in shown.tags] == [("team", "red")]


def test_an_account_moves_and_is_renamed(organisation: Organisation) -> None:
    folder, account = organisation.folder("there"), organisation.member("mover")
    organisation.manage("MoveAccount", account_id=account, destination_folder_id=folder)
    assert organisation.manage("GetAccount", account_id=account).account.folder_id == folder
    above = organisation.manage("ListAncestors", child_id=account).folders.folder
    assert [each.folder_id for each in above] == [organisation.directory.root_folder_id, folder]
    renamed = organisation.manage("UpdateAccount", account_id=account, new_display_name="moved").account
    assert renamed.display_name == "moved"
    organisation.member("taken")
    refused(
        lambda: organisation.manage("UpdateAccount", account_id=account, new_display_name="taken"),
        "InvalidParameter.DisplayName.AlreadyUsed",
        "already exists",
        400,
    )
    refused(
        lambda: organisation.manage("UpdateAccount", account_id=account),
        "InvalidParameter.NewDisplayName",
        "The NewDisplayName is invalid.",
        400,
    )
    refused(
        lambda: organisation.manage("MoveAccount", account_id=account, destination_folder_id="fd-0000000000"),
        "EntityNotExists.Folder",
        "The resource directory folder does not exist.",
        404,
    )


def test_a_cloud_account_leaves(organisation: Organisation) -> None:
    account = organisation.member("leaver")
    mismatch = ("AccountTypeOrStatusMismatch", "You cannot perform the action on the member account.", 409)
    refused(lambda: organisation.manage("RemoveCloudAccount", account_id=account), *mismatch)
    switch = {"account_id": account, "new_account_type": "CloudAccount"}
    switched = organisation.manage("UpdateAccount", **switch).account
    assert (switched.type, switched.status) == ("CloudAccount", "SwitchSuccess")
    refused(lambda: organisation.manage("UpdateAccount", **switch), *mismatch)
    refused(
        lambda: organisation.manage("UpdateAccount", account_id=account, new_account_type="Other"),
        "InvalidParameter.NewAccountType",
        "The NewAccountType is invalid.",
        400,
    )
    inside = organisation.inside(account)
    organisation.manage("RemoveCloudAccount", account_id=account)
    refused(lambda: organisation.manage("GetAccount", account_id=account), "EntityNotExists.Account", NO_ACCOUNT, 404)
    refused(
        lambda: inside.call("resourcemanager", "GetResourceDirectory"),
        "ResourceDirectoryNotInUse",
        "The specified account is not an Alibaba Cloud account or a member",
    )
    assert inside.call("sts", "GetCallerIdentity").account_id == account


def test_who_pays_is_remembered(organisation: Organisation) -> None:
    made = organisation.manage("CreateResourceAccount", display_name="paid", payer_account_id=organisation.id).account
    payer = organisation.manage("GetPayerForAccount", account_id=made.account_id)
    assert payer.payer_account_id == organisation.id
    own = organisation.manage("GetPayerForAccount", account_id=organisation.member("own"))
    assert own.payer_account_id == ""


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("GetAccount", {}),
        ("UpdateAccount", {"new_display_name": "mine"}),
        ("MoveAccount", {"destination_folder_id": "fd-0000000000"}),
        ("RemoveCloudAccount", {}),
        ("GetPayerForAccount", {}),
        ("DeleteAccount", {}),
        ("CheckAccountDelete", {}),
        ("GetAccountDeletionCheckResult", {}),
    ],
)
def test_another_directorys_account_is_none(organisation: Organisation, action: str, fields: dict[str, str]) -> None:
    theirs = Organisation(organisation.cloud).member("private")
    refused(
        lambda: organisation.manage(action, account_id=theirs, **fields), "EntityNotExists.Account", NO_ACCOUNT, 404
    )


def test_a_deleted_account_is_gone_with_all_its_identities(organisation: Organisation) -> None:
    account = organisation.member("short-lived")
    inside = organisation.inside(account)
    vpc = inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id
    refused(
        lambda: organisation.manage("DeleteAccount", account_id=account),
        "MemberDeletionPermissionNotEnabled",
        "The member deletion feature",
        409,
    )
    organisation.manage("SetMemberDeletionPermission", status="Enabled")
    refused(
        lambda: organisation.manage("DeleteAccount", account_id=account),
        "DeleteConflict.Account.Resource",
        "The account cannot be deleted while it has resources: vpc.",
        409,
    )
    organisation.manage("CheckAccountDelete", account_id=account)
    result = organisation.manage("GetAccountDeletionCheckResult", account_id=account).account_deletion_check_result_info
    assert (result.status, result.allow_delete) == ("PreCheckComplete", "false")
    assert [(each.check_id, each.description) for each in result.not_allow_reason] == [
        ("vpc", "The account has 1 of vpc.")
    ]
    refused(
        lambda: organisation.manage("GetAccountDeletionStatus", account_id=account),
        "EntityNotExists.AccountDeletion",
        "The account was not deleted.",
        404,
    )
    inside.call("vpc", "DeleteVpc", vpc_id=vpc)
    assert organisation.manage("DeleteAccount", account_id=account).deletion_type == "0"
    status = organisation.manage("GetAccountDeletionStatus", account_id=account).rd_account_deletion_status
    assert (status.status, status.account_id, status.deletion_type) == ("Success", account, "0")
    refused(
        lambda: organisation.manage("GetAccount", account_id=account),
        "EntityNotExists.Account",
        "This resource directory account does not exist.",
    )
    refused(lambda: inside.call("sts", "GetCallerIdentity"), "InvalidAccessKeyId.NotFound", "Specified access key is")
    store = organisation.cloud.cloud.store
    assert [item.kind for item in store.everything() if item.account == account] == []


def test_the_latest_deletions_are_remembered(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.services.ram.resourcemanager.account_deletion.MOST_KEPT", 2)
    organisation.manage("SetMemberDeletionPermission", status="Enabled")
    first, *later = [organisation.member(f"member {number}") for number in range(3)]
    for account in (first, *later):
        organisation.manage("DeleteAccount", account_id=account)
    refused(
        lambda: organisation.manage("GetAccountDeletionStatus", account_id=first),
        "EntityNotExists.AccountDeletion",
        "The account was not deleted.",
        404,
    )
    for account in later:
        status = organisation.manage("GetAccountDeletionStatus", account_id=account).rd_account_deletion_status
        assert status.status == "Success"


def test_an_account_that_one_logs_on_to_is_not_deleted(organisation: Organisation) -> None:
    account = organisation.member("cloudy")
    organisation.manage("SetMemberDeletionPermission", status="Enabled")
    organisation.manage("UpdateAccount", account_id=account, new_account_type="CloudAccount")
    refused(
        lambda: organisation.manage("DeleteAccount", account_id=account),
        "AccountTypeOrStatusMismatch",
        "You cannot perform the action on the member account.",
        409,
    )


def test_a_member_is_no_customer_of_the_manager(organisation: Organisation) -> None:
    """What a member has, the management account has not: it gets in by the role or not at all."""
    account = organisation.member("apart")
    inside: Customer = organisation.inside(account)
    inside.call("ram", "CreateUser", user_name="theirs")
    refused(
        lambda: organisation.call("ram", "GetUser", user_name="theirs"),
        "EntityNotExist.User",
        "The user does not exist: theirs.",
    )
