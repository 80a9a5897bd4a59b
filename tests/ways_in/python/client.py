"""One way in with the official Python clients: `python client.py tea|core`. Prints one JSON report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

VERSION = "2016-04-28"
KEY_ID = os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"]
KEY_SECRET = os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
REGION = os.environ["ALIBABA_CLOUD_REGION_ID"]
SCHEME = urlsplit(os.environ["KOWLOON_URL"]).scheme
# An official name when a proxy leads here.
HOST = os.environ.get("WAYS_IN_HOST") or os.environ["KOWLOON_ENDPOINT"]

Call = Callable[[str, str, dict[str, str]], Any]


class Refused(Exception):
    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(code, message, status)
        self.report = {"code": code, "message": message, "status": status}


def tea() -> Call:
    from alibabacloud_tea_openapi.client import Client
    from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
    from alibabacloud_tea_util.models import RuntimeOptions
    from Tea.exceptions import TeaException

    config = Config(
        access_key_id=KEY_ID, access_key_secret=KEY_SECRET, region_id=REGION, endpoint=HOST, protocol=SCHEME
    )
    config.ca = os.environ.get("WAYS_IN_CA")
    client = Client(config)

    def call(action: str, method: str, parameters: dict[str, str]) -> Any:
        params = Params(
            action=action,
            version=VERSION,
            protocol=SCHEME,
            pathname="/",
            method=method,
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        runtime = RuntimeOptions(connect_timeout=5000, read_timeout=15000)
        try:
            return client.call_api(params, OpenApiRequest(query=parameters), runtime)["body"]
        except TeaException as error:
            raise Refused(error.code, error.message, error.statusCode) from error

    return call


def core() -> Call:
    from aliyunsdkcore.acs_exception.exceptions import ServerException
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.http import protocol_type
    from aliyunsdkcore.request import CommonRequest

    client = AcsClient(KEY_ID, KEY_SECRET, REGION)

    def call(action: str, method: str, parameters: dict[str, str]) -> Any:
        request = CommonRequest(domain=HOST, version=VERSION, action_name=action)
        request.set_method(method)
        # It compares with `is`: an equal string that is another object would go over plain http.
        request.set_protocol_type(protocol_type.HTTPS if SCHEME == "https" else protocol_type.HTTP)
        for name, value in parameters.items():
            request.add_query_param(name, value)
        try:
            return json.loads(client.do_action_with_exception(request))
        except ServerException as error:
            raise Refused(error.get_error_code(), error.get_error_msg(), error.get_http_status()) from error

    return call


def main(call: Call) -> dict[str, Any]:
    regions = call("DescribeRegions", "POST", {})
    tag = {"Tag.1.Key": "way in", "Tag.1.Value": os.environ["WAYS_IN_TAG"]}
    network = {"RegionId": REGION, "CidrBlock": "10.0.0.0/8", "VpcName": os.environ["WAYS_IN_NAME"]}
    made = call("CreateVpc", "POST", {**network, **tag})
    seen = call("DescribeVpcs", "GET", {"RegionId": REGION, "VpcId": made["VpcId"]})["Vpcs"]["Vpc"][0]
    error: dict[str, Any] = {}
    try:
        call("DeleteVpc", "POST", {"RegionId": REGION, "VpcId": "vpc-missing"})
    except Refused as refused:
        error = refused.report
    return {
        "regions": [each["RegionId"] for each in regions["Regions"]["Region"]],
        "vpc": made["VpcId"],
        "name": seen["VpcName"],
        "tag": seen["Tags"]["Tag"][0]["Value"],
        "error": error,
    }


if __name__ == "__main__":
    print(json.dumps(main({"tea": tea, "core": core}[sys.argv[1]]())))
