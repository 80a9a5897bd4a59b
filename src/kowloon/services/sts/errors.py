"""Error codes of STS (public STS error-code page)."""

from kowloon.core.errors import ErrorSpec

ROLE_NOT_FOUND = ErrorSpec("EntityNotExist.Role", 404, "The specified Role not exists.")
NOT_TRUSTED = ErrorSpec(
    "NoPermission", 403, "You are not authorized to do this action. You should be authorized by RAM."
)
ROOT_REFUSED = ErrorSpec("NoPermission", 403, "Roles may not be assumed by root accounts.")
INVALID = ErrorSpec("InvalidParameter.{name}", 400, "The parameter {name} is wrongly formed.")
INVALID_DURATION = ErrorSpec(
    "InvalidParameter.DurationSeconds", 400, "The Min/Max value of DurationSeconds is 15min/{most_s}s."
)
POLICY_SIZE = ErrorSpec("InvalidParameter.PolicySize", 400, "The size of Policy must be smaller than {most} bytes.")
POLICY_GRAMMAR = ErrorSpec("InvalidParameter.PolicyGrammar", 400, "The parameter Policy has not passed grammar check.")
# Ours: what the vendor answers is not published.
SOURCE_IDENTITY_STAYS = ErrorSpec("NoPermission", 403, "The SourceIdentity of a role session cannot be changed.")

# --- identity providers ---

MISSING = ErrorSpec("MissingParameter.{name}", 400, "Parameter {name} is required.")
NOT_PERMITTED = ErrorSpec("AuthenticationFail.NoPermission", 401, "There is no permission")
NO_OIDC_PROVIDER = ErrorSpec("AuthenticationFail.NoPermission", 401, "No such OIDC Provider registered.")
INVALID_OIDC_PROVIDER = ErrorSpec("AuthenticationFail.NoPermission", 401, "Parameter OIDCProviderArn is not valid")
OIDC_ROLE_NOT_FOUND = ErrorSpec("EntityNotExist.Role", 404, "The role not exists: {arn}.")
ISSUER_BROKEN = ErrorSpec(
    "AuthenticationFail.OIDCToken.IssuerConfigurationBroken",
    401,
    "Get public keys from OIDC Provider failed, the issuer is {issuer}.",
)
ISSUER_NOT_TRUSTED = ErrorSpec(
    "AuthenticationFail.OIDCToken.HttpsUrlInvalid", 401, "Invoke url failed due to certificate chain validation"
)
# The code is the vendor's, the words are ours.
ISSUER_FINGERPRINT = ErrorSpec(
    "AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch",
    401,
    "No certificate of {issuer} has a fingerprint of the OIDC Provider.",
)
ISSUER_MISMATCH = ErrorSpec(
    "AuthenticationFail.OIDCToken.IssuerNotMatch",
    401,
    "The issuer in the OIDC Token doesn't match the OIDC Provider registered.",
)
AUDIENCE_MISMATCH = ErrorSpec("AuthenticationFail.OIDCToken.AudienceNotMatch", 401, "Invalid audience.")
TOKEN_EXPIRED = ErrorSpec("AuthenticationFail.OIDCToken.Expired", 401, "This JsonWebToken is expired.")
TOKEN_SIGNATURE = ErrorSpec(
    "AuthenticationFail.OIDCToken.InvalidSignature", 401, "OIDC token validate failed: invalid signature."
)
_TOKEN = "AuthenticationFail.OIDCToken.Invalid"
TOKEN_EMPTY = ErrorSpec(_TOKEN, 401, "The OIDCToken can not empty.")
TOKEN_PARTS = ErrorSpec(_TOKEN, 401, "The number of Jwt field should be divided into 3 parts with '.' .")
TOKEN_BASE64 = ErrorSpec(_TOKEN, 401, "Cannot decode base64 encoded response(format invalided).")
TOKEN_ALGORITHM = ErrorSpec(_TOKEN, 401, "The algorithm {name} that be specified in Jwt header is unknown.")
TOKEN_CONTENT = ErrorSpec(_TOKEN, 401, "The Jwt content is invalid that cannot be recognized.")
# Ours: what the vendor answers is not published.
TOKEN_EARLY = ErrorSpec(_TOKEN, 401, "This JsonWebToken is not valid yet.")
TOKEN_OLD = ErrorSpec(_TOKEN, 401, "This JsonWebToken was issued more than {hours} hours ago.")

NO_SAML_PROVIDER = ErrorSpec("EntityNotExist.SAMLProvider", 404, "Can not find SAML provider.")
SAML_ROLE_NOT_FOUND = ErrorSpec("EntityNotExist.RoleArn", 404, "The specified Role does not exists.")
ASSERTION_EXPIRED = ErrorSpec("AuthenticationFail.SAMLAssertion.Expired", 401, "The SAML Assertion is expired.")
ASSERTION_INVALID = ErrorSpec("AuthenticationFail.SAMLAssertion.Invalid", 401, "The SAML Assertion is invalid.")
