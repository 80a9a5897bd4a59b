"""The catalogue of image processing: codes as the vendor lists them."""

from __future__ import annotations

from kowloon.wire.oss.errors import OssErrorSpec

INVALID_PARAMETER = OssErrorSpec(
    "InvalidArgument", 400, "The value: {value} of parameter: {name} is invalid.reason:{why}"
)
MISSING_PARAMETER = OssErrorSpec("MissingArgument", 400, "The parameter {name} is missing.")
UNKNOWN_ACTION = OssErrorSpec("InvalidArgument", 400, "The action: {action} is not supported.")
TOO_MANY_ACTIONS = OssErrorSpec("InvalidArgument", 400, "The number of actions is beyond the limit of {most}.")
NOT_BASE64 = OssErrorSpec("BadRequest", 400, "Input is not base64 decoding.")
UNSUPPORTED_FORMAT = OssErrorSpec("BadRequest", 400, "This image format is not supported.")
DAMAGED_IMAGE = OssErrorSpec("BadRequest", 400, "The image cannot be decoded.")
OUT_OF_IMAGE = OssErrorSpec("BadRequest", 400, "Advance cut's position is out of image.")
TOO_LARGE_FILE = OssErrorSpec("ImageTooLarge", 400, "The size of the image is larger than {most_bytes} bytes.")
TOO_LARGE_IMAGE = OssErrorSpec(
    "ImageTooLarge", 400, "The width, the height or the number of pixels of the image exceeds the limit."
)
WATERMARK_FAILED = OssErrorSpec("WatermarkError", 400, "The watermark image is not there or cannot be used.")
PROCESSING_FAILED = OssErrorSpec("BadRequest", 400, "The image takes too much time or memory to be processed.")

# What the process that does the work may refuse with, by name.
REFUSALS = {
    "format": UNSUPPORTED_FORMAT,
    "damaged": DAMAGED_IMAGE,
    "outside": OUT_OF_IMAGE,
    "size": TOO_LARGE_IMAGE,
    "watermark": WATERMARK_FAILED,
}

NO_SUCH_STYLE = OssErrorSpec("NoSuchStyle", 404, "The specified style does not exist.")
TOO_MANY_STYLES = OssErrorSpec("InvalidArgument", 400, "The number of styles is beyond the limit of {most}.")
