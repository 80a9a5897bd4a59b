"""Error codes of VPC, vSwitch and EIP (public VPC error-code page; marks of doubt in docs/deviations)."""

from kowloon.core.errors import ErrorSpec

INVALID_CIDR = ErrorSpec("InvalidCidrBlock", 400, "Specified CIDR block is not valid.")
CIDR_OVERLAPPED = ErrorSpec("InvalidCidrBlock.Overlapped", 400, "Specified CIDR block overlapped with other subnets.")
VPC_NOT_FOUND = ErrorSpec("InvalidVpcID.NotFound", 404, "Specified VPC does not exist.")
VPC_ID_NOT_FOUND = ErrorSpec("InvalidVpcId.NotFound", 404, "Specified value of VpcId is not found in our record.")
VSWITCH_NOT_FOUND = ErrorSpec("InvalidVswitchID.NotFound", 404, "Specified virtual switch does not exist.")
ZONE_NOT_FOUND = ErrorSpec("InvalidZoneId.NotFound", 404, "Specified value of ZoneId is not exists.")
VPC_HAS_VSWITCH = ErrorSpec(
    "DependencyViolation.VSwitch", 400, "Specified object has dependent resources: the VPC still has vSwitches."
)
EIP_NOT_FOUND = ErrorSpec("InvalidAllocationId.NotFound", 404, "Specified allocation ID is not found.")
EIP_STATUS = ErrorSpec("IncorrectEipStatus", 400, "Current elastic IP status does not support this operation.")
EIP_TARGET_NOT_FOUND = ErrorSpec("InvalidInstanceId.NotFound", 404, "The specified InstanceId does not exist.")
EIP_TARGET_TAKEN = ErrorSpec("InvalidBindingStatus", 400, "The instance is already bound to an elastic IP address.")
EIP_NONE_LEFT = ErrorSpec("QuotaExceeded.Eip", 400, "The number of elastic IP addresses exceeds the quota.")
NAME_INVALID = ErrorSpec("InvalidParameter.Name", 400, "The specified name is not valid.")
