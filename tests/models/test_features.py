"""The feature cache: computed once, keyed by content, a damaged file is a miss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

import glasskit
from glasskit.errors import InputError
from glasskit.io.pictures import BrokenPicturesError, PictureError
from glasskit.models import GlassModel, features, stream
from glasskit.models.bundled import TEXTS, bundled_rows
from glasskit.models.prompts import TEMPLATES, concept_vectors, pool_prompts, prompts
from tests.tools.shipped_features import texts, write_bundled


class Pictures:
    """Pictures by index, with fingerprints that a test can change."""

    features = None

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int, side: int = 0) -> Image.Image:
        return Image.new("RGB", (40, 40), (index * 20 % 256, 100, 50))

    def check(self, index: int) -> None:
        if self.names[index] == "broken":
            raise PictureError(f"{index}: broken")

    def fingerprint(self, index: int) -> str:
        return self.names[index]

    def key(self, index: int) -> str:
        return str(index)


@pytest.fixture
def counted(lite0: GlassModel, tmp_path: Path, monkeypatch) -> list[int]:
    """An empty cache in blocks of 4, and the number of pictures in each call of the tower."""
    calls: list[int] = []
    tower = GlassModel.tower

    def counting(self: GlassModel, pixels: Tensor) -> Tensor:
        calls.append(len(pixels))
        return tower(self, pixels)

    lite0.tower_hash  # noqa: B018 (computed before the cache moves)
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(features, "BLOCK", 4)
    monkeypatch.setattr(GlassModel, "tower", counting)
    monkeypatch.setitem(stream.BATCH, "cpu", 4)
    monkeypatch.setattr(GlassModel, "tower_jobs", 1)  # one batch after the other can be counted
    return calls


def test_only_what_is_new_or_changed_is_computed(lite0: GlassModel, counted: list[int]) -> None:
    data = Pictures([f"p{i}" for i in range(6)])
    first = features.image_features(lite0, data)
    assert counted == [4, 2]
    assert torch.equal(features.image_features(lite0, data), first)
    assert counted == [4, 2]
    data.names[5] = "changed"
    features.image_features(lite0, data)
    assert counted == [4, 2, 1]


def test_broken_pictures_are_told_together_before_any_is_embedded(lite0, counted) -> None:
    data = Pictures(["broken" if i % 2 else f"p{i}" for i in range(30)])
    with pytest.raises(BrokenPicturesError) as caught:
        features.image_features(lite0, data)
    assert str(caught.value).startswith("15 of 30 pictures cannot be used: 1: broken; 3: broken;")
    assert str(caught.value).endswith("19: broken; and 5 more")
    assert list(caught.value.rows) == list(range(1, 30, 2))
    assert not counted


def test_an_interrupted_run_goes_on(lite0: GlassModel, counted: list[int]) -> None:
    data = Pictures([f"p{i}" for i in range(8)])

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.image_features(lite0, data, interrupt)
    features.image_features(lite0, data)
    assert counted == [4, 4]


def test_a_cache_that_cannot_be_written_says_so(lite0, counted, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="GLASSKIT_CACHE"):
        features.image_features(lite0, Pictures(["p"]))


def test_shipped_features_are_those_of_the_pictures(lite0: GlassModel, shared: Path) -> None:
    data = glasskit.load_dataset("coco-concepts").select(range(0, 750, 75))
    folder = shared / "data/coco-concepts/images"
    fresh = lite0.image_tower([folder / f"{int(r.key):012d}.jpg" for r in data.records])
    kept = features.image_features(lite0, data)
    cosine = torch.nn.functional.cosine_similarity(kept, fresh)
    assert float(cosine.min()) > 0.9999, "float16 features of the same tower"


def test_shipped_features_are_those_of_the_drawn_pictures(lite0: GlassModel) -> None:
    data = glasskit.load_dataset("scenes").select(range(0, 1368, 120))
    fresh = lite0.image_tower([data.image(i) for i in range(len(data))])
    kept = features.image_features(lite0, data)
    assert data.features is not None
    cosine = torch.nn.functional.cosine_similarity(kept, fresh)
    assert float(cosine.min()) > 0.9999, "the pictures were changed: make the features anew"


@pytest.mark.parametrize("name", ["scenes", "coco-concepts"])
def test_shipped_texts_are_all_that_a_data_set_needs(lite0: GlassModel, name: str) -> None:
    wanted = texts(glasskit.load_dataset(name))
    kept = bundled_rows(TEXTS, lite0.tower_hash, wanted)
    assert set(kept) == set(wanted)
    some = wanted[:: len(wanted) // 20]
    fresh = lite0.text_tower(some)
    cosine = torch.nn.functional.cosine_similarity(torch.stack([kept[t] for t in some]), fresh)
    assert float(cosine.min()) > 0.99999


def test_shipped_features_are_for_their_own_towers_alone(lite0: GlassModel, tmp_path: Path) -> None:
    assert bundled_rows(TEXTS, "another tower", ["decay"]) == {}
    file = tmp_path / "own.safetensors"
    write_bundled(file, "own", ["a", "b"], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    rows = bundled_rows(file, "own", ["b", "c", "b"])
    assert {key: row.tolist() for key, row in rows.items()} == {"b": [3.0, 4.0]}


def test_concept_vector_is_the_mean_over_templates(lite0: GlassModel) -> None:
    assert prompts(["rusting", "joy riding"])[: len(TEMPLATES)] == [
        t.format("rusting") for t in TEMPLATES
    ]
    one = lite0.encode_texts([template.format("rusting") for template in TEMPLATES]).mean(0)
    expected = one / one.norm()
    got = concept_vectors(lite0, ["rusting", "joy riding"])
    torch.testing.assert_close(got[0].detach(), expected, atol=1e-5, rtol=0)
    pooled = pool_prompts(
        torch.tensor([[1.0, 0.0]] * len(TEMPLATES) + [[0.0, 2.0]] * len(TEMPLATES))
    )
    torch.testing.assert_close(pooled, torch.eye(2))
