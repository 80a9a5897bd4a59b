"""Virtual MFA devices: real codes on the wall's clock."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import pytest
from PIL import Image

from kowloon.services.ram import quotas
from kowloon.services.ram.logic.mfa import code_at
from kowloon.store.identity import MfaDevice
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import login_name, put

# RFC 6238, appendix B (SHA-1, the last six of its eight digits).
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("moment", "code"), VECTORS)
def test_codes_are_those_of_the_rfc(moment: int, code: str) -> None:
    assert code_at(base64.b32encode(b"12345678901234567890").decode(), moment // 30) == code


def _device(customer: Customer, name: str) -> Any:
    return customer.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name=name).virtual_mfadevice


def _codes(device: Any, steps_ago: int = 0) -> dict[str, str]:
    step = int(time.time()) // 30 - steps_ago
    return {
        "authentication_code_1": code_at(device.base_32string_seed, step - 1),
        "authentication_code_2": code_at(device.base_32string_seed, step),
    }


def test_a_device_is_bound_by_two_codes(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="phone", display_name="P")
    device = _device(customer, "phone-1")
    assert device.serial_number == f"acs:ram::{customer.cloud.account_id}:mfa/phone-1"
    image = Image.open(io.BytesIO(base64.b64decode(device.qrcode_png)))
    assert (image.format, image.width == image.height) == ("PNG", True)
    which = {"user_name": "phone", "serial_number": device.serial_number}
    for action in ("GetUserMFAInfo", "UnbindMFADevice"):
        refused(
            lambda action=action: customer.call("ram", action, user_name="phone"),
            "EntityNotExist.User.MFADevice",
            "The user has not bound any MFA device: phone.",
            404,
        )
    codes = _codes(device)
    wrong = [
        {**codes, "authentication_code_2": codes["authentication_code_1"]},
        {
            "authentication_code_1": codes["authentication_code_2"],
            "authentication_code_2": codes["authentication_code_1"],
        },
        _codes(device, steps_ago=60),
    ]
    for attempt in wrong:
        refused(
            lambda attempt=attempt: customer.call("ram", "BindMFADevice", **which, **attempt),
            "CheckAuthenticationCodeFail",
            'The parameter - "AuthenticationCode" is inccorrect.',
            403,
        )
    for code in ("12345", "1234567", "12a456", "１２３４５６"):
        refused(
            lambda code=code: customer.call(
                "ram", "BindMFADevice", **which, **{**codes, "authentication_code_1": code}
            ),
            "InvalidParameter.AuthenticationCode.Format",
            'The parameter - "AuthenticationCode" MUST be 6 numbers.',
            400,
        )
    customer.call("ram", "BindMFADevice", **which, **_codes(device))
    shown = customer.call("ram", "GetUserMFAInfo", user_name="phone").mfadevice
    assert shown.serial_number == device.serial_number
    rows = customer.call("ram", "ListVirtualMFADevices").virtual_mfadevices.virtual_mfadevice
    row = next(row for row in rows if row.serial_number == device.serial_number)
    assert (row.user.user_name, row.user.display_name, bool(row.activate_date)) == ("phone", "P", True)
    refused(
        lambda: customer.call("ram", "DeleteUser", user_name="phone"),
        "DeleteConflict.User.MFADevice",
        "The user CAN NOT has any mfa device while deleting the user: phone.",
        409,
    )
    refused(
        lambda: customer.call("ram", "DeleteVirtualMFADevice", serial_number=device.serial_number),
        "DeleteConflict.VirtualMFADevice.User",
        "The virtual mfa device CAN NOT been bound to any user while deleting it.",
        409,
    )
    unbound = customer.call("ram", "UnbindMFADevice", user_name="phone").mfadevice
    assert unbound.serial_number == device.serial_number
    customer.call("ram", "DeleteVirtualMFADevice", serial_number=device.serial_number)
    refused(
        lambda: customer.call("ram", "DeleteVirtualMFADevice", serial_number=device.serial_number),
        "EntityNotExist.VirtualMFADevice",
        f"The virtual mfa device does not exist: {device.serial_number}.",
        404,
    )


def test_codes_may_be_a_little_old(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="slow")
    device = _device(customer, "slow-1")
    codes = _codes(device, steps_ago=2)
    customer.call("ram", "BindMFADevice", user_name="slow", serial_number=device.serial_number, **codes)


def test_one_device_one_user(customer: Customer) -> None:
    for name in ("first", "second"):
        customer.call("ram", "CreateUser", user_name=name)
    one, two = _device(customer, "one"), _device(customer, "two")
    customer.call("ram", "BindMFADevice", user_name="first", serial_number=one.serial_number, **_codes(one))
    refused(
        lambda: customer.call(
            "ram", "BindMFADevice", user_name="second", serial_number=one.serial_number, **_codes(one)
        ),
        "EntityAlreadyExists.VirtualMFADevice.User",
        "The virtual mfa device does already been bound to a user.",
        409,
    )
    refused(
        lambda: customer.call(
            "ram", "BindMFADevice", user_name="first", serial_number=two.serial_number, **_codes(two)
        ),
        "EntityAlreadyExists.User.MFADevice",
        "The user has already bound a MFA device: first.",
        409,
    )
    refused(
        lambda: customer.call("ram", "BindMFADevice", user_name="second", serial_number="acs:x", **_codes(two)),
        "EntityNotExist.VirtualMFADevice",
        "The virtual mfa device does not exist: acs:x.",
    )
    refused(lambda: _device(customer, "one"), "EntityAlreadyExists.VirtualMFADevice", "already EXIST: one.", 409)


def test_devices_that_cannot_be(alone: Customer) -> None:
    refused(
        lambda: _device(alone, "a b"),
        "InvalidParameter.VirtualMFADeviceName.InvalidChars",
        'The parameter - "VirtualMFADeviceName" contains invalid chars.',
        status=400,
    )
    refused(
        lambda: _device(alone, "x" * 65),
        "InvalidParameter.VirtualMFADeviceName.Length",
        'The parameter - "VirtualMFADeviceName" beyond the length limit.',
        status=400,
    )
    account = alone.cloud.account_id
    put(
        alone,
        *[MfaDevice(id=f"acs:ram::{account}:mfa/n{n}", account=account, seed="A") for n in range(quotas.MFA_DEVICES)],
    )
    refused(
        lambda: _device(alone, "last"),
        "LimitExceeded.VirtualMFADevice",
        "The count of virtual mfa devices beyond the current limits.",
        409,
    )


def test_devices_by_logon_name(alone: Customer) -> None:
    alone.call("ram", "CreateUser", user_name="phone")
    which = {"user_principal_name": login_name(alone, "phone")}
    assert alone.call("ims", "GetUserMFAInfo", **which).is_mfaenable is False
    devices = [
        alone.call("ims", "CreateVirtualMFADevice", virtual_mfadevice_name=f"d{number}").virtual_mfadevice
        for number in range(3)
    ]
    alone.call("ims", "BindMFADevice", serial_number=devices[0].serial_number, **which, **_codes(devices[0]))
    shown = alone.call("ims", "GetUserMFAInfo", **which)
    assert (shown.is_mfaenable, shown.mfadevice.serial_number) == (True, devices[0].serial_number)
    first = alone.call("ims", "ListVirtualMFADevices", max_items=2)
    rows = first.virtual_mfadevices.virtual_mfadevice
    assert (first.is_truncated, [row.serial_number for row in rows]) == (
        True,
        [device.serial_number for device in devices[:2]],
    )
    assert rows[0].user.user_principal_name == which["user_principal_name"]
    rest = alone.call("ims", "ListVirtualMFADevices", max_items=2, marker=first.marker)
    assert (rest.is_truncated, len(rest.virtual_mfadevices.virtual_mfadevice)) == (False, 1)
    assert alone.call("ims", "UnbindMFADevice", **which).mfadevice.serial_number == devices[0].serial_number
    alone.call("ims", "DeleteVirtualMFADevice", serial_number=devices[2].serial_number)
    alone.call("ims", "BindMFADevice", serial_number=devices[1].serial_number, **which, **_codes(devices[1]))
    alone.call("ims", "DisableVirtualMFA", **which)
    left = alone.call("ims", "ListVirtualMFADevices").virtual_mfadevices.virtual_mfadevice
    assert [row.serial_number for row in left] == [devices[0].serial_number]
    refused(
        lambda: alone.call("ims", "DisableVirtualMFA", **which),
        "EntityNotExist.User.MFADevice",
        "The user has not bound any MFA device: phone.",
    )
    assert alone.call("ims", "GetAccountMFAInfo").is_mfaenable is False
