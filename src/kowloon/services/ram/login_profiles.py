"""Console passwords of users. There is no console here: a password can be set, held to the policy and changed."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.errors import USER_NOT_FOUND
from kowloon.services.ram.logic import passwords, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import LoginProfile, User

_SET = passwords.hashing("Password", user=lambda req, caller: str(req.UserName))


class ProfileItem(msgspec.Struct, kw_only=True):
    UserName: str
    PasswordResetRequired: bool
    MFABindRequired: bool
    CreateDate: str


class ProfileResponse(Response):
    LoginProfile: ProfileItem


def _shown(user: User, profile: LoginProfile) -> ProfileResponse:
    return ProfileResponse(
        LoginProfile=ProfileItem(
            UserName=user.name,
            PasswordResetRequired=profile.reset_required,
            MFABindRequired=profile.mfa_required,
            CreateDate=iso_seconds(profile.created_at),
        )
    )


class CreateLoginProfileRequest(Request):
    UserName: str
    Password: str
    PasswordResetRequired: bool = False
    MFABindRequired: bool = False


@ram.action(resource="acs:ram:*:{account}:user/{User}", prepare=_SET)
def create_login_profile(ctx: Context, req: CreateLoginProfileRequest) -> ProfileResponse:
    user = users.find(ctx, req.UserName)
    profile = passwords.create(
        ctx, user, req.Password, reset_required=req.PasswordResetRequired, mfa_required=req.MFABindRequired
    )
    return _shown(user, profile)


class GetLoginProfileRequest(Request):
    UserName: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def get_login_profile(ctx: Context, req: GetLoginProfileRequest) -> ProfileResponse:
    user = users.find(ctx, req.UserName)
    return _shown(user, passwords.find(ctx, user))


class UpdateLoginProfileRequest(Request):
    UserName: str
    Password: str | None = None
    PasswordResetRequired: bool | None = None
    MFABindRequired: bool | None = None


@ram.action(resource="acs:ram:*:{account}:user/{User}", prepare=_SET)
def update_login_profile(ctx: Context, req: UpdateLoginProfileRequest) -> Response:
    passwords.update(
        ctx,
        users.find(ctx, req.UserName),
        password=req.Password,
        reset_required=req.PasswordResetRequired,
        mfa_required=req.MFABindRequired,
    )
    return Response()


class DeleteLoginProfileRequest(Request):
    UserName: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def delete_login_profile(ctx: Context, req: DeleteLoginProfileRequest) -> Response:
    ctx.tx.delete(passwords.find(ctx, users.find(ctx, req.UserName)))
    return Response()


class ChangePasswordRequest(Request):
    OldPassword: str
    NewPassword: str


@ram.action(resource="acs:ram:*:{account}:user/{User}", prepare=passwords.CHANGE)
def change_password(ctx: Context, req: ChangePasswordRequest) -> Response:
    caller = users.caller(ctx)
    if caller is None:
        raise USER_NOT_FOUND.error(name=ctx.principal.name)
    passwords.change(ctx, caller, req.OldPassword, req.NewPassword)
    return Response()
