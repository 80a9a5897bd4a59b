"""The resource directory itself."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import NOT_BUILT
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import control_attachments, tree
from kowloon.services.ram.resourcemanager.errors import (
    DIRECTORY_EXISTS,
    DIRECTORY_HAS_ACCOUNTS,
    DIRECTORY_HAS_FOLDERS,
    DIRECTORY_NOT_IN_USE,
    IN_A_DIRECTORY,
    INVALID,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import (
    ControlAttachment,
    ControlPolicy,
    Directory,
    Folder,
    Handshake,
    Member,
)
from kowloon.store.identity import Account
from kowloon.store.resources import Resource

_ALL_FOLDERS: Final = "acs:resourcemanager:*:{account}:folder/*"
_OF_DIRECTORIES: Final[tuple[type[Resource], ...]] = (Folder, Handshake, ControlPolicy, ControlAttachment)


def account_name(ctx: Context, account: str) -> str:
    """What an account is called: by who opened it, else by its id."""
    found = ctx.tx.get(Account, account)
    return (found.name if found is not None else "") or account


class DirectoryItem(msgspec.Struct, kw_only=True):
    ResourceDirectoryId: str
    RootFolderId: str
    MasterAccountId: str
    MasterAccountName: str
    CreateTime: str


class DirectoryWithSettings(DirectoryItem, kw_only=True):
    ControlPolicyStatus: str
    MemberDeletionStatus: str


class DirectoryResponse(Response):
    ResourceDirectory: DirectoryItem


def _fields(ctx: Context, directory: Directory) -> dict[str, str]:
    return {
        "ResourceDirectoryId": directory.id,
        "RootFolderId": directory.root_folder_id,
        "MasterAccountId": directory.account,
        "MasterAccountName": account_name(ctx, directory.account),
        "CreateTime": iso_seconds(directory.created_at),
    }


def word(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"


def _open(ctx: Context) -> DirectoryResponse:
    if tree.directory_of(ctx.tx, ctx.account) is not None:
        raise DIRECTORY_EXISTS.error()
    if ctx.tx.get(Member, ctx.account) is not None:
        raise IN_A_DIRECTORY.error()
    directory = Directory(
        id="rd-" + ctx.ids.token(6),
        account=ctx.account,
        created_at=ctx.now,
        root_folder_id="r-" + ctx.ids.token(6),
    )
    root = Folder(
        id=directory.root_folder_id,
        account=ctx.account,
        created_at=ctx.now,
        directory_id=directory.id,
        parent_id="",
        name="Root",
    )
    ctx.tx.put(directory)
    ctx.tx.put(root)
    return DirectoryResponse(ResourceDirectory=DirectoryItem(**_fields(ctx, directory)))


class InitResourceDirectoryRequest(Request):
    pass


@resourcemanager.action(resource=_ALL_FOLDERS)
def init_resource_directory(ctx: Context, req: InitResourceDirectoryRequest) -> DirectoryResponse:
    return _open(ctx)


class EnableResourceDirectoryRequest(Request):
    EnableMode: str


@resourcemanager.action(resource=_ALL_FOLDERS)
def enable_resource_directory(ctx: Context, req: EnableResourceDirectoryRequest) -> DirectoryResponse:
    """A new management account would have to prove a mobile phone: nobody has one here."""
    if req.EnableMode == "NewManagementAccount":
        raise NOT_BUILT.error(
            product="ResourceManager", version="2020-03-31", action="EnableResourceDirectory with NewManagementAccount"
        )
    if req.EnableMode != "CurrentAccount":
        raise INVALID.error(name="EnableMode")
    return _open(ctx)


class GetResourceDirectoryRequest(Request):
    pass


class GetResourceDirectoryResponse(Response):
    ResourceDirectory: DirectoryWithSettings


@resourcemanager.action(resource=_ALL_FOLDERS)
def get_resource_directory(ctx: Context, req: GetResourceDirectoryRequest) -> GetResourceDirectoryResponse:
    """Members see the directory that they are in."""
    directory = tree.directory_of(ctx.tx, ctx.account)
    member = ctx.tx.get(Member, ctx.account)
    if directory is None and member is not None:
        directory = ctx.tx.get(Directory, member.directory_id)
    if directory is None:
        raise DIRECTORY_NOT_IN_USE.error()
    return GetResourceDirectoryResponse(
        ResourceDirectory=DirectoryWithSettings(
            **_fields(ctx, directory),
            ControlPolicyStatus=word(directory.control_policies_enabled),
            MemberDeletionStatus=word(directory.member_deletion_enabled),
        )
    )


class DestroyResourceDirectoryRequest(Request):
    pass


@resourcemanager.action(resource=_ALL_FOLDERS)
def destroy_resource_directory(ctx: Context, req: DestroyResourceDirectoryRequest) -> Response:
    """With its root folder, control policies and invitations; its members and folders must be gone."""
    directory = tree.managed(ctx)
    if tree.members(ctx.tx, directory):
        raise DIRECTORY_HAS_ACCOUNTS.error()
    if len(tree.folders(ctx.tx, directory)) > 1:
        raise DIRECTORY_HAS_FOLDERS.error()
    for kind in _OF_DIRECTORIES:
        for item in ctx.tx.list(kind, account=ctx.account):
            ctx.tx.delete(item)
    ctx.tx.delete(directory)
    return Response()


class SetMemberDeletionPermissionRequest(Request):
    Status: str


class SetMemberDeletionPermissionResponse(Response):
    ResourceDirectoryId: str
    ManagementAccountId: str
    MemberDeletionStatus: str


@resourcemanager.action(resource=_ALL_FOLDERS)
def set_member_deletion_permission(
    ctx: Context, req: SetMemberDeletionPermissionRequest
) -> SetMemberDeletionPermissionResponse:
    if req.Status not in ("Enabled", "Disabled"):
        raise INVALID.error(name="Status")
    directory = tree.managed(ctx)
    ctx.tx.put(msgspec.structs.replace(directory, member_deletion_enabled=req.Status == "Enabled"))
    return SetMemberDeletionPermissionResponse(
        ResourceDirectoryId=directory.id, ManagementAccountId=directory.account, MemberDeletionStatus=req.Status
    )


# --- whether control policies count ---


class EnablementResponse(Response):
    EnablementStatus: str


class EnableControlPolicyRequest(Request):
    pass


@resourcemanager.action()
def enable_control_policy(ctx: Context, req: EnableControlPolicyRequest) -> EnablementResponse:
    """Every folder and member is then under FullAliyunAccess, until something narrower is attached."""
    directory = tree.managed(ctx)
    if not directory.control_policies_enabled:
        directory = msgspec.structs.replace(directory, control_policies_enabled=True)
        ctx.tx.put(directory)
        for node in (*tree.folders(ctx.tx, directory), *tree.members(ctx.tx, directory)):
            control_attachments.attach_full_access(ctx, directory, node.id)
    return EnablementResponse(EnablementStatus="Enabled")


class DisableControlPolicyRequest(Request):
    pass


@resourcemanager.action()
def disable_control_policy(ctx: Context, req: DisableControlPolicyRequest) -> EnablementResponse:
    """All attachments go; the policies stay."""
    directory = tree.managed(ctx)
    ctx.tx.put(msgspec.structs.replace(directory, control_policies_enabled=False))
    for attachment in ctx.tx.list(ControlAttachment, account=ctx.account):
        ctx.tx.delete(attachment)
    return EnablementResponse(EnablementStatus="Disabled")


class GetControlPolicyEnablementStatusRequest(Request):
    pass


@resourcemanager.action()
def get_control_policy_enablement_status(
    ctx: Context, req: GetControlPolicyEnablementStatusRequest
) -> EnablementResponse:
    return EnablementResponse(EnablementStatus=word(tree.readable(ctx).control_policies_enabled))
