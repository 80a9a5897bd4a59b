"""Folders of a resource directory."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import control_attachments, tree
from kowloon.services.ram.resourcemanager.errors import (
    FOLDER_DEPTH,
    FOLDER_HAS_ACCOUNTS,
    FOLDER_HAS_FOLDERS,
    FOLDER_NAME,
    FOLDER_NAME_LENGTH,
    FOLDER_NAME_USED,
    ROOT_FOLDER,
    TOO_MANY_FOLDERS,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import Directory, Folder, Member

# The vendor's: levels under the root folder, and folders of a directory.
MOST_LEVELS: Final = 5
MOST_FOLDERS: Final = 100
_NAME: Final = re.compile(r"[\w.-]+")
_FOLDER: Final = "acs:resourcemanager:*:{account}:folder/{FolderPath}"


class ListedFolder(msgspec.Struct, kw_only=True):
    FolderId: str
    FolderName: str
    CreateTime: str


class FolderItem(ListedFolder, kw_only=True):
    ParentFolderId: str


class FolderWithPath(FolderItem, kw_only=True):
    ResourceDirectoryPath: str


class FolderResponse(Response):
    Folder: FolderItem


def _listed(folder: Folder) -> ListedFolder:
    return ListedFolder(FolderId=folder.id, FolderName=folder.name, CreateTime=iso_seconds(folder.created_at))


def _shown(folder: Folder) -> FolderItem:
    return FolderItem(**msgspec.structs.asdict(_listed(folder)), ParentFolderId=folder.parent_id)


def _children(ctx: Context, directory: Directory, parent: Folder) -> list[Folder]:
    return [folder for folder in tree.folders(ctx.tx, directory) if folder.parent_id == parent.id]


def _check_name(name: str, siblings: list[Folder]) -> None:
    if not 1 <= len(name) <= 24:
        raise FOLDER_NAME_LENGTH.error()
    if not _NAME.fullmatch(name):
        raise FOLDER_NAME.error()
    if any(sibling.name == name for sibling in siblings):
        raise FOLDER_NAME_USED.error()


class CreateFolderRequest(Request):
    FolderName: str
    ParentFolderId: str = ""


@resourcemanager.action(resource=_FOLDER)
def create_folder(ctx: Context, req: CreateFolderRequest) -> FolderResponse:
    directory = tree.managed(ctx)
    parent = tree.folder(ctx, directory, req.ParentFolderId)
    _check_name(req.FolderName, _children(ctx, directory, parent))
    if len(tree.line(ctx.tx, parent.id)) > MOST_LEVELS:
        raise FOLDER_DEPTH.error()
    if len(tree.folders(ctx.tx, directory)) > MOST_FOLDERS:
        raise TOO_MANY_FOLDERS.error()
    folder = Folder(
        id="fd-" + ctx.ids.token(10),
        account=ctx.account,
        created_at=ctx.now,
        directory_id=directory.id,
        parent_id=parent.id,
        name=req.FolderName,
    )
    ctx.tx.put(folder)
    control_attachments.attach_full_access(ctx, directory, folder.id)
    return FolderResponse(Folder=_shown(folder))


class GetFolderRequest(Request):
    FolderId: str


class GetFolderResponse(Response):
    Folder: FolderWithPath


@resourcemanager.action(resource=_FOLDER)
def get_folder(ctx: Context, req: GetFolderRequest) -> GetFolderResponse:
    folder = tree.folder(ctx, tree.readable(ctx), req.FolderId)
    return GetFolderResponse(
        Folder=FolderWithPath(**msgspec.structs.asdict(_shown(folder)), ResourceDirectoryPath=tree.path(ctx.tx, folder))
    )


class UpdateFolderRequest(Request):
    FolderId: str
    NewFolderName: str


@resourcemanager.action(resource=_FOLDER)
def update_folder(ctx: Context, req: UpdateFolderRequest) -> FolderResponse:
    directory = tree.managed(ctx)
    folder = tree.folder(ctx, directory, req.FolderId)
    siblings = [
        other
        for other in tree.folders(ctx.tx, directory)
        if other.parent_id == folder.parent_id and other.id != folder.id
    ]
    _check_name(req.NewFolderName, siblings)
    changed = msgspec.structs.replace(folder, name=req.NewFolderName)
    ctx.tx.put(changed)
    return FolderResponse(Folder=_shown(changed))


class DeleteFolderRequest(Request):
    FolderId: str


@resourcemanager.action(resource=_FOLDER)
def delete_folder(ctx: Context, req: DeleteFolderRequest) -> Response:
    directory = tree.managed(ctx)
    folder = tree.folder(ctx, directory, req.FolderId)
    if not folder.parent_id:
        raise ROOT_FOLDER.error()
    if _children(ctx, directory, folder):
        raise FOLDER_HAS_FOLDERS.error()
    if any(member.folder_id == folder.id for member in tree.members(ctx.tx, directory)):
        raise FOLDER_HAS_ACCOUNTS.error()
    control_attachments.detach_all(ctx, folder.id)
    ctx.tx.delete(folder)
    return Response()


class ListFoldersForParentRequest(Request):
    ParentFolderId: str = ""
    QueryKeyword: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class FolderList(msgspec.Struct, kw_only=True):
    Folder: list[ListedFolder]


class ListFoldersForParentResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Folders: FolderList


@resourcemanager.action(resource=_FOLDER)
def list_folders_for_parent(ctx: Context, req: ListFoldersForParentRequest) -> ListFoldersForParentResponse:
    """`QueryKeyword` is looked for in names."""
    directory = tree.readable(ctx)
    children = _children(ctx, directory, tree.folder(ctx, directory, req.ParentFolderId))
    wanted = [folder for folder in children if req.QueryKeyword in folder.name]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    return ListFoldersForParentResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        Folders=FolderList(Folder=[_listed(folder) for folder in page.items]),
    )


class ListAncestorsRequest(Request):
    ChildId: str


class ListAncestorsResponse(Response):
    Folders: FolderList


@resourcemanager.action(resource="acs:resourcemanager:*:{account}:folder/*")
def list_ancestors(ctx: Context, req: ListAncestorsRequest) -> ListAncestorsResponse:
    """All folders above a folder or member, the root folder first."""
    child = tree.target(ctx, tree.readable(ctx), req.ChildId)
    above = tree.line(ctx.tx, child.folder_id if isinstance(child, Member) else child.parent_id)
    return ListAncestorsResponse(Folders=FolderList(Folder=[_listed(folder) for folder in above]))
