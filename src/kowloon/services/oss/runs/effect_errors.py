"""More of OSS's error catalogue: settings that act by themselves or on writes. Codes and messages as in `errors`."""

from __future__ import annotations

from kowloon.wire.oss.errors import OssErrorSpec

# Encryption ---------------------------------------------------------------------------------------------------------
INVALID_ENCRYPTION_REQUEST = OssErrorSpec(
    "InvalidEncryptionRequest", 400, "A key id or data encryption goes with the KMS algorithm only."
)
NO_SUCH_ENCRYPTION = OssErrorSpec(
    "NoSuchServerSideEncryptionRule", 404, "The server side encryption configuration does not exist."
)

# Retention of a whole bucket ----------------------------------------------------------------------------------------
NO_SUCH_WORM = OssErrorSpec("NoSuchWORMConfiguration", 404, "The WORM Configuration does not exist.")
WORM_LOCKED = OssErrorSpec("WORMConfigurationLocked", 403, "The WORM Configuration is locked.")
INVALID_WORM = OssErrorSpec("InvalidWORMConfiguration", 400, "{why}")
WORM_WITH_VERSIONING = OssErrorSpec(
    "InvalidArgument", 400, "A retention policy and versioning cannot be used on the same bucket."
)
NO_SUCH_OBJECT_WORM = OssErrorSpec(
    "NoSuchObjectWormConfiguration", 404, "The object worm configuration does not exist."
)
INVALID_BUCKET_STATE = OssErrorSpec("InvalidBucketState", 409, "{why}")

# Writes -------------------------------------------------------------------------------------------------------------
NO_SUCH_OVERWRITE = OssErrorSpec(
    "NoSuchBucketOverwriteConfig", 404, "The bucket does not have an overwrite configuration."
)

# What acts by itself ------------------------------------------------------------------------------------------------
NO_SUCH_LIFECYCLE = OssErrorSpec("NoSuchLifecycle", 404, "No Row found in Lifecycle Table.")
INVALID_LIFECYCLE = OssErrorSpec("InvalidRequest", 400, "{why}")
NO_SUCH_REPLICATION = OssErrorSpec(
    "NoSuchReplicationConfiguration", 404, "The bucket you specified does not have replication configurations."
)
NO_SUCH_REPLICATION_RULE = OssErrorSpec(
    "NoSuchReplicationRule", 404, "The BucketReplicationRule you specified does not exist."
)
REPLICATION_EXISTS = OssErrorSpec("BucketReplicationAlreadyExist", 400, "Bucket replication already exists.")
BAD_LOCATION = OssErrorSpec("BadReplicationLocation", 400, "The replication location you choose is invalid.")
INVALID_REPLICATION_TARGET = OssErrorSpec("InvalidTargetBucket", 400, "The target bucket you specified is not valid.")
WRONG_TARGET_LOCATION = OssErrorSpec(
    "InvalidTargetLocation", 400, "The target bucket is not in the location you specified."
)
TOO_MANY_REPLICATION_RULES = OssErrorSpec(
    "TooManyReplicationRules", 400, "The number of replication rules is beyond the limit of {most}."
)
INVALID_LOG_TARGET = OssErrorSpec(
    "InvalidTargetBucketForLogging",
    400,
    "The target bucket for logging does not exist, is in another region, or does not belong to you.",
)
NO_SUCH_LOG_FIELDS = OssErrorSpec(
    "NoSuchUserDefinedLogFieldsConfig", 404, "The bucket does not have a configuration of user-defined log fields."
)
NO_SUCH_INVENTORY = OssErrorSpec("NoSuchInventory", 404, "The inventory configuration does not exist.")
INVENTORY_EXISTS = OssErrorSpec("InventoryAlreadyExist", 409, "An inventory configuration of that id exists already.")
INVALID_INVENTORY_TARGET = OssErrorSpec(
    "InvalidArgument", 400, "The destination bucket does not exist, is in another region, or does not belong to you."
)
TOO_MANY_INVENTORIES = OssErrorSpec(
    "InventoryExceedLimit", 400, "The number of inventory configurations is beyond the limit of {most}."
)

# Fetching -----------------------------------------------------------------------------------------------------------
NO_SUCH_FETCH_TASK = OssErrorSpec("NoSuchAsyncFetchTask", 404, "The specified async fetch task does not exist.")
TOO_MANY_FETCH_TASKS = OssErrorSpec(
    "TooManyAsyncFetchTasks", 400, "The number of async fetch tasks under way is beyond the limit of {most}."
)

# Metadata queries ---------------------------------------------------------------------------------------------------
META_QUERY_EXISTS = OssErrorSpec("MetaQueryAlreadyExist", 400, "Metadata queries of the bucket are open already.")
NO_SUCH_META_QUERY = OssErrorSpec("MetaQueryNotExist", 404, "Metadata queries of the bucket are not open.")
SEMANTIC_QUERY_NOT_BUILT = OssErrorSpec(
    "NotBuiltInKowloon", 501, "Queries by meaning (mode=semantic) are not built in Kowloon; mode=basic is."
)
