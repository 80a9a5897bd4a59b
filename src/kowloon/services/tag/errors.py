"""Error codes of the Tag service (public error-code page of the product)."""

from kowloon.core.errors import ErrorSpec

ARN_FORMAT = ErrorSpec(
    "InvalidResourceARN.FormatError",
    400,
    "The format of parameter ResourceARN: {arn} is not valid, for the correct format, you can refer to the Recommend.",
)
ARN_REGION = ErrorSpec(
    "InvalidResourceARN.Region",
    400,
    "The Region specified in the ResourceARN parameter does not match the RegionId parameter, specifically: {arn}.",
)
ARN_ACCOUNT = ErrorSpec(
    "InvalidResourceARN.Account",
    400,
    "The Account specified in the ResourceARN parameter does not match the actual account, specifically: {arn}.",
)
ARN_TYPE = ErrorSpec(
    "InvalidParameter.ResourceType",
    400,
    "The parameter resource type: {name} in ResourceARN is not valid or not support.",
)
ARN_SERVICE = ErrorSpec(
    "InvalidParameter.ServiceCode",
    400,
    "The parameter service code: {name} in  ResourceARN is not valid or not support.",
)
RESOURCE_TYPE = ErrorSpec("InvalidParameter.ResourceType", 403, "The ResourceType parameter is invalid.")
TAGS_FORMAT = ErrorSpec(
    "InvalidParameter.Tags",
    400,
    "The Tags parameter cannot be empty, and JSON parsing should adhere to the format of a Map.",
)
TAG_KEY = ErrorSpec(
    "InvalidParameter.TagKey", 400, "The TagKey parameter  is invalid. The following TagKeys are invalid: {names}."
)
TAG_VALUE = ErrorSpec(
    "InvalidParameter.TagValue",
    400,
    "The TagValue parameter is invalid. The following TagValues are invalid: {names}.",
)
CATEGORY = ErrorSpec(
    "InvalidParameter.Category", 403, "The specified Category is invalid. Valid values are Custom and System."
)
QUERY_TYPE = ErrorSpec("InvalidParameter.QueryType", 400, "The QueryType parameter is invalid.")
FUZZY = ErrorSpec("FuzzyType.NotSupport", 403, "Fuzzy queries are not supported.")
TOO_MANY_RESOURCES = ErrorSpec("NumberExceed.ResourceIds", 403, "The maximum number of ResourceIds is exceeded.")
TOO_MANY_TAGS = ErrorSpec("NumberExceed.Tags", 403, "The maximum number of Tags is exceeded.")
TOO_MANY_KEYS = ErrorSpec("NumberExceed.TagKeys", 400, "The maximum number of TagKeys is exceeded.")
NO_KEY = ErrorSpec("MissingParameter.TagKey", 404, "You must specify TagKey.")
# In the rows of single resources.
TAGS_PER_RESOURCE = ErrorSpec(
    "QuotaExceed.TagsPerResource", 403, "The maximum number of tags for each resource is exceeded."
)
RESOURCE_NOT_FOUND = ErrorSpec(
    "InvalidResourceId.NotFound", 404, "The specified ResourceIds are not found in our records."
)

# --- meta tags ---

META_KEY = ErrorSpec("InvalidParameter.Key", 403, "The Key is invalid.")
META_VALUE = ErrorSpec("InvalidParameter.Value", 403, "The Value is invalid.")
META_DESCRIPTION = ErrorSpec("InvalidParameter.Description", 403, "The Description is invalid.")
TOO_MANY_META_KEYS = ErrorSpec("QuotaExceed.MetaTagKeys", 403, "The maximum number of meta tag keys is exceeded.")
TOO_MANY_META_VALUES = ErrorSpec(
    "QuotaExceed.MetaTagValues", 403, "The maximum number of values for each meta tag key is exceeded."
)
META_NOT_FOUND = ErrorSpec("MetaTagKeyNotFound", 403, "The meta tag key is not found.")
META_HAS_VALUE = ErrorSpec("MetaTagKeyHasValue", 400, "The specified TagKey already bind tag value")
NO_META = ErrorSpec(
    "MissingParameter.TagKeyValueParamList", 404, "The parameter TagKeyValueParamList must not be null."
)
