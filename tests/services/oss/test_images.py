"""Images: processed on their way out, kept processed, and the styles that name what is done."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from PIL import Image

from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.oss.test_callback import CallbackServer, asking, server
from tests.services.parts import other_account

__all__ = ["server"]

WIDTH, HEIGHT = 400, 200


def picture(kind: str = "JPEG", size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB", **options: Any) -> bytes:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, kind, **options)
    return out.getvalue()


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.fixture
def bucket(owner: Owner) -> oss2.Bucket:
    bucket = owner.bucket()
    bucket.put_object("a.jpg", picture(), headers={"Content-Type": "image/jpeg", "x-oss-meta-a": "1"})
    return bucket


def made(bucket: oss2.Bucket, process: str, key: str = "a.jpg") -> Image.Image:
    image = Image.open(io.BytesIO(bucket.get_object(key, process=process).read()))
    image.load()
    return image


@pytest.mark.parametrize(
    ("actions", "size"),
    [
        ("resize,w_100", (100, 50)),
        ("resize,h_100", (200, 100)),
        ("resize,w_100,h_100", (100, 50)),
        ("resize,m_mfit,w_100,h_100", (200, 100)),
        ("resize,m_fill,w_100,h_100", (100, 100)),
        ("resize,m_pad,w_100,h_100,color_00FF00", (100, 100)),
        ("resize,m_fixed,w_100,h_100", (100, 100)),
        ("resize,l_100", (100, 50)),
        ("resize,s_100", (200, 100)),
        ("resize,p_25", (100, 50)),
        ("resize,p_200", (800, 400)),
        ("resize,w_800", (400, 200)),
        ("resize,w_800,limit_0", (800, 400)),
        ("resize,w_33", (33, 17)),
        ("crop,w_100,h_50", (100, 50)),
        ("crop,x_350,y_150,w_100,h_100", (50, 50)),
        ("crop,w_100,h_100,g_center", (100, 100)),
        ("indexcrop,x_150,i_2", (100, 200)),
        ("indexcrop,y_50,i_9", (400, 200)),
        ("rotate,90", (200, 400)),
        ("rotate,180", (400, 200)),
        ("rotate,45", (425, 425)),
        ("circle,r_50", (100, 100)),
        ("circle,r_4000", (200, 200)),
        ("rounded-corners,r_30", (400, 200)),
        ("blur,r_3,s_2", (400, 200)),
        ("sharpen,100", (400, 200)),
        ("bright,50/contrast,-50", (400, 200)),
        ("interlace,1/quality,q_50", (400, 200)),
        ("resize,w_100/rotate,270/crop,h_20", (50, 20)),
    ],
)
def test_sizes(bucket: oss2.Bucket, actions: str, size: tuple[int, int]) -> None:
    image = made(bucket, f"image/{actions}")
    assert image.format == "JPEG"
    assert all(abs(found - expected) <= 1 for found, expected in zip(image.size, size, strict=True)), image.size


def color(image: Image.Image, x: int, y: int) -> str:
    """The nearest plain colour: JPEG is not exact."""
    pixel = image.convert("RGB").getpixel((x, y))
    assert isinstance(pixel, tuple)
    names = {(1, 0, 0): "red", (0, 0, 1): "blue", (0, 1, 0): "green", (1, 1, 1): "white", (0, 0, 0): "black"}
    return names[tuple(int(part > 127) for part in pixel)]


def test_what_is_where(bucket: oss2.Bucket) -> None:
    assert color(made(bucket, "image/crop,x_300,w_50,h_50"), 25, 25) == "blue"
    assert color(made(bucket, "image/crop,w_50,h_50,g_se"), 25, 25) == "blue"
    assert color(made(bucket, "image/crop,w_50,h_50,g_west"), 25, 25) == "red"
    assert color(made(bucket, "image/rotate,90"), 100, 50) == "red"
    assert color(made(bucket, "image/rotate,270"), 100, 50) == "blue"
    assert color(made(bucket, "image/rotate,45"), 2, 2) == "white"
    assert color(made(bucket, "image/circle,r_100"), 2, 2) == "white"
    padded = made(bucket, "image/resize,m_pad,w_100,h_100,color_00FF00/format,png")
    assert [color(padded, 50, y) for y in (2, 97)] == ["green", "green"]
    assert color(padded, 10, 50) == "red"
    clear = made(bucket, "image/rounded-corners,r_50/format,png")
    assert clear.mode == "RGBA"
    assert (clear.getpixel((0, 0))[3], clear.getpixel((200, 100))[3]) == (0, 255)  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "kind", "content_type"),
    [
        ("jpg", "JPEG", "image/jpeg"),
        ("png", "PNG", "image/png"),
        ("webp", "WEBP", "image/webp"),
        ("bmp", "BMP", "image/bmp"),
        ("gif", "GIF", "image/gif"),
        ("tiff", "TIFF", "image/tiff"),
    ],
)
def test_formats(bucket: oss2.Bucket, name: str, kind: str, content_type: str) -> None:
    for mode in ("RGBA", "L", "P"):
        bucket.put_object("source.png", picture("PNG", mode=mode))
        result = bucket.get_object("source.png", process=f"image/format,{name}")
        assert result.headers["Content-Type"] == content_type
        assert Image.open(io.BytesIO(result.read())).format == kind
    assert made(bucket, f"image/format,{name}/resize,w_10").format == kind
    bucket.put_object("again", bucket.get_object("a.jpg", process=f"image/format,{name}").read())
    assert made(bucket, "image/resize,w_10", "again").format == kind


def test_quality_is_heard_of(bucket: oss2.Bucket) -> None:
    noise = Image.effect_noise((200, 200), 80)
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=95)
    bucket.put_object("noise.jpg", out.getvalue())
    sizes = [len(bucket.get_object("noise.jpg", process=f"image/quality,q_{q}").read()) for q in (10, 50, 90)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2


def test_what_an_image_is(bucket: oss2.Bucket) -> None:
    result = bucket.get_object("a.jpg", process="image/info")
    assert result.headers["Content-Type"] == "application/json"
    told = json.loads(result.read())
    assert told["ImageWidth"] == {"value": "400"}
    assert told["ImageHeight"] == {"value": "200"}
    assert told["Format"] == {"value": "jpg"}
    assert told["FrameCount"] == {"value": "1"}
    assert told["FileSize"] == {"value": str(bucket.head_object("a.jpg").content_length)}
    bucket.put_object("red.png", picture("PNG", mode="RGB", size=(1, 1)))
    assert json.loads(bucket.get_object("red.png", process="image/average-hue").read()) == {"RGB": "0x0000ff"}


def test_photographs_are_turned_as_their_cameras_say(bucket: oss2.Bucket) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Kowloon"
    bucket.put_object("turned.jpg", picture(exif=exif))
    assert made(bucket, "image/auto-orient,1", "turned.jpg").size == (HEIGHT, WIDTH)
    assert made(bucket, "image/auto-orient,0", "turned.jpg").size == (WIDTH, HEIGHT)
    assert json.loads(bucket.get_object("turned.jpg", process="image/info").read())["Make"] == {"value": "Kowloon"}


def test_moving_images_stay_so(bucket: oss2.Bucket) -> None:
    frames = [Image.new("RGB", (100, 50), name) for name in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    bucket.put_object("moving.gif", out.getvalue())
    moving = made(bucket, "image/resize,w_50", "moving.gif")
    assert (moving.format, moving.size, getattr(moving, "n_frames", 1)) == ("GIF", (50, 25), 3)
    still = made(bucket, "image/format,jpg", "moving.gif")
    assert (still.format, color(still, 50, 25)) == ("JPEG", "red")


def test_watermarks(bucket: oss2.Bucket) -> None:
    plain = made(bucket, "image/format,png")
    text = f"watermark,text_{encoded('Kowloon')},color_FFFFFF,size_40"
    marked = made(bucket, f"image/{text},g_nw,x_10,y_10/format,png")
    changed = changed_box(plain, marked)
    assert changed[0] >= 10
    assert changed[1] >= 10
    assert changed[2] < 250
    assert changed[3] < 80
    for more in ("t_50", "shadow_50", "rotate_30", "fill_1", f"type_{encoded('wqy-zenhei')}"):
        assert changed_box(plain, made(bucket, f"image/{text},{more}/format,png"))
    bucket.put_object("mark.png", picture("PNG", size=(50, 50)))
    image = f"watermark,image_{encoded('mark.png?x-oss-process=image/resize,w_20')},g_center,t_100"
    box = changed_box(plain, made(bucket, f"image/{image}/format,png"))
    assert (box[2] - box[0]) <= 20
    scaled = f"watermark,image_{encoded('mark.png')},P_50,g_nw,x_0,y_0"
    assert color(made(bucket, f"image/{scaled}/format,png"), 150, 50) == "blue"
    refused(
        lambda: bucket.get_object("a.jpg", process=f"image/watermark,image_{encoded('missing.png')}"),
        400,
        "WatermarkError",
        "is not there",
    )


def changed_box(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int]:
    from PIL import ImageChops

    box = ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox()
    assert box is not None
    return box


def test_conditions_and_other_headers(bucket: oss2.Bucket) -> None:
    result = bucket.get_object("a.jpg", process="image/resize,w_10", byte_range=(0, 3))
    body = result.read()
    assert (result.status, len(body)) == (200, result.content_length)
    assert result.headers["x-oss-meta-a"] == "1"
    assert "x-oss-hash-crc64ecma" not in result.headers
    assert "Content-MD5" not in result.headers
    params = {"response-content-type": "image/odd"}
    odd = bucket.get_object("a.jpg", process="image/resize,w_10", params=params)
    assert odd.headers["Content-Type"] == "image/odd"
    etag = bucket.head_object("a.jpg").headers["ETag"]
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("a.jpg", process="image/resize,w_10", headers={"If-None-Match": etag})


@pytest.mark.parametrize(
    ("process", "code", "message"),
    [
        ("image/resize,w_0", "InvalidArgument", "The value: 0 of parameter: w is invalid."),
        ("image/resize,w_16385", "InvalidArgument", "Value must be between 1 and 16384"),
        ("image/resize,w_abc", "InvalidArgument", "Value must be digit"),
        ("image/resize,m_odd,w_1", "InvalidArgument", "parameter: m is invalid"),
        ("image/resize,color_red,w_1", "InvalidArgument", "six hexadecimal digits"),
        ("image/resize,q_1", "InvalidArgument", "There is no such parameter"),
        ("image/resize", "MissingArgument", "The parameter w or h or l or s or p is missing."),
        ("image/", "MissingArgument", "The parameter action is missing."),
        ("image/rotate", "MissingArgument", "The parameter rotate is missing."),
        ("image/rotate,361", "InvalidArgument", "parameter: rotate is invalid"),
        ("image/blur,r_3", "MissingArgument", "The parameter s is missing."),
        ("image/format,exe", "InvalidArgument", "parameter: format is invalid"),
        ("image/dance,1", "InvalidArgument", "The action: dance is not supported."),
        ("image/info/resize,w_1", "InvalidArgument", "It must be the only action"),
        ("image/" + "rotate,1/" * 21, "InvalidArgument", "beyond the limit of 20"),
        ("image/watermark,text_%%%", "BadRequest", "Input is not base64 decoding."),
        (f"image/watermark,text_{encoded('x' * 65)}", "InvalidArgument", "1 to 64 characters"),
        ("image/crop,x_400,w_1,h_1", "BadRequest", "Advance cut's position is out of image."),
        ("image/resize,p_1000/resize,p_1000/resize,p_1000", "ImageTooLarge", "exceeds the limit"),
    ],
)
def test_what_cannot_be_done(bucket: oss2.Bucket, process: str, code: str, message: str) -> None:
    refused(lambda: bucket.get_object("a.jpg", process=process), 400, code, message)


def bomb(width: int, height: int) -> bytes:
    """The head of a PNG of that size, and little else."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 1000) + b"IDAT" + zlib.compress(bytes(100))


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"no image at all", "BadRequest", "This image format is not supported."),
        (b"", "BadRequest", "This image format is not supported."),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "BadRequest", "This image format is not supported."),
        (picture()[:200], "BadRequest", "The image cannot be decoded."),
        (bomb(30_001, 1), "ImageTooLarge", "exceeds the limit"),
        (bomb(20_000, 20_000), "ImageTooLarge", "exceeds the limit"),
        (bomb(15_000, 15_000), "BadRequest", "The image cannot be decoded."),
        (b"\xff\xd8" + bytes(20 * 1024 * 1024), "ImageTooLarge", "larger than 20971520 bytes"),
    ],
)
def test_what_is_no_image(owner: Owner, body: bytes, code: str, message: str) -> None:
    bucket = owner.bucket()
    bucket.put_object("odd", body)
    refused(lambda: bucket.get_object("odd", process="image/resize,w_10"), 400, code, message)


