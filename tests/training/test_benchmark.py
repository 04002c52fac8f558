"""The rows of a GPU, small and on a CPU: what a GPU will run is run here too."""

from __future__ import annotations

import open_clip
import torch

from glasskit.losses.batch import GroupedBatch
from glasskit.models import load_model
from tests.benchmarks import losses
from tests.benchmarks.embedding import open_clip_tower, write_jpegs
from tests.benchmarks.training import PEER, SUBJECT, PlainClip, Towers, towers
from tests.training.toys import register_tiny


def test_training_with_towers():
    register_tiny("small-vit")
    size = Towers(
        "small-vit/random",
        3,
        2,
        steps=2,
        precision="fp32",
        device="cpu",
        workers=1,
        accumulate=2,
    )
    rows = list(towers(2, size))
    ready, files = (
        f"training small-vit, 6 pairs in 2 parts, fp32, {pictures}"
        for pictures in ("pictures on the device", "JPEG files by 1 threads")
    )
    assert [(row.section, row.name) for row in rows] == [
        (ready, SUBJECT),
        (ready, PEER),
        (files, SUBJECT),
        (files, PEER),
        (files, "loading alone"),
    ]
    assert {row.unit for row in rows} == {"pairs"}
    assert all(len(row.times) == len(row.ratios) == 2 for row in rows)
    assert all(row.seconds > 0 for row in rows)


def test_embedding_with_a_tower_of_open_clip(tmp_path):
    register_tiny("small-vit")
    model = load_model("small-vit/random", device="cpu")
    files = write_jpegs(tmp_path, [str(number) for number in range(100)])
    assert files[96].read_bytes() == files[0].read_bytes() != files[1].read_bytes()
    rows = open_clip_tower(model, 40, files)
    assert [row.name for row in rows] == [
        "fp32, pictures on the device",
        "fp32 without autocast, pictures on the device",
        "fp32, from JPEG files",
        "decoding and resizing alone",
    ]
    assert all(row.seconds > 0 for row in rows)


def test_losses(monkeypatch):
    def short_of_memory(image, text):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(losses, "vectorised", short_of_memory)
    rows = losses.measure((3, 2, 8), torch.device("cpu"), 2, torch.bfloat16)
    assert {row.section for row in rows} == {"loss, 3 x 2 x 8, cpu, bfloat16"}
    assert [row.name for row in rows] == [
        "open_clip ClipLoss",
        "glasskit",
        "literal loops",
        "vectorised N^2 L",
    ]
    assert rows[-1].note == "not run: out of memory"
    assert all(row.memory for row in rows[:2])


def test_the_loss_that_is_compared_is_that_of_open_clip():
    image, text = torch.nn.functional.normalize(torch.randn(2, 3, 2, 8), dim=-1)
    value = PlainClip(0.1)(GroupedBatch(image=image, text=text)).total
    flat = (image.flatten(0, 1), text.flatten(0, 1))
    expected = open_clip.ClipLoss()(*flat, torch.tensor(10.0))
    torch.testing.assert_close(value, expected)
