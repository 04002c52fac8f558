"""Which pictures are not independent of each other: the data set knows, and keeps it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import glasskit
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.magic import read_magic
from glasskit.data.scenes.build import make_recipes


def test_scenes_that_share_a_glyph_are_one_cluster() -> None:
    data = glasskit.load_dataset("scenes")
    cluster = dict(zip((record.key for record in data.records), data.clusters, strict=True))
    of_glyph = defaultdict(set)
    for recipe in make_recipes().values():
        for glyph in recipe.glyphs:
            of_glyph[glyph.character].add(cluster[recipe.key])
    assert all(len(clusters) == 1 for clusters in of_glyph.values())
    for split in ("train", "val", "test"):
        part = data.split(split)
        assert part.cluster_by == "concept"
        assert len(set(part.clusters)) == 36


@pytest.fixture
def own(tmp_path: Path) -> GroupedDataset:
    """Six pictures: two of a burst, and two names for the same bytes."""
    rng = np.random.default_rng(0)
    for name in "abcdef":
        grid = rng.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
        Image.fromarray(grid).save(tmp_path / f"{name}.png")
    (tmp_path / "f.png").write_bytes((tmp_path / "e.png").read_bytes())
    bursts = {"a": {"cluster": "burst 1"}, "b": {"cluster": "burst 1"}}
    pictures = [
        {"image": f"{name}.png", "old_captions": [f"noise {name}"]} | bursts.get(name, {})
        for name in "abcdef"
    ]
    file = tmp_path / "set.json"
    x = {"concept": "x", "train_images": pictures[:4]}
    y = {"concept": "y", "train_images": pictures[4:]}
    file.write_text(json.dumps([x, y]))
    return read_magic(file, FolderImages(tmp_path))


def test_clusters_are_named_in_the_layout_or_have_the_same_bytes(
    own: GroupedDataset, tmp_path: Path
) -> None:
    a, b, c, d, e, f = own.clusters
    assert a == b
    assert e == f
    assert len({a, c, d, e}) == 4
    assert own.cluster_by == "cluster"
    assert own.select([0, 2, 4]).cluster_by == "picture"
    both = replace(own, records=(*own.records[:4], replace(own.records[4], cluster="burst 1")))
    assert both.clusters[4] == both.clusters[0]
    for name in "cf":
        (tmp_path / f"{name}.png").unlink()
    missing = replace(own)
    assert len(set(missing.clusters)) == 5, "what is not here has no bytes to compare"
