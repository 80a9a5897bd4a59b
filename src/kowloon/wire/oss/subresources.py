"""Query parameters that V1 signatures cover. Every client has a list of its own; these are what they have together."""

from __future__ import annotations

from typing import Final

# In every client that signs by one fixed list.
COMMON: Final = frozenset(
    """
    acl append asyncFetch bucketInfo callback callback-var cname comp continuation-token cors delete encryption endTime
    inventory inventoryId lifecycle live location logging metaQuery objectMeta partNumber policy position qos qosInfo
    referer regionList replication replicationLocation replicationProgress requestPayment resourceGroup
    response-cache-control response-content-disposition response-content-encoding response-content-language
    response-content-type response-expires restore security-token sequential startTime stat status style styleName
    symlink tagging transferAcceleration uploadId uploads versionId versioning versions vod website worm wormExtend
    wormId x-oss-ac-forward-allow x-oss-ac-source-ip x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-async-process
    x-oss-process x-oss-request-payer x-oss-traffic-limit
    """.split()
)

# In some clients only: one list or another, or declared by the operation that sends it.
_SOME: Final = frozenset(
    """
    accessPoint accessPointPolicy bucketArchiveDirectRead group httpsConfig link objectInfo publicAccessBlock
    qosRequester redundancyTransition requesterQosInfo resourcePool resourcePoolBuckets resourcePoolInfo

    cloudboxes img responseHeader rtc udf udfApplication udfApplicationLog udfId udfImage udfImageDesc udfName
    withHashContext

    accessPointConfigForObjectProcess accessPointForObjectProcess accessPointPolicyForObjectProcess cacheConfiguration
    chunkNumber chunkSize copy dataAccelerator dfs dfsadmin dfssecurity eventnotification partSize partUploadId
    policyStatus processConfiguration redundancyProgress redundancyType regionsV2 reservedcapacity
    userDefinedLogFieldsConfig userRegion verbose virtualBucket

    cleanRestoredObject dataPipeline legalHold MetaQuery metadataConfiguration metadataInventoryTable
    metadataJournalTable objectWorm overwriteConfig quota retention seal
    """.split()
)

SIGNED: Final = COMMON | _SOME
# Besides those named, every parameter of this prefix is signed by most clients.
SIGNED_PREFIX: Final = "x-oss-"

# No client signs these, so nobody need be asked whether it did.
NEVER_SIGNED: Final = frozenset(
    """
    delimiter encoding-type fetch-owner key-marker list-type marker max-keys max-parts max-uploads part-number-marker
    prefix start-after tag-key tag-value upload-id-marker version-id-marker
    Expires OSSAccessKeyId Signature
    """.split()
)
