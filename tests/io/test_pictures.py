"""People's picture files give the pixels that an ordinary viewer shows; expectations by hand."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from glasskit.errors import InputError
from glasskit.io.pictures import (
    WEB_FORMATS,
    as_rgb,
    check_image,
    decode_image,
    open_image,
)

RNG = np.random.default_rng(0)
SMOOTH = Image.fromarray(RNG.integers(0, 256, (12, 18, 3), dtype=np.uint8)).resize((180, 120))
NOISE = Image.fromarray(RNG.integers(0, 256, (120, 180, 3), dtype=np.uint8))
RAMP = np.linspace(0, 65535, 40_000).astype(np.uint16).reshape(200, 200)


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def pixels(data: bytes, **options: Any) -> np.ndarray:
    picture = decode_image(data, **options)
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth: int, colour: int, rows: list[bytes], width: int, clear: bytes = b"") -> bytes:
    """A PNG of raw rows, with a transparent colour."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + (chunk(b"tRNS", clear) if clear else b"")
    body += chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def claims(width: int, height: int, data: bytes = b"") -> bytes:
    """The PNG with another size in its header; without data one that has no pixel."""
    data = data or png(8, 2, [], 8)
    header = struct.pack(">IIBBBBB", width, height, data[24], data[25], 0, 0, 0)
    return data[:8] + chunk(b"IHDR", header) + data[33:]


# --- modes


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_seen_by_their_upper_half(form: str) -> None:
    seen = pixels(encoded(Image.fromarray(RAMP), form))
    np.testing.assert_array_equal(seen, np.repeat(RAMP[..., None] // 256, 3, axis=2))


@pytest.mark.parametrize(
    ("depth", "colour", "rows", "clear", "expected"),
    [
        (16, 0, [b"\0\0\x80\0\x80\1\xff\xff"], b"\x80\0", [0, 255, 128, 255]),
        (8, 0, [bytes([0, 7, 9, 255])], b"\0\7", [0, 255, 9, 255]),
        (4, 0, [b"\x01\x5f"], b"\0\5", [0, 17, 255, 255]),
        (2, 0, [b"\x1b"], b"\0\1", [0, 255, 170, 255]),
        (1, 0, [b"\x50"], b"\0\0", [255, 255, 255, 255]),
        (16, 2, [b"\1\0" * 3 + b"\2\0" * 9], b"\1\0" * 3, [255, 2, 2, 2]),
    ],
    ids=["16 bit", "8 bit", "4 bit", "2 bit", "1 bit", "16 bit colours"],
)
def test_the_transparent_colour_of_a_png_is_white(depth, colour, rows, clear, expected) -> None:
    assert pixels(png(depth, colour, rows, 4, clear))[0, :, 0].tolist() == expected


def test_palettes_with_transparency() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 200])
    picture.putpixel((1, 0), 1)
    assert pixels(encoded(picture, transparency=0)).tolist() == [[[255] * 3, [0, 0, 200]]]
    half = pixels(encoded(picture, transparency=bytes([255, 51])))  # a fifth of (0, 0, 200)
    assert half.tolist() == [[[255, 0, 0], [204, 204, 244]]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "PA", "RGBX", "RGBA", "RGBa", "HSV"])
def test_every_mode_of_pillow(mode: str) -> None:
    first = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode)
    picture = SMOOTH.convert(first).convert(mode) if first else SMOOTH.convert(mode)
    expected = picture.convert("LA" if mode == "La" else "RGBA" if mode == "RGBa" else "RGB")
    np.testing.assert_array_equal(as_rgb(picture), expected.convert("RGB"))


@pytest.mark.parametrize("values", [RAMP / 65535, RAMP.astype(np.int32) * 9], ids=["F", "I"])
def test_numbers_without_a_known_range_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    kind = np.float32 if values.dtype == float else np.int32
    Image.fromarray(values.astype(kind)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif: .* black and white are not known; save it with"):
        open_image(tmp_path / "a.tif")


def test_a_cmyk_jpeg() -> None:
    seen = pixels(encoded(SMOOTH.convert("CMYK"), "JPEG", quality=95))
    assert abs(seen - np.asarray(SMOOTH)).mean() < 3


# --- formats


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "AVIF", "PNG", "WEBP", "JPEG"])
def test_formats_whatever_the_ending(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(SMOOTH, form))
    assert abs(np.asarray(open_image(tmp_path / "a.jpg")).astype(int) - SMOOTH).mean() < 12
    check_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_of_several_frames_the_first(form: str) -> None:
    red, blue = Image.new("RGB", (40, 40), (200, 0, 0)), Image.new("RGB", (40, 40), (0, 0, 200))
    seen = pixels(encoded(red, form, save_all=True, append_images=[blue]))
    assert abs(seen - (200, 0, 0)).max() <= 4


