"""Error codes of RAM and IMS (public RAM error-code page)."""

from kowloon.core.errors import ErrorSpec

# --- parameters ---

INVALID_CHARS = ErrorSpec(
    "InvalidParameter.{name}.InvalidChars", 400, 'The parameter - "{name}" contains invalid chars.'
)
INVALID_LENGTH = ErrorSpec("InvalidParameter.{name}.Length", 400, 'The parameter - "{name}" beyond the length limit.')
INVALID_FORMAT = ErrorSpec(
    "InvalidParameter.{name}.Format", 400, 'The format of the parameter - "{name}" is incorrect.'
)
INVALID_RANGE = ErrorSpec(
    "InvalidParameter.{name}.Range", 400, 'The parameter - "{name}" MUST be in the range of {least} and {most}.'
)
INCORRECT = ErrorSpec("InvalidParameter.{name}", 400, 'The parameter - "{name}" is incorrect.')
ALIAS_LENGTH = ErrorSpec(
    "InvalidParameter.AccountAlias.Length", 400, 'The parameter - "AccountAlias" MUST be in the range of 3 and 63.'
)
INVALID_DURATION = ErrorSpec(
    "InvalidParameter.MaxSessionDuration", 400, "MaxSessionDuration must be from 3600 to 43200 seconds."
)
WEAK_PASSWORD = ErrorSpec(
    "InvalidParameter.{name}.TooWeak", 400, 'The parameter - "{name}" is not compliant with the password policy. {why}'
)
CODE_FORMAT = ErrorSpec(
    "InvalidParameter.AuthenticationCode.Format", 400, 'The parameter - "AuthenticationCode" MUST be 6 numbers.'
)
MALFORMED_POLICY = ErrorSpec("MalformedPolicyDocument", 400, "The policy document is malformed: {why}")
INVALID_METADATA = ErrorSpec("InvalidParameter.{name}", 400, 'The parameter - "{name}" is incorrect: {why}.')
SUFFIX_NOT_ALLOWED = ErrorSpec(
    "InvalidParameter.CustomSuffix.NotAllowed", 400, "Custom suffix is not allowed for this Service Linked Role."
)
DESCRIPTION_NOT_ALLOWED = ErrorSpec(
    "InvalidParameter.Description.NotAllowed",
    400,
    "Custom description is not allowed for default service linked role.",
)

# --- refusals ---

WRONG_CODE = ErrorSpec("CheckAuthenticationCodeFail", 403, 'The parameter - "AuthenticationCode" is inccorrect.')
WRONG_PASSWORD = ErrorSpec("InvalidParameter.OldPassword", 400, "The old password is incorrect.")
NOT_FOR_SERVICE_LINKED_ROLES = ErrorSpec(
    "NoPermission.ServiceLinkedRole", 403, "This operation is not allowed on the service-linked role: {name}."
)

# --- signing in: ours, for the vendor's console says it on a page ---

INVALID_LOGON_NAME = ErrorSpec(
    "InvalidLogonName",
    400,
    "A logon name is `user@ACCOUNT` or `user@ACCOUNT.onaliyun.com`, with an account's id or alias.",
)
SIGN_IN_FAILED = ErrorSpec(
    "SignInFailed", 401, "The logon name or the password is wrong, or this user may not sign in with one."
)
SIGN_IN_LOCKED = ErrorSpec(
    "SignInLocked", 403, "Signing in under this name failed too often; it is closed until {until} (cloud time)."
)
SIGN_IN_NETWORK = ErrorSpec(
    "SignInNetworkRefused", 403, "This account's LoginNetworkMasks do not let anybody sign in from {peer}."
)
CODE_NEEDED = ErrorSpec("MfaCodeRequired", 401, "Send the code that the user's MFA device shows now as well (`code`).")
CODE_REFUSED = ErrorSpec(
    "MfaCodeRefused",
    401,
    "The code is not the one that the MFA device shows, or was used before: wait for its next one.",
)
DEVICE_NEEDED = ErrorSpec(
    "MfaDeviceRequired",
    403,
    "This user must sign in with an MFA device and has none: bind one (BindMFADevice), with an access key or by an "
    "administrator.",
)
PASSWORD_CHANGE_NEEDED = ErrorSpec(
    "PasswordChangeRequired", 403, "The password must be changed: send all of it again, with a `new_password`."
)
PASSWORD_EXPIRED = ErrorSpec(
    "PasswordExpired", 403, "The password has expired: have an administrator set another one (UpdateLoginProfile)."
)
NO_LOGON = ErrorSpec("ConsoleLogonNotAllowed", 403, "The user {name} has no login profile, or one that is not active.")
NO_CHANGE_NEEDED = ErrorSpec(
    "NewPasswordNotAsked", 400, "Nothing asks for a new password here; ChangePassword sets one at any time."
)

