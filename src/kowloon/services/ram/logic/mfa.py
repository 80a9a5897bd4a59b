"""Virtual MFA devices: time-based one-time passwords (RFC 6238: SHA-1, 30 s, 6 digits)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from typing import Final
from urllib.parse import quote

import msgspec

from kowloon.actions.context import Context
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    CODE_FORMAT,
    DEVICE_HAS_USER,
    MFA_EXISTS,
    MFA_IS_BOUND,
    MFA_NOT_FOUND,
    TOO_MANY,
    USER_HAS_MFA,
    USER_MFA_NOT_FOUND,
    WRONG_CODE,
)
from kowloon.services.ram.logic import names, settings, users
from kowloon.store.identity import MfaDevice, User

_STEP_S: Final = 30
_DIGITS: Final = 6
# A phone's clock may be off, and typing two codes takes its time: the later code is at most this many steps old.
_STEPS_BACK: Final = 4
# As many steps before or after the present one a code that signs in may be.
_STEPS_OFF: Final = 1
_SEED_CHARACTERS: Final = 64
_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def code_at(seed: str, step: int) -> str:
    """The code of the `step`-th 30 seconds since 1970."""
    digest = hmac.new(base64.b32decode(seed), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def create(ctx: Context, name: str) -> MfaDevice:
    names.check(name, "VirtualMFADeviceName", names.MFA_DEVICE)
    serial = f"acs:ram::{ctx.account}:mfa/{name}"
    if ctx.tx.get(MfaDevice, serial) is not None:
        raise MFA_EXISTS.error(name=name)
    if len(ctx.tx.list(MfaDevice, account=ctx.account)) >= quotas.MFA_DEVICES:
        raise TOO_MANY.error(kind="VirtualMFADevice", entities="virtual mfa devices")
    device = MfaDevice(
        id=serial, account=ctx.account, created_at=ctx.now, seed=ctx.ids.secret(_SEED_CHARACTERS, _BASE32)
    )
    ctx.tx.put(device)
    return device


def qr_code(ctx: Context, device: MfaDevice) -> str:
    """A PNG in base64 that an authenticator app can scan."""
    # Not above: it takes a sixth of this program's start, and few ever need it.
    import segno

    label = quote(f"{device.id.rpartition('/')[2]}@{settings.account(ctx).domain}")
    text = f"otpauth://totp/{label}?secret={device.seed}&issuer=Alibaba%20Cloud"
    image = io.BytesIO()
    # The mask is given: to try all eight would take three times as long.
    segno.make(text, micro=False, error="l", boost_error=False, mask=3).save(image, kind="png", scale=4)
    return base64.b64encode(image.getvalue()).decode()


def find(ctx: Context, serial: str) -> MfaDevice:
    device = ctx.tx.get(MfaDevice, serial)
    if device is None or device.account != ctx.account:
        raise MFA_NOT_FOUND.error(name=serial)
    return device


def of_user(ctx: Context, user: User) -> MfaDevice:
    device = users.device(ctx, user)
    if device is None:
        raise USER_MFA_NOT_FOUND.error(name=user.name)
    return device


def owner(ctx: Context, device: MfaDevice) -> User | None:
    return users.find_by_id(ctx, device.user_id) if device.user_id else None


def bind(ctx: Context, user: User, serial: str, first: str, second: str) -> None:
    """Two codes that follow each other show that the user has the seed."""
    for code in (first, second):
        if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
            raise CODE_FORMAT.error()
    device = find(ctx, serial)
    if device.user_id:
        raise MFA_IS_BOUND.error()
    if users.device(ctx, user) is not None:
        raise USER_HAS_MFA.error(name=user.name)
    # Wall time: the codes are made by the clock of somebody's phone.
    now = int(ctx.wall // _STEP_S)
    steps = range(now - _STEPS_BACK, now + 2)
    found = next((step for step in steps if _follow(device.seed, step, first, second)), None)
    if found is None:
        raise WRONG_CODE.error()
    ctx.tx.put(msgspec.structs.replace(device, user_id=user.user_id, bound_at=ctx.now, used_step=found))


def _follow(seed: str, step: int, first: str, second: str) -> bool:
    return hmac.compare_digest(code_at(seed, step - 1) + code_at(seed, step), first + second)


def step_of(device: MfaDevice, code: str, wall: float) -> int | None:
    """Which code of the device this is; None: a wrong one, or one that was used. All are compared, whichever it is."""
    present = int(wall // _STEP_S)
    given = code.encode("utf-8", "replace")
    found = None
    for step in range(present - _STEPS_OFF, present + _STEPS_OFF + 1):
        if hmac.compare_digest(code_at(device.seed, step).encode(), given) and step > device.used_step:
            found = step
    return found


def use(ctx: Context, device: MfaDevice, step: int) -> None:
    ctx.tx.put(msgspec.structs.replace(device, used_step=step))


def unbind(ctx: Context, user: User) -> MfaDevice:
    device = of_user(ctx, user)
    ctx.tx.put(msgspec.structs.replace(device, user_id="", bound_at=None, used_step=0))
    return device


def delete(ctx: Context, serial: str) -> None:
    device = find(ctx, serial)
    if device.user_id:
        raise DEVICE_HAS_USER.error()
    ctx.tx.delete(device)
