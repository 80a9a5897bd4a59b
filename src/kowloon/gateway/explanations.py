"""What goes wrong between a client and this cloud, in one sentence that says what to set. It goes to the server's log:
the answers themselves are the vendor's."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from typing import Final

from kowloon.core.bus import EventBus
from kowloon.core.events import Event, RequestEvent

log = logging.getLogger("kowloon.gateway")

_KEPT: Final = 1000
_UNTRUSTED: Final = frozenset(
    {
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)
_KEYS: Final = 'use the keys of this cloud: eval "$(kowloon env)", or run the program under `kowloon run`'
_CLOCK: Final = (
    "its clock is more than 15 minutes from this machine's: set both by NTP, and a container's or virtual machine's "
    "after a sleep"
)
_BY_CODE: Final[Mapping[str, str]] = {
    "InvalidTimeStamp.Expired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "InvalidAccessKeyId.NotFound": _KEYS,
    "InvalidAccessKeyId": _KEYS,
    "InvalidSecurityToken.Expired": "its temporary keys have ended: fetch new ones from STS or the metadata service",
    "MissingSecurityToken": "a key that begins with STS. needs its token: set ALIBABA_CLOUD_SECURITY_TOKEN as well",
}


class Explanations:
    """Says each thing once to each caller."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def listen(self, bus: EventBus) -> None:
        bus.subscribe(self._on_event, RequestEvent)

    def host_refused(self, host: str) -> None:
        self._say("host", host, "a request for %s was refused: %s", host[:255] or "nowhere", why_host_refused(host))

    def tls_failed(self, peer: str, problem: ssl.SSLError) -> None:
        reason = problem.reason or ""
        if reason in _UNTRUSTED:
            why = (
                "it does not trust this cloud's authority: set the CA variable of its family (kowloon env --for FAMILY "
                "prints it), or run it under `kowloon run`"
            )
        elif reason == "SSLV3_ALERT_CERTIFICATE_EXPIRED":
            why = f"it finds the certificate outside its time: {_CLOCK}"
        else:
            return
        self._say(reason, peer, "a TLS client at %s left: %s", peer, why)

    def no_tls(self, peer: str) -> None:
        self._say(
            "no-tls",
            peer,
            "a client at %s speaks TLS to a cloud without certificates: use http, or give the cloud a home folder",
            peer,
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestEvent) and event.code in _BY_CODE:
            self._say(
                event.code,
                event.source,
                "%s to a client at %s: %s",
                event.code,
                event.source,
                _BY_CODE[event.code],
            )

    def _say(self, kind: str, who: str, sentence: str, *values: str) -> None:
        if (kind, who) in self._said or len(self._said) >= _KEPT:
            return
        self._said.add((kind, who))
        log.warning(sentence, *values)


def why_host_refused(host: str) -> str:
    return (
        f"Kowloon does not serve {host[:255]!r} and forwards nothing; point the client at this cloud's "
        "endpoint (kowloon env) or at a name under aliyuncs.com or dingtalk.com, and keep other programs out of its "
        "proxy variables (NO_PROXY)."
    )
