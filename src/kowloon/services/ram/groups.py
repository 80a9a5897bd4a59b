"""Groups and their members, by name."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.logic import groups, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import Group


class GroupItem(msgspec.Struct, kw_only=True):
    GroupId: str
    GroupName: str
    Comments: str
    CreateDate: str
    UpdateDate: str


class GroupResponse(Response):
    Group: GroupItem


def _shown(group: Group) -> GroupItem:
    return GroupItem(
        GroupId=group.group_id,
        GroupName=group.name,
        Comments=group.comments,
        CreateDate=iso_seconds(group.created_at),
        UpdateDate=iso_seconds(group.updated_at),
    )


class CreateGroupRequest(Request):
    GroupName: str
    Comments: str = ""


@ram.action(resource="acs:ram:*:{account}:group/*")
def create_group(ctx: Context, req: CreateGroupRequest) -> GroupResponse:
    return GroupResponse(Group=_shown(groups.create(ctx, req.GroupName, display_name="", comments=req.Comments)))


class GetGroupRequest(Request):
    GroupName: str


@ram.action(resource="acs:ram:*:{account}:group/{GroupName}")
def get_group(ctx: Context, req: GetGroupRequest) -> GroupResponse:
    return GroupResponse(Group=_shown(groups.find(ctx, req.GroupName)))


class ListGroupsRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class GroupList(msgspec.Struct, kw_only=True):
    Group: list[GroupItem]


class ListGroupsResponse(Response):
    IsTruncated: bool
    Marker: str
    Groups: GroupList


@ram.action(resource="acs:ram:*:{account}:group/*")
def list_groups(ctx: Context, req: ListGroupsRequest) -> ListGroupsResponse:
    page = pages.by_marker(ctx.tx.list(Group, account=ctx.account), req.Marker, req.MaxItems, most=100)
    return ListGroupsResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        Groups=GroupList(Group=[_shown(group) for group in page.items]),
    )


class UpdateGroupRequest(Request):
    GroupName: str
    NewGroupName: str | None = None
    NewComments: str | None = None


@ram.action(resource="acs:ram:*:{account}:group/{GroupName}")
def update_group(ctx: Context, req: UpdateGroupRequest) -> GroupResponse:
    group = groups.find(ctx, req.GroupName)
    changed = groups.update(ctx, group, new_name=req.NewGroupName, display_name=None, comments=req.NewComments)
    return GroupResponse(Group=_shown(changed))


class DeleteGroupRequest(Request):
    GroupName: str


@ram.action(resource="acs:ram:*:{account}:group/{GroupName}")
def delete_group(ctx: Context, req: DeleteGroupRequest) -> Response:
    groups.delete(ctx, groups.find(ctx, req.GroupName))
    return Response()


# --- members ---


class AddUserToGroupRequest(Request):
    UserName: str
    GroupName: str


@ram.action(resource=("acs:ram:*:{account}:group/{GroupName}", "acs:ram:*:{account}:user/{User}"))
def add_user_to_group(ctx: Context, req: AddUserToGroupRequest) -> Response:
    groups.add(ctx, groups.find(ctx, req.GroupName), users.find(ctx, req.UserName))
    return Response()


class RemoveUserFromGroupRequest(Request):
    UserName: str
    GroupName: str


@ram.action(resource=("acs:ram:*:{account}:group/{GroupName}", "acs:ram:*:{account}:user/{User}"))
def remove_user_from_group(ctx: Context, req: RemoveUserFromGroupRequest) -> Response:
    groups.remove(ctx, groups.find(ctx, req.GroupName), users.find(ctx, req.UserName))
    return Response()


class ListUsersForGroupRequest(Request):
    GroupName: str
    Marker: str = ""
    MaxItems: int = 100


class Member(msgspec.Struct, kw_only=True):
    UserName: str
    DisplayName: str
    JoinDate: str


class MemberList(msgspec.Struct, kw_only=True):
    User: list[Member]


class ListUsersForGroupResponse(Response):
    IsTruncated: bool
    Marker: str
    Users: MemberList


@ram.action(resource="acs:ram:*:{account}:group/{GroupName}")
def list_users_for_group(ctx: Context, req: ListUsersForGroupRequest) -> ListUsersForGroupResponse:
    page = pages.by_marker(groups.members(ctx, groups.find(ctx, req.GroupName)), req.Marker, req.MaxItems)
    rows = [
        Member(
            UserName=item.user,
            DisplayName=users.find(ctx, item.user).display_name,
            JoinDate=iso_seconds(item.created_at),
        )
        for item in page.items
    ]
    return ListUsersForGroupResponse(
        IsTruncated=bool(page.next_token), Marker=page.next_token, Users=MemberList(User=rows)
    )


class ListGroupsForUserRequest(Request):
    UserName: str


class JoinedGroup(msgspec.Struct, kw_only=True):
    GroupId: str
    GroupName: str
    Comments: str
    JoinDate: str


class JoinedGroupList(msgspec.Struct, kw_only=True):
    Group: list[JoinedGroup]


class ListGroupsForUserResponse(Response):
    Groups: JoinedGroupList


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def list_groups_for_user(ctx: Context, req: ListGroupsForUserRequest) -> ListGroupsForUserResponse:
    rows = []
    for item in users.memberships(ctx, users.find(ctx, req.UserName)):
        group = groups.find(ctx, item.group)
        row = JoinedGroup(
            GroupId=group.group_id,
            GroupName=group.name,
            Comments=group.comments,
            JoinDate=iso_seconds(item.created_at),
        )
        rows.append(row)
    return ListGroupsForUserResponse(Groups=JoinedGroupList(Group=rows))
