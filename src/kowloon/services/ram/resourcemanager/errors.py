"""Error codes of ResourceManager (public error-code page of the product)."""

from kowloon.core.errors import ErrorSpec

# --- parameters ---

INVALID = ErrorSpec("InvalidParameter.{name}", 400, "The {name} is invalid.")
FOLDER_NAME = ErrorSpec("InvalidParameter.Folder.Name", 400, "The Name of folder is invalid.")
FOLDER_NAME_LENGTH = ErrorSpec(
    "InvalidParameter.Folder.Name.Length", 400, "The Name of folder exceeds the length limit."
)
FOLDER_NAME_USED = ErrorSpec(
    "InvalidParameter.Folder.Name.AlreadyUsed",
    400,
    "The name already exists under the same parent. Please change to another name.",
)
DISPLAY_NAME_USED = ErrorSpec(
    "InvalidParameter.DisplayName.AlreadyUsed",
    400,
    "The display name already exists in the resource directory. Please change to another name.",
)
ACCOUNT_NAME_USED = ErrorSpec(
    "EntityAlreadyExists.ResourceDirectory.AccountName",
    409,
    "The account name already exists in the resource directory. Please change to another name.",
)
MALFORMED_POLICY = ErrorSpec("InvalidParameter.PolicyDocument", 400, "The PolicyDocument is invalid: {why}")

# --- what is not there ---

DIRECTORY_NOT_FOUND = ErrorSpec(
    "EntityNotExists.ResourceDirectory",
    404,
    "The resource directory for the account is not enabled. "
    "We recommend that you first enable the resource directory for the account.",
)
DIRECTORY_NOT_IN_USE = ErrorSpec(
    "ResourceDirectoryNotInUse",
    404,
    "The specified account is not an Alibaba Cloud account or a member account of the resource directory.",
)
FOLDER_NOT_FOUND = ErrorSpec("EntityNotExists.Folder", 404, "The resource directory folder does not exist.")
ACCOUNT_NOT_FOUND = ErrorSpec("EntityNotExists.Account", 404, "This resource directory account does not exist.")
TARGET_NOT_FOUND = ErrorSpec(
    "EntityNotExists.Target", 404, "The specified target does not exist in the resource directory."
)
HANDSHAKE_NOT_FOUND = ErrorSpec("EntityNotExists.Handshake", 404, "The specified handshake does not exist.")
INVITED_NOT_FOUND = ErrorSpec(
    "EntityNotExists.TargetAccount", 404, "The account that you want to invite does not exist."
)
CONTROL_POLICY_NOT_FOUND = ErrorSpec("EntityNotExists.ControlPolicy", 404, "The specified policy does not exist.")
CONTROL_NOT_ATTACHED = ErrorSpec(
    "EntityNotExists.ControlPolicyAttachment", 404, "The specified policy is not attached to the target."
)
DELEGATION_NOT_FOUND = ErrorSpec(
    "EntityNotExists.DelegatedAdministrator",
    404,
    "The specified account is not a delegated administrator for this service.",
)
DELETION_NOT_FOUND = ErrorSpec("EntityNotExists.AccountDeletion", 404, "The account was not deleted.")
GROUP_NOT_FOUND = ErrorSpec(
    "EntityNotExists.ResourceGroup",
    404,
    "The specified resource group does not exist. You must first create a resource group.",
)

# --- what is there already ---

DIRECTORY_EXISTS = ErrorSpec(
    "EntityAlreadyExists.ResourceDirectory",
    409,
    "The resource directory for the account is already enabled. "
    "We recommend that you do not enable the resource directory again.",
)
IN_A_DIRECTORY = ErrorSpec(
    "EntityAlreadyExists.ResourceDirectoryAccount", 409, "The account is already in a resource directory."
)
HANDSHAKE_EXISTS = ErrorSpec(
    "EntityAlreadyExists.Handshake", 409, "Handshakes with the same target entity already exist."
)
CONTROL_POLICY_EXISTS = ErrorSpec("EntityAlreadyExists.ControlPolicy", 409, "The policy name already exists.")
CONTROL_ATTACHED_ALREADY = ErrorSpec(
    "EntityAlreadyExists.ControlPolicyAttachment", 409, "The policy is already attached to the target."
)
DELEGATED_ALREADY = ErrorSpec(
    "AccountAlreadyRegistered", 409, "The specified account is already a delegated administrator for this service."
)
GROUP_EXISTS = ErrorSpec("EntityAlreadyExists.ResourceGroup", 409, "The resource group already exists.")

