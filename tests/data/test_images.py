"""Pictures: what is missing, broken, outside or too large is an error, never a blank picture."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.data.images import FolderImages, MissingImages
from glasskit.errors import InputError
from glasskit.io.pictures import (
    MAX_PIXELS,
    BrokenPicturesError,
    ask_each,
    check_image,
    decode_image,
    open_image,
)

RED = (200, 30, 40)


def _save(path: Path, mode: str = "RGB", form: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 5), RED).convert(mode).save(path, form)
    return path


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


# --- found by key


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(InputError, match="name of the folder of pictures is empty"):
        FolderImages("")


def test_a_folder_that_lacks_pictures_is_named_once(tmp_path: Path) -> None:
    folder = FolderImages(tmp_path)
    with pytest.raises(BrokenPicturesError) as told:
        ask_each(range(12), lambda row: folder.path(str(row)))
    line = str(told.value)
    assert line.startswith(f"12 of 12 pictures cannot be used: {tmp_path}: no picture for record")
    assert (line.count(str(tmp_path)), line.count("no picture for")) == (1, 10)


def test_a_missing_folder_or_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder of pictures; give .* --images"):
        FolderImages(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no picture for record '785'; is it the right folder"):
        FolderImages(tmp_path).open("785")
    with pytest.raises(InputError, match="no picture for record '785'"):
        FolderImages(tmp_path).fingerprint("785")


@pytest.mark.parametrize(
    "key",
    ["../secret.png", "inner/../../secret.png", "/etc/passwd", "..", "..\\secret.png", "C:\\a.png"],
)
def test_a_key_never_leaves_its_folder(tmp_path: Path, key: str) -> None:
    _save(tmp_path / "secret.png")
    _save(tmp_path / "pictures" / "inner" / "cat.png")
    with pytest.raises(InputError, match="must stay inside its folder"):
        FolderImages(tmp_path / "pictures").open(key)


@pytest.mark.parametrize("key", ["cat\0.png", "x" * 5000, "²", "9" * 5000])
def test_a_key_that_no_file_can_have_is_an_input_error(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError):
        FolderImages(tmp_path).open(key)


def test_the_fingerprint_follows_the_file(tmp_path: Path) -> None:
    path = _save(tmp_path / "cat.png")
    images = FolderImages(tmp_path)
    before = images.fingerprint("cat")
    assert images.fingerprint("cat") == before
    path.write_bytes(path.read_bytes() + b"\0")
    assert images.fingerprint("cat") != before


def test_where_no_folder_was_given_the_hint_says_what_to_do() -> None:
    images = MissingImages("give --images")
    for ask in (images.open, images.fingerprint):
        with pytest.raises(InputError, match="picture '785' is not here: give --images"):
            ask("785")


def test_coco_concepts_finds_its_photographs_in_a_folder(shared: Path) -> None:
    data = load_dataset("coco-concepts", images=shared / "data" / "coco-concepts" / "images")
    assert max(data.image(0).size) == 256
    assert all(data.fingerprint(i) for i in range(len(data)))


# --- decoding


def _noise_jpeg() -> bytes:
    data = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(data, "JPEG")
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a text",
        _noise_jpeg()[:900],
        b"\xff\xd8\xff",
        b"GIF89a" + bytes(40),
        b"%!PS-Adobe-3.0 EPSF",
        _png_header(8, 8),
    ],
    ids=["empty", "text", "cut off", "start only", "gif", "postscript", "no pixels"],
)
def test_what_does_not_decode_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "broken.jpg").write_bytes(data)
    with pytest.raises(InputError, match=r"broken\.jpg: not a readable picture \("):
        open_image(tmp_path / "broken.jpg")
    with pytest.raises(InputError, match="your picture: not a readable"):
        decode_image(data, "your picture")


@pytest.mark.parametrize("side", [12_000, 14_000, 60_000])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    assert side**2 > MAX_PIXELS
    (tmp_path / "bomb.png").write_bytes(_png_header(side, side))
    with pytest.raises(InputError, match=rf"bomb\.png: {side} x {side} pixels .* 128,000,000"):
        open_image(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="more than the limit"):
        check_image(tmp_path / "bomb.png")
