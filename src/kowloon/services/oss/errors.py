"""OSS's error catalogue: the vendor's codes, messages and EC numbers (public error pages of the product).

The EC is given where the vendor's number is known; what the wire itself refuses is in `wire.oss.errors`.
"""

from __future__ import annotations

from kowloon.wire.oss.errors import (
    INVALID_BUCKET_NAME,
    INVALID_OBJECT_NAME,
    MALFORMED_XML,
    SIGNATURE_MISMATCH,
    OssError,
    OssErrorSpec,
)

__all__ = ["INVALID_BUCKET_NAME", "INVALID_OBJECT_NAME", "MALFORMED_XML", "SIGNATURE_MISMATCH"]

# Who asks -----------------------------------------------------------------------------------------------------------
ACCESS_KEY_UNKNOWN = OssErrorSpec(
    "InvalidAccessKeyId", 403, "The OSS Access Key Id you provided does not exist in our records.", "0002-00000902"
)
ACCESS_KEY_DISABLED = OssErrorSpec("InvalidAccessKeyId", 403, "The OSS Access Key Id you provided is disabled.")
TIME_SKEWED = OssErrorSpec(
    "RequestTimeTooSkewed",
    403,
    "The difference between the request time and the current time is too large.",
    "0002-00000504",
)
REQUEST_EXPIRED = OssErrorSpec("AccessDenied", 403, "Request has expired.")
NOT_YET_VALID = OssErrorSpec("AccessDenied", 403, "The signed request is not yet valid.", "0002-00000235")
TOKEN_INVALID = OssErrorSpec("InvalidSecurityToken", 403, "The security token you provided is invalid.")
TOKEN_EXPIRED = OssErrorSpec("SecurityTokenExpired", 403, "The security token you provided has expired.")
TOKEN_MISSING = OssErrorSpec(
    "InvalidAccessKeyId", 403, "The OSS Access Key Id you provided needs a security token.", "0002-00000902"
)
NOT_YOURS = OssErrorSpec("AccessDenied", 403, "The bucket you access does not belong to you.", "0003-00000001")
WRONG_ENDPOINT = OssErrorSpec(
    "AccessDenied",
    403,
    "The bucket you are attempting to access must be addressed using the specified endpoint. "
    "Please send all future requests to this endpoint.",
)
ANONYMOUS_OVERRIDE = OssErrorSpec(
    "InvalidRequest", 400, "Request specific response headers cannot be used for anonymous GET requests."
)

