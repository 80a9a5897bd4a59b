"""Mail and webhooks: what pages go out by beside the messenger. Both dial through the guarded way out."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage

import msgspec

from kowloon.actions.paging import NotDelivered, Outgoing
from kowloon.core.config import MailServer
from kowloon.duty.organisation import ChannelKind
from kowloon.engines.dialler import DialError, Dialler, check_url

_TIMEOUT_S = 10.0
_MOST_ANSWER_BYTES = 64 * 1024
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class WebhookPager:
    """POST of JSON. The same message has the same `Idempotency-Key`; any 2xx answer is taken as delivered."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler

    async def send(self, address: str, message: Outgoing) -> None:
        body = msgspec.json.encode(message)
        headers = {"content-type": "application/json", "idempotency-key": message.id}
        try:
            reply = await self._dialler.post(
                address, headers, body, timeout_s=_TIMEOUT_S, most_bytes=_MOST_ANSWER_BYTES
            )
        except (DialError, ValueError) as problem:
            raise NotDelivered(str(problem)) from None
        if not 200 <= reply.status < 300:
            raise NotDelivered(f"it answered {reply.status}")


class MailPager:
    """SMTP. The same message has the same Message-ID."""

    def __init__(self, dialler: Dialler, server: MailServer | None) -> None:
        self._dialler = dialler
        self._server = server

    async def send(self, address: str, message: Outgoing) -> None:
        if self._server is None:
            raise NotDelivered("this cloud has no mail server; start it with --mail-server HOST:PORT")
        import aiosmtplib

        try:
            host = await self._dialler.resolve(self._server.host, self._server.port)
            await aiosmtplib.send(
                _mail(self._server.sender, address, message),
                hostname=host,
                port=self._server.port,
                timeout=_TIMEOUT_S,
                start_tls=False,
            )
        except (DialError, ValueError, OSError, aiosmtplib.SMTPException) as problem:
            raise NotDelivered(str(problem) or type(problem).__name__) from None


def check_address(channel: ChannelKind, address: str) -> None:
    """ValueError: nothing can ever go there by that channel."""
    if channel == "webhook":
        try:
            check_url(address)
        except ValueError as problem:
            raise ValueError(f"{address!r} is {problem}") from None
    elif channel == "email":
        if not _MAIL_ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is no mail address")
    elif not address.strip():
        raise ValueError("a group of the messenger has a name")


def _mail(sender: str, address: str, message: Outgoing) -> EmailMessage:
    """ValueError: the address is none."""
    check_address("email", address)
    mail = EmailMessage()
    mail["From"] = Address("Kowloon duty", addr_spec=sender)
    mail["To"] = address
    mail["Subject"] = " ".join(message.title.split())
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    if message.urgent:
        mail["X-Priority"] = "1"
    mail.set_content(message.text)
    return mail
