"""Error codes of ECS (public ECS error-code pages; see docs/deviations.md for those not confirmed)."""

from kowloon.core.errors import ErrorSpec

INSTANCE_NOT_FOUND = ErrorSpec("InvalidInstanceId.NotFound", 404, "The specified InstanceId does not exist.")
INSTANCE_STATUS = ErrorSpec(
    "IncorrectInstanceStatus", 403, "The current status of the resource does not support this operation."
)
INSTANCE_PROTECTED = ErrorSpec(
    "InvalidOperation.DeletionProtection",
    403,
    "The operation is not allowed: deletion protection is switched on for the instance.",
)
INSTANCE_TYPE_INVALID = ErrorSpec(
    "InvalidInstanceType.ValueNotSupported", 400, "The specified InstanceType is not valid."
)
NO_STOCK = ErrorSpec(
    "OperationDenied.NoStock",
    403,
    "The resource is out of stock in the specified zone. Please try other types, or choose other regions and zones.",
)
AMOUNT_INVALID = ErrorSpec("InvalidAmount.Range", 400, "The specified Amount must be from 1 to 100.")
IMAGE_NOT_FOUND = ErrorSpec("InvalidImageId.NotFound", 404, "The specified ImageId does not exist.")
GROUP_NOT_FOUND = ErrorSpec("InvalidSecurityGroupId.NotFound", 404, "The specified SecurityGroupId does not exist.")
GROUP_IN_USE = ErrorSpec(
    "DependencyViolation",
    403,
    "There is still instance(s) in the specified security group.",
)
GROUP_OTHER_VPC = ErrorSpec(
    "InvalidSecurityGroupId.VPCMismatch", 400, "The specified security group and vSwitch are not in the same VPC."
)
VSWITCH_NOT_FOUND = ErrorSpec("InvalidVSwitchId.NotFound", 404, "The specified virtual switch does not exist.")
VSWITCH_IN_USE = ErrorSpec("DependencyViolation", 400, "Specified object has dependent resources.")
VSWITCH_FULL = ErrorSpec(
    "InvalidVSwitchId.IpNotEnough", 403, "The specified vSwitch has not enough available private IP addresses."
)
ADDRESS_TAKEN = ErrorSpec("InvalidIPAddress.AlreadyUsed", 403, "The specified IP address is already used.")
ZONE_MISMATCH = ErrorSpec(
    "InvalidParameter.ZoneId", 400, "The specified ZoneId does not match the zone of the specified vSwitch."
)
ZONE_NOT_FOUND = ErrorSpec("InvalidZoneId.NotFound", 404, "The specified zone does not exist.")
KEY_PAIR_NOT_FOUND = ErrorSpec("InvalidKeyPairName.NotFound", 404, "The specified KeyPairName does not exist.")
USER_DATA_INVALID = ErrorSpec("InvalidUserData.NotSupported", 400, "The specified UserData is not base64 text.")
USER_DATA_SIZE = ErrorSpec("InvalidUserData.SizeExceeded", 400, "The size of the specified UserData exceeds 32 KB.")
PAYMENT_UNSUPPORTED = ErrorSpec(
    "InvalidInstanceChargeType.ValueNotSupported", 400, "The specified InstanceChargeType is not supported here."
)
CLASSIC_UNSUPPORTED = ErrorSpec(
    "MissingParameter.VSwitchId", 400, "A VSwitchId is required: there is no classic network here."
)
