"""What ResourceManager keeps. All of a resource directory belongs to its management account, its members' rows too."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource


class Directory(Resource, frozen=True, kw_only=True):
    """The resource directory of a management account."""

    kind: ClassVar[str] = "rd-directory"
    root_folder_id: str
    control_policies_enabled: bool = False
    member_deletion_enabled: bool = False


class Folder(Resource, frozen=True, kw_only=True):
    """`parent_id` is empty for the root folder."""

    kind: ClassVar[str] = "rd-folder"
    directory_id: str
    parent_id: str
    name: str


class Member(Resource, frozen=True, kw_only=True):
    """An account in a directory; id is the account's. `type` is ResourceAccount (it has no logon of its own) or
    CloudAccount, `join_method` created or invited; created_at is when it joined."""

    kind: ClassVar[str] = "rd-member"
    directory_id: str
    folder_id: str
    name: str
    display_name: str
    type: str
    join_method: str
    status: str
    payer_id: str = ""
    updated_at: float


class MemberDeletion(Resource, frozen=True, kw_only=True):
    """A member account that was deleted; id is the account's."""

    kind: ClassVar[str] = "rd-member-deletion"


class Handshake(Resource, frozen=True, kw_only=True):
    """An invitation; `status` is as it was last set: one that is Pending may have expired since."""

    kind: ClassVar[str] = "rd-handshake"
    directory_id: str
    target_id: str
    note: str
    status: str = "Pending"
    expires_at: float
    updated_at: float

    def status_at(self, now: float) -> str:
        return "Expired" if self.status == "Pending" and now >= self.expires_at else self.status

    @property
    def over_at(self) -> float:
        """When it was answered or taken back, or expires."""
        return self.expires_at if self.status == "Pending" else self.updated_at


class ControlPolicy(Resource, frozen=True, kw_only=True):
    """A custom one."""

    kind: ClassVar[str] = "rd-control-policy"
    name: str
    description: str
    document: str
    updated_at: float


class ControlAttachment(Resource, frozen=True, kw_only=True):
    """A control policy on a folder or member; id is `<policy>:<target>`, with the directory for system policies."""

    kind: ClassVar[str] = "rd-control-attachment"
    policy_id: str
    target_id: str


class Delegation(Resource, frozen=True, kw_only=True):
    """A member that administers a trusted service for the directory; id is `<member>:<service>`."""

    kind: ClassVar[str] = "rd-delegation"
    member_id: str
    service: str