# --- what is still needed, or in the wrong state ---

DIRECTORY_HAS_ACCOUNTS = ErrorSpec(
    "DeleteConflict.ResourceDirectory.Account",
    409,
    "Failed to delete the resource directory because one or more member accounts exist. "
    "We recommend that you first remove these member accounts.",
)
DIRECTORY_HAS_FOLDERS = ErrorSpec(
    "DeleteConflict.ResourceDirectory.Folder",
    409,
    "Failed to delete the resource directory because one or more folders exist. "
    "We recommend that you first delete these folders.",
)
FOLDER_HAS_FOLDERS = ErrorSpec("DeleteConflict.Folder.SubFolder", 409, "This folder has sub folders.")
FOLDER_HAS_ACCOUNTS = ErrorSpec("DeleteConflict.Folder.Account", 409, "This folder has accounts.")
ROOT_FOLDER = ErrorSpec("NotSupport.RootFolder", 400, "The operation is not supported for the Root folder.")
ACCOUNT_MISMATCH = ErrorSpec("AccountTypeOrStatusMismatch", 409, "You cannot perform the action on the member account.")
ACCOUNT_IN_SERVICE = ErrorSpec(
    "Deny.TrustedService",
    409,
    "You attempted to remove an account that is used in {service}. "
    "To complete this operation, you must first remove this account from the Trusted Service.",
)
DELETION_DISABLED = ErrorSpec(
    "MemberDeletionPermissionNotEnabled", 409, "The member deletion feature of the resource directory is not enabled."
)
DELETION_CONFLICT = ErrorSpec(
    "DeleteConflict.Account.Resource", 409, "The account cannot be deleted while it has resources: {kinds}."
)
HANDSHAKE_MISMATCH = ErrorSpec(
    "HandshakeStatusMismatch", 409, "You cannot perform the action on the handshake in its current status."
)
CONTROL_POLICY_IN_USE = ErrorSpec(
    "DeleteConflict.ControlPolicy.Attachment", 409, "The policy is attached to a target. You must first detach it."
)
CONTROL_DISABLED = ErrorSpec(
    "ControlPolicyNotEnabled", 409, "The control policy feature of the resource directory is not enabled."
)
LAST_CONTROL_POLICY = ErrorSpec(
    "NotSupport.DetachLastControlPolicy", 400, "It is not detach the last control policy on the target node."
)
SYSTEM_CONTROL_POLICY = ErrorSpec(
    "NotSupport.SystemControlPolicy", 400, "The operation is not supported for system policies."
)
GROUP_HAS_RESOURCES = ErrorSpec(
    "DeleteConflict.ResourceGroup.Resource",
    409,
    "Failed to delete the resource group because one or more cloud resources exist in the resource group. "
    "Try again later after you release the cloud resources.",
)
DEFAULT_GROUP = ErrorSpec(
    "NotSupport.DefaultResourceGroup", 400, "The operation is not supported for the default resource group."
)

# --- bounds ---

FOLDER_DEPTH = ErrorSpec("LimitExceeded.Folder.Depth", 409, "The folder depth exceeds the limit of 5.")
TOO_MANY_FOLDERS = ErrorSpec("QuotaExceeded.Folder.Count", 409, "The number of folders exceeds the quota.")
TOO_MANY_CONTROL_POLICIES = ErrorSpec(
    "LimitExceeded.ControlPolicy", 409, "The number of control policies exceeds the limit."
)
TOO_MANY_CONTROL_ATTACHMENTS = ErrorSpec(
    "LimitExceeded.ControlPolicyAttachment",
    409,
    "The number of policies that are attached to the target exceeds the limit.",
)
TOO_MANY_HANDSHAKES = ErrorSpec("LimitExceeded.Handshake", 409, "The number of invitations of a day exceeds the limit.")
TOO_MANY_DELEGATIONS = ErrorSpec(
    "DelegatedAccountNumberExceeded",
    409,
    "The maximum number of delegated administrator accounts for this service is exceeded.",
)
TOO_MANY_GROUPS = ErrorSpec(
    "LimitExceeded.ResourceGroup", 409, "The number of resource groups exceeds the limit of the account."
)
