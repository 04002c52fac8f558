"""The probe on a model whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit import Probe
from glasskit.analysis.probe import Comparison
from glasskit.errors import InputError
from glasskit.models.embedding import embed
from tests.analysis.toys import ColourModel, colour_dataset


@pytest.fixture
def probe() -> Probe:
    return Probe(ColourModel(), colour_dataset())


BLUE = Image.new("RGB", (8, 8), (0, 60, 255))


def test_nearest_concepts_of_a_picture(probe: Probe) -> None:
    found = probe.concepts(BLUE, k=2)
    assert [item.name for item in found] == ["blue", "green"]
    assert found[0].score > 0.9 > found[1].score
    assert len(probe.concepts(BLUE, k=99)) == 3


def test_own_candidates_and_a_path(probe: Probe, tmp_path: Path) -> None:
    BLUE.save(tmp_path / "p.png")
    found = probe.concepts(tmp_path / "p.png", ["green grass", "blue sky", "blue sky"])
    assert [item.name for item in found] == ["blue sky", "green grass"]


def test_standard_scores_are_held_against_train_pictures(probe: Probe) -> None:
    names = ["blue sky", "green grass", "red"]  # any text, not only concepts of the data set
    vectors = embed(probe.model, probe.dataset).picture
    seen = [row for row, record in enumerate(probe.dataset.records) if record.split == "train"]
    cosines = vectors[seen] @ probe.named_vectors(names).T  # (9, 3)
    own = probe.image_vector(BLUE) @ probe.named_vectors(names).T
    want = (own - cosines.mean(axis=0)) / cosines.std(axis=0)
    found = {item.name: item.score for item in probe.concepts(BLUE, names, scores="standard")}
    assert [found[name] for name in names] == pytest.approx(want.tolist(), rel=1e-4)
    assert next(iter(found)) == "blue sky"
    assert probe.levels(BLUE, "standard")[0].score != probe.levels(BLUE)[0].score


def test_a_blend_adds_the_standard_scores_of_both_models(probe: Probe) -> None:
    pictures = np.roll(probe.picture_vectors, 1, axis=1)
    other = Probe(ColourModel(), probe.dataset, pictures=pictures)
    parts = [one.concepts(BLUE, scores="standard") for one in (probe, other)]
    want = {item.name: item.score / 4 for item in parts[0]}
    for item in parts[1]:
        want[item.name] += item.score * 3 / 4
    found = Comparison(probe, other).blend(BLUE, weights=(0.25, 0.75))
    best = sorted(want, key=want.__getitem__, reverse=True)
    assert [item.name for item in found] == best
    assert [item.score for item in found] == pytest.approx([want[name] for name in best], rel=1e-5)


def test_levels_name_the_more_general(probe: Probe) -> None:
    # Level 2 is primary and other, level 3 colour, level 4 has no names.
    found = probe.levels(BLUE)
    assert len(found) == 2
    assert found[0].name in ("primary", "other")
    assert found[1].name == "colour"


def test_nearest_pictures_of_a_phrase_a_picture_and_a_vector(probe: Probe) -> None:
    assert {item.key for item in probe.images("a red thing", k=4)} == {f"red-{i}" for i in range(4)}
    best = probe.images(BLUE, k=1)[0]
    assert best.key.startswith("blue")
    assert probe.dataset.records[best.index].key == best.key
    assert probe.images(np.array([0, 1.0, 0]), k=1)[0].key == "green-0"


def test_picture_plus_and_minus_phrase(probe: Probe) -> None:
    both = probe.combine(BLUE, "red", 1)
    assert both[0] > 0.5
    assert both[2] > 0.5
    assert probe.combine(BLUE, "blue", -1)[2] < 0.2
    with pytest.raises(InputError, match="sign 3"):
        probe.combine(BLUE, "red", 3)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda p: p.images("   "), "the phrase is empty"),
        (lambda p: p.images("x" * 501), "501 characters, more than the limit of 500"),
        (lambda p: p.concepts(BLUE, []), "name at least one concept"),
        (lambda p: p.concepts(BLUE, ["red", ""]), "a concept is empty"),
        (lambda p: p.concepts(BLUE, "red"), "a list of names, not one text"),
        (lambda p: p.concepts(BLUE, [str(i) for i in range(1001)]), "limit of 1000"),
        (lambda p: p.concepts(BLUE, [3]), "a concept must be text, not int"),
        (lambda p: p.concepts(BLUE, k=0), "ask for at least 1"),
        (lambda p: p.concepts(BLUE, scores="z"), "scores 'z': choose cosine or standard"),
        (lambda p: p.concepts(Path("no/such.png")), "there is no such picture"),
        (lambda p: p.concepts(7), "a probe takes a picture"),
    ],
)
def test_bad_questions_get_one_clear_line(probe: Probe, question, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        question(probe)
    assert "\n" not in str(caught.value)


def test_comparison_sends_a_picture_through_shared_towers_once() -> None:
    model = ColourModel()
    comparison = Comparison(Probe(model, colour_dataset()), Probe(model, colour_dataset()))
    vectors = comparison.image_vectors(BLUE)
    assert model.pictures_seen == 1
    both = comparison.concepts(vectors, k=1)
    assert both.before == both.after
    assert both.before[0].name == "blue"
    assert [item.key for item in comparison.images("red", k=1).after] == ["red-0"]
    assert comparison.known(vectors) is None
    own = comparison.image_vectors(comparison.before.dataset.image(5))
    assert comparison.before.dataset.records[comparison.known(own)].concept == "green"
    mixed = comparison.mix(BLUE, "red", 1)
    assert mixed[0] == pytest.approx(comparison.before.combine(BLUE, "red", 1), abs=1e-6)
