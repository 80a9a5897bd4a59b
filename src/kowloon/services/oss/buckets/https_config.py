"""The TLS versions of a bucket's host. Plain configuration, as a known deviation: this cloud's one listener speaks TLS
before it knows which bucket is meant."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements

_VERSIONS = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")


class HttpsConfig(BucketSetting, frozen=True, kw_only=True):
    """`suites`: whether strong ones are asked for, and the lists for TLS 1.2 and 1.3; None when nothing was said."""

    kind: ClassVar[str] = "oss-https-config"

    enabled: bool = False
    versions: tuple[str, ...] = ()
    suites_enabled: bool | None = None
    strong_suites: bool = False
    custom_suites: tuple[str, ...] = ()
    custom_suites_13: tuple[str, ...] = ()


oss.setting(HttpsConfig)


@oss.operation("PutBucketHttpsConfig", "bucket", "PUT", "httpsConfig", body=Body.DOCUMENT)
async def put_bucket_https_config(call: Call) -> HttpResponse:
    node = call.document("HttpsConfiguration")
    tls, suites = node.child("TLS"), node.child("CipherSuite")
    if tls is None:
        raise MALFORMED_XML.error()
    enabled, versions = truth(tls, "Enable"), _values(tls, "TLSVersion")
    for version in versions:
        if version not in _VERSIONS:
            raise invalid("TLSVersion", version)
    if enabled and not versions:
        raise MALFORMED_XML.error()
    setting = new_setting(
        call,
        HttpsConfig,
        enabled=enabled,
        versions=versions,
        suites_enabled=truth(suites, "Enable") if suites is not None else None,
        strong_suites=truth(suites, "StrongCipherSuite", False) if suites is not None else False,
        custom_suites=_values(suites, "CustomCipherSuite") if suites is not None else (),
        custom_suites_13=_values(suites, "TLS13CustomCipherSuite") if suites is not None else (),
    )
    return await keep(call, setting)


def _values(node: Node, name: str) -> tuple[str, ...]:
    return tuple(child.value.strip() for child in node.children(name) if child.value.strip())


@oss.operation("GetBucketHttpsConfig", "bucket", "GET", "httpsConfig")
def get_bucket_https_config(call: Call) -> HttpResponse:
    setting = setting_of(call, HttpsConfig, call.bucket) or new_setting(call, HttpsConfig)
    content: dict[str, Content] = {"TLS": {"Enable": setting.enabled, "TLSVersion": setting.versions}}
    if setting.suites_enabled is not None:
        content["CipherSuite"] = {
            "Enable": setting.suites_enabled,
            "StrongCipherSuite": setting.strong_suites,
            "CustomCipherSuite": setting.custom_suites,
            "TLS13CustomCipherSuite": setting.custom_suites_13,
        }
    return answers.document(document("HttpsConfiguration", elements(content)))
