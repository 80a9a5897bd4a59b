"""Users by logon name or id."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.errors import INCORRECT
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import login_names, recycle_bin, users
from kowloon.store.identity import User

_TITLE_CHARACTERS = 24
# Users are never frozen here: nobody but the vendor freezes them.
_STATUSES = ("active", "freeze")


class UserItem(msgspec.Struct, kw_only=True):
    UserId: str
    UserPrincipalName: str
    DisplayName: str
    MobilePhone: str
    Email: str
    Comments: str
    CreateDate: str
    UpdateDate: str
    LastLoginDate: str = ""
    ProvisionType: str = "Manual"
    Tags: tags.TagList


class UserResponse(Response):
    User: UserItem


def _fields(ctx: Context, user: User) -> dict[str, Any]:
    return {
        "UserId": user.user_id,
        "UserPrincipalName": login_names.of(ctx, user),
        "DisplayName": user.display_name,
        "MobilePhone": user.mobile_phone,
        "Email": user.email,
        "Comments": user.comments,
        "CreateDate": iso_seconds(user.created_at),
        "UpdateDate": iso_seconds(user.updated_at),
        "Tags": tags.shown(user.tags),
    }


def _shown(ctx: Context, user: User) -> UserResponse:
    return UserResponse(User=UserItem(**_fields(ctx, user)))


class CreateUserRequest(Request):
    UserPrincipalName: str
    DisplayName: str
    MobilePhone: str | None = None
    Email: str | None = None
    Comments: str | None = None
    Tag: AsJson[list[tags.TagParam]] = []


@ims.action(resource="acs:ram:*:{account}:user/*")
def create_user(ctx: Context, req: CreateUserRequest) -> UserResponse:
    name = login_names.new(ctx, req.UserPrincipalName, "UserPrincipalName")
    details = users.Details(
        display_name=req.DisplayName, mobile_phone=req.MobilePhone, email=req.Email, comments=req.Comments
    )
    details.check("", _TITLE_CHARACTERS)
    user = users.create(ctx, name, details)
    if req.Tag:
        user = msgspec.structs.replace(user, tags=tags.checked(req.Tag))
        ctx.tx.put(user)
    return _shown(ctx, user)


class GetUserRequest(Request):
    UserPrincipalName: str = ""
    UserId: str = ""
    UserAccessKeyId: str = ""


class NamedUser(UserItem, kw_only=True):
    UserName: str


class GetUserResponse(Response):
    User: NamedUser


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def get_user(ctx: Context, req: GetUserRequest) -> GetUserResponse:
    user = login_names.find_either(ctx, req.UserPrincipalName, req.UserId, req.UserAccessKeyId)
    return GetUserResponse(User=NamedUser(**_fields(ctx, user), UserName=user.name))


class UpdateUserRequest(Request):
    UserPrincipalName: str = ""
    UserId: str = ""
    NewUserPrincipalName: str | None = None
    NewDisplayName: str | None = None
    NewMobilePhone: str | None = None
    NewEmail: str | None = None
    NewComments: str | None = None


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def update_user(ctx: Context, req: UpdateUserRequest) -> UserResponse:
    user = login_names.find_either(ctx, req.UserPrincipalName, req.UserId)
    details = users.Details(
        display_name=req.NewDisplayName, mobile_phone=req.NewMobilePhone, email=req.NewEmail, comments=req.NewComments
    )
    details.check("New", _TITLE_CHARACTERS)
    new_name = None
    if req.NewUserPrincipalName is not None:
        new_name = login_names.new(ctx, req.NewUserPrincipalName, "NewUserPrincipalName")
    return _shown(ctx, users.update(ctx, user, new_name, details))


class DeleteUserRequest(Request):
    UserPrincipalName: str = ""
    UserId: str = ""


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def delete_user(ctx: Context, req: DeleteUserRequest) -> Response:
    recycle_bin.recycle_user(ctx, login_names.find_either(ctx, req.UserPrincipalName, req.UserId))
    return Response()


class ListUsersRequest(Request):
    Marker: str = ""
    MaxItems: int = 1000
    Status: str = "active"
    Tag: AsJson[list[tags.TagParam]] = []


class ListedUser(UserItem, kw_only=True):
    Status: str = "active"


class UserList(msgspec.Struct, kw_only=True):
    User: list[ListedUser]


class ListUsersResponse(Response):
    IsTruncated: bool
    Marker: str
    Users: UserList


def _wanted(ctx: Context, status: str, wanted: list[tags.TagParam]) -> list[User]:
    statuses = [word.strip() for word in status.split(",") if word.strip()]
    if any(word not in _STATUSES for word in statuses):
        raise INCORRECT.error(name="Status")
    # With tags users of every status are meant.
    if not wanted and statuses and "active" not in statuses:
        return []
    return [user for user in ctx.tx.list(User, account=ctx.account) if tags.matches(user.tags, wanted)]


@ims.action(resource="acs:ram:*:{account}:user/*")
def list_users(ctx: Context, req: ListUsersRequest) -> ListUsersResponse:
    page = pages.by_marker(_wanted(ctx, req.Status, req.Tag), req.Marker, req.MaxItems)
    rows = [ListedUser(**_fields(ctx, user)) for user in page.items]
    return ListUsersResponse(IsTruncated=bool(page.next_token), Marker=page.next_token, Users=UserList(User=rows))


class ListUserBasicInfosRequest(Request):
    Marker: str = ""
    MaxItems: int = 100
    Status: str = "active"
    Tag: AsJson[list[tags.TagParam]] = []


class BasicInfo(msgspec.Struct, kw_only=True):
    UserId: str
    UserPrincipalName: str
    DisplayName: str
    Status: str = "active"


class BasicInfoList(msgspec.Struct, kw_only=True):
    UserBasicInfo: list[BasicInfo]


class ListUserBasicInfosResponse(Response):
    IsTruncated: bool
    Marker: str
    UserBasicInfos: BasicInfoList


@ims.action(resource="acs:ram:*:{account}:user/*")
def list_user_basic_infos(ctx: Context, req: ListUserBasicInfosRequest) -> ListUserBasicInfosResponse:
    page = pages.by_marker(_wanted(ctx, req.Status, req.Tag), req.Marker, req.MaxItems)
    rows = [
        BasicInfo(UserId=user.user_id, UserPrincipalName=login_names.of(ctx, user), DisplayName=user.display_name)
        for user in page.items
    ]
    return ListUserBasicInfosResponse(
        IsTruncated=bool(page.next_token), Marker=page.next_token, UserBasicInfos=BasicInfoList(UserBasicInfo=rows)
    )
