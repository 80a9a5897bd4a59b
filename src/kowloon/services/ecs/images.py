"""Images: the public ones, and those that a customer makes of an instance's disk.

A custom image holds what was on the disk, and instances that are launched from it begin with that. Deviations: there
are no snapshots, so an image is made of an instance only; when it is Available is a setting; images are not shared
between accounts or copied between regions.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from kowloon.actions import pages, resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsCommas, Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.core.clock import iso_seconds
from kowloon.core.transitions import IMAGE_COPY
from kowloon.services.ecs.errors import (
    IMAGE_CREATING,
    IMAGE_DEPRECATED,
    IMAGE_DESCRIPTION,
    IMAGE_IN_USE,
    IMAGE_NAME,
    IMAGE_NAME_TAKEN,
    IMAGE_NOT_FOUND,
    IMAGE_NOT_READY,
    IMAGE_SOURCE_MISSING,
    IMAGE_SOURCE_STATUS,
    IMAGE_SOURCE_UNSUPPORTED,
    IMAGE_STATUS,
    IMAGES_TOO_MANY,
    INSTANCE_NOT_FOUND,
)
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Image, Instance
from kowloon.services.ecs.types import PUBLIC_IMAGES, PublicImage

MOST_IMAGES = 100
_NAME = re.compile(r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff_.:-]{1,127}")
_WEB = ("http://", "https://")
_PUBLIC = {image.id: image for image in PUBLIC_IMAGES}

Status = Literal["Creating", "Available", "CreateFailed", "Deprecated"]


def status_of(image: Image, now: float) -> Status:
    if image.failed:
        return "CreateFailed"
    if image.ready_at is None or now < image.ready_at:
        return "Creating"
    return "Deprecated" if image.deprecated else "Available"


def public_base(ctx: Context, id: str) -> PublicImage:
    """The public image that an image, or one that is gone by now, has its system from."""
    own = ctx.tx.get(Image, id)
    return _PUBLIC.get(own.base if own is not None else id, PUBLIC_IMAGES[0])


def bootable(ctx: Context, id: str, type_arch: str) -> PublicImage | Image:
    """What a new instance of that architecture may boot from, or the vendor's refusal."""
    if not id:
        raise MISSING_PARAMETER.error(name="ImageId")
    image = _PUBLIC.get(id) or _mine(ctx, id)
    if isinstance(image, Image):
        status = status_of(image, ctx.now)
        if status == "Deprecated":
            raise IMAGE_DEPRECATED.error()
        if status != "Available":
            raise IMAGE_NOT_READY.error()
    if (public_base(ctx, id).architecture == "arm64") != (type_arch.upper() == "ARM"):
        raise invalid("ImageId", "The architecture of the image does not fit the instance type.")
    return image


def _mine(ctx: Context, id: str) -> Image:
    image = ctx.mine(Image, id)
    if image is None:
        raise IMAGE_NOT_FOUND.error()
    return image


# Making one -----------------------------------------------------------------------------------------------------------


class DeviceMapping(msgspec.Struct, kw_only=True):
    SnapshotId: str = ""
    Device: str = ""
    DiskType: str = ""
    Size: str = ""


class CreateImageRequest(Request):
    InstanceId: str = ""
    SnapshotId: str = ""
    DiskDeviceMapping: list[DeviceMapping] = []
    ImageName: str = ""
    ImageVersion: str = ""
    ImageFamily: str = ""
    Description: str = ""
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""
    DryRun: bool = False


class CreateImageResponse(Response):
    ImageId: str


@ecs.action(
    resource=(
        "acs:ecs:{region}:{account}:image/*",
        "acs:ecs:{region}:{account}:instance/{InstanceId}",
        "acs:ecs:{region}:{account}:snapshot/{SnapshotId}",
    )
)
def create_image(ctx: Context, req: CreateImageRequest) -> CreateImageResponse:
    """Of a running or stopped instance; a running one is not stopped for it."""
    if req.SnapshotId or req.DiskDeviceMapping:
        raise IMAGE_SOURCE_UNSUPPORTED.error()
    if not req.InstanceId:
        raise IMAGE_SOURCE_MISSING.error()
    source = ctx.mine(Instance, req.InstanceId)
    if source is None:
        raise INSTANCE_NOT_FOUND.error()
    if source.status not in ("Running", "Stopped") or source.unread_image:
        raise IMAGE_SOURCE_STATUS.error()
    own = ctx.all(Image)
    if len(own) >= MOST_IMAGES:
        raise IMAGES_TOO_MANY.error()
    id = ctx.ids.resource("m")
    image = Image(
        id=id,
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        name=_checked_name(ctx, req.ImageName) if req.ImageName else id,
        description=_checked_description(req.Description),
        version=req.ImageVersion,
        family=req.ImageFamily,
        source=source.id,
        base=public_base(ctx, source.image_id).id,
        size_gib=public_base(ctx, source.image_id).size_gib,
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
    )
    ctx.tx.put(image)
    return CreateImageResponse(ImageId=id)


