"""Error codes of STS (public STS error-code page)."""

from kowloon.core.errors import ErrorSpec

ROLE_NOT_FOUND = ErrorSpec("EntityNotExist.Role", 404, "The specified Role not exists.")
NOT_TRUSTED = ErrorSpec(
    "NoPermission", 403, "You are not authorized to do this action. You should be authorized by RAM."
)
ROOT_REFUSED = ErrorSpec("NoPermission", 403, "Roles may not be assumed by root accounts.")
INVALID_ARN = ErrorSpec("InvalidParameter.RoleArn", 400, "The parameter RoleArn is wrongly formed.")
INVALID_SESSION_NAME = ErrorSpec(
    "InvalidParameter.RoleSessionName", 400, "The parameter RoleSessionName is wrongly formed."
)
INVALID_DURATION = ErrorSpec(
    "InvalidParameter.DurationSeconds", 400, "The Min/Max value of DurationSeconds is 15min/{most_s}s."
)
POLICY_SIZE = ErrorSpec("InvalidParameter.PolicySize", 400, "The size of Policy must be smaller than {most} bytes.")
POLICY_GRAMMAR = ErrorSpec("InvalidParameter.PolicyGrammar", 400, "The parameter Policy has not passed grammar check.")
