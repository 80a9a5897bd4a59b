"""Error codes of ECS (public ECS error-code pages; see docs/deviations.md for those not confirmed)."""

from kowloon.core.errors import ErrorSpec

INSTANCE_NOT_FOUND = ErrorSpec("InvalidInstanceId.NotFound", 404, "The specified InstanceId does not exist.")
INSTANCE_IDS_INVALID = ErrorSpec("InvalidInstanceIds.Malformed", 400, "The specified instanceIds are not valid.")
ROLE_NOT_FOUND = ErrorSpec("InvalidRamRole.NotFound", 404, "The specified RAMRoleName does not exist.")
ROLE_NOT_FOR_INSTANCES = ErrorSpec(
    "InvalidRamRole.NotEcsRole",
    404,
    "The specified ram role is not authorized for ecs, please check your role policy.",
)
ROLE_ATTACHED = ErrorSpec("InvalidRamRole.AlreadyAttached", 403, "The instance already has a RAM role.")
ROLE_NOT_ATTACHED = ErrorSpec("InvalidRamRole.NotAttached", 404, "The instance does not have this RAM role.")
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
IMAGE_NOT_READY = ErrorSpec("InvalidImageId.NotReady", 400, "The specified image is not ready.")
IMAGE_DEPRECATED = ErrorSpec("InvalidImageId.Deprecated", 400, "The specified image is deprecated.")
IMAGE_SOURCE_MISSING = ErrorSpec(
    "MissingParameter",
    400,
    "The input parameter SnapshotId or InstanceId or DiskDeviceMapping that is mandatory for processing this request "
    "is not supplied.",
)
IMAGE_SOURCE_UNSUPPORTED = ErrorSpec(
    "InvalidSnapshotId.NotFound",
    404,
    "The specified SnapshotId does not exist: there are no snapshots here yet, so give an InstanceId.",
)
IMAGE_SOURCE_STATUS = ErrorSpec(
    "IncorrectInstanceStatus", 400, "The current status of the instance does not support this operation."
)
IMAGE_NAME = ErrorSpec("InvalidImageName.Malformed", 400, "The specified Image name is wrongly formed.")
IMAGE_NAME_TAKEN = ErrorSpec("InvalidImageName.Duplicated", 400, "The specified Image name has already been used.")
IMAGE_DESCRIPTION = ErrorSpec("InvalidDescription.Malformed", 400, "The specified description is wrongly formed.")
IMAGE_IN_USE = ErrorSpec(
    "ImageUsingByInstance",
    403,
    "The specified image has been used to create instances. You can use the DescribeInstances API to query these "
    "instances, or you can use the force parameter to proceed.",
)
IMAGE_CREATING = ErrorSpec("ImageIsCreating", 403, "The specified image is being created.")
IMAGE_STATUS = ErrorSpec(
    "IncorrectImageStatus", 400, "The current status of the image does not support this operation."
)
IMAGES_TOO_MANY = ErrorSpec("QuotaExceed.Image", 403, "The Image Quota exceeds.")
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
VPC_NOT_FOUND = ErrorSpec("InvalidVpcId.NotFound", 404, "The specified VpcId does not exist.")
GROUP_NAME_INVALID = ErrorSpec(
    "InvalidSecurityGroupName.Malformed", 400, "The specified security group name is not well formatted."
)
GROUP_TYPE_INVALID = ErrorSpec(
    "InvalidSecurityGroupType.ValueNotSupported", 400, "The specified SecurityGroupType is not valid."
)
VPC_IN_USE = ErrorSpec("DependencyViolation.SecurityGroup", 400, "Specified object has dependent resources.")
RULE_PROTOCOL = ErrorSpec(
    "InvalidIpProtocol.ValueNotSupported",
    400,
    "The parameter IpProtocol must be specified with case insensitive TCP, UDP, ICMP, GRE or All.",
)
RULE_PORTS = ErrorSpec(
    "InvalidParam.PortRange",
    400,
    "The specified param PortRange or SourcePortRange is not valid. should be integer and less than 65535, "
    "range separator is '/'.",
)
RULE_PORTS_MISMATCH = ErrorSpec(
    "OperationDenied", 400, "The specified IpProtocol does not exist or IpProtocol and PortRange do not match."
)
RULE_POLICY = ErrorSpec("InvalidPolicy.Malformed", 400, 'The specified parameter "Policy" is not valid.')
RULE_PRIORITY = ErrorSpec("InvalidPriority.Malformed", 400, 'The specified parameter "Priority" is not valid.')
RULE_CIDR = ErrorSpec("Invalid{name}.Malformed", 400, 'The specified parameter "{name}" is not valid.')
RULE_NO_SOURCE = ErrorSpec(
    "MissingParameter.Source", 400, "One of the parameters SourceCidrIp or SourceGroupId must be specified."
)
RULE_NO_DESTINATION = ErrorSpec(
    "MissingParameter.Dest", 400, "One of the parameters DestCidrIp or DestGroupId must be specified."
)
RULE_GROUP_NOT_FOUND = ErrorSpec("Invalid{name}.NotFound", 404, "The {name} provided does not exist in our records.")
RULES_TOO_MANY = ErrorSpec(
    "AuthorizationLimitExceed", 403, "The limit of authorization records in the security group reaches."
)
KEY_PAIR_NAME = ErrorSpec("InvalidKeyPairName.Malformed", 400, "Specified Key Pair name is not valid.")
KEY_PAIR_EXISTS = ErrorSpec("KeyPair.AlreadyExist", 400, "The key pair already exist.")
KEY_PAIR_IN_USE = ErrorSpec(
    "InvalidParameter.KeypairAlreadyAttachedInstance",
    400,
    'The specified parameter "KeyPairNames" attached to instances can not be deleted.',
)
KEY_PAIR_NAMES = ErrorSpec(
    "InvalidKeyPairNames.ValueNotSupported", 400, 'The specified parameter "KeyPairNames" is not valid.'
)
PUBLIC_KEY_INVALID = ErrorSpec("InvalidPublicKeyBody.Malformed", 400, "The PublicKeyBody format is not supported.")
COMMAND_NOT_FOUND = ErrorSpec("InvalidCmdId.NotFound", 404, "The specified command ID does not exist.")
COMMAND_INSTANCE_NOT_FOUND = ErrorSpec("InvalidInstance.NotFound", 404, "The specified instance does not exist.")
COMMAND_INSTANCES_TOO_MANY = ErrorSpec(
    "InstanceIds.ExceedLimit", 403, "The number of instance IDs exceeds the upper limit."
)
COMMAND_CONTENT = ErrorSpec(
    "CmdContent.DecodeError", 403, "The specified command content is not valid base64 text in UTF-8."
)
COMMAND_CONTENT_SIZE = ErrorSpec(
    "CmdContent.ExceedLimit", 403, "The length of the command content exceeds the upper limit."
)
COMMAND_TYPE = ErrorSpec("InvalidCmdType.NotFound", 403, "The specified command type does not exist.")
COMMAND_NAME_SIZE = ErrorSpec("CmdName.ExceedLimit", 403, "The length of the command name exceeds the upper limit.")
COMMAND_PARAMETERS_OFF = ErrorSpec(
    "Parameter.Disabled",
    404,
    "Parameters cannot be passed in when the command customization function is disabled.",
)
COMMAND_TIMEOUT = ErrorSpec("InvalidParam.Timeout", 403, "The specified parameter Timeout is not valid.")
COMMAND_MODE = ErrorSpec("InvalidParam.RepeatMode", 403, "The specified RepeatMode is not supported. {why}")
COMMAND_PLATFORM = ErrorSpec("InvalidInstance.NotMatch", 403, "The specified instance type does not match the command.")
