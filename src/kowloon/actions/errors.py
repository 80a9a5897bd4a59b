"""Errors that every product can give, with the vendor's codes and messages (public error-code pages of the gateway)."""

from __future__ import annotations

from kowloon.core.errors import ApiError, ErrorSpec

ACCESS_KEY_NOT_FOUND = ErrorSpec("InvalidAccessKeyId.NotFound", 404, "Specified access key is not found.")
ACCESS_KEY_INACTIVE = ErrorSpec("InvalidAccessKeyId.Inactive", 400, "Specified access key is disabled.")
SIGNATURE_MISMATCH = ErrorSpec(
    "SignatureDoesNotMatch",
    400,
    "Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}",
)
TIMESTAMP_EXPIRED = ErrorSpec("InvalidTimeStamp.Expired", 400, "Specified time stamp or date value is expired.")
TIMESTAMP_FORMAT = ErrorSpec(
    "InvalidTimeStamp.Format", 400, "Specified time stamp or date value is not well formatted."
)
NONCE_USED = ErrorSpec("SignatureNonceUsed", 400, "Specified signature nonce was used already.")
TOKEN_EXPIRED = ErrorSpec("InvalidSecurityToken.Expired", 400, "Specified SecurityToken is expired.")
TOKEN_MISMATCH = ErrorSpec(
    "InvalidSecurityToken.MismatchWithAccessKey", 400, "Specified SecurityToken mismatch with the AccessKey."
)
TOKEN_MISSING = ErrorSpec("MissingSecurityToken", 400, "SecurityToken is mandatory for this action.")

MISSING = ErrorSpec("Missing{name}", 400, "{name} is mandatory for this action.")
MISSING_PARAMETER = ErrorSpec(
    "MissingParameter",
    400,
    'The input parameter "{name}" that is mandatory for processing this request is not supplied.',
)
INVALID_PARAMETER = ErrorSpec("InvalidParameter", 400, 'The specified parameter "{name}" is not valid.')
INVALID_VALUE = ErrorSpec("InvalidParameter.{name}", 400, 'The specified parameter "{name}" is not valid. {why}')
ACTION_NOT_FOUND = ErrorSpec(
    "InvalidAction.NotFound", 404, "Specified api is not found, please check your url and method."
)
VERSION_INVALID = ErrorSpec("InvalidVersion", 400, "Specified parameter Version is not valid.")
METHOD_UNSUPPORTED = ErrorSpec("UnsupportedHTTPMethod", 400, "This http method is not supported.")
REGION_NOT_FOUND = ErrorSpec("InvalidRegionId.NotFound", 404, "The specified RegionId does not exist.")
FORBIDDEN = ErrorSpec(
    "Forbidden.RAM",
    403,
    "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
)
NO_PERMISSION = ErrorSpec(
    "NoPermission", 403, "You are not authorized to do this action. You should be authorized by RAM."
)
THROTTLING = ErrorSpec("Throttling", 400, "Request was denied due to request throttling.")
SERVICE_UNAVAILABLE = ErrorSpec(
    "ServiceUnavailable", 503, "The request has failed due to a temporary failure of the server."
)
INTERNAL_ERROR = ErrorSpec(
    "InternalError", 500, "The request processing has failed due to some unknown error, exception or failure."
)
TOKEN_REUSED = ErrorSpec(
    "IdempotentParameterMismatch",
    400,
    "The request uses the same client token as a previous, but non-identical request.",
)
DRY_RUN_PASSED = ErrorSpec("DryRunOperation", 400, "Request validation has been passed with DryRun flag set.")
# Ours: a code that no SDK retries (their lists name 500, 502, 503, 504, Throttling and ServiceUnavailable).
NOT_BUILT = ErrorSpec(
    "NotBuiltInKowloon",
    501,
    "{product} {version} {action} is a real action of the vendor that Kowloon has not built yet; "
    "GET /_kowloon/coverage lists what is built.",
)


def invalid(name: str, why: str = "") -> ApiError:
    """`InvalidParameter.<name>` with a reason, or the bare code without one."""
    if not why:
        return INVALID_PARAMETER.error(name=name)
    return INVALID_VALUE.error(name=name, why=why)
