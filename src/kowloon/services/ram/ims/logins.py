"""Console passwords, MFA devices and passkeys by logon name."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.errors import INCORRECT, PASSKEY_NOT_FOUND, USER_NOT_FOUND
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import keys, login_names, mfa, passwords, users
from kowloon.services.ram.login_profiles import change_password
from kowloon.services.ram.mfa_devices import delete_virtual_mfa_device
from kowloon.store.identity import LoginProfile, MfaDevice, User

# --- passwords ---


_SET = passwords.hashing("Password", user=lambda req, caller: login_names.user_name(req.UserPrincipalName))


class ProfileItem(msgspec.Struct, kw_only=True):
    UserPrincipalName: str
    PasswordResetRequired: bool
    MFABindRequired: bool
    Status: str
    PasswordStatus: str
    UpdateDate: str


class ProfileResponse(Response):
    LoginProfile: ProfileItem


def _fields(ctx: Context, user: User, profile: LoginProfile) -> dict[str, Any]:
    return {
        "UserPrincipalName": login_names.of(ctx, user),
        "PasswordResetRequired": profile.reset_required,
        "MFABindRequired": profile.mfa_required,
        "Status": "Active" if profile.active else "Inactive",
        "PasswordStatus": passwords.initial_status(ctx, profile),
        "UpdateDate": iso_seconds(profile.updated_at),
    }


def _active(status: str | None) -> bool | None:
    if status is None:
        return None
    if status not in keys.STATUSES:
        raise INCORRECT.error(name="Status")
    return keys.STATUSES[status]


class CreateLoginProfileRequest(Request):
    UserPrincipalName: str
    Password: str
    PasswordResetRequired: bool = False
    MFABindRequired: bool = False
    Status: str = "Active"


@ims.action(resource="acs:ram:*:{account}:user/{User}", prepare=_SET)
def create_login_profile(ctx: Context, req: CreateLoginProfileRequest) -> ProfileResponse:
    user = login_names.find(ctx, req.UserPrincipalName)
    profile = passwords.create(
        ctx,
        user,
        req.Password,
        reset_required=req.PasswordResetRequired,
        mfa_required=req.MFABindRequired,
        active=_active(req.Status) is not False,
    )
    return ProfileResponse(LoginProfile=ProfileItem(**_fields(ctx, user, profile)))


class GetLoginProfileRequest(Request):
    UserPrincipalName: str


class ProfileWithLogin(ProfileItem, kw_only=True):
    LastLoginTime: str = ""


class GetLoginProfileResponse(Response):
    LoginProfile: ProfileWithLogin


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def get_login_profile(ctx: Context, req: GetLoginProfileRequest) -> GetLoginProfileResponse:
    user = login_names.find(ctx, req.UserPrincipalName)
    fields = _fields(ctx, user, passwords.find(ctx, user))
    return GetLoginProfileResponse(LoginProfile=ProfileWithLogin(**fields))


class UpdateLoginProfileRequest(Request):
    UserPrincipalName: str
    Password: str | None = None
    PasswordResetRequired: bool | None = None
    MFABindRequired: bool | None = None
    Status: str | None = None


@ims.action(resource="acs:ram:*:{account}:user/{User}", prepare=_SET)
def update_login_profile(ctx: Context, req: UpdateLoginProfileRequest) -> ProfileResponse:
    user = login_names.find(ctx, req.UserPrincipalName)
    profile = passwords.update(
        ctx,
        user,
        password=req.Password,
        reset_required=req.PasswordResetRequired,
        mfa_required=req.MFABindRequired,
        active=_active(req.Status),
    )
    return ProfileResponse(LoginProfile=ProfileItem(**_fields(ctx, user, profile)))


class DeleteLoginProfileRequest(Request):
    UserPrincipalName: str


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def delete_login_profile(ctx: Context, req: DeleteLoginProfileRequest) -> Response:
    ctx.tx.delete(passwords.find(ctx, login_names.find(ctx, req.UserPrincipalName)))
    return Response()


ims.action(resource="acs:ram:*:{account}:user/{User}", prepare=passwords.CHANGE)(change_password)


# --- MFA devices ---


class CreateVirtualMFADeviceRequest(Request):
    VirtualMFADeviceName: str


class NewDevice(msgspec.Struct, kw_only=True):
    SerialNumber: str
    Base32StringSeed: str
    QRCodePNG: str


class CreateVirtualMFADeviceResponse(Response):
    VirtualMFADevice: NewDevice


@ims.action(resource="acs:ram:*:{account}:mfa/*")
def create_virtual_mfa_device(ctx: Context, req: CreateVirtualMFADeviceRequest) -> CreateVirtualMFADeviceResponse:
    device = mfa.create(ctx, req.VirtualMFADeviceName)
    return CreateVirtualMFADeviceResponse(
        VirtualMFADevice=NewDevice(
            SerialNumber=device.id, Base32StringSeed=device.seed, QRCodePNG=mfa.qr_code(ctx, device)
        )
    )


class ListVirtualMFADevicesRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class DeviceUser(msgspec.Struct, kw_only=True):
    UserId: str
    UserPrincipalName: str
    DisplayName: str


class DeviceItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    SerialNumber: str
    ActivateDate: str = ""
    User: DeviceUser | None = None


class DeviceList(msgspec.Struct, kw_only=True):
    VirtualMFADevice: list[DeviceItem]


class ListVirtualMFADevicesResponse(Response):
    IsTruncated: bool
    Marker: str
    VirtualMFADevices: DeviceList


def _device(ctx: Context, device: MfaDevice) -> DeviceItem:
    user = mfa.owner(ctx, device)
    if user is None or device.bound_at is None:
        return DeviceItem(SerialNumber=device.id)
    owner = DeviceUser(UserId=user.user_id, UserPrincipalName=login_names.of(ctx, user), DisplayName=user.display_name)
    return DeviceItem(SerialNumber=device.id, ActivateDate=iso_seconds(device.bound_at), User=owner)


@ims.action(resource="acs:ram:*:{account}:mfa/*")
def list_virtual_mfa_devices(ctx: Context, req: ListVirtualMFADevicesRequest) -> ListVirtualMFADevicesResponse:
    page = pages.by_marker(ctx.tx.list(MfaDevice, account=ctx.account), req.Marker, req.MaxItems, most=100)
    return ListVirtualMFADevicesResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        VirtualMFADevices=DeviceList(VirtualMFADevice=[_device(ctx, device) for device in page.items]),
    )


ims.action(resource="{SerialNumber}")(delete_virtual_mfa_device)


class BindMFADeviceRequest(Request):
    UserPrincipalName: str
    SerialNumber: str
    AuthenticationCode1: str
    AuthenticationCode2: str


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def bind_mfa_device(ctx: Context, req: BindMFADeviceRequest) -> Response:
    user = login_names.find(ctx, req.UserPrincipalName)
    mfa.bind(ctx, user, req.SerialNumber, req.AuthenticationCode1, req.AuthenticationCode2)
    return Response()


class UnbindMFADeviceRequest(Request):
    UserPrincipalName: str


class UnboundDevice(msgspec.Struct, kw_only=True):
    SerialNumber: str


class UnbindMFADeviceResponse(Response):
    MFADevice: UnboundDevice


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def unbind_mfa_device(ctx: Context, req: UnbindMFADeviceRequest) -> UnbindMFADeviceResponse:
    device = mfa.unbind(ctx, login_names.find(ctx, req.UserPrincipalName))
    return UnbindMFADeviceResponse(MFADevice=UnboundDevice(SerialNumber=device.id))


class DisableVirtualMFARequest(Request):
    UserPrincipalName: str


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def disable_virtual_mfa(ctx: Context, req: DisableVirtualMFARequest) -> Response:
    """Unbound and gone."""
    device = mfa.unbind(ctx, login_names.find(ctx, req.UserPrincipalName))
    mfa.delete(ctx, device.id)
    return Response()


class GetUserMFAInfoRequest(Request):
    UserPrincipalName: str = ""


class BoundDevice(UnboundDevice, kw_only=True):
    Type: str = "VMFA"


class GetUserMFAInfoResponse(Response):
    IsMFAEnable: bool
    MFADevice: BoundDevice | None = None


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def get_user_mfa_info(ctx: Context, req: GetUserMFAInfoRequest) -> GetUserMFAInfoResponse:
    user = login_names.find_or_caller(ctx, req.UserPrincipalName)
    if user is None:
        raise USER_NOT_FOUND.error(name=ctx.principal.name)
    device = users.device(ctx, user)
    if device is None:
        return GetUserMFAInfoResponse(IsMFAEnable=False)
    return GetUserMFAInfoResponse(IsMFAEnable=True, MFADevice=BoundDevice(SerialNumber=device.id))


# --- passkeys: only the console makes them, so nobody has one here ---


class ListPasskeysRequest(Request):
    UserPrincipalName: str = ""


class PasskeyItem(msgspec.Struct, kw_only=True):
    PasskeyId: str
    PasskeyName: str
    CreateDate: str
    LastUseDate: str


class ListPasskeysResponse(Response):
    Passkeys: list[PasskeyItem]


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def list_passkeys(ctx: Context, req: ListPasskeysRequest) -> ListPasskeysResponse:
    login_names.find_or_caller(ctx, req.UserPrincipalName)
    return ListPasskeysResponse(Passkeys=[])


class UpdatePasskeyRequest(Request):
    PasskeyId: str
    PasskeyName: str
    UserPrincipalName: str = ""


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def update_passkey(ctx: Context, req: UpdatePasskeyRequest) -> Response:
    login_names.find_or_caller(ctx, req.UserPrincipalName)
    raise PASSKEY_NOT_FOUND.error(name=req.PasskeyId)


class DeletePasskeyRequest(Request):
    PasskeyId: str
    UserPrincipalName: str = ""


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def delete_passkey(ctx: Context, req: DeletePasskeyRequest) -> Response:
    login_names.find_or_caller(ctx, req.UserPrincipalName)
    raise PASSKEY_NOT_FOUND.error(name=req.PasskeyId)
