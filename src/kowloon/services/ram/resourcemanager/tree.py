"""The tree of a resource directory: where it is found, and what is above what."""

from __future__ import annotations

from kowloon.actions.context import Context
from kowloon.services.ram.resourcemanager.errors import (
    ACCOUNT_NOT_FOUND,
    DIRECTORY_NOT_FOUND,
    FOLDER_NOT_FOUND,
    TARGET_NOT_FOUND,
)
from kowloon.services.ram.resourcemanager.resources import Delegation, Directory, Folder, Member
from kowloon.store.store import Store, Transaction

Reader = Store | Transaction


def directory_of(reader: Reader, account: str) -> Directory | None:
    """The one that the account manages."""
    return next(iter(reader.list(Directory, account=account)), None)


def managed(ctx: Context) -> Directory:
    directory = directory_of(ctx.tx, ctx.account)
    if directory is None:
        raise DIRECTORY_NOT_FOUND.error()
    return directory


def readable(ctx: Context) -> Directory:
    """The one that the caller manages, or looks into as a delegated administrator."""
    directory = directory_of(ctx.tx, ctx.account)
    member = ctx.tx.get(Member, ctx.account)
    if directory is None and member is not None and delegations(ctx.tx, member):
        directory = ctx.tx.get(Directory, member.directory_id)
    if directory is None:
        raise DIRECTORY_NOT_FOUND.error()
    return directory


def delegations(reader: Reader, member: Member) -> list[Delegation]:
    return [item for item in reader.list(Delegation, account=member.account) if item.member_id == member.id]


def folders(reader: Reader, directory: Directory) -> list[Folder]:
    """All, the root folder first."""
    return reader.list(Folder, account=directory.account)


def members(reader: Reader, directory: Directory) -> list[Member]:
    return reader.list(Member, account=directory.account)


def folder(ctx: Context, directory: Directory, id: str) -> Folder:
    """`id` empty: the root folder."""
    found = ctx.tx.get(Folder, id or directory.root_folder_id)
    if found is None or found.directory_id != directory.id:
        raise FOLDER_NOT_FOUND.error()
    return found


def member(ctx: Context, directory: Directory, id: str) -> Member:
    found = ctx.tx.get(Member, id)
    if found is None or found.directory_id != directory.id:
        raise ACCOUNT_NOT_FOUND.error()
    return found


def target(ctx: Context, directory: Directory, id: str) -> Folder | Member:
    """What control policies can be attached to."""
    found = ctx.tx.get(Folder, id) or ctx.tx.get(Member, id)
    if found is None or found.directory_id != directory.id:
        raise TARGET_NOT_FOUND.error()
    return found


def line(reader: Reader, folder_id: str) -> list[Folder]:
    """A folder and all above it, the root folder first."""
    found: list[Folder] = []
    folder = reader.get(Folder, folder_id)
    while folder is not None:
        found.insert(0, folder)
        folder = reader.get(Folder, folder.parent_id)
    return found


def path(reader: Reader, node: Folder | Member) -> str:
    """`rd-1/r-1/fd-1`, with the account's id at the end for a member."""
    above = line(reader, node.folder_id if isinstance(node, Member) else node.id)
    steps = [node.directory_id, *[folder.id for folder in above]]
    return "/".join([*steps, node.id] if isinstance(node, Member) else steps)
