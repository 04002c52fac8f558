"""Pictures streamed through the tower: in order, bounded, equal to one by one, errors by name."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glasskit.errors import InputError
from glasskit.io.pictures import MARGIN, decode_image
from glasskit.models import GlassModel, stream
from glasskit.models.stream import Preparation, ahead, read_ahead


def noisy(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with smooth and fine structure."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    fine = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return Image.blend(coarse.resize((width, height), Image.Resampling.BICUBIC), fine, 0.15)


def encoded(picture: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, quality=90, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(7):
        noisy(240 + 40 * i, 260, i).save(folder / f"{i}.jpg")
    return folder


def test_a_stream_gives_the_features_of_each_picture_in_order(
    lite0, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stream.BATCH, "cpu", 3)
    files = sorted(folder.iterdir())
    batches = list(lite0.image_batches(files, lite0.load_picture))
    assert [len(items) for items, _ in batches] == [3, 3, 1]
    assert [path for items, _ in batches for path in items] == files
    streamed = torch.cat([features for _, features in batches])
    alone = torch.cat([lite0.image_tower([path]) for path in files])
    assert torch.nn.functional.cosine_similarity(streamed, alone).min() > 0.999999


def test_an_error_names_the_picture(lite0, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stream.BATCH, "cpu", 2)
    files = sorted(folder.iterdir())
    files.insert(4, folder.parent / "missing.jpg")
    batches, seen = lite0.image_batches(files, lite0.load_picture), []
    with pytest.raises(InputError, match=r"missing\.jpg: there is no such picture"):
        seen.extend(items for items, _ in batches)
    assert seen == [tuple(files[:2]), tuple(files[2:4])][: len(seen)]


# --- work ahead


def test_only_so_much_is_under_way() -> None:
    begun, most = [], []

    def work(number: int) -> int:
        begun.append(number)
        return number

    for number in ahead(range(50), work, 4):
        most.append(len(begun) - number)
    assert sorted(begun) == list(range(50))
    assert max(most) <= 4


def test_who_stops_reading_leaves_no_work_and_no_thread() -> None:
    before = set(threading.enumerate())
    done = []
    for number in ahead(iter(int, 1), done.append, 8):  # endless
        assert number is None
        if len(done) > 20:
            break
    for number in read_ahead(iter(int, 1), 8):
        assert number == 0
        break
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_what_a_reader_raises_is_raised_to_its_user() -> None:
    def items():
        yield from range(3)
        raise InputError("the third tar is cut off")

    seen = []
    with pytest.raises(InputError, match="the third tar"):
        seen.extend(read_ahead(items(), 2))
    assert list(read_ahead(range(100), 3)) == list(range(100))


# --- a preprocess in two parts


def test_a_batch_is_what_the_preprocess_makes_of_each(lite0: GlassModel) -> None:
    rng = np.random.default_rng(0)
    shapes = [(260, 240 + 40 * i, 3) for i in range(4)] + [(100, 90, 3), (224, 224, 3)]
    pictures = [Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]
    prepare = Preparation(lite0.preprocess)
    assert prepare.normalise is not None
    ones = torch.stack([prepare.one(picture) for picture in pictures])
    assert (ones.shape, ones.dtype) == ((6, 224, 224, 3), torch.uint8)
    expected = torch.stack([lite0.preprocess(picture) for picture in pictures])
    assert torch.equal(prepare.batch(ones, torch.device("cpu")), expected)


# --- smaller decoding of large JPEGs


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (40, 30, (40, 30)),
        (4 * MARGIN * 16 - 1, 2 * MARGIN * 16 - 1, (4 * MARGIN * 16 - 1, 2 * MARGIN * 16 - 1)),
        (4 * MARGIN * 16, 2 * MARGIN * 16, (2 * MARGIN * 16, MARGIN * 16)),
        (9 * MARGIN * 16, 8 * MARGIN * 16, (9 * MARGIN * 2, MARGIN * 16)),
    ],
)
def test_a_jpeg_comes_smaller_only_where_much_is_left(width: int, height: int, size) -> None:
    picture = decode_image(encoded(noisy(width, height)), side=16)
    assert min(picture.size) >= min(min(width, height), MARGIN * 16)
    assert picture.size[1] == size[1]
    if size == (width, height):
        full = decode_image(encoded(noisy(width, height)))
        np.testing.assert_array_equal(picture, full)


def test_only_jpegs_come_smaller_and_they_stand_upright() -> None:
    assert decode_image(encoded(noisy(200, 300), "PNG"), side=16).size == (200, 300)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert decode_image(encoded(noisy(400, 200), exif=exif), side=8).size == (50, 100)


def test_a_smaller_decoding_gives_nearly_the_same_vector(lite0: GlassModel) -> None:
    data = [encoded(noisy(2000, 1800, seed)) for seed in range(2)]
    assert lite0.image_side == 224
    small = lite0.image_tower([decode_image(d, side=224) for d in data])
    full = lite0.image_tower([decode_image(d) for d in data])
    cosine = torch.nn.functional.cosine_similarity(small, full)
    assert 0.99 < float(cosine.min()) < 1, "white noise, the worst case"
