"""What the wire itself can refuse, in the vendor's codes. Products have catalogues of their own."""

from __future__ import annotations

from kowloon.core.errors import ErrorSpec

INVALID_PARAMETER = ErrorSpec("InvalidParameter", 400, 'The specified parameter "{name}" is not valid.')
TOO_MANY_PARAMETERS = ErrorSpec("InvalidParameter", 400, "The request has more than {most} parameters.")
MISSING_ACCESS_KEY = ErrorSpec("MissingAccessKeyId", 400, "AccessKeyId is mandatory for this action.")
MISSING_SIGNATURE = ErrorSpec("MissingSignature", 400, "Signature is mandatory for this action.")
MALFORMED_AUTHORIZATION = ErrorSpec(
    "IncompleteSignature", 400, "The request signature does not conform to Aliyun standards."
)
UNSUPPORTED_SIGNATURE_METHOD = ErrorSpec(
    "UnsupportedSignatureMethod", 400, "The signature method {method} is not supported here."
)
# Official clients read what follows the first colon, so it must be exactly the string to sign.
SIGNATURE_MISMATCH = ErrorSpec(
    "SignatureDoesNotMatch",
    400,
    "Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}",
)