def _checked_name(ctx: Context, name: str) -> str:
    if not _NAME.fullmatch(name) or name.startswith(_WEB):
        raise IMAGE_NAME.error()
    if any(image.name == name for image in ctx.all(Image)):
        raise IMAGE_NAME_TAKEN.error()
    return name


def _checked_description(text: str) -> str:
    if len(text) > 256 or text.startswith(_WEB):
        raise IMAGE_DESCRIPTION.error()
    return text


class ModifyImageAttributeRequest(Request):
    ImageId: str
    ImageName: str | None = None
    Description: str | None = None
    ImageFamily: str | None = None
    Status: str = ""
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:image/{ImageId}")
def modify_image_attribute(ctx: Context, req: ModifyImageAttributeRequest) -> Response:
    image = _mine(ctx, req.ImageId)
    changes: dict[str, object] = {}
    if req.ImageName is not None and req.ImageName != image.name:
        changes["name"] = _checked_name(ctx, req.ImageName)
    if req.Description is not None:
        changes["description"] = _checked_description(req.Description)
    if req.ImageFamily is not None:
        changes["family"] = req.ImageFamily
    if req.Status:
        if req.Status not in ("Deprecated", "Available"):
            raise invalid("Status", "It must be Deprecated or Available.")
        if status_of(image, ctx.now) not in ("Deprecated", "Available"):
            raise IMAGE_STATUS.error()
        changes["deprecated"] = req.Status == "Deprecated"
    ctx.tx.put(msgspec.structs.replace(image, **changes))
    return Response()


class DeleteImageRequest(Request):
    ImageId: str
    Force: bool = False
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:image/{ImageId}")
def delete_image(ctx: Context, req: DeleteImageRequest) -> Response:
    """One that is not there is passed over, as the vendor does. Instances that were launched from it keep their disks;
    one whose disk was not filled yet never boots."""
    image = ctx.mine(Image, req.ImageId)
    if image is None:
        return Response()
    if not req.Force:
        if status_of(image, ctx.now) == "Creating":
            raise IMAGE_CREATING.error()
        if any(instance.image_id == image.id for instance in ctx.all(Instance)):
            raise IMAGE_IN_USE.error()
    ctx.tx.delete(image)
    return Response()


# Reading --------------------------------------------------------------------------------------------------------------


class DeviceItem(msgspec.Struct, kw_only=True):
    Device: str
    Type: str
    Size: str
    Progress: str
    RemainTime: int


class DeviceList(msgspec.Struct, kw_only=True):
    DiskDeviceMapping: list[DeviceItem] = []


class ImageItem(msgspec.Struct, kw_only=True):
    ImageId: str
    ImageName: str
    ImageOwnerAlias: str
    ImageVersion: str = ""
    ImageFamily: str = ""
    OSName: str
    OSNameEn: str
    OSType: str = "linux"
    Platform: str
    Architecture: str
    Size: int
    Status: str
    Progress: str = "100%"
    IsPublic: bool
    IsSelfShared: str = ""
    IsSupportCloudinit: bool = True
    IsSupportIoOptimized: bool = True
    CreationTime: str
    Description: str
    Usage: str
    ResourceGroupId: str = ""
    DiskDeviceMappings: DeviceList = msgspec.field(default_factory=DeviceList)
    Tags: tags.TagList


class ImageList(msgspec.Struct, kw_only=True):
    Image: list[ImageItem]