def test_what_is_not_there_or_not_built(bucket: oss2.Bucket) -> None:
    refused(lambda: bucket.get_object("none", process="image/info"), 404, "NoSuchKey", "The specified key does not")
    for process in ("video/snapshot,t_1", "doc/preview", "odd"):
        refused(
            lambda process=process: bucket.get_object("a.jpg", process=process), 501, "NotBuiltInKowloon", "process"
        )
    refused(
        lambda: bucket.async_process_object("a.jpg", "video/convert"), 501, "NotBuiltInKowloon", "x-oss-async-process"
    )


def test_an_image_is_kept(owner: Owner, bucket: oss2.Bucket) -> None:
    other = owner.bucket()
    save = f"sys/saveas,o_{encoded('small/ä.png')},b_{encoded(other.bucket_name)}"
    result = bucket.process_object("a.jpg", f"image/resize,w_100/format,png|{save}")
    assert (result.bucket, result.object, result.process_status) == (other.bucket_name, "small/ä.png", "OK")
    head = other.head_object("small/ä.png")
    assert (head.content_length, head.content_type) == (result.fileSize, "image/png")
    assert "x-oss-meta-a" not in head.headers
    assert made(other, "image/resize,w_100", "small/ä.png").size == (100, 50)
    # In its own bucket, and large.
    bucket.process_object("a.jpg", f"image/resize,w_1600,limit_0/format,bmp|sys/saveas,o_{encoded('large.bmp')}")
    assert bucket.head_object("large.bmp").content_length > 3_000_000
    via_v2 = owner.v2().process_object(
        oss_v2.ProcessObjectRequest(
            bucket=bucket.bucket_name, key="a.jpg", process=f"image/rotate,90|sys/saveas,o_{encoded('turned.jpg')}"
        )
    )
    assert (via_v2.key, via_v2.process_status) == ("turned.jpg", "OK")
    assert made(bucket, "image/rotate,0", "turned.jpg").size == (HEIGHT, WIDTH)


