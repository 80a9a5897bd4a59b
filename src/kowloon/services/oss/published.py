"""What tells operations of OSS apart in a query, as the vendor publishes it: so that what is not built says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kowloon.services.oss.product import Operation

# Names in a query that choose an operation, of the vendor's API reference and its official clients.
ROUTING: Final = frozenset(
    """
    accessPoint accessPointConfigForObjectProcess accessPointForObjectProcess accessPointPolicy
    accessPointPolicyForObjectProcess accessmonitor acl append asyncFetch bucketArchiveDirectRead bucketInfo
    cacheConfiguration cleanRestoredObject cloudboxes cname comp cors dataAccelerator dataPipeline delete encryption
    eventnotification httpsConfig img inventory legalHold lifecycle link live location logging metaQuery MetaQuery
    metadataConfiguration metadataInventoryTable metadataJournalTable objectInfo objectLink objectMeta objectWorm
    overwriteConfig partNumber policy policyStatus processConfiguration publicAccessBlock qos qosInfo qosRequester quota
    redundancyTransition referer regions replication replicationLocation replicationProgress requestPayment
    requesterQosInfo reservedcapacity resourceGroup resourcePool resourcePoolBuckets resourcePoolInfo restore retention
    rtc seal stat status style symlink tagging transferAcceleration udf uploadId uploads userDefinedLogFieldsConfig
    versioning versions vod website worm wormExtend wormId x-oss-async-process x-oss-process
    x-oss-write-get-object-response
    """.split()
)

# Every operation of the API reference and of the official clients, by its name.
OPERATIONS: Final = frozenset(
    """
    AbortBucketWorm AbortMultipartUpload AppendObject AsyncProcessObject CleanRestoredObject CloseMetaQuery
    CompleteBucketWorm CompleteMultipartUpload CopyObject CreateAccessPoint CreateBucketDataRedundancyTransition
    CreateBucketMetadataConfiguration CreateCnameToken CreateSelectObjectMeta DeleteAccessPoint
    DeleteAccessPointPolicy DeleteAccessPointPublicAccessBlock DeleteBucket DeleteBucketCallbackPolicy
    DeleteBucketCors DeleteBucketDataRedundancyTransition DeleteBucketEncryption DeleteBucketInventory
    DeleteBucketLifecycle DeleteBucketLogging DeleteBucketMetadataConfiguration DeleteBucketOverwriteConfig
    DeleteBucketPolicy DeleteBucketPublicAccessBlock DeleteBucketQosInfo DeleteBucketReplication
    DeleteBucketRequesterQosInfo DeleteBucketStorageQuota DeleteBucketTags DeleteBucketWebsite DeleteCname
    DeleteLiveChannel DeleteMultipleObjects DeleteObject DeleteObjectTagging DeletePublicAccessBlock
    DeleteResourcePoolRequesterQosInfo DeleteStyle DeleteUserDefinedLogFieldsConfig DescribeRegions
    DoDataPipelineAction DoMetaQuery DoMetaQueryAction ExtendBucketWorm GetAccessPoint GetAccessPointPolicy
    GetAccessPointPublicAccessBlock GetAsyncFetchTask GetBucketAccessMonitor GetBucketAcl
    GetBucketArchiveDirectRead GetBucketCallbackPolicy GetBucketCors GetBucketDataRedundancyTransition
    GetBucketEncryption GetBucketHttpsConfig GetBucketInfo GetBucketInventory GetBucketLifecycle GetBucketLocation
    GetBucketLogging GetBucketMetadataConfiguration GetBucketObjectWormConfiguration GetBucketOverwriteConfig
    GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketQosInfo GetBucketReferer
    GetBucketReplication GetBucketReplicationLocation GetBucketReplicationProgress GetBucketRequestPayment
    GetBucketRequesterQosInfo GetBucketResourceGroup GetBucketStat GetBucketStorageCapacity GetBucketStorageQuota
    GetBucketTags GetBucketTransferAcceleration GetBucketVersioning GetBucketWebsite GetBucketWorm GetCnameToken
    GetLiveChannel GetLiveChannelHistory GetLiveChannelStat GetMetaQueryStatus GetObject GetObjectAcl
    GetObjectLegalHold GetObjectMeta GetObjectRetention GetObjectTagging GetPublicAccessBlock GetResourcePoolInfo
    GetResourcePoolRequesterQosInfo GetStyle GetSymlink GetUserDefinedLogFieldsConfig GetVodPlaylist HeadObject
    InitiateBucketWorm InitiateMultipartUpload ListAccessPoints ListBucketDataRedundancyTransition
    ListBucketInventory ListBucketRequesterQosInfos ListBuckets ListCloudBoxes ListCname ListLiveChannel
    ListMultipartUploads ListObjectVersions ListObjects ListObjectsV2 ListParts ListResourcePoolBuckets
    ListResourcePoolRequesterQosInfos ListResourcePools ListStyle ListUserDataRedundancyTransition OpenMetaQuery
    OptionObject PostObject PostVodPlaylist ProcessObject PutAccessPointPolicy PutAccessPointPublicAccessBlock
    PutAsyncFetchTask PutBucket PutBucketAccessMonitor PutBucketAcl PutBucketArchiveDirectRead
    PutBucketCallbackPolicy PutBucketCors PutBucketEncryption PutBucketHttpsConfig PutBucketInventory
    PutBucketLifecycle PutBucketLogging PutBucketObjectWormConfiguration PutBucketOverwriteConfig PutBucketPolicy
    PutBucketPublicAccessBlock PutBucketQosInfo PutBucketReferer PutBucketReplication PutBucketRequestPayment
    PutBucketRequesterQosInfo PutBucketResourceGroup PutBucketRtc PutBucketStorageCapacity PutBucketStorageQuota
    PutBucketTags PutBucketTransferAcceleration PutBucketVersioning PutBucketWebsite PutCname PutLiveChannel
    PutLiveChannelStatus PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging
    PutPublicAccessBlock PutResourcePoolRequesterQosInfo PutStyle PutSymlink PutUserDefinedLogFieldsConfig
    RestoreObject SealAppendObject SelectObject UpdateBucketMetadataInventoryTableConfiguration
    UpdateBucketMetadataJournalTableConfiguration UploadPart UploadPartCopy WriteGetObjectResponse
    """.split()
)


def not_built(method: str, query: Mapping[str, str], operation: Operation | None) -> str:
    """What was asked for, if the query names something that the operation found for it does not look at."""
    if not query:
        return ""
    looked_at = operation.markers if operation is not None else {}
    also = operation.also if operation is not None else ()
    left = sorted(name for name in query if name in ROUTING and name not in looked_at and name not in also)
    return f"{method} ?{'&'.join(left)}" if left else ""
