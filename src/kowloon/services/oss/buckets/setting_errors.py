"""More of OSS's error catalogue: who may do what, and a bucket's settings. Codes, messages and EC as in `errors`."""

from __future__ import annotations

from kowloon.wire.oss.errors import OssErrorSpec

# Who may do what ----------------------------------------------------------------------------------------------------
DENIED_BY_POLICY = OssErrorSpec("AccessDenied", 403, "Access denied by bucket policy.", "0003-00000101")
DENIED_BY_REFERER = OssErrorSpec("AccessDenied", 403, "You are denied by bucket referer policy.", "0003-00000501")
DENIED_TO_PAY = OssErrorSpec("AccessDenied", 403, "Access denied for requester pay bucket", "0003-00000702")
ANONYMOUS_FORBIDDEN = OssErrorSpec(
    "AccessDenied", 403, "Anonymous access is forbidden for this operation.", "0003-00001201"
)
ANONYMOUS_TO_BUCKET = OssErrorSpec("AccessDenied", 403, "Anonymous user has no right to access this bucket.")
LISTING_FORBIDDEN = OssErrorSpec("AccessDenied", 403, "You are forbidden to list buckets.")
OBJECT_BY_BUCKET_ACL = OssErrorSpec(
    "AccessDenied", 403, "You have no right to access this object because of bucket acl.", "0003-00000001"
)
NO_OBJECT_PERMISSION = OssErrorSpec("AccessDenied", 403, "You do not have {what} permission on this object.")
PUBLIC_BUCKET_ACL = OssErrorSpec("AccessDenied", 403, "Put public bucket acl is not allowed")
PUBLIC_OBJECT_ACL = OssErrorSpec("AccessDenied", 403, "Put public object acl is not allowed", "0016-00000901")
PUBLIC_POLICY = OssErrorSpec("AccessDenied", 403, "Put public bucket policy is not allowed")

# Settings -----------------------------------------------------------------------------------------------------------
INVALID_POLICY = OssErrorSpec("InvalidPolicyDocument", 400, "The policy is invalid: {why}", "0030-00000005")
NO_SUCH_POLICY = OssErrorSpec("NoSuchBucketPolicy", 404, "The bucket policy does not exist.")
NO_SUCH_CORS = OssErrorSpec("NoSuchCORSConfiguration", 404, "The CORS Configuration does not exist.")
TOO_MANY_CORS_RULES = OssErrorSpec(
    "CORSRuleBeyondLimit", 400, "The number of CORS rules is beyond the limit of {most}."
)
PREFLIGHT_WITHOUT_ORIGIN = OssErrorSpec("BadRequest", 400, "Insufficient information. Origin request header needed.")
PREFLIGHT_WITHOUT_METHOD = OssErrorSpec(
    "BadRequest", 400, "Insufficient information. Request Access-Control-Request-Method header needed."
)
CORS_NOT_ENABLED = OssErrorSpec("AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket.")
# The spelling is the vendor's.
CORS_NOT_ALLOWED = OssErrorSpec(
    "AccessForbidden",
    403,
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method "
    "/ Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted by the resource's CORS spec.",
)
NO_SUCH_WEBSITE = OssErrorSpec(
    "NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration."
)
MIRRORING_NOT_BUILT = OssErrorSpec(
    "NotBuiltInKowloon", 501, "Fetching a missing object from its origin (RedirectType Mirror) is not built in Kowloon."
)
DOMAIN_NOT_VERIFIED = OssErrorSpec(
    "NeedVerifyDomainOwnership", 403, "Please verify domain ownership by CreateCnameToken and try again."
)
DOMAIN_TAKEN = OssErrorSpec("CnameAlreadyExists", 409, "The cname has already been bound to another bucket.")
DOMAIN_OF_SOMEONE_ELSE = OssErrorSpec("CnameDenied", 403, "The cname belongs to another user.")
NO_SUCH_DOMAIN = OssErrorSpec("NoSuchCname", 404, "The specified cname does not exist.")
NO_SUCH_DOMAIN_TOKEN = OssErrorSpec("NoSuchCnameToken", 404, "There is no token of this cname, or it has expired.")
NO_SUCH_ACCELERATION = OssErrorSpec(
    "NoSuchTransferAccelerationConfiguration",
    404,
    "The specified bucket does not have a transfer acceleration configuration.",
)
ACCELERATION_DISABLED = OssErrorSpec("TransferAccelerationDisabled", 403, "Transfer acceleration is disabled.")
DENIED_BY_ORIGIN = OssErrorSpec("AccessDenied", 403, "The access point can be used from its own VPC only.")
DENIED_BY_ACCESS_POINT = OssErrorSpec("AccessDenied", 403, "Access denied by access point policy.")
NO_SUCH_ACCESS_POINT = OssErrorSpec("NoSuchAccessPoint", 404, "The specified access point does not exist.")
NO_SUCH_ACCESS_POINT_POLICY = OssErrorSpec(
    "NoSuchAccessPointPolicy", 404, "The specified access point does not have a policy."
)
ACCESS_POINT_EXISTS = OssErrorSpec("AccessPointAlreadyExists", 409, "An access point of that name exists already.")
TOO_MANY_ACCESS_POINTS = OssErrorSpec(
    "TooManyAccessPoints", 400, "The number of access points is beyond the limit of {most} per {of}."
)
BUCKET_HAS_ACCESS_POINTS = OssErrorSpec(
    "BucketNotEmpty", 409, "The bucket you tried to delete has access points. Delete those first."
)
NO_SUCH_REGION = OssErrorSpec("NoSuchRegion", 404, "The specified region does not exist.")
