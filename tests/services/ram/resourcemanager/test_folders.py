"""Folders: a tree of five levels, with names that differ under one parent."""

from __future__ import annotations

import pytest

from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Organisation, Owner


def test_a_folder_from_end_to_end(organisation: Organisation) -> None:
    root = organisation.directory.root_folder_id
    made = organisation.manage("CreateFolder", folder_name="apps").folder
    assert (made.folder_name, made.parent_folder_id) == ("apps", root)
    assert made.folder_id.startswith("fd-")
    inner = organisation.folder("web", made.folder_id)
    shown = organisation.manage("GetFolder", folder_id=inner).folder
    assert shown.parent_folder_id == made.folder_id
    directory = organisation.directory.resource_directory_id
    assert shown.resource_directory_path == f"{directory}/{root}/{made.folder_id}/{inner}"
    renamed = organisation.manage("UpdateFolder", folder_id=inner, new_folder_name="site").folder
    assert renamed.folder_name == "site"
    # To the name that it has already, too.
    organisation.manage("UpdateFolder", folder_id=inner, new_folder_name="site")
    above = organisation.manage("ListAncestors", child_id=inner).folders.folder
    assert [each.folder_id for each in above] == [root, made.folder_id]
    refused(
        lambda: organisation.manage("DeleteFolder", folder_id=made.folder_id),
        "DeleteConflict.Folder.SubFolder",
        "This folder has sub folders.",
        409,
    )
    organisation.manage("DeleteFolder", folder_id=inner)
    organisation.manage("DeleteFolder", folder_id=made.folder_id)
    refused(
        lambda: organisation.manage("GetFolder", folder_id=made.folder_id),
        "EntityNotExists.Folder",
        "The resource directory folder does not exist.",
        404,
    )


def test_five_levels(organisation: Organisation) -> None:
    parent = None
    for level in range(5):
        parent = organisation.folder(f"level{level}", parent)
    refused(
        lambda: organisation.folder("level5", parent),
        "LimitExceeded.Folder.Depth",
        "The folder depth exceeds the limit of 5.",
        409,
    )


def test_names(organisation: Organisation) -> None:
    first = organisation.folder("one")
    organisation.folder("one", first)
    for create in (
        lambda: organisation.folder("one"),
        lambda: organisation.manage("UpdateFolder", folder_id=organisation.folder("two"), new_folder_name="one"),
    ):
        refused(
            create, "InvalidParameter.Folder.Name.AlreadyUsed", "The name already exists under the same parent.", 400
        )
    refused(
        lambda: organisation.folder("x" * 25), "InvalidParameter.Folder.Name.Length", "exceeds the length limit", 400
    )
    refused(lambda: organisation.folder("a/b"), "InvalidParameter.Folder.Name", "The Name of folder is invalid.", 400)


def test_lists_have_pages(organisation: Organisation) -> None:
    for number in range(5):
        organisation.folder(f"team-{number}")
    organisation.folder("other")
    first = organisation.manage("ListFoldersForParent", page_size=4)
    assert (first.total_count, first.page_number, first.page_size, len(first.folders.folder)) == (6, 1, 4, 4)
    second = organisation.manage("ListFoldersForParent", page_size=4, page_number=2)
    assert [each.folder_name for each in second.folders.folder] == ["team-4", "other"]
    found = organisation.manage("ListFoldersForParent", query_keyword="team")
    assert found.total_count == 5
    refused(
        lambda: organisation.manage("ListFoldersForParent", page_size=101),
        "InvalidParameter",
        'The specified parameter "PageSize" is not valid.',
        400,
    )


def test_the_root_folder_stays(organisation: Organisation) -> None:
    root = organisation.directory.root_folder_id
    refused(lambda: organisation.manage("DeleteFolder", folder_id=root), "NotSupport.RootFolder", "Root folder", 400)


def test_a_folder_with_accounts_stays(organisation: Organisation) -> None:
    folder = organisation.folder("full")
    organisation.member("inhabitant", folder)
    refused(
        lambda: organisation.manage("DeleteFolder", folder_id=folder),
        "DeleteConflict.Folder.Account",
        "This folder has accounts.",
        409,
    )


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("GetFolder", {}),
        ("UpdateFolder", {"new_folder_name": "x"}),
        ("DeleteFolder", {}),
    ],
)
def test_another_directorys_folder_is_none(organisation: Organisation, action: str, fields: dict[str, str]) -> None:
    theirs = Organisation(organisation.cloud).folder("private")
    refused(
        lambda: organisation.manage(action, folder_id=theirs, **fields),
        "EntityNotExists.Folder",
        "The resource directory folder does not exist.",
        404,
    )
    refused(
        lambda: organisation.manage("ListAncestors", child_id=theirs),
        "EntityNotExists.Target",
        "The specified target does not exist in the resource directory.",
        404,
    )


def test_without_a_directory(owner: Owner) -> None:
    refused(
        lambda: owner.manage("CreateFolder", folder_name="x"),
        "EntityNotExists.ResourceDirectory",
        "We recommend that you first enable",
        404,
    )
