"""Members that administer a trusted service: they look into the directory, and cannot leave meanwhile."""

from __future__ import annotations

from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Organisation

SERVICE = "actiontrail.aliyuncs.com"


def test_a_delegated_administrator_looks_into_the_directory(organisation: Organisation) -> None:
    account = organisation.member("auditor")
    inside = organisation.inside(account)
    refused(
        lambda: inside.call("resourcemanager", "ListAccounts"),
        "EntityNotExists.ResourceDirectory",
        "The resource directory for the account is not enabled. We recommend",
    )
    organisation.manage("RegisterDelegatedAdministrator", account_id=account, service_principal=SERVICE)
    assert inside.call("resourcemanager", "ListAccounts").total_count == 1
    assert inside.call("resourcemanager", "GetAccount", account_id=account).account.display_name == "auditor"
    # Looking is all.
    refused(
        lambda: inside.call("resourcemanager", "CreateFolder", folder_name="mine"),
        "EntityNotExists.ResourceDirectory",
        "The resource directory for the account is not enabled. We recommend",
    )
    refused(
        lambda: organisation.manage("RegisterDelegatedAdministrator", account_id=account, service_principal=SERVICE),
        "AccountAlreadyRegistered",
        "The specified account is already a delegated administrator for this service.",
        409,
    )
    organisation.manage("UpdateAccount", account_id=account, new_account_type="CloudAccount")
    refused(
        lambda: organisation.manage("RemoveCloudAccount", account_id=account),
        "Deny.TrustedService",
        f"You attempted to remove an account that is used in {SERVICE}.",
        409,
    )
    organisation.manage("DeregisterDelegatedAdministrator", account_id=account, service_principal=SERVICE)
    refused(
        lambda: inside.call("resourcemanager", "ListAccounts"),
        "EntityNotExists.ResourceDirectory",
        "The resource directory for the account is not enabled. We recommend",
    )
    refused(
        lambda: organisation.manage("DeregisterDelegatedAdministrator", account_id=account, service_principal=SERVICE),
        "EntityNotExists.DelegatedAdministrator",
        "is not a delegated administrator",
        404,
    )
    organisation.manage("RemoveCloudAccount", account_id=account)


def test_lists(organisation: Organisation) -> None:
    accounts = [organisation.member(f"admin-{number}") for number in range(3)]
    for account in accounts:
        organisation.manage("RegisterDelegatedAdministrator", account_id=account, service_principal=SERVICE)
    other = "config.aliyuncs.com"
    organisation.manage("RegisterDelegatedAdministrator", account_id=accounts[0], service_principal=other)
    listed = organisation.manage("ListDelegatedAdministrators", service_principal=SERVICE, page_size=2)
    assert (listed.total_count, [each.account_id for each in listed.accounts.account]) == (3, accounts[:2])
    rows = organisation.manage("ListDelegatedServicesForAccount", account_id=accounts[0])
    assert {each.service_principal for each in rows.delegated_services.delegated_service} == {SERVICE, other}
    trusted = organisation.manage("ListTrustedServiceStatus")
    names = [each.service_principal for each in trusted.enabled_service_principals.enabled_service_principal]
    assert (trusted.total_count, names) == (2, [SERVICE, other])
    mine = organisation.manage("ListTrustedServiceStatus", admin_account_id=accounts[1])
    assert mine.total_count == 1


def test_services_and_members_that_are_none(organisation: Organisation) -> None:
    account = organisation.member("somebody")
    refused(
        lambda: organisation.manage("RegisterDelegatedAdministrator", account_id=account, service_principal="nonsense"),
        "InvalidParameter.ServicePrincipal",
        "The ServicePrincipal is invalid.",
        400,
    )
    for action, fields in (
        ("RegisterDelegatedAdministrator", {"service_principal": SERVICE}),
        ("DeregisterDelegatedAdministrator", {"service_principal": SERVICE}),
        ("ListDelegatedServicesForAccount", {}),
    ):
        refused(
            lambda action=action, fields=fields: organisation.manage(action, account_id=organisation.id, **fields),
            "EntityNotExists.Account",
            "This resource directory account does not exist.",
            404,
        )


def test_a_service_has_so_many(organisation: Organisation) -> None:
    for number in range(5):
        organisation.manage(
            "RegisterDelegatedAdministrator", account_id=organisation.member(f"n-{number}"), service_principal=SERVICE
        )
    one_more = organisation.member("too-many")
    refused(
        lambda: organisation.manage("RegisterDelegatedAdministrator", account_id=one_more, service_principal=SERVICE),
        "DelegatedAccountNumberExceeded",
        "The maximum number of delegated administrator accounts",
        409,
    )
