"""The credential report: every user's password, MFA device and keys, one line of CSV each."""

from __future__ import annotations

import base64
import csv
import io
from typing import Final

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import REPORT_NOT_FOUND
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.ims.resources import CredentialReport
from kowloon.services.ram.logic import keys, login_names, passwords, settings
from kowloon.store.identity import LoginProfile, MfaDevice, StoredKey, User

# Within this time the report that is there is good enough.
_FRESH_S: Final = 4 * 3600
_MOST_LINES: Final = 3501
_NONE: Final = "N/A"
_USER_KEYS: Final = ("access_key_1", "access_key_2")
_ROOT_KEYS: Final = tuple(
    f"additional_access_key_{number}" for number in range(1, quotas.KEYS_PER_ACCOUNT - quotas.KEYS_PER_USER + 1)
)
_COLUMNS: Final = (
    "user",
    "user_creation_time",
    "user_last_logon",
    "password_exist",
    "password_active",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(
        f"{key}_{part}"
        for key in (*_USER_KEYS, *_ROOT_KEYS)
        for part in ("exist", "active", "last_rotated", "last_used")
    ),
)


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _keys(ctx: Context, found: list[StoredKey]) -> list[str]:
    cells: list[str] = []
    for place in range(len(_USER_KEYS) + len(_ROOT_KEYS)):
        if place >= len(found):
            cells += ["FALSE", _NONE, _NONE, _NONE]
            continue
        key = found[place]
        use = keys.last_use(ctx, key)
        cells += ["TRUE", _flag(key.active), iso_seconds(key.created_at), iso_seconds(use.used_at) if use else _NONE]
    return cells


def _password(ctx: Context, user: User) -> list[str]:
    profile = ctx.tx.get(LoginProfile, user.user_id)
    if profile is None:
        return ["FALSE", _NONE, _NONE, _NONE]
    expires = passwords.expires_at(profile, settings.password_policy(ctx))
    return [
        "TRUE",
        _flag(profile.active and (expires is None or expires > ctx.now)),
        iso_seconds(profile.changed_at),
        iso_seconds(expires) if expires is not None else "-",
    ]


def _lines(ctx: Context) -> list[list[str]]:
    account, by_user = settings.account(ctx), keys.by_user(ctx)
    bound = {device.user_id for device in ctx.tx.list(MfaDevice, account=ctx.account)}
    # No console, so nobody has logged on, and the root has no password of ours.
    root = ["<root>", iso_seconds(account.created_at), "-", "TRUE", _NONE, _NONE, _NONE, "FALSE"]
    lines = [list(_COLUMNS), [*root, *_keys(ctx, by_user.get("", []))]]
    for user in ctx.tx.list(User, account=ctx.account):
        start = [login_names.of(ctx, user), iso_seconds(user.created_at), "-", *_password(ctx, user)]
        lines.append([*start, _flag(user.user_id in bound), *_keys(ctx, by_user.get(user.id, []))])
    return lines


def _as_csv(line: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(line)
    return text.getvalue()


class GenerateCredentialReportRequest(Request):
    pass


class GenerateCredentialReportResponse(Response):
    State: str


@ims.action(resource="acs:ram:*:{account}:*")
def generate_credential_report(ctx: Context, req: GenerateCredentialReportRequest) -> GenerateCredentialReportResponse:
    """Made at once; within four hours of one that was made, that one stays."""
    report = ctx.tx.get(CredentialReport, ctx.account)
    if report is None or report.created_at + _FRESH_S <= ctx.now:
        rows = tuple(_as_csv(line) for line in _lines(ctx))
        ctx.tx.put(CredentialReport(id=ctx.account, account=ctx.account, created_at=ctx.now, rows=rows))
    return GenerateCredentialReportResponse(State="COMPLETE")


class GetCredentialReportRequest(Request):
    NextToken: str = ""
    MaxItems: int = _MOST_LINES


class GetCredentialReportResponse(Response):
    Content: str
    GeneratedTime: str
    IsTruncated: str
    NextToken: str


@ims.action(resource="acs:ram:*:{account}:*")
def get_credential_report(ctx: Context, req: GetCredentialReportRequest) -> GetCredentialReportResponse:
    report = ctx.tx.get(CredentialReport, ctx.account)
    if report is None:
        raise REPORT_NOT_FOUND.error()
    page = pages.by_token(report.rows, req.NextToken, req.MaxItems, _MOST_LINES, size_name="MaxItems")
    content = "".join(f"{row}\n" for row in page.items)
    return GetCredentialReportResponse(
        Content=base64.b64encode(content.encode()).decode(),
        GeneratedTime=iso_seconds(report.created_at),
        IsTruncated="true" if page.next_token else "false",
        NextToken=page.next_token,
    )