class DescribeImagesRequest(Request):
    ImageId: AsCommas[list[str]] = []
    ImageName: str = ""
    ImageFamily: str = ""
    ImageOwnerAlias: str = ""
    OSType: str = ""
    Architecture: str = ""
    Status: AsCommas[list[str]] = []
    Usage: str = ""
    ResourceGroupId: str = ""
    SnapshotId: str = ""
    IsSupportCloudinit: bool | None = None
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    DryRun: bool = False


class DescribeImagesResponse(Response):
    RegionId: str
    TotalCount: int
    PageNumber: int
    PageSize: int
    Images: ImageList


@ecs.action(resource="acs:ecs:{region}:{account}:image/{ImageId}")
def describe_images(ctx: Context, req: DescribeImagesRequest) -> DescribeImagesResponse:
    """Only Available ones unless Status asks for others (`ALL`, or several with commas)."""
    used = {instance.image_id for instance in ctx.all(Instance)}
    own = [] if req.ImageOwnerAlias not in ("", "self") else [_shown(ctx, each, used) for each in ctx.all(Image)]
    public = [] if req.ImageOwnerAlias not in ("", "system") else [_public_shown(each) for each in PUBLIC_IMAGES]
    found = [item for item in (*own, *public) if _fits(item, ctx, req)]
    page = pages.by_number(found, req.PageNumber, req.PageSize)
    return DescribeImagesResponse(
        RegionId=ctx.region,
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        Images=ImageList(Image=page.items),
    )


def _fits(item: ImageItem, ctx: Context, req: DescribeImagesRequest) -> bool:
    wanted = req.Status or ["Available"]
    own = ctx.tx.get(Image, item.ImageId)
    return (
        (not req.ImageId or item.ImageId in req.ImageId)
        and req.ImageName in ("", item.ImageName)
        and req.ImageFamily in ("", item.ImageFamily)
        and req.OSType in ("", item.OSType)
        and req.Architecture in ("", item.Architecture)
        and ("ALL" in wanted or item.Status in wanted)
        and req.Usage in ("", item.Usage)
        and req.ResourceGroupId in ("", item.ResourceGroupId)
        and not req.SnapshotId
        and req.IsSupportCloudinit is not False
        and (not req.Tag or (own is not None and tags.matches(own.tags, req.Tag)))
    )


def _shown(ctx: Context, image: Image, used: set[str]) -> ImageItem:
    base, status = public_base(ctx, image.id), status_of(image, ctx.now)
    # How far the copy is, nobody knows before it is done; then what is left is time.
    takes_s = IMAGE_COPY.typical_s if image.ready_at is None else image.ready_at - image.created_at
    share = 0.0 if image.ready_at is None or not takes_s else (ctx.now - image.created_at) / takes_s
    progress = f"{min(99, max(0, int(share * 100))) if status == 'Creating' else 0 if image.failed else 100}%"
    left_s = max(0, round(image.ready_at - ctx.now)) if image.ready_at is not None else round(takes_s)
    device = DeviceItem(
        Device="/dev/xvda",
        Type="system",
        Size=str(image.size_gib),
        Progress=progress,
        RemainTime=left_s if status == "Creating" else 0,
    )
    return ImageItem(
        ImageId=image.id,
        ImageName=image.name,
        ImageOwnerAlias="self",
        ImageVersion=image.version,
        ImageFamily=image.family,
        OSName=base.os_name,
        OSNameEn=base.os_name.replace("64位", "64 bit"),
        Platform=base.platform,
        Architecture=base.architecture,
        Size=image.size_gib,
        Status=status,
        Progress=progress,
        IsPublic=False,
        CreationTime=iso_seconds(image.created_at),
        Description=image.description,
        Usage="instance" if image.id in used else "none",
        ResourceGroupId=image.resource_group,
        DiskDeviceMappings=DeviceList(DiskDeviceMapping=[device]),
        Tags=tags.shown(image.tags),
    )


def _public_shown(image: PublicImage) -> ImageItem:
    return ImageItem(
        ImageId=image.id,
        ImageName=image.name,
        ImageOwnerAlias="system",
        OSName=image.os_name,
        OSNameEn=image.os_name.replace("64位", "64 bit"),
        Platform=image.platform,
        Architecture=image.architecture,
        Size=image.size_gib,
        Status="Available",
        IsPublic=True,
        CreationTime="2024-07-11T00:00:00Z",
        Description="",
        Usage="none",
        Tags=tags.TagList(),
    )
