"""unittest: `self.kowloon` is a cloud with nothing in it. `python -m unittest`."""

import unittest

from alibabacloud_vpc20160428 import models

from kowloon.testing import CloudTestCase


class Networks(CloudTestCase):
    # Clients that use `requests`, as all of the vendor's do, need no sockets.
    kowloon_sockets = False

    def setUp(self) -> None:
        super().setUp()
        self.client = self.kowloon.client("vpc20160428", region="cn-hongkong")

    def networks(self) -> list[str]:
        answer = self.client.describe_vpcs(models.DescribeVpcsRequest(region_id="cn-hongkong"))
        return [vpc.vpc_name for vpc in answer.body.vpcs.vpc]

    def test_a_network_is_listed(self) -> None:
        request = models.CreateVpcRequest(region_id="cn-hongkong", vpc_name="first", cidr_block="10.0.0.0/8")
        self.client.create_vpc(request)
        self.assertEqual(self.networks(), ["first"])

    def test_every_test_begins_with_nothing(self) -> None:
        self.assertEqual(self.networks(), [])


if __name__ == "__main__":
    unittest.main()
