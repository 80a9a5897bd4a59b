"""Virtual MFA devices and whose they are."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.logic import mfa, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import MfaDevice, User


class CreateVirtualMFADeviceRequest(Request):
    VirtualMFADeviceName: str


class NewDevice(msgspec.Struct, kw_only=True):
    SerialNumber: str
    Base32StringSeed: str
    QRCodePNG: str


class CreateVirtualMFADeviceResponse(Response):
    VirtualMFADevice: NewDevice


@ram.action(resource="acs:ram:*:{account}:mfa/*")
def create_virtual_mfa_device(ctx: Context, req: CreateVirtualMFADeviceRequest) -> CreateVirtualMFADeviceResponse:
    device = mfa.create(ctx, req.VirtualMFADeviceName)
    return CreateVirtualMFADeviceResponse(
        VirtualMFADevice=NewDevice(
            SerialNumber=device.id, Base32StringSeed=device.seed, QRCodePNG=mfa.qr_code(ctx, device)
        )
    )


class ListVirtualMFADevicesRequest(Request):
    pass


class DeviceUser(msgspec.Struct, kw_only=True):
    UserId: str
    UserName: str
    DisplayName: str


class DeviceItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    SerialNumber: str
    ActivateDate: str = ""
    User: DeviceUser | None = None


class DeviceList(msgspec.Struct, kw_only=True):
    VirtualMFADevice: list[DeviceItem]


class ListVirtualMFADevicesResponse(Response):
    VirtualMFADevices: DeviceList


def _shown(device: MfaDevice, user: User | None) -> DeviceItem:
    if user is None or device.bound_at is None:
        return DeviceItem(SerialNumber=device.id)
    return DeviceItem(
        SerialNumber=device.id,
        ActivateDate=iso_seconds(device.bound_at),
        User=DeviceUser(UserId=user.user_id, UserName=user.name, DisplayName=user.display_name),
    )


@ram.action(resource="acs:ram:*:{account}:mfa/*")
def list_virtual_mfa_devices(ctx: Context, req: ListVirtualMFADevicesRequest) -> ListVirtualMFADevicesResponse:
    rows = [_shown(device, mfa.owner(ctx, device)) for device in ctx.tx.list(MfaDevice, account=ctx.account)]
    return ListVirtualMFADevicesResponse(VirtualMFADevices=DeviceList(VirtualMFADevice=rows))


class DeleteVirtualMFADeviceRequest(Request):
    SerialNumber: str


@ram.action(resource="{SerialNumber}")
def delete_virtual_mfa_device(ctx: Context, req: DeleteVirtualMFADeviceRequest) -> Response:
    mfa.delete(ctx, req.SerialNumber)
    return Response()


class BindMFADeviceRequest(Request):
    UserName: str
    SerialNumber: str
    AuthenticationCode1: str
    AuthenticationCode2: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def bind_mfa_device(ctx: Context, req: BindMFADeviceRequest) -> Response:
    user = users.find(ctx, req.UserName)
    mfa.bind(ctx, user, req.SerialNumber, req.AuthenticationCode1, req.AuthenticationCode2)
    return Response()


class UnbindMFADeviceRequest(Request):
    UserName: str


class UnboundDevice(msgspec.Struct, kw_only=True):
    SerialNumber: str


class UnbindMFADeviceResponse(Response):
    MFADevice: UnboundDevice


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def unbind_mfa_device(ctx: Context, req: UnbindMFADeviceRequest) -> UnbindMFADeviceResponse:
    device = mfa.unbind(ctx, users.find(ctx, req.UserName))
    return UnbindMFADeviceResponse(MFADevice=UnboundDevice(SerialNumber=device.id))


class GetUserMFAInfoRequest(Request):
    UserName: str


class BoundDevice(UnboundDevice, kw_only=True):
    Type: str = "VMFA"


class GetUserMFAInfoResponse(Response):
    MFADevice: BoundDevice


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def get_user_mfa_info(ctx: Context, req: GetUserMFAInfoRequest) -> GetUserMFAInfoResponse:
    device = mfa.of_user(ctx, users.find(ctx, req.UserName))
    return GetUserMFAInfoResponse(MFADevice=BoundDevice(SerialNumber=device.id))