def test_strangers_may_send_web_formats_only() -> None:
    with pytest.raises(InputError, match="it is TIFF; give a JPEG, PNG or WebP"):
        decode_image(encoded(SMOOTH, "TIFF"), formats=WEB_FORMATS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (bytes(5000), "zeros only"),
        (b"\xef\xbb\xbf \n<!DOCTYPE HTML><html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is HEIC; save it as JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a film"),
        (b"hello", "none that is known"),
        (b"%!PS-Adobe-3.0 EPSF", "none that is known"),
        (b"\xff\xd8\xff", "damaged"),
        (b"GIF89a" + bytes(40), "(damaged|cut off)"),
        *((claims(n, n), rf"{n} x {n} pixels .* 128,000,000") for n in (12_000, 14_000, 60_000)),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    file = tmp_path / "a\nb.jpg"
    file.write_bytes(data)
    for read in (open_image, check_image, lambda _: decode_image(data, "a\nb.jpg")):
        with pytest.raises(InputError, match=rf"a%0Ab\.jpg: .*{reason}") as caught:
            read(file)
        assert "\n" not in str(caught.value)


def test_names_that_lead_to_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    for name in ("a\0.jpg", "x" * 300 + ".jpg", "loop.jpg", "none.jpg"):
        with pytest.raises(InputError, match=r"there is no such picture|cannot be read"):
            open_image(tmp_path / name)


# --- orientation


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("number", range(1, 9))
def test_orientation(form: str, number: int) -> None:
    turned = np.zeros((60, 90), dtype=np.uint8)
    turned[:30, :30] = 200  # the upper left as it is stored
    exif = Image.Exif()
    exif[0x0112] = number
    seen = pixels(encoded(Image.fromarray(turned), form, exif=exif))[..., 0]
    assert seen.shape == ((60, 90) if number < 5 else (90, 60))
    # EXIF says where the first row and column of what is stored lie in what is seen.
    right, below = number in (2, 3, 6, 7), number in (3, 4, 7, 8)
    corner = seen[-15 if below else 15, -15 if right else 15]
    assert corner > 150
    assert seen.mean() == pytest.approx(200 / 6, abs=4)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(40),
        b"Exif\0\0" + RNG.bytes(200),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_no_error(form: str, exif: bytes) -> None:
    np.testing.assert_array_equal(
        pixels(encoded(SMOOTH, form, exif=exif)), pixels(encoded(SMOOTH, form))
    )


# --- colour profiles


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2, by hand."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in values))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


WHITE = {b"wtpt": xyz(0.9642, 1.0, 0.8249)}
P3 = profile(
    b"RGB ",
    WHITE
    | {b"rXYZ": xyz(0.5151, 0.2412, -0.0011), b"gXYZ": xyz(0.2919, 0.6922, 0.0419)}
    | {b"bXYZ": xyz(0.1572, 0.0666, 0.7841)}
    | {channel + b"TRC": gamma(2.2) for channel in (b"r", b"g", b"b")},
)
"""Display P3 with gamma 2.2, its primaries adapted to D50."""
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_red_of_p3_is_redder_in_srgb(form: str) -> None:
    # (200, 80, 80) of P3: linear .586, .078, .078 by gamma 2.2; with the matrix from P3 to sRGB
    # 1.2249 -.2247 0 / -.0420 1.0419 0 / -.0197 -.0786 1.0979 it is .700, .057, .068: 217, 66, 72.
    picture = Image.new("RGB", (32, 32), (200, 80, 80))
    options: dict[str, Any] = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(form, {})
    seen = pixels(encoded(picture, form, icc_profile=P3, **options))
    assert abs(seen - (217, 66, 72)).max() <= 4


@pytest.mark.parametrize(("value", "expected"), [(1.0, 188), (2.2, 128)])
def test_grey_profiles(value: float, expected: int) -> None:
    # Linear .5 is 188 in sRGB; with gamma 2.2, (128/255)^2.2 = .2195 is 128.
    grey = Image.new("L", (8, 8), 128)
    data = profile(b"GRAY", WHITE | {b"kTRC": gamma(value)})
    assert abs(pixels(encoded(grey, icc_profile=data)) - expected).max() <= 1


def test_a_profile_that_says_srgb_changes_no_bit() -> None:
    plain = pixels(encoded(NOISE, "JPEG"))
    np.testing.assert_array_equal(pixels(encoded(NOISE, "JPEG", icc_profile=SRGB)), plain)


@pytest.mark.parametrize("broken", [b"x", b"", P3[:100], P3[:200], RNG.bytes(200)])
def test_a_broken_profile_is_as_none(broken: bytes) -> None:
    seen = pixels(encoded(SMOOTH, icc_profile=broken))
    np.testing.assert_array_equal(seen, pixels(encoded(SMOOTH)))


def test_what_was_converted_is_not_converted_twice() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    once = decode_image(encoded(SMOOTH, icc_profile=P3, exif=exif))
    np.testing.assert_array_equal(as_rgb(once), once)


# --- long texts


def test_texts_and_profiles_of_megabytes_are_no_reason(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("note", "x" * 3_000_000, zip=True)
    data = encoded(SMOOTH, pnginfo=texts, icc_profile=bytes(3_000_000))
    (tmp_path / "a.png").write_bytes(data)
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    np.testing.assert_array_equal(open_image(tmp_path / "a.png"), SMOOTH)
    check_image(tmp_path / "a.png")
    assert limit == PngImagePlugin.MAX_TEXT_CHUNK


# --- without the last bytes

READ: dict[str, dict[str, Any]] = {"JPEG": {}, "grey": {}, "PNG": {}, "GIF": {}, "BMP": {}}
REFUSED = {"progressive": {"progressive": True}, "WEBP": {}, "lossless": {"lossless": True}}
"""Of these nobody can tell how much is missing."""
FILES = READ | REFUSED


def cut_file(kind: str) -> bytes:
    form = {"progressive": "JPEG", "grey": "JPEG", "lossless": "WEBP"}
    picture = NOISE.convert("L") if kind == "grey" else NOISE
    return encoded(picture, form.get(kind, kind), **FILES[kind])


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("missing", [1, 2, 10, 40])
def test_a_file_without_its_last_bytes_is_read(tmp_path: Path, kind: str, missing: int) -> None:
    data = cut_file(kind)
    whole = pixels(data)
    seen = pixels(data[:-missing])
    rows = len(whole) - 24  # what is missing touches the last blocks only
    tops = slice(8, None) if kind == "BMP" else slice(0, rows)
    np.testing.assert_array_equal(seen[tops], whole[tops])
    (tmp_path / "a").write_bytes(data[:-missing])
    check_image(tmp_path / "a")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.85, 0.99])
