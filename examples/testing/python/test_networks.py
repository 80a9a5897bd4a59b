"""pytest: the plugin comes with kowloon, and its fixture is a cloud with nothing in it. `pytest`, or `pytest -n 4`."""

from alibabacloud_vpc20160428 import models

from kowloon.testing import LocalCloud, assert_denied


def networks(client) -> list[str]:
    answer = client.describe_vpcs(models.DescribeVpcsRequest(region_id="cn-hongkong"))
    return [vpc.vpc_name for vpc in answer.body.vpcs.vpc]


def make_network(client, name: str) -> None:
    client.create_vpc(models.CreateVpcRequest(region_id="cn-hongkong", vpc_name=name, cidr_block="10.0.0.0/8"))


def test_a_network_is_listed(kowloon: LocalCloud) -> None:
    client = kowloon.client("vpc20160428")
    make_network(client, "first")
    assert networks(client) == ["first"]


def test_every_test_begins_with_nothing(kowloon: LocalCloud) -> None:
    assert networks(kowloon.client("vpc20160428")) == []


def test_who_may_only_look_is_denied(kowloon: LocalCloud) -> None:
    reader = kowloon.as_role("reader", allow=["vpc:Describe*"]).client("vpc20160428")
    assert networks(reader) == []
    with assert_denied(kowloon, "Forbidden.RAM", policy="none"):
        make_network(reader, "second")


def test_the_other_zone_goes_on(kowloon: LocalCloud) -> None:
    bucket = kowloon.administrator.bucket("letters")
    bucket.create_bucket()
    with kowloon.zone_down("cn-hongkong-b"):
        bucket.put_object("hello.txt", "Hello")
    assert bucket.get_object("hello.txt").read() == b"Hello"
