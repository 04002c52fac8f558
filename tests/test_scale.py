"""The script that measures each step as a data set grows, on a few pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit.data import load_dataset
from tests.benchmarks import scale


def test_pictures_are_made_and_a_step_is_measured(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for record in load_dataset("coco-ideas").records[:3]:
        picture = Image.fromarray(draw.integers(0, 256, (192, 256, 3), dtype=np.uint8))
        picture.save(tmp_path / f"{int(record.key):012d}.jpg")
    scale.write(tmp_path / "made", tmp_path, 3)
    made = load_dataset(str(tmp_path / "made/set.json"), images=tmp_path / "made/pictures")
    assert {len(record.labels) for record in made.records} == {3}
    assert len({record.literal[0] for record in made.records}) == 3
    assert made.image(2).size == (scale.SIDE, scale.SIDE)
    steps = scale.commands(tmp_path / "made", shards=True)
    found = scale.measured(steps["pack"], tmp_path / "cache", tmp_path / "said.txt")
    assert (tmp_path / "made/shards/00000.tar").is_file()
    assert found["processor"] > 0
    assert found["memory"] > 2**20
    with pytest.raises(RuntimeError, match=r"said.txt: ended with 3"):
        scale.measured([sys.executable, "-c", "exit(3)"], tmp_path, tmp_path / "said.txt")


def test_the_slope_is_that_of_the_two_largest_counts() -> None:
    seconds = {100: 9.0, 1000: 10.0, 10_000: 1000.0}
    rows = [
        {"count": count, "step": "map", "wall": 1.0, "processor": value, "memory": 2**30}
        for count, value in seconds.items()
    ]
    assert scale.table(rows).splitlines()[-1] == (
        "| map | 9 s (1 s), 1.0 GiB | 10 s (1 s), 1.0 GiB | 1,000 s (1 s), 1.0 GiB | 2.00 |"
    )
