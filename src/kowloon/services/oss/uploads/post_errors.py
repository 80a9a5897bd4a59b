"""More of OSS's error catalogue: posted forms and callbacks. Codes, messages and EC as in `errors`."""

from __future__ import annotations

from kowloon.wire.oss.errors import OssErrorSpec

# Forms --------------------------------------------------------------------------------------------------------------
NOT_MULTIPART = OssErrorSpec(
    "RequestIsNotMultiPartContent", 400, "Bucket POST must be of the enclosure-type multipart/form-data."
)
MALFORMED_POST = OssErrorSpec(
    "MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."
)
NO_FILE = OssErrorSpec("IncorrectNumberOfFilesInPOSTRequest", 400, "POST requires exactly one file upload per request.")
FIELD_TOO_LONG = OssErrorSpec("FieldItemTooLong", 400, "Your form field is too long: {name}.")
NO_KEY = OssErrorSpec(
    "InvalidArgument",
    400,
    "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
)
INVALID_FIELD = OssErrorSpec("InvalidArgument", 400, "The value of the form field {name} is not valid.")
NO_POLICY = OssErrorSpec(
    "InvalidArgument", 400, "Bucket POST must contain a field named 'policy' when it is signed.", "0002-00000702"
)
INVALID_POST_POLICY = OssErrorSpec("InvalidPolicyDocument", 400, "Invalid Policy: {why}")
POLICY_EXPIRED = OssErrorSpec("AccessDenied", 403, "Invalid according to Policy: Policy expired.")
POLICY_FAILED = OssErrorSpec("AccessDenied", 403, "Invalid according to Policy: Policy Condition failed: {condition}")

# Callbacks ----------------------------------------------------------------------------------------------------------
CALLBACK_NOT_BASE64 = OssErrorSpec("InvalidArgument", 400, "The {name} configuration is not base64 encoded.")
CALLBACK_NOT_JSON = OssErrorSpec("InvalidArgument", 400, "The {name} configuration is not json format.")
CALLBACK_URL = OssErrorSpec("InvalidArgument", 400, "The callbackUrl is not valid: {url}", "0007-00000004")
CALLBACK_URLS = OssErrorSpec("InvalidArgument", 400, "The callbackUrl has more than {most} URLs.", "0007-00000005")
CALLBACK_BODY = OssErrorSpec("InvalidArgument", 400, "The callbackBody is empty.", "0007-00000011")
CALLBACK_BODY_TYPE = OssErrorSpec("InvalidArgument", 400, "The callbackBodyType is not valid: {type}")
CALLBACK_HOST = OssErrorSpec("InvalidArgument", 400, "The callbackHost is not valid.")
CALLBACK_VARIABLE = OssErrorSpec(
    "InvalidArgument", 400, "The names of callback variables must begin with x: in lower case: {name}"
)
CALLBACK_TOO_LONG = OssErrorSpec("InvalidArgument", 400, "The {name} configuration is longer than {most_bytes} bytes.")
CALLBACK_POLICY = OssErrorSpec("InvalidArgument", 400, "The bucket has no callback policy of that name: {name}")
NO_SUCH_CALLBACK_POLICY = OssErrorSpec(
    "BucketCallbackPolicyNotExist", 404, "The bucket does not have a callback policy."
)
CALLBACK_FAILED = OssErrorSpec("CallbackFailed", 203, "{why}")
