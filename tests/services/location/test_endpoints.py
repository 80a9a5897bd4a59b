"""Location as the older client asks it, and what it tells by which name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.endpoint.location.DescribeEndpointsRequest import DescribeEndpointsRequest
from aliyunsdkcore.endpoint.location_service_endpoint_resolver import LocationServiceEndpointResolver
from aliyunsdkcore.endpoint.resolver_endpoint_request import ResolveEndpointRequest
from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest

from kowloon.core.config import Settings
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.core.parts import Caller, paper_cloud
from tests.services.parts import Customer
from tests.services.ram.rights import Rights

VERSION = "2015-06-12"
LOCATION = "location-readonly.aliyuncs.com"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The resolver asks by https."""
    home: Path = tmp_path_factory.mktemp("location")
    with LocalCloud(Settings(engine="paper", port=0, home=home)) as cloud:
        yield cloud


def _client(cloud: LocalCloud, **keys: str) -> AcsClient:
    key = {"access_key_id": cloud.access_key_id, "access_key_secret": cloud.access_key_secret, **keys}
    client = AcsClient(key["access_key_id"], key["access_key_secret"], REGION)
    client.set_verify(False)
    return client


def _resolver(client: AcsClient, cloud: LocalCloud) -> LocationServiceEndpointResolver:
    resolver = LocationServiceEndpointResolver(client)
    resolver.set_location_service_endpoint(cloud.endpoint)
    return resolver


def _wanted(product: str, region: str = REGION, service: str = "", type: str = "") -> ResolveEndpointRequest:
    return ResolveEndpointRequest(region, product, service or product.lower(), type)


@pytest.mark.filterwarnings("ignore")
def test_the_older_clients_own_resolver_comes_back_here(secure: LocalCloud) -> None:
    client = _client(secure)
    resolver = _resolver(client, secure)
    for product in ("Ecs", "Vpc", "Slb", "Rds", "Oss", "Ram", "Sts", "Cms"):
        assert resolver.resolve(_wanted(product)) == secure.endpoint
        assert resolver.is_product_code_valid(_wanted(product))
    # What it was told is where its next call goes.
    client._endpoint_resolver = resolver
    request = DescribeRegionsRequest()
    request.set_protocol_type("https")
    assert b'"cn-hongkong"' in client.do_action_with_exception(request)


@pytest.mark.filterwarnings("ignore")
def test_the_resolver_knows_the_refusals(secure: LocalCloud) -> None:
    resolver = _resolver(_client(secure), secure)
    moon = _wanted("Ecs", "moon-1")
    assert resolver.resolve(moon) is None
    assert resolver._invalid_region_ids == {"moon-1"}
    unknown = _wanted("Nosuch")
    assert resolver.resolve(unknown) is None
    assert not resolver.is_product_code_valid(unknown)
    # Known, but with no endpoint of that type.
    inner = _wanted("Ecs", type="innerAPI")
    assert resolver.resolve(inner) is None
    assert resolver.is_product_code_valid(inner)


@pytest.mark.filterwarnings("ignore")
def test_everyone_may_ask(secure: LocalCloud) -> None:
    user = Rights(Customer(secure)).user()
    resolver = _resolver(_client(secure, **user.config), secure)
    assert resolver.resolve(_wanted("Ecs")) == secure.endpoint


def _ask(cloud: LocalCloud, **fields: str) -> Any:
    request = DescribeEndpointsRequest()
    request.endpoint = cloud.endpoint
    request.set_protocol_type("http")
    for name, value in fields.items():
        request.add_query_param(name, value)
    return _client(cloud).do_action_with_exception(request)


@pytest.mark.parametrize(
    ("fields", "code", "message", "status"),
    [
        ({"Id": "moon-1", "ServiceCode": "ecs"}, "InvalidRegionId", "The specified region does not exist.", 400),
        ({"Id": REGION, "ServiceCode": "nosuch"}, "Illegal Parameter", "Please check the parameters", 400),
        ({"Id": REGION}, "MissingServiceCode", "ServiceCode is mandatory for this action.", 400),
        ({"ServiceCode": "ecs"}, "MissingId", "Id is mandatory for this action.", 400),
    ],
)
def test_what_is_refused(
    shared_cloud: LocalCloud, fields: dict[str, str], code: str, message: str, status: int
) -> None:
    with pytest.raises(ServerException) as caught:
        _ask(shared_cloud, **fields)
    error = caught.value
    assert (error.get_error_code(), error.get_http_status()) == (code, status)
    assert error.get_error_msg() == message


# By which name it is asked --------------------------------------------------------------------------------------------


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


async def _told(caller: Caller, service: str, host: str, region: str = REGION) -> SimpleNamespace:
    answer = await caller.ask("DescribeEndpoints", Version=VERSION, Id=region, ServiceCode=service, host=host)
    assert answer["Success"] is True
    (item,) = answer["Endpoints"]["Endpoint"]
    return SimpleNamespace(**item)


async def test_an_answer_is_shaped_as_the_vendors(caller: Caller) -> None:
    found = await _told(caller, "ecs", LOCATION, "cn-hangzhou")
    assert vars(found) == {
        "Id": "cn-hangzhou",
        "SerivceCode": "ecs",
        "Type": "openAPI",
        "Namespace": "",
        "Endpoint": "ecs-cn-hangzhou.aliyuncs.com",
        "Protocols": {"Protocols": ["HTTP", "HTTPS"]},
    }


@pytest.mark.parametrize(
    ("service", "endpoint"),
    [
        ("ecs", "ecs.cn-hongkong.aliyuncs.com"),
        ("Vpc", "vpc.cn-hongkong.aliyuncs.com"),
        ("oss", "oss-cn-hongkong.aliyuncs.com"),
        ("ram", "ram.aliyuncs.com"),
        ("location", "location.aliyuncs.com"),
        ("cms", "cms.cn-hongkong.aliyuncs.com"),
    ],
)
async def test_an_official_name_is_told_official_names(caller: Caller, service: str, endpoint: str) -> None:
    for host in (LOCATION, "LOCATION.aliyuncs.com:443", ""):
        assert (await _told(caller, service, host)).Endpoint == endpoint


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8520", "[::1]:8520", "localhost:80", "location.localhost:8520", "127.0.0.1"]
)
async def test_an_address_of_this_cloud_is_told_itself(caller: Caller, host: str) -> None:
    assert (await _told(caller, "ecs", host)).Endpoint == host
    assert (await _told(caller, "ram", f"http://{host}")).Endpoint == host


async def test_the_other_actions_are_not_built(caller: Caller) -> None:
    assert await caller.refused("DescribeServices", Version=VERSION) == (
        501,
        "NotBuiltInKowloon",
        "Location 2015-06-12 DescribeServices is a real action of the vendor that Kowloon has not built yet; "
        "GET /_kowloon/coverage lists what is built.",
    )
