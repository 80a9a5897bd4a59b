"""Error codes of RDS (public RDS error-code page; see docs/deviations.md for those not confirmed)."""

from kowloon.core.errors import ErrorSpec

NOT_FOUND = ErrorSpec("InvalidDBInstanceId.NotFound", 404, "The DBInstanceId provided does not exist in our records.")
STATUS = ErrorSpec("OperationDenied.DBInstanceStatus", 403, "The operation is not permitted due to status of instance.")
PROTECTED = ErrorSpec(
    "OperationDenied.DeletionProtection", 403, "The operation is not permitted: deletion protection is switched on."
)
ENGINE = ErrorSpec("InvalidEngine.Malformed", 400, "The specified engine is not supported here: {why}")
ENGINE_VERSION = ErrorSpec("InvalidEngineVersion.Malformed", 400, "The specified parameter EngineVersion is not valid.")
CLASS = ErrorSpec("InvalidDBInstanceClass.NotFound", 404, "The specified DBInstanceClass is not found.")
STORAGE = ErrorSpec("InvalidDBInstanceStorage.Malformed", 400, "The specified DBInstanceStorage is not valid.")
PAY_TYPE = ErrorSpec("InvalidPayType.Malformed", 400, "The specified parameter PayType is not supported here.")
CATEGORY = ErrorSpec("InvalidCategory.Malformed", 400, "The specified parameter Category is not valid.")
ZONE = ErrorSpec("InvalidZoneId.NotFound", 404, "The specified ZoneId does not exist.")
NO_STOCK = ErrorSpec("OperationDenied.OutofStock", 403, "The requested resource is out of stock in the specified zone.")
VSWITCH = ErrorSpec("InvalidVSwitchId.NotFound", 404, "The specified VSwitchId does not exist.")
VSWITCH_MISSING = ErrorSpec(
    "MissingParameter.VSwitchId", 400, "VSwitchId is mandatory: there is no classic network here."
)
VSWITCH_IN_USE = ErrorSpec("DependencyViolation", 400, "Specified object has dependent resources.")
SECURITY_IPS = ErrorSpec("InvalidSecurityIPList.Format", 400, "The specified SecurityIPList is not in valid format.")
PORT = ErrorSpec("InvalidPort.Malformed", 400, "The specified port is not valid: 1000 to 5999.")
ACCOUNT_NAME = ErrorSpec("InvalidAccountName.Malformed", 400, "The specified parameter AccountName is not valid.")
ACCOUNT_RESERVED = ErrorSpec("InvalidAccountName.Forbid", 400, "The specified AccountName is a reserved word.")
ACCOUNT_EXISTS = ErrorSpec("InvalidAccountName.Duplicate", 400, "The specified AccountName already exists.")
ACCOUNT_NOT_FOUND = ErrorSpec("InvalidAccountName.NotFound", 404, "The specified AccountName does not exist.")
ACCOUNT_PASSWORD = ErrorSpec(
    "InvalidAccountPassword.Malformed",
    400,
    "The password needs 8 to 32 characters of three kinds: upper case, lower case, digits, !@#$%^&*()_+-=.",
)
ACCOUNT_TYPE = ErrorSpec("InvalidAccountType.Format", 400, "AccountType must be Normal or Super.")
DATABASE_NAME = ErrorSpec("InvalidDBName.Malformed", 400, "The specified parameter DBName is not valid.")
DATABASE_EXISTS = ErrorSpec("InvalidDBName.Duplicate", 400, "The specified DB name already exists in the instance.")
DATABASE_NOT_FOUND = ErrorSpec("InvalidDBName.NotFound", 404, "The specified DB name does not exist.")
CHARACTER_SET = ErrorSpec("InvalidCharacterSetName.Malformed", 400, "The specified CharacterSetName is not valid.")
PRIVILEGE = ErrorSpec("InvalidAccountPrivilege.Malformed", 400, "The specified AccountPrivilege is not valid.")
NODE = ErrorSpec("InvalidNodeId.NotFound", 404, "The specified NodeId is not a standby node of the instance.")
NO_STANDBY = ErrorSpec(
    "OperationDenied.NoStandby", 403, "The instance has no standby node that holds every acknowledged write."
)
