"""A bucket at a glance, its figures, and the small settings: tags, groups, payment, acceleration, TLS; regions."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from alibabacloud_resourcemanager20200331.models import CreateResourceGroupRequest
from oss2.models import BucketTlsVersion, Tagging, TaggingRule

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from kowloon.store.resources import default_group_id
from tests.services.oss.callers import Anyone, same, stranger, told
from tests.services.oss.parts import Owner, refused, refused_v2

NOT_YOURS = (403, "AccessDenied", "The bucket you access does not belong to you.")


def test_everything_that_clients_read_about_a_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    info = bucket.get_bucket_info()
    assert (info.name, info.location, info.storage_class) == (bucket.bucket_name, "oss-cn-hongkong", "Standard")
    assert info.extranet_endpoint == "oss-cn-hongkong.aliyuncs.com"
    assert info.intranet_endpoint == "oss-cn-hongkong-internal.aliyuncs.com"
    assert (info.owner.id, info.acl.grant) == (owner.cloud.account_id, "private")
    assert (info.data_redundancy_type, info.versioning_status, info.comment) == ("LRS", None, "")
    assert (info.access_monitor, info.transfer_acceleration) == ("Disabled", "Disabled")
    assert (info.cross_region_replication, info.resource_group_id) == (
        "Disabled",
        default_group_id(owner.cloud.account_id),
    )
    assert info.bucket_encryption_rule.sse_algorithm is None
    assert info.creation_date.endswith(".000Z")
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    bucket.put_bucket_transfer_acceleration("true")
    group = _group(owner, "at-a-glance")
    bucket.put_bucket_resource_group(group)
    bucket.put_bucket_acl("public-read")
    shown = owner.v2().get_bucket_info(oss_v2.GetBucketInfoRequest(bucket=bucket.bucket_name)).bucket_info
    assert (shown.versioning, shown.transfer_acceleration, shown.acl) == ("Enabled", "Enabled", "public-read")
    assert (shown.resource_group_id, shown.block_public_access) == (group, False)
    refused(same(bucket, stranger(owner)).get_bucket_info, *NOT_YOURS)


def test_the_figures_of_a_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    empty = bucket.get_bucket_stat()
    assert (empty.storage_size_in_bytes, empty.object_count, empty.multi_part_upload_count) == (0, 0, 0)
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    bucket.put_object("a", b"x" * 10)
    bucket.put_object("a", b"x" * 20)
    bucket.put_object("b", b"x" * 30, headers={"x-oss-storage-class": "IA"})
    bucket.delete_object("b")
    upload = bucket.init_multipart_upload("c").upload_id
    bucket.upload_part("c", upload, 1, b"x" * 40)
    stat = bucket.get_bucket_stat()
    assert (stat.storage_size_in_bytes, stat.object_count) == (100, 3)
    assert (stat.multi_part_upload_count, stat.multipart_part_count, stat.delete_marker_count) == (1, 1, 1)
    assert (stat.standard_storage, stat.standard_object_count) == (30, 2)
    assert (stat.infrequent_access_storage, stat.infrequent_access_real_storage) == (64 * 1024, 30)
    assert stat.infrequent_access_object_count == 1
    refused(same(bucket, stranger(owner)).get_bucket_stat, *NOT_YOURS)


def test_figures_need_the_zone_and_the_glance_does_not(alone: Owner) -> None:
    bucket = alone.bucket()
    storage = alone.cloud.cloud.storage
    zone = alone.cloud.call(lambda: alone.cloud.cloud.store.list(Bucket)[0].zones[0])
    alone.cloud.call(lambda: storage.set_mode(zone, ZoneMode.STOPPED))
    refused(bucket.get_bucket_stat, 503, "ServiceUnavailable", "The service is unavailable. Please try again later.")
    assert bucket.get_bucket_info().name == bucket.bucket_name
    bucket.put_bucket_acl("public-read")
    assert bucket.get_bucket_acl().acl == "public-read"


def _tagging(**tags: str) -> Tagging:
    rule = TaggingRule()
    rule.tagging_rule.update(tags)
    return Tagging(rule)


def test_tags_of_a_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {}
    bucket.put_bucket_tagging(_tagging(team="red", stage="test"))
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {"team": "red", "stage": "test"}
    listed = owner.service().list_buckets(params={"tag-key": "team", "tag-value": "red"}).buckets
    assert [found.name for found in listed] == [bucket.bucket_name]
    bucket.delete_bucket_tagging(params={"tagging": "stage"})
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {"team": "red"}
    bucket.delete_bucket_tagging()
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {}
    refused(same(bucket, stranger(owner)).get_bucket_tagging, *NOT_YOURS)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"": "x"}, "The TagKey you have provided is invalid."),
        ({"k" * 65: "x"}, "The TagKey you have provided is invalid."),
        ({"http://a": "x"}, "The TagKey you have provided is invalid."),
        ({"k": "v" * 129}, "The TagValue you have provided is invalid."),
        ({str(number): "x" for number in range(21)}, "The number of tags cannot be greater than 20."),
    ],
)
def test_tags_that_no_bucket_can_have(bucket: oss2.Bucket, tags: dict[str, str], message: str) -> None:
    refused(lambda: bucket.put_bucket_tagging(_tagging(**tags)), 400, "InvalidTag", message)


def _group(owner: Owner, name: str) -> str:
    request = CreateResourceGroupRequest(name=name, display_name=name)
    client = owner.cloud.client("resourcemanager20200331")
    return str(client.create_resource_group(request).body.resource_group.id)


def test_the_group_of_a_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    default = default_group_id(owner.cloud.account_id)
    assert bucket.get_bucket_resource_group().resource_group_id == default
    group = _group(owner, "team")
    bucket.put_bucket_resource_group(group)
    assert bucket.get_bucket_resource_group().resource_group_id == group
    headers = {"x-oss-resource-group-id": group}
    assert [each.name for each in owner.service().list_buckets(headers=headers).buckets] == [bucket.bucket_name]
    for wrong in ("../x", "rg-nobodys"):
        refused(
            lambda id=wrong: bucket.put_bucket_resource_group(id),
            400,
            "InvalidArgument",
            "The value of ResourceGroupId",
        )
    bucket.put_bucket_resource_group(default)
    assert bucket.get_bucket_resource_group().resource_group_id == default


def test_where_the_requester_pays_strangers_say_so(owner: Owner, bucket: oss2.Bucket) -> None:
    assert bucket.get_bucket_request_payment().payer == "BucketOwner"
    refused(lambda: bucket.put_bucket_request_payment("Nobody"), 400, "MalformedXML", "not well-formed")
    bucket.put_bucket_request_payment("Requester")
    assert bucket.get_bucket_request_payment().payer == "Requester"
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    theirs = same(bucket, stranger(owner))
    denied = (403, "AccessDenied", "Access denied for requester pay bucket")
    details = refused(lambda: theirs.get_object("a"), *denied)
    assert details["EC"] == "0003-00000702"
    paid = theirs.get_object("a", headers={"x-oss-request-payer": "requester"})
    assert (paid.read(), paid.headers["x-oss-request-charged"]) == (b"1", "requester")
    url = theirs.sign_url("GET", "a", 60, params={"x-oss-request-payer": "requester"})
    assert httpx.get(url).content == b"1"
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/a")) == denied
    assert bucket.get_object("a").read() == b"1"
    bucket.put_bucket_request_payment("BucketOwner")
    assert Anyone(owner).get(f"/{bucket.bucket_name}/a").content == b"1"


def test_acceleration_opens_its_endpoint(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    fast = Anyone(owner, f"{bucket.bucket_name}.oss-accelerate.aliyuncs.com")
    disabled = (403, "TransferAccelerationDisabled", "Transfer acceleration is disabled.")
    assert told(fast.get("/a")) == disabled
    refused(
        bucket.get_bucket_transfer_acceleration,
        404,
        "NoSuchTransferAccelerationConfiguration",
        "The specified bucket does not have a transfer acceleration",
    )
    bucket.put_bucket_transfer_acceleration("true")
    assert bucket.get_bucket_transfer_acceleration().enabled == "true"
    assert fast.get("/a").content == b"1"
    bucket.put_bucket_transfer_acceleration("False")
    assert told(fast.get("/a")) == disabled
    refused(lambda: bucket.put_bucket_transfer_acceleration("perhaps"), 400, "MalformedXML", "not well-formed")


def test_tls_versions_are_kept(owner: Owner, bucket: oss2.Bucket) -> None:
    assert bucket.get_bucket_https_config().tls_enabled is False
    bucket.put_bucket_https_config(BucketTlsVersion(True, ["TLSv1.2", "TLSv1.3"]))
    shown = bucket.get_bucket_https_config()
    assert (shown.tls_enabled, shown.tls_version) == (True, ["TLSv1.2", "TLSv1.3"])
    config = oss_v2.HttpsConfiguration(
        tls=oss_v2.TLS(enable=True, tls_versions=["TLSv1.2"]),
        cipher_suite=oss_v2.CipherSuite(enable=True, strong_cipher_suite=False, custom_cipher_suites=["ECDHE-X"]),
    )
    client, name = owner.v2(), bucket.bucket_name
    client.put_bucket_https_config(oss_v2.PutBucketHttpsConfigRequest(bucket=name, https_configuration=config))
    told_config = client.get_bucket_https_config(oss_v2.GetBucketHttpsConfigRequest(bucket=name)).https_configuration
    assert told_config.cipher_suite.custom_cipher_suites == ["ECDHE-X"]
    refused(
        lambda: bucket.put_bucket_https_config(BucketTlsVersion(True, ["SSLv3"])), 400, "InvalidArgument", "TLSVersion"
    )
    refused(lambda: bucket.put_bucket_https_config(BucketTlsVersion(True, [])), 400, "MalformedXML", "not well-formed")


def test_regions_and_their_endpoints(owner: Owner) -> None:
    regions = {region.region: region for region in owner.service().describe_regions().regions}
    assert regions["oss-cn-hongkong"].internet_endpoint == "oss-cn-hongkong.aliyuncs.com"
    assert regions["oss-cn-hongkong"].internal_endpoint == "oss-cn-hongkong-internal.aliyuncs.com"
    one = owner.v2().describe_regions(oss_v2.DescribeRegionsRequest(regions="oss-cn-hangzhou"))
    assert [region.region for region in one.region_info] == ["oss-cn-hangzhou"]
    refused_v2(
        lambda: owner.v2().describe_regions(oss_v2.DescribeRegionsRequest(regions="oss-moon")),
        404,
        "NoSuchRegion",
        "The specified region does not exist.",
    )
