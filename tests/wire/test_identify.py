from __future__ import annotations

import pytest

from kowloon.wire.http import HttpRequest
from kowloon.wire.identify import Call, Format, Style, recognise
from kowloon.wire.parameters import request_parameters


def call(target: str, host: str = "ecs.aliyuncs.com", method: str = "GET", **headers: str) -> Call:
    sent = [("host", host), *((name.replace("_", "-"), value) for name, value in headers.items())]
    request = HttpRequest(method=method, target=target, headers=sent)
    return recognise(request, request_parameters(request))


def test_parameters_win_over_headers() -> None:
    found = call("/?Action=A&Version=1", x_acs_action="B", x_acs_version="2")
    assert (found.action, found.version) == ("A", "1")
    assert call("/", x_acs_action="B", x_acs_version="2") == Call(Style.RPC, "B", "2", Format.JSON)


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/?Action=A&Signature=x&AccessKeyId=k", {}, Format.XML),
        ("/?Action=A", {}, Format.XML),
        ("/?Action=A&Format=xml", {}, Format.XML),
        ("/?Action=A&Format=json", {}, Format.JSON),
        ("/?Action=A&Format=None", {}, Format.JSON),
        ("/?Action=A&Format=", {}, Format.JSON),
        ("/?Action=A", {"authorization": "ACS3-HMAC-SHA256 x"}, Format.JSON),
        ("/?Format=XML", {"authorization": "ACS3-HMAC-SHA256 x"}, Format.XML),
        ("/", {"x_acs_action": "A"}, Format.JSON),
    ],
)
def test_answer_format(target: str, headers: dict[str, str], expected: Format) -> None:
    assert call(target, **headers).format is expected


@pytest.mark.parametrize(
    ("target", "host", "headers", "expected"),
    [
        ("/latest/meta-data/", "100.100.100.200", {}, Style.METADATA),
        ("/clusters", "cs.aliyuncs.com", {"authorization": "acs a:b"}, Style.ROA),
        ("/clusters", "cs.aliyuncs.com", {"x_acs_version": "2015-12-15"}, Style.ROA),
        ("/", "cs.aliyuncs.com", {"authorization": "ACS3-HMAC-SHA256 x"}, Style.RPC),
        ("/k?Action=A", "b.oss-cn-hangzhou.aliyuncs.com", {"authorization": "OSS a:b"}, Style.OSS),
        ("/k?Action=A", "b.oss-cn-hangzhou.aliyuncs.com", {}, Style.OSS),
        ("/?Action=A&Version=1", "b.oss-cn-hangzhou.aliyuncs.com", {}, Style.RPC),
        ("/k?OSSAccessKeyId=a&Signature=b&Expires=1", "127.0.0.1", {}, Style.OSS),
        ("/k?x-oss-credential=a", "127.0.0.1", {}, Style.OSS),
        ("/", "p.cn-hangzhou.log.aliyuncs.com", {}, Style.SLS),
        ("/", "1.mns.cn-hangzhou.aliyuncs.com", {}, Style.MNS),
        ("/ListTable", "i.cn-hangzhou.ots.aliyuncs.com", {}, Style.OTS),
        ("/2016-08-15/services", "x", {"authorization": "FC a:b"}, Style.FC),
        ("/", "127.0.0.1", {}, Style.UNKNOWN),
        ("/", "127.0.0.1", {"authorization": "Basic eA=="}, Style.UNKNOWN),
    ],
)
def test_style(target: str, host: str, headers: dict[str, str], expected: Style) -> None:
    assert call(target, host, **headers).style is expected
