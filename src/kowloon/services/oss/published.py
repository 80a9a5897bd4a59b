"""What tells operations of OSS apart in a query, as the vendor publishes it: so that what is not built says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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


def not_built(method: str, query: Mapping[str, str], operation: Operation | None) -> str:
    """What was asked for, if the query names something that the operation found for it does not look at."""
    if not query:
        return ""
    looked_at = operation.markers if operation is not None else {}
    also = operation.also if operation is not None else ()
    left = sorted(name for name in query if name in ROUTING and name not in looked_at and name not in also)
    return f"{method} ?{'&'.join(left)}" if left else ""
