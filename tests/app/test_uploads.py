"""Files that nobody should send: each gets one clear line, none is decoded, memory returns."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from glasskit.errors import InputError
from glasskit_app.picture_input import MAX_BYTES, MAX_SIDE, read_upload


def encoded(form: str, size: tuple[int, int] = (60, 40)) -> bytes:
    """A good picture in one of Pillow's formats."""
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, form)
    return file.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header promises width x height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(min(width * 3 + 1, 100_000)) * 20, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def bad_files() -> dict[str, bytes]:
    """Name and content of files that are no picture, are cut off, or are too much."""
    good = {form: encoded(form) for form in ("PNG", "JPEG", "WEBP")}
    files: dict[str, bytes] = {}
    for form, content in good.items():
        for share in (0.05, 0.8):
            files[f"cut-{form}-{share}"] = content[: int(len(content) * share)]
        files[f"behind-text-{form}"] = b"GIF89a; echo hello\n" + content
        files[f"zeroed-{form}"] = content[:12] + bytes(len(content) - 12)
    for form in ("GIF", "TIFF", "ICO", "PDF", "EPS"):
        files[f"other-{form}"] = encoded(form, (48, 48))
    for side in (8_000, 200_000):
        files[f"bomb-{side}"] = png_bomb(side, side)
    files["decoded-for-nothing"] = png_bomb(7_000, 7_000)
    files["bomb-wide"] = png_bomb(2_000_000, 40)
    files["bomb-strip"] = png_bomb(60_000, 2000)
    files["no-width"] = png_bomb(0, 40)
    texts = {
        "svg": "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "svg-bomb": "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]><svg>&c;</svg>",
        "empty": "",
        "huge-text": "A" * 3_000_000,
        "pickle": "cos\nsystem\n(S'id'\ntR.",
        "mvg": "push graphic-context\nimage over 0,0 0,0 '|id'\npop graphic-context",
    }
    files |= {name: text.encode("latin-1") for name, text in texts.items()}
    return files


FILES = bad_files()
NAMES = ("../../x.png", "a\0b.png", "<img onerror=1>.png", "CON.png", "x" * 300 + ".png", "x.svg")


@pytest.mark.parametrize("name", FILES)
def test_refused_with_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(FILES[name])
    with pytest.raises(InputError) as caught:
        read_upload(ImageData(path=str(path), orig_name=NAMES[len(name) % len(NAMES)]))
    line = str(caught.value)
    assert line.startswith("the picture")
    assert "\n" not in line
    assert str(tmp_path) not in line


def test_memory_returns(tmp_path: Path) -> None:
    process = psutil.Process()

    def large(number: int) -> None:
        file = tmp_path / str(number)
        file.write_bytes(png_bomb(7000, 7000))
        with pytest.raises(InputError, match="cut off"):
            read_upload(ImageData(path=str(file)))

    before = process.memory_info().rss
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(large, range(4)))
    assert process.memory_info().rss - before < 60e6


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match=r"8\.0 MB is more than the limit of 8 MB"):
        read_upload(ImageData(path=str(path)))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.org/a.png", "addresses are not opened"),
        ("file:///etc/passwd", "addresses are not opened"),
        ("data:text/html;base64,AAAA", "addresses are not opened"),
        ("data:image/png;base64,%%%", "base64 text"),
        ("data:image/png;base64,AAAA", "not a readable"),
        ("data:image/png;base64," + "A" * (MAX_BYTES * 4 // 3 + 4), "more than the limit"),
    ],
)
def test_addresses_and_data_urls(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_upload(ImageData(url=url))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_good_pictures_pass_whatever_their_name(form: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.txt"
    path.write_bytes(encoded(form, (1500, 300)))
    picture = read_upload(ImageData(path=str(path), orig_name="../../x.svg"))
    assert picture.mode == "RGB"
    assert max(picture.size) == MAX_SIDE
    text = base64.b64encode(encoded(form)).decode()
    assert read_upload(ImageData(url=f"data:image/{form.lower()};base64,{text}")).size == (60, 40)