def test_where_nothing_can_be_kept(owner: Owner, bucket: oss2.Bucket) -> None:
    def save(text: str) -> Any:
        return lambda: bucket.process_object("a.jpg", f"image/resize,w_10{text}")

    refused(save(""), 400, "MissingArgument", "sys/saveas")
    refused(save("|sys/saveas"), 400, "MissingArgument", "The parameter o is missing.")
    refused(save("|sys/saveas,o_%%"), 400, "BadRequest", "Input is not base64 decoding.")
    refused(save(f"|sys/saveas,o_{encoded('/a')}"), 400, "InvalidObjectName", "is not valid")
    refused(
        save(f"|sys/saveas,o_{encoded('a')},b_{encoded('no-such-bucket')}"),
        404,
        "NoSuchBucket",
        "The specified bucket does not exist.",
    )
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    taken = theirs.bucket()
    refused(
        save(f"|sys/saveas,o_{encoded('a')},b_{encoded(taken.bucket_name)}"),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )
    assert not taken.object_exists("a")
    mine = theirs.bucket(bucket.bucket_name, create=False)
    refused(
        lambda: mine.process_object("a.jpg", f"image/info|sys/saveas,o_{encoded('a')}"),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )
    refused(lambda: mine.get_object("a.jpg", process="image/info"), 403, "AccessDenied", "You have no right to access")


