"""A bucket as a website: anonymous reads on the bucket's own host get index pages, redirects and error pages.

Signed calls, and those that name the bucket in their path, are the API's and see nothing of this.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from kowloon.core.errors import ApiError
from kowloon.services.oss import answers
from kowloon.services.oss.access import access
from kowloon.services.oss.buckets.setting_errors import MIRRORING_NOT_BUILT
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import NO_SUCH_KEY
from kowloon.services.oss.objects.reading import check_readable, filled, followed
from kowloon.services.oss.product import Answer, oss
from kowloon.services.oss.sites.website import SUB_INDEX, SUB_REDIRECT, RoutingRule, Website
from kowloon.services.oss.space import Stored
from kowloon.wire.http import HttpResponse

_READS: Final = ("GetObject", "HeadObject")


class Instead(Exception):
    """What a rule answers, whatever the object is."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def direct(call: Call) -> None:
    """Before anything is decided about the key: index pages and rules that ask for no error. The key that is served
    is the key that access is decided on."""
    if not call.anonymous or call.address.style == "path" or call.found is None:
        return
    site = call.parts.store.get(Website, call.found.id)
    if site is None:
        return
    if call.operation.name == "ListObjects" and not call.query:
        if not site.index:
            return
        call.operation = oss.find("object", "GET", {}, {}) or call.operation
        _serve_key(call, site.index)
    elif call.operation.name not in _READS or call.query.keys() & {"versionId", "x-oss-process"}:
        return
    elif site.index and call.key.endswith("/"):
        _serve_key(call, call.key + site.index if site.sub_dirs else site.index)
    call.site = site
    rule = _matching(call, site, 0)
    if rule is not None:
        _follow(call, rule)


def instead(call: Call, problem: BaseException) -> Answer | None:
    """Another answer than the failure: by a rule for its status, an index page of the folder, or the error page."""
    if isinstance(problem, Instead):
        return problem.response
    site = call.site
    if site is None or not isinstance(problem, ApiError):
        return None
    rule = _matching(call, site, problem.status)
    try:
        if rule is not None:
            _follow(call, rule)
            access.authorise(call)
            return call.operation.handler(call)
        return _page_instead(call, site, problem)
    except Instead as other:
        return other.response


def _page_instead(call: Call, site: Website, problem: ApiError) -> Answer | None:
    if problem.code != NO_SUCH_KEY.code:
        return None
    if site.index and site.sub_dirs and site.sub_type in (SUB_REDIRECT, SUB_INDEX):
        page = f"{call.key}/{site.index}"
        if _is_there(call, page):
            if site.sub_type == SUB_INDEX:
                return _page(call, page, 200)
            return HttpResponse(302, headers=[("Location", f"{quote('/' + call.key, safe='/~')}/")])
    if site.error_key and _is_there(call, site.error_key):
        return _page(call, site.error_key, site.error_status)
    return None


def _serve_key(call: Call, key: str) -> None:
    call.address = call.address.with_key(key)


def _stored(call: Call, key: str) -> Stored | None:
    stored = call.space.current(key)
    return None if stored is None or stored.meta.marker else stored


def _is_there(call: Call, key: str) -> bool:
    """There, and for the caller to read: a page that may not be read is not told of."""
    stored = _stored(call, key)
    if stored is None or call.found is None:
        return False
    try:
        access.check(call, "GetObject", call.found, key, "read")
    except ApiError:
        return False
    return True


def _page(call: Call, key: str, status: int) -> HttpResponse:
    stored = _stored(call, key)
    assert stored is not None
    stored = followed(call, stored)
    check_readable(call, stored.meta, key)
    size_bytes = stored.meta.size_bytes
    headers = [*answers.described(stored.meta), ("Content-Length", str(size_bytes))]
    response = HttpResponse(status, headers=headers)
    if call.request.method == "HEAD":
        return response
    return filled(call, response, stored, 0, size_bytes)


# Rules ----------------------------------------------------------------------------------------------------------------


def _matching(call: Call, site: Website, status: int) -> RoutingRule | None:
    for rule in site.rules:
        if (
            rule.error == status
            and call.key.startswith(rule.prefix)
            and call.key.endswith(rule.suffix)
            and all(call.headers.get(name) == value for name, value in rule.headers)
        ):
            return rule
    return None


def _follow(call: Call, rule: RoutingRule) -> None:
    """Go to another key of the bucket, or raise Instead with a redirect."""
    said = rule.redirect
    kind = said["RedirectType"]
    if kind == "Mirror":
        raise MIRRORING_NOT_BUILT.error()
    key = _replaced(call.key, rule)
    if kind == "Internal":
        _serve_key(call, key)
        # Once is enough: rules that lead to each other would never end.
        call.site = None
        return
    # Without a host of its own a rule leads to the host that was asked.
    scheme = said.get("Protocol", call.request.scheme)
    location = f"{scheme}://{said.get('HostName', call.request.host_header)}/{quote(key, safe='/~')}"
    if said.get("PassQueryString") == "true" and call.request.query:
        location += f"?{call.request.query}"
    raise Instead(HttpResponse(int(said.get("HttpRedirectCode", "302")), headers=[("Location", location)]))


def _replaced(key: str, rule: RoutingRule) -> str:
    said = rule.redirect
    if "ReplaceKeyWith" in said:
        return said["ReplaceKeyWith"].replace("${key}", key)
    if said.get("EnableReplacePrefix") == "true" or "ReplaceKeyPrefixWith" in said:
        return said.get("ReplaceKeyPrefixWith", "").replace("${key}", key) + key.removeprefix(rule.prefix)
    return key
