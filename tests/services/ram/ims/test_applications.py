"""OAuth applications, their scopes and secrets."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.services.ram import quotas
from tests.helpers import refused
from tests.services.parts import Customer


def _create(customer: Customer, name: str, **fields: Any) -> Any:
    request = {"app_name": name, "display_name": name, "app_type": "WebApp", **fields}
    return customer.call("ims", "CreateApplication", **request).application


def _scopes(app: Any) -> dict[str, bool]:
    return {scope.name: scope.required for scope in app.delegated_scope.predefined_scopes.predefined_scope}


def test_an_application_lives_from_creation_to_deletion(alone: Customer) -> None:
    made = _create(
        alone,
        "app",
        redirect_uris="https://a.example.com/x;https://b.example.com",
        predefined_scopes="aliuid;profile",
        required_scopes="profile",
    )
    assert (made.app_type, made.account_id, made.protocol_version) == ("WebApp", alone.cloud.account_id, "2.0")
    assert (made.access_token_validity, made.refresh_token_validity) == (3600, 7776000)
    assert (made.is_multi_tenant, made.secret_required) == (False, True)
    assert made.redirect_uris.redirect_uri == ["https://a.example.com/x", "https://b.example.com"]
    assert _scopes(made) == {"openid": True, "aliuid": False, "profile": True}
    assert alone.call("ims", "GetApplication", app_id=made.app_id).application.app_name == "app"
    refused(
        lambda: _create(alone, "app"),
        "EntityAlreadyExists.Application",
        "The application does already EXIST: app.",
        409,
    )
    changed = alone.call(
        "ims",
        "UpdateApplication",
        app_id=made.app_id,
        new_display_name="New",
        new_redirect_uris="https://c.example.com",
        new_predefined_scopes="aliuid",
        new_required_scopes="aliuid",
        new_access_token_validity=900,
        new_refresh_token_validity=7200,
        new_is_multi_tenant=True,
        new_secret_required=False,
    ).application
    assert (changed.display_name, changed.access_token_validity, changed.refresh_token_validity) == ("New", 900, 7200)
    assert (changed.is_multi_tenant, changed.secret_required) == (True, True)
    assert (_scopes(changed), changed.redirect_uris.redirect_uri) == (
        {"openid": True, "aliuid": True},
        ["https://c.example.com"],
    )
    rows = alone.call("ims", "ListApplications").applications.application
    assert [app.app_id for app in rows] == [made.app_id]
    alone.call("ims", "DeleteApplication", app_id=made.app_id)
    for action in ("GetApplication", "UpdateApplication", "DeleteApplication", "CreateAppSecret", "ListAppSecretIds"):
        refused(
            lambda action=action: alone.call("ims", action, app_id=made.app_id),
            "EntityNotExist.Application",
            f"The application does not exist: {made.app_id}.",
            404,
        )


def test_applications_by_type(customer: Customer) -> None:
    native = _create(customer, "native", app_type="NativeApp", protocol_version="2.1")
    assert (native.is_multi_tenant, native.secret_required, native.refresh_token_validity) == (True, False, 2592000)
    changed = customer.call("ims", "UpdateApplication", app_id=native.app_id, new_secret_required=True).application
    assert changed.secret_required is True
    server = _create(customer, "server", app_type="ServerApp", predefined_scopes="/acs/scim")
    assert _scopes(server) == {"/acs/scim": False}
    names = {
        kind: [
            scope.name
            for scope in customer.call("ims", "ListPredefinedScopes", app_type=kind).predefined_scopes.predefined_scope
        ]
        for kind in ("WebApp", "ServerApp")
    }
    assert names["ServerApp"] == ["/acs/scim"]
    assert names["WebApp"][:3] == ["openid", "aliuid", "profile"]
    every = customer.call("ims", "ListPredefinedScopes").predefined_scopes.predefined_scope
    assert len(every) == len(names["WebApp"]) + 1
    refused(
        lambda: customer.call("ims", "ListPredefinedScopes", app_type="Odd"),
        "InvalidParameter.AppType",
        'The parameter - "AppType" is incorrect.',
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"app_type": "Odd"}, "InvalidParameter.AppType"),
        ({"protocol_version": "3"}, "InvalidParameter.ProtocolVersion"),
        ({"app_name": "a b"}, "InvalidParameter.AppName.InvalidChars"),
        ({"display_name": "x" * 25}, "InvalidParameter.DisplayName.Length"),
        ({"redirect_uris": "nowhere"}, "InvalidParameter.RedirectUris.Format"),
        ({"predefined_scopes": "odd"}, "InvalidParameter.PredefinedScopes"),
        ({"predefined_scopes": "/acs/scim"}, "InvalidParameter.PredefinedScopes"),
        ({"required_scopes": "profile"}, "InvalidParameter.RequiredScopes"),
        ({"access_token_validity": 10}, "InvalidParameter.AccessTokenValidity.Range"),
        ({"refresh_token_validity": 10}, "InvalidParameter.RefreshTokenValidity.Range"),
    ],
)
def test_applications_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str) -> None:
    refused(lambda: _create(customer, "fine", **fields), code, status=400)


def test_an_application_has_two_secrets(alone: Customer) -> None:
    app = _create(alone, "secretive")
    which = {"app_id": app.app_id}
    first = alone.call("ims", "CreateAppSecret", **which).app_secret
    second = alone.call("ims", "CreateAppSecret", **which).app_secret
    assert first.app_secret_value != second.app_secret_value
    refused(
        lambda: alone.call("ims", "CreateAppSecret", **which),
        "LimitExceeded.AppSecret",
        "The count of secrets of the application beyond the current limits.",
        409,
    )
    shown = alone.call("ims", "GetAppSecret", app_secret_id=first.app_secret_id, **which).app_secret
    assert shown.app_secret_value == first.app_secret_value
    alone.call("ims", "DeleteAppSecret", app_secret_id=first.app_secret_id, **which)
    for action in ("GetAppSecret", "DeleteAppSecret"):
        refused(
            lambda action=action: alone.call("ims", action, app_secret_id=first.app_secret_id, **which),
            "EntityNotExist.AppSecret",
            f"The application secret does not exist: {first.app_secret_id}.",
            404,
        )
    left = alone.call("ims", "ListAppSecretIds", **which).app_secrets.app_secret
    assert [secret.app_secret_id for secret in left] == [second.app_secret_id]


def test_an_account_has_only_so_many_applications(alone: Customer) -> None:
    for number in range(quotas.APPLICATIONS):
        _create(alone, f"app{number}")
    refused(
        lambda: _create(alone, "last"),
        "LimitExceeded.Application",
        "The count of applications beyond the current limits.",
        409,
    )