def test_styles(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_style("small", "image/resize,w_100")
    bucket.put_bucket_style("turned", "image/rotate,90")
    assert made(bucket, "style/small").size == (100, 50)
    found = bucket.get_bucket_style("small")
    assert (found.name, found.content) == ("small", "image/resize,w_100")
    assert found.create_time.endswith("GMT")
    bucket.put_bucket_style("small", "image/resize,w_50")
    assert made(bucket, "style/small").size == (50, 25)
    listed = bucket.list_bucket_style()
    assert [(style.name, style.content) for style in listed.styles] == [
        ("small", "image/resize,w_50"),
        ("turned", "image/rotate,90"),
    ]
    client = owner.v2()
    got = client.get_style(oss_v2.GetStyleRequest(bucket=bucket.bucket_name, style_name="turned"))
    assert got.style.content == "image/rotate,90"
    assert got.style.category == "image"
    assert len(client.list_style(oss_v2.ListStyleRequest(bucket=bucket.bucket_name)).style_list.styles) == 2
    saved = bucket.process_object("a.jpg", f"style/small|sys/saveas,o_{encoded('b.jpg')}")
    assert saved.process_status == "OK"
    assert made(bucket, "image/rotate,0", "b.jpg").size == (50, 25)
    bucket.delete_bucket_style("small")
    bucket.delete_bucket_style("small")
    message = "The specified style does not exist."
    refused(lambda: bucket.get_bucket_style("small"), 404, "NoSuchStyle", message)
    refused(lambda: bucket.get_object("a.jpg", process="style/small"), 404, "NoSuchStyle", message)


def test_styles_that_are_none(owner: Owner, bucket: oss2.Bucket) -> None:
    refused(lambda: bucket.put_bucket_style("a b", "image/resize,w_1"), 400, "InvalidArgument", "styleName")
    refused(lambda: bucket.put_bucket_style("a", "video/x"), 400, "InvalidArgument", "must begin with image/")
    refused(lambda: bucket.put_bucket_style("a", "image/dance"), 400, "InvalidArgument", "The action: dance")
    refused_v2(
        lambda: owner.v2().put_style(oss_v2.PutStyleRequest(bucket=bucket.bucket_name, style_name="a")),
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against",
    )
    for number in range(50):
        bucket.put_bucket_style(f"style-{number}", "image/info")
    message = "The number of styles is beyond the limit of 50."
    refused(lambda: bucket.put_bucket_style("one-more", "image/info"), 400, "InvalidArgument", message)


def test_a_callback_is_told_of_images(bucket: oss2.Bucket, server: CallbackServer) -> None:
    body = "h=${imageInfo.height}&w=${imageInfo.width}&f=${imageInfo.format}"
    bucket.put_object("b.png", picture("PNG"), headers=asking(server.url, callbackBody=body))
    bucket.put_object("b.txt", b"text", headers=asking(server.url, callbackBody=body))
    template = '{"h":${imageInfo.height},"f":${imageInfo.format}}'
    headers = asking(server.url, callbackBody=template, callbackBodyType="application/json")
    bucket.put_object("b.png", picture("PNG"), headers=headers)
    assert [told.body for told in server.told] == [b"h=200&w=400&f=png", b"h=&w=&f=", b'{"h":200,"f":"png"}']