# --- what is not there ---

USER_NOT_FOUND = ErrorSpec("EntityNotExist.User", 404, "The user does not exist: {name}.")
GROUP_NOT_FOUND = ErrorSpec("EntityNotExist.Group", 404, "The group does not exist: {name}.")
ROLE_NOT_FOUND = ErrorSpec("EntityNotExist.Role", 404, "The role not exists: {name}.")
POLICY_NOT_FOUND = ErrorSpec("EntityNotExist.Policy", 404, "The policy does not exist: {name}.")
VERSION_NOT_FOUND = ErrorSpec("EntityNotExist.Policy.Version", 404, "The policy version does not exist: {name}.")
KEY_NOT_FOUND = ErrorSpec("EntityNotExist.User.AccessKey", 404, "The user access key does not exist: {name}.")
PROFILE_NOT_FOUND = ErrorSpec("EntityNotExist.User.LoginProfile", 404, "The user login profile does not exist: {name}.")
USER_MFA_NOT_FOUND = ErrorSpec("EntityNotExist.User.MFADevice", 404, "The user has not bound any MFA device: {name}.")
MFA_NOT_FOUND = ErrorSpec("EntityNotExist.VirtualMFADevice", 404, "The virtual mfa device does not exist: {name}.")
NOT_A_MEMBER = ErrorSpec("EntityNotExist.User.Group", 404, "The user has not joined the group: {name}.")
NOT_ATTACHED = ErrorSpec(
    "EntityNotExist.{kind}.Policy", 404, "The indicate policy attached to the {entity} does not exist: {name}."
)
ALIAS_NOT_FOUND = ErrorSpec("EntityNotExist.AccountAlias", 404, "The account alias does not exist.")
SERVICE_NOT_FOUND = ErrorSpec("EntityNotExist.Service", 404, "The service does not exist: {name}.")
PASSKEY_NOT_FOUND = ErrorSpec("EntityNotExist.Passkey", 404, "The passkey does not exist: {name}.")
TASK_NOT_FOUND = ErrorSpec("EntityNotExist.Role.DeletionTask", 404, "The deletion task does not exist: {name}.")
REPORT_NOT_FOUND = ErrorSpec("EntityNotExist.CredentialReport", 404, "The credential report does not exist.")
APP_NOT_FOUND = ErrorSpec("EntityNotExist.Application", 404, "The application does not exist: {name}.")
SECRET_NOT_FOUND = ErrorSpec("EntityNotExist.AppSecret", 404, "The application secret does not exist: {name}.")

OIDC_PROVIDER_NOT_FOUND = ErrorSpec("EntityNotExist.OIDCProvider", 404, "The OIDC provider does not exist: {name}.")
OIDC_PROVIDER_PART_NOT_FOUND = ErrorSpec(
    "EntityNotExist.OIDCProvider.{kind}", 404, "The {entity} of the OIDC provider does not exist: {name}."
)
# So do official clients know it.
SAML_PROVIDER_NOT_FOUND = ErrorSpec(
    "EntityNotExist.SAMLProviderError", 404, "The SAML provider does not exist: {name}."
)

# --- what is there already ---