def test_a_file_cut_in_its_middle_is_an_error(tmp_path: Path, kind: str, share: float) -> None:
    data = cut_file(kind)
    cut = data[: int(len(data) * share)]
    filled = cut + bytes(len(data) - len(cut))
    # Of a readable form 99% are nearly all; zeros are pixels of a bitmap.
    files = [cut] if share < 0.98 or kind in REFUSED else []
    files += [filled] if share < 0.98 and kind != "BMP" else []
    for broken in files:
        (tmp_path / "a.jpg").write_bytes(broken)
        says = r"a\.jpg: not a readable picture \((cut off|nothing|dam)"
        with pytest.raises(InputError, match=says):
            open_image(tmp_path / "a.jpg")
        if kind not in ("GIF", "BMP"):
            with pytest.raises(InputError):
                check_image(tmp_path / "a.jpg")


def test_the_rows_that_are_there_are_told() -> None:
    data = png(8, 0, [bytes([90]) * 50] * 30, 50)
    with pytest.raises(InputError, match="cut off: 30% of it is there"):
        decode_image(claims(50, 100, data))  # 30 rows where 100 are promised
    with pytest.raises(InputError, match="not a readable picture"):
        decode_image(claims(8, 8))


# --- size


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(SMOOTH, "JPEG", progressive=True)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (claims(2_000_000, 40), r"2000000 x 40 pixels: one side is more than 2,500 times"),
        (claims(60_000, 2000), "cut off"),
        (claims(11_000, 11_000), "cut off"),
        (scans(101), "a JPEG of 101 scans"),
    ],
)
def test_a_small_file_that_takes_long_is_refused_before_a_pixel_is_decoded(
    data: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match=reason):
        decode_image(data)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_large_plain_png_is_no_such_file(mode: str) -> None:
    """Rows of one colour are packed as tightly as they can be."""
    assert decode_image(encoded(Image.new(mode, (5000, 2000), 1))).size == (5000, 2000)


def test_a_hundred_scans_are_read() -> None:
    assert decode_image(scans(100)).size == SMOOTH.size


def test_a_phone_s_fifty_megapixels_are_read(tmp_path: Path) -> None:
    Image.new("RGB", (8192, 6144), (200, 30, 40)).save(tmp_path / "a.jpg")
    check_image(tmp_path / "a.jpg")
    assert open_image(tmp_path / "a.jpg", side=224).size == (2048, 1536)


def test_a_jpeg_above_the_limit_is_decoded_at_a_half() -> None:
    data = encoded(Image.new("L", (16_320, 12_240), 90), "JPEG", quality=1)
    assert decode_image(data).size == (8160, 6120)
    data = data.replace(struct.pack(">HH", 12_240, 16_320), struct.pack(">HH", 40_000, 60_000))
    with pytest.raises(InputError, match="60000 x 40000 pixels is more than the limit"):
        decode_image(data, side=224)
