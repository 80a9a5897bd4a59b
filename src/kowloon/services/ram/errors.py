"""Error codes of RAM (public RAM error-code page)."""

from kowloon.core.errors import ErrorSpec

ROLE_NOT_FOUND = ErrorSpec("EntityNotExist.Role", 404, "The role not exists: {name}.")
ROLE_EXISTS = ErrorSpec("EntityAlreadyExists.Role", 409, "The role already exists: {name}.")
ROLE_HAS_POLICY = ErrorSpec(
    "DeleteConflict.Role.Policy", 409, "The role is attached by some policies, please detach them first: {name}."
)
POLICY_NOT_FOUND = ErrorSpec("EntityNotExist.Policy", 404, "The policy not exists: {name}.")
ALREADY_ATTACHED = ErrorSpec(
    "EntityAlreadyExists.Role.Policy", 409, "The policy has already been attached to the role: {name}."
)
NOT_ATTACHED = ErrorSpec("EntityNotExist.Role.Policy", 404, "The policy is not attached to the role: {name}.")
MALFORMED_POLICY = ErrorSpec("MalformedPolicyDocument", 400, "The policy document is malformed: {why}")
INVALID_ROLE_NAME = ErrorSpec(
    "InvalidParameter.RoleName.InvalidChars", 400, 'The parameter - "RoleName" contains invalid chars: {name}.'
)
INVALID_DURATION = ErrorSpec(
    "InvalidParameter.MaxSessionDuration", 400, "MaxSessionDuration must be from 3600 to 43200 seconds."
)
INVALID_POLICY_TYPE = ErrorSpec(
    "InvalidParameter.PolicyType", 400, 'The parameter PolicyType must be "System" or "Custom".'
)
