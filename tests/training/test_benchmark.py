"""The benchmark of whole towers, small and on a CPU: what a GPU will run is run here too."""

from __future__ import annotations

import open_clip
import torch

from glasskit.losses.batch import GroupedBatch
from tests.benchmarks.training import SUBJECT, PlainClip, Towers, towers
from tests.training.toys import register_tiny


def test_the_rows_for_a_gpu_come_from_code_that_runs():
    register_tiny("small-vit")
    size = Towers("small-vit/random", 3, 2, steps=2, precision="fp32", device="cpu", workers=1)
    rows = towers(2, size)
    assert [(row.section, row.name) for row in rows] == [
        (f"small-vit, 6 pairs, fp32, {pictures}", name)
        for pictures in ("pictures on the device", "JPEG files by 1 workers")
        for name in (SUBJECT, "same loop, open_clip ClipLoss")
    ]
    assert {row.unit for row in rows} == {"steps of 6 pairs"}
    assert all(len(row.times) == len(row.ratios) == 2 for row in rows)
    assert all(row.seconds > 0 for row in rows)
    assert [set(row.ratios) for row in rows[::2]] == [{1.0}, {1.0}]


def test_the_loss_that_is_compared_is_that_of_open_clip():
    image, text = torch.nn.functional.normalize(torch.randn(2, 3, 2, 8), dim=-1)
    value = PlainClip(0.1)(GroupedBatch(image=image, text=text)).total
    flat = (image.flatten(0, 1), text.flatten(0, 1))
    expected = open_clip.ClipLoss()(*flat, torch.tensor(10.0))
    torch.testing.assert_close(value, expected)
