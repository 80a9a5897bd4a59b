"""Users by name."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.logic import names, recycle_bin, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import User

_TITLE_CHARACTERS = 128


class UserItem(msgspec.Struct, kw_only=True):
    UserId: str
    UserName: str
    DisplayName: str
    MobilePhone: str
    Email: str
    Comments: str
    CreateDate: str
    UpdateDate: str


class UserResponse(Response):
    User: UserItem


def _shown(user: User) -> UserItem:
    return UserItem(
        UserId=user.user_id,
        UserName=user.name,
        DisplayName=user.display_name,
        MobilePhone=user.mobile_phone,
        Email=user.email,
        Comments=user.comments,
        CreateDate=iso_seconds(user.created_at),
        UpdateDate=iso_seconds(user.updated_at),
    )


class CreateUserRequest(Request):
    UserName: str
    DisplayName: str | None = None
    MobilePhone: str | None = None
    Email: str | None = None
    Comments: str | None = None


@ram.action(resource="acs:ram:*:{account}:user/*")
def create_user(ctx: Context, req: CreateUserRequest) -> UserResponse:
    names.check(req.UserName, "UserName", names.USER)
    details = users.Details(
        display_name=req.DisplayName, mobile_phone=req.MobilePhone, email=req.Email, comments=req.Comments
    )
    details.check("", _TITLE_CHARACTERS)
    return UserResponse(User=_shown(users.create(ctx, req.UserName, details)))


class GetUserRequest(Request):
    UserName: str


class UserWithLogin(UserItem, kw_only=True):
    LastLoginDate: str = ""


class GetUserResponse(Response):
    User: UserWithLogin


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def get_user(ctx: Context, req: GetUserRequest) -> GetUserResponse:
    return GetUserResponse(User=UserWithLogin(**msgspec.structs.asdict(_shown(users.find(ctx, req.UserName)))))


class ListUsersRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class UserList(msgspec.Struct, kw_only=True):
    User: list[UserItem]


class ListUsersResponse(Response):
    IsTruncated: bool
    Marker: str
    Users: UserList


@ram.action(resource="acs:ram:*:{account}:user/*")
def list_users(ctx: Context, req: ListUsersRequest) -> ListUsersResponse:
    page = pages.by_marker(ctx.tx.list(User, account=ctx.account), req.Marker, req.MaxItems)
    return ListUsersResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        Users=UserList(User=[_shown(user) for user in page.items]),
    )


class UpdateUserRequest(Request):
    UserName: str
    NewUserName: str | None = None
    NewDisplayName: str | None = None
    NewMobilePhone: str | None = None
    NewEmail: str | None = None
    NewComments: str | None = None


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def update_user(ctx: Context, req: UpdateUserRequest) -> UserResponse:
    details = users.Details(
        display_name=req.NewDisplayName, mobile_phone=req.NewMobilePhone, email=req.NewEmail, comments=req.NewComments
    )
    details.check("New", _TITLE_CHARACTERS)
    if req.NewUserName is not None:
        names.check(req.NewUserName, "NewUserName", names.USER)
    return UserResponse(User=_shown(users.update(ctx, users.find(ctx, req.UserName), req.NewUserName, details)))


class DeleteUserRequest(Request):
    UserName: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def delete_user(ctx: Context, req: DeleteUserRequest) -> Response:
    user = users.find(ctx, req.UserName)
    users.require_alone(ctx, user)
    recycle_bin.recycle_user(ctx, user)
    return Response()