# What is asked ------------------------------------------------------------------------------------------------------
INVALID_ARGUMENT = OssErrorSpec("InvalidArgument", 400, "{why}")
INVALID_DIGEST = OssErrorSpec("InvalidDigest", 400, "The Content-MD5 you specified was invalid.")
CONTENT_HASH_MISMATCH = OssErrorSpec(
    "InvalidArgument", 400, "The provided x-oss-content-sha256 header does not match what was computed."
)
MISSING_ARGUMENT = OssErrorSpec("MissingArgument", 400, "Missing Some Required Arguments.")
MISSING_LENGTH = OssErrorSpec("MissingContentLength", 411, "You must provide the Content-Length HTTP header.")
METHOD_NOT_ALLOWED = OssErrorSpec("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
ENTITY_TOO_LARGE = OssErrorSpec("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size.")
ENTITY_TOO_SMALL = OssErrorSpec("EntityTooSmall", 400, "Your proposed upload smaller than the minimum allowed size.")
INVALID_ENCRYPTION = OssErrorSpec(
    "InvalidEncryptionAlgorithmError", 400, "The encryption request you specified is not valid."
)
INVALID_LOCATION = OssErrorSpec("InvalidLocationConstraint", 400, "The specified location-constraint is not valid.")
NOT_BUILT = OssErrorSpec(
    "NotBuiltInKowloon",
    501,
    "{name} is a real operation of OSS that Kowloon has not built yet; docs/coverage lists what is built.",
)

# Buckets ------------------------------------------------------------------------------------------------------------
NO_SUCH_BUCKET = OssErrorSpec("NoSuchBucket", 404, "The specified bucket does not exist.", "0015-00000101")
BUCKET_EXISTS = OssErrorSpec(
    "BucketAlreadyExists",
    409,
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
    "Please select a different name and try again.",
)
BUCKET_NOT_EMPTY = OssErrorSpec("BucketNotEmpty", 409, "The bucket you tried to delete is not empty.")
TOO_MANY_BUCKETS = OssErrorSpec("TooManyBuckets", 400, "You have attempted to create more buckets than allowed.")

# Objects ------------------------------------------------------------------------------------------------------------
NO_SUCH_KEY = OssErrorSpec("NoSuchKey", 404, "The specified key does not exist.", "0026-00000001")
NO_SUCH_VERSION = OssErrorSpec("NoSuchVersion", 404, "The specified version does not exist.")
MARKER_BY_ID = OssErrorSpec("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
PRECONDITION_FAILED = OssErrorSpec(
    "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold."
)
NOT_MODIFIED = OssErrorSpec("NotModified", 304, "Not modified.")
INVALID_RANGE = OssErrorSpec("InvalidRange", 416, "The requested range cannot be satisfied.")
FILE_EXISTS = OssErrorSpec(
    "FileAlreadyExists", 409, "The object you specified already exists and can not be overwritten."
)
OBJECT_EXISTS = OssErrorSpec("ObjectAlreadyExists", 400, "The object you specified already exists.")
FILE_IMMUTABLE = OssErrorSpec("FileImmutable", 409, "The object you specified is immutable.")
INVALID_OBJECT_STATE = OssErrorSpec("InvalidObjectState", 403, "The operation is not valid for the object's state")
OPERATION_NOT_SUPPORTED = OssErrorSpec("OperationNotSupported", 400, "The operation is not supported for this resource")
NO_RETENTION = OssErrorSpec(
    "NoSuchObjectRetention", 404, "The specified object does not have a retention configuration."
)
RETENTION_NOT_SHORTENED = OssErrorSpec(
    "AccessDenied", 403, "The retention of the object can be neither shortened nor weakened."
)
RESTORE_IN_PROGRESS = OssErrorSpec(
    "RestoreAlreadyInProgress", 409, "The restore operation is in progress.", "0016-00000701"
)
RESTORE_SLOWER = OssErrorSpec(
    "RestoreAlreadyInProgress", 409, "The priority of a restore in progress can only be raised.", "0016-00000715"
)
RESTORE_STALE = OssErrorSpec("ArchiveRestoreFileStale", 409, "The archive file or restore info stale", "0016-00000718")
RESTORE_NOT_FINISHED = OssErrorSpec(
    "ArchiveRestoreNotFinished", 409, "The archive file's restore is not finished.", "0016-00000719"
)
SOURCE_ELSEWHERE = OssErrorSpec(
    "AccessDenied", 403, "Target object does not reside in the same data center as source object."
)
SYMLINK_TARGET_MISSING = OssErrorSpec("SymlinkTargetNotExist", 404, "The symlink target object does not exist.")
NOT_A_SYMLINK = OssErrorSpec("NotSymlink", 400, "The object you specified is not a symlink.")
INVALID_TARGET_TYPE = OssErrorSpec("InvalidTargetType", 400, "The symbolic's target object type is invalid.")

# Multipart ----------------------------------------------------------------------------------------------------------
NO_SUCH_UPLOAD = OssErrorSpec(
    "NoSuchUpload",
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
    "completed.",
)
INVALID_PART = OssErrorSpec(
    "InvalidPart",
    400,
    "One or more of the specified parts could not be found or the specified entity tag might not have matched the "
    "part's entity tag.",
)
INVALID_PART_ORDER = OssErrorSpec(
    "InvalidPartOrder",
    400,
    "The list of parts was not in ascending order. Parts list must specified in order by part number.",
)
PART_NOT_SEQUENTIAL = OssErrorSpec(
    "PartNotSequential",
    400,
    "For sequential multipart upload, you must upload or complete parts with sequential part number.",
)

# Append -------------------------------------------------------------------------------------------------------------
NOT_APPENDABLE = OssErrorSpec("ObjectNotAppendable", 409, "The object is not appendable")
POSITION_MISMATCH = OssErrorSpec("PositionNotEqualToLength", 409, "Position is not equal to file length")

# Zones --------------------------------------------------------------------------------------------------------------
SERVICE_UNAVAILABLE = OssErrorSpec("ServiceUnavailable", 503, "The service is unavailable. Please try again later.")
READ_ONLY = OssErrorSpec(
    "ServiceUnavailable", 503, "The storage takes no writes at the moment. Please try again later."
)
BUSY = OssErrorSpec("Busy", 503, "The service is busy. Please try again later.")
INTERNAL_ERROR = OssErrorSpec("InternalError", 500, "We encountered an internal error. Please try again.")


def invalid(name: str, value: str, why: str = "") -> OssError:
    """InvalidArgument that names the argument and its value."""
    return INVALID_ARGUMENT.error(
        why=why or f"The value of {name} is not valid.", extra={"ArgumentName": name, "ArgumentValue": value}
    )
