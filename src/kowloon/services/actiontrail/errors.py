"""Error codes of ActionTrail. TrailNotFoundException and InsufficientBucketPolicyException are the vendor's; texts, and
codes that no public page gives, are inferred."""

from __future__ import annotations

from kowloon.core.errors import ErrorSpec

TRAIL_NOT_FOUND = ErrorSpec("TrailNotFoundException", 404, "The specified trail does not exist.")
TRAIL_EXISTS = ErrorSpec("TrailAlreadyExistsException", 409, "The specified trail already exists.")
TOO_MANY_TRAILS = ErrorSpec(
    "MaximumNumberOfTrailsExceededException", 400, "The number of trails in this region exceeds the limit of {most}."
)
INVALID_TRAIL_NAME = ErrorSpec(
    "InvalidTrailNameException",
    400,
    "The trail name must be 6 to 36 characters in length, start with a lowercase letter, and contain lowercase "
    "letters, digits, hyphens, and underscores.",
)
NO_TARGET = ErrorSpec("InvalidDeliveryTarget", 400, "A trail needs an OSS bucket to deliver events to.")
BUCKET_NOT_FOUND = ErrorSpec("BucketDoesNotExistException", 404, "The specified OSS bucket does not exist.")
BUCKET_REFUSES = ErrorSpec(
    "InsufficientBucketPolicyException", 403, "The role cannot write to the specified OSS bucket: {why}"
)
INVALID_PREFIX = ErrorSpec(
    "InvalidPrefixException",
    400,
    "The prefix must be 6 to 32 characters in length, start with a letter, and contain letters, digits, hyphens, "
    "underscores, and slashes.",
)
INVALID_QUERY = ErrorSpec("InvalidQueryParameter", 400, "The specified query parameter is invalid: {name}.")
INVALID_TIME = ErrorSpec("InvalidTimeRangeException", 400, "The specified time range is invalid: {why}")
ROLE_NOT_FOUND = ErrorSpec(
    "InvalidRoleArnException", 400, "The role does not exist or does not trust actiontrail.aliyuncs.com: {arn}."
)
NOT_DELIVERED_THERE = ErrorSpec(
    "NotBuiltInKowloon", 501, "Kowloon delivers events to OSS buckets; delivery to {target} is not built."
)
