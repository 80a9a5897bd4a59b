"""Requests as handlers see them."""

from __future__ import annotations

from kowloon.wire.http import FileSlice, HttpRequest, HttpResponse


def test_a_header_that_comes_twice_counts_as_it_came_first() -> None:
    headers = [("host", "http://OSS.aliyuncs.com:80"), ("x-a", "1"), ("x-a", "2"), ("x-b", "3")]
    request = HttpRequest(method="GET", target="/a?b", headers=headers)
    assert request.fields == {"host": "http://OSS.aliyuncs.com:80", "x-a": "1", "x-b": "3"}
    assert (request.header("x-a"), request.header("x-c")) == ("1", None)
    assert (request.host, request.host_header) == ("oss.aliyuncs.com", "http://OSS.aliyuncs.com:80")
    assert request.origin == "http://OSS.aliyuncs.com:80"


def test_files_count_in_the_size_of_an_answer() -> None:
    assert HttpResponse(200, b"abc", files=[FileSlice(0, 5, 10), FileSlice(0, 7, 20)]).size_bytes == 33
