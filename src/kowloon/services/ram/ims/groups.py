"""Groups, which have display names here, and their members by logon name."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.groups import delete_group
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import groups, login_names, users
from kowloon.store.identity import Group


class GroupItem(msgspec.Struct, kw_only=True):
    GroupId: str
    GroupName: str
    DisplayName: str
    Comments: str
    CreateDate: str
    UpdateDate: str


class GroupResponse(Response):
    Group: GroupItem


def _shown(group: Group) -> GroupItem:
    return GroupItem(
        GroupId=group.group_id,
        GroupName=group.name,
        DisplayName=group.display_name,
        Comments=group.comments,
        CreateDate=iso_seconds(group.created_at),
        UpdateDate=iso_seconds(group.updated_at),
    )


class CreateGroupRequest(Request):
    GroupName: str
    DisplayName: str = ""
    Comments: str = ""


@ims.action(resource="acs:ram:*:{account}:group/*")
def create_group(ctx: Context, req: CreateGroupRequest) -> GroupResponse:
    group = groups.create(ctx, req.GroupName, display_name=req.DisplayName, comments=req.Comments)
    return GroupResponse(Group=_shown(group))


class GetGroupRequest(Request):
    GroupName: str


@ims.action(resource="acs:ram:*:{account}:group/{GroupName}")
def get_group(ctx: Context, req: GetGroupRequest) -> GroupResponse:
    return GroupResponse(Group=_shown(groups.find(ctx, req.GroupName)))


class UpdateGroupRequest(Request):
    GroupName: str
    NewGroupName: str | None = None
    NewDisplayName: str | None = None
    NewComments: str | None = None


@ims.action(resource="acs:ram:*:{account}:group/{GroupName}")
def update_group(ctx: Context, req: UpdateGroupRequest) -> GroupResponse:
    group = groups.update(
        ctx,
        groups.find(ctx, req.GroupName),
        new_name=req.NewGroupName,
        display_name=req.NewDisplayName,
        comments=req.NewComments,
    )
    return GroupResponse(Group=_shown(group))


ims.action(resource="acs:ram:*:{account}:group/{GroupName}")(delete_group)


class ListGroupsRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class GroupList(msgspec.Struct, kw_only=True):
    Group: list[GroupItem]


class ListGroupsResponse(Response):
    IsTruncated: bool
    Marker: str
    Groups: GroupList


@ims.action(resource="acs:ram:*:{account}:group/*")
def list_groups(ctx: Context, req: ListGroupsRequest) -> ListGroupsResponse:
    page = pages.by_marker(ctx.tx.list(Group, account=ctx.account), req.Marker, req.MaxItems, most=100)
    return ListGroupsResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        Groups=GroupList(Group=[_shown(group) for group in page.items]),
    )


# --- members ---


class AddUserToGroupRequest(Request):
    UserPrincipalName: str
    GroupName: str


@ims.action(resource=("acs:ram:*:{account}:group/{GroupName}", "acs:ram:*:{account}:user/{User}"))
def add_user_to_group(ctx: Context, req: AddUserToGroupRequest) -> Response:
    groups.add(ctx, groups.find(ctx, req.GroupName), login_names.find(ctx, req.UserPrincipalName))
    return Response()


class RemoveUserFromGroupRequest(Request):
    UserPrincipalName: str
    GroupName: str


@ims.action(resource=("acs:ram:*:{account}:group/{GroupName}", "acs:ram:*:{account}:user/{User}"))
def remove_user_from_group(ctx: Context, req: RemoveUserFromGroupRequest) -> Response:
    groups.remove(ctx, groups.find(ctx, req.GroupName), login_names.find(ctx, req.UserPrincipalName))
    return Response()


class ListUsersForGroupRequest(Request):
    GroupName: str
    Marker: str = ""
    MaxItems: int = 100


class Member(msgspec.Struct, kw_only=True):
    UserId: str
    UserPrincipalName: str
    DisplayName: str
    JoinDate: str


class MemberList(msgspec.Struct, kw_only=True):
    User: list[Member]


class ListUsersForGroupResponse(Response):
    IsTruncated: bool
    Marker: str
    Users: MemberList


@ims.action(resource="acs:ram:*:{account}:group/{GroupName}")
def list_users_for_group(ctx: Context, req: ListUsersForGroupRequest) -> ListUsersForGroupResponse:
    members = groups.members(ctx, groups.find(ctx, req.GroupName))
    page = pages.by_marker(members, req.Marker, req.MaxItems, most=100)
    rows = []
    for item in page.items:
        user = users.find(ctx, item.user)
        row = Member(
            UserId=user.user_id,
            UserPrincipalName=login_names.of(ctx, user),
            DisplayName=user.display_name,
            JoinDate=iso_seconds(item.created_at),
        )
        rows.append(row)
    return ListUsersForGroupResponse(
        IsTruncated=bool(page.next_token), Marker=page.next_token, Users=MemberList(User=rows)
    )


class ListGroupsForUserRequest(Request):
    UserPrincipalName: str


class JoinedGroup(msgspec.Struct, kw_only=True):
    GroupId: str
    GroupName: str
    DisplayName: str
    Comments: str
    JoinDate: str


class JoinedGroupList(msgspec.Struct, kw_only=True):
    Group: list[JoinedGroup]


class ListGroupsForUserResponse(Response):
    Groups: JoinedGroupList


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def list_groups_for_user(ctx: Context, req: ListGroupsForUserRequest) -> ListGroupsForUserResponse:
    rows = []
    for item in users.memberships(ctx, login_names.find(ctx, req.UserPrincipalName)):
        group = groups.find(ctx, item.group)
        row = JoinedGroup(
            GroupId=group.group_id,
            GroupName=group.name,
            DisplayName=group.display_name,
            Comments=group.comments,
            JoinDate=iso_seconds(item.created_at),
        )
        rows.append(row)
    return ListGroupsForUserResponse(Groups=JoinedGroupList(Group=rows))
