"""ResourceManager (API version 2020-03-31): resource groups, resource directories, and rights by resource group.

It is in the family of RAM: half of its actions are RAM's by other names.
"""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Named, Product, ResourceType
from kowloon.actions.errors import NO_PERMISSION
from kowloon.services.ram.resourcemanager import tree
from kowloon.services.ram.resourcemanager.resources import (
    ControlAttachment,
    ControlPolicy,
    Delegation,
    Directory,
    Folder,
    Handshake,
    Member,
    MemberDeletion,
)
from kowloon.store.resource_groups import ResourceGroup

# No action has two of them.
_FOLDERS = ("FolderId", "ParentFolderId", "DestinationFolderId")


def _names(call: Named) -> Mapping[str, str | list[str]]:
    """`FolderPath` and `AccountPath`: where in the directory that is which a call names (`rd-1/r-1/fd-1`); the root
    folder when it names no folder. `PolicyOwner`: the account, or `system`. `Tagged`: what a call about tags names."""
    store, account = call.store, call.caller.account
    owner = "system" if call.text("PolicyType") == "System" else account
    type = (call.text("ResourceType") or "ResourceGroup").lower()
    tagged = [f"{type}/{id}" for id in call.texts("ResourceId")]
    names: dict[str, str | list[str]] = {"PolicyOwner": owner, "Tagged": tagged}
    directory = tree.directory_of(store, account)
    if directory is None:
        return {**names, "FolderPath": "*", "AccountPath": "*"}
    named = next((call.text(name) for name in _FOLDERS if call.text(name)), directory.root_folder_id)
    folder = store.get(Folder, named)
    member = store.get(Member, call.text("AccountId"))
    ours = member is not None and member.directory_id == directory.id
    return {
        **names,
        "FolderPath": tree.path(store, folder) if folder is not None and folder.account == account else "*",
        "AccountPath": tree.path(store, member) if member is not None and ours else "*",
    }


resourcemanager = Product(
    "ResourceManager",
    "2020-03-31",
    ram_code="resourcemanager",
    hosts=("resourcemanager",),
    resources=(
        Directory,
        Folder,
        Member,
        MemberDeletion,
        Handshake,
        ControlPolicy,
        ControlAttachment,
        Delegation,
        ResourceGroup,
    ),
    types=(ResourceType(name="resourcegroup", kind=ResourceGroup),),
    central=True,
    denied=NO_PERMISSION,
    names=_names,
)
