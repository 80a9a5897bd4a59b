"""Error codes of CLB (public SLB error-code page; see docs/deviations.md for those not confirmed)."""

from kowloon.core.errors import ErrorSpec

BALANCER_NOT_FOUND = ErrorSpec("InvalidLoadBalancerId.NotFound", 404, "The specified LoadBalancerId does not exist.")
BALANCER_PROTECTED = ErrorSpec(
    "OperationDenied.DeleteProtectionIsOn",
    400,
    "The loadbalancer can't be deleted due to DeleteProtection is enabled.",
)
ZONES_INVALID = ErrorSpec("InvalidParameter", 400, "The site is not exist.")
NO_CAPACITY = ErrorSpec("OperationFailed.ZoneResourceLimit", 400, "The resource of the specified zone is not enough.")
ADDRESSES_USED_UP = ErrorSpec(
    "InsufficientCapacity", 400, "There is insufficient capacity available for the requested instance."
)
VSWITCH_NOT_FOUND = ErrorSpec("InvalidVSwitchId.NotFound", 404, "The specified VSwitchId does not exist.")
VSWITCH_IN_USE = ErrorSpec("DependencyViolation", 400, "Specified object has dependent resources.")
LISTENER_EXISTS = ErrorSpec("ListenerAlreadyExists", 400, "A listener with the specified port already exists.")
LISTENER_NOT_FOUND = ErrorSpec("InvalidParameter", 404, "The specified resource does not exist.")
GROUP_NOT_FOUND = ErrorSpec("InvalidParameter", 404, "The specified VServerGroupId does not exist.")
GROUP_IN_USE = ErrorSpec("RspoolVipExist", 400, "there are vips associating with this vServer group.")
SERVER_NOT_FOUND = ErrorSpec("InvalidServerId.NotFound", 404, "The specified ServerId does not exist.")
SERVERS_MALFORMED = ErrorSpec("BackendServersMalformed", 400, "the specified parameter BackendServers is unavailable.")
SERVERS_TOO_MANY = ErrorSpec(
    "TooManyBackendServers", 400, "The total number of input real servers exceeds max supported number: 20"
)
SERVERS_PORT = ErrorSpec(
    "InvalidParameter",
    400,
    "The specified BackendServers is invalid, as the Port value should be in [1, 65535].",
)
WEIGHT_MALFORMED = ErrorSpec("InvalidWeight.Malformed", 400, "A specified weight is not valid.")