USER_EXISTS = ErrorSpec("EntityAlreadyExists.User", 409, "The user does already EXIST: {name}.")
GROUP_EXISTS = ErrorSpec("EntityAlreadyExists.Group", 409, "The group does already EXIST: {name}.")
ROLE_EXISTS = ErrorSpec("EntityAlreadyExists.Role", 409, "The role already exists: {name}.")
POLICY_EXISTS = ErrorSpec("EntityAlreadyExists.Policy", 409, "The policy does already EXIST: {name}.")
PROFILE_EXISTS = ErrorSpec(
    "EntityAlreadyExists.User.LoginProfile", 409, "The user login profile does already EXIST: {name}."
)
MFA_EXISTS = ErrorSpec(
    "EntityAlreadyExists.VirtualMFADevice", 409, "The virtual mfa device does already EXIST: {name}."
)
USER_HAS_MFA = ErrorSpec("EntityAlreadyExists.User.MFADevice", 409, "The user has already bound a MFA device: {name}.")
MFA_IS_BOUND = ErrorSpec(
    "EntityAlreadyExists.VirtualMFADevice.User", 409, "The virtual mfa device does already been bound to a user."
)
MEMBER_ALREADY = ErrorSpec("EntityAlreadyExists.User.Group", 409, "The user has already joined the group: {name}.")
ATTACHED_ALREADY = ErrorSpec(
    "EntityAlreadyExists.{kind}.Policy", 409, "The {entity} has already been attached this policy: {name}."
)
ALIAS_EXISTS = ErrorSpec("EntityAlreadyExists.AccountAlias", 409, "The account alias does already exist.")
APP_EXISTS = ErrorSpec("EntityAlreadyExists.Application", 409, "The application does already EXIST: {name}.")

OIDC_PROVIDER_EXISTS = ErrorSpec(
    "EntityAlreadyExists.OIDCProvider", 409, "The OIDC provider does already EXIST: {name}."
)
ISSUER_EXISTS = ErrorSpec(
    "EntityAlreadyExists.OIDCProvider.Url", 409, "An OIDC provider with this issuer does already EXIST: {name}."
)
SAML_PROVIDER_EXISTS = ErrorSpec(
    "EntityAlreadyExists.SAMLProvider", 409, "The SAML provider does already EXIST: {name}."
)

# --- what is still needed ---

USER_IN_GROUP = ErrorSpec(
    "DeleteConflict.User.Group", 409, "The user CAN NOT be in any group while deleting the user: {name}."
)
USER_HAS_KEY = ErrorSpec(
    "DeleteConflict.User.AccessKey", 409, "The user CAN NOT has any access key while deleting the user: {name}."
)
USER_HAS_PROFILE = ErrorSpec(
    "DeleteConflict.User.LoginProfile", 409, "The user CAN NOT has any login profile while deleting the user: {name}."
)
USER_HAS_DEVICE = ErrorSpec(
    "DeleteConflict.User.MFADevice", 409, "The user CAN NOT has any mfa device while deleting the user: {name}."
)
USER_HAS_POLICY = ErrorSpec(
    "DeleteConflict.User.Policy", 409, "The user CAN NOT has any attached policy while deleting the user: {name}."
)
DEVICE_HAS_USER = ErrorSpec(
    "DeleteConflict.VirtualMFADevice.User",
    409,
    "The virtual mfa device CAN NOT been bound to any user while deleting it.",
)
GROUP_HAS_USER = ErrorSpec(
    "DeleteConflict.Group.User", 409, "The group CAN NOT has any user member while deleting the group: {name}."
)
GROUP_HAS_POLICY = ErrorSpec(
    "DeleteConflict.Group.Policy", 409, "The entity CAN NOT has any attached policy while deleting the group: {name}."
)
ROLE_HAS_POLICY = ErrorSpec(
    "DeleteConflict.Role.Policy", 409, "The role CAN NOT has any attached policy while deleting the role: {name}."
)
POLICY_IN_USE = ErrorSpec(
    "DeleteConflict.Policy.{kind}",
    409,
    "The policy CAN NOT been attached to any {entity} while deleting the policy: {name}.",
)
POLICY_HAS_VERSIONS = ErrorSpec(
    "DeleteConflict.Policy.Version", 409, "The policy CAN NOT has any version except the default version: {name}."
)
VERSION_IS_DEFAULT = ErrorSpec(
    "DeleteConflict.Policy.Version.Default", 409, "The default policy version CAN NOT been deleted directly: {name}."
)

# --- bounds ---

TOO_MANY = ErrorSpec("LimitExceeded.{kind}", 409, "The count of {entities} beyond the current limits.")
TOO_MANY_KEYS = ErrorSpec(
    "LimitExceeded.User.AccessKey", 409, "The access key count of the user access keys beyond the current limits."
)
TOO_MANY_GROUPS = ErrorSpec(
    "LimitExceeded.User.Group", 409, "The count of groups the target user joined beyond the current limits."
)
TOO_MANY_POLICIES = ErrorSpec(
    "LimitExceeded.{kind}.Policy", 409, "The count of policies attached to the {entity} beyond the current limits."
)
