"""Lengths, cones and ways to the root on vectors that one can see through."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from glasskit.analysis.levels import (
    ROOT,
    Space,
    Stop,
    entailment_score,
    level_geometry,
    level_vectors,
    mean_root,
    traverse,
)
from glasskit.errors import InputError
from tests.training.toys import toy_dataset, toy_model

AXES = np.eye(3)
CHAIN = {"theme": 0.5 * AXES, "caption": AXES, "picture": 1.5 * AXES}
FLAT = Space.of(CHAIN)


def test_lengths_are_in_units_of_the_mean_and_counted_from_the_root() -> None:
    theme, caption, picture = level_geometry(CHAIN, FLAT)
    assert (theme.name, picture.shorter) == ("theme", None)
    assert theme.length == pytest.approx([0.5] * 3)
    assert theme.shorter.all()
    assert caption.shorter.all()
    assert picture.to_picture.alignment == picture.to_picture.gap == 0
    root = mean_root(CHAIN)
    assert root == pytest.approx([1 / 3] * 3)
    assert Space.of(CHAIN, root).lengths(root) == pytest.approx(0)
    backwards = level_geometry({"caption": AXES, "picture": -AXES, "theme": AXES / 2}, FLAT)
    assert not backwards[0].shorter.any()  # as long is not shorter


def test_own_children_are_held_and_others_are_not() -> None:
    for curvature in (0.0, 1.0):
        space = Space.of(CHAIN, curvature=curvature)
        down = entailment_score(CHAIN["caption"], CHAIN["picture"], space)
        assert down.held.all()
        assert (down.others == 0).all()
        assert (down.rank == 1).all()
        assert not entailment_score(CHAIN["picture"], CHAIN["caption"], space).held.any()
    near_the_root = entailment_score(0.01 * AXES, AXES + 1, FLAT)
    assert (near_the_root.others == 1).all()  # its cones are half-spaces: vacuous
    shifted = entailment_score(CHAIN["caption"], CHAIN["picture"][[1, 2, 0]], FLAT)
    assert (shifted.rank < 1).all()
    with pytest.raises(InputError, match="2 or more pairs"):
        entailment_score(AXES[:1], AXES[:1], FLAT)


def test_an_angle_by_hand() -> None:
    space = Space(np.zeros(2), 2.0)
    outside = space.outside(np.array([0.8, 0.0]), np.array([0.8, 2.0]))  # .4, with 30 degrees
    assert np.degrees(outside) == pytest.approx([60])


def test_a_way_to_the_root_passes_from_the_specific_to_the_general() -> None:
    texts = np.array([[1.0, 0.0], [0.3, 0.0], [0.0, 1.0]])
    space = Space(np.zeros(2), 1.0)
    way = traverse(np.array([1.2, 0.0]), texts, space, steps=121)
    assert [stop.text for stop in way] == [0, 1, ROOT]
    # Text 0 entails nothing that is nearer to the root than itself: 1.2 to 1.0.
    assert way[1].begins == pytest.approx(1 / 6, abs=0.01)
    assert way[2].begins == pytest.approx(0.75, abs=0.01)
    # Every text counts: the middles between 1.0, 0.3 and the root divide the way.
    forgiving = traverse(np.array([1.2, 0.0]), texts, space, steps=121, slack=math.pi)
    assert [stop.text for stop in forgiving] == [0, 1, ROOT]
    assert forgiving[1].begins == pytest.approx(1 - 0.65 / 1.2, abs=0.01)
    assert forgiving[2].begins == pytest.approx(1 - 0.15 / 1.2, abs=0.01)
    narrow = Space(np.zeros(2, np.float32), 1.0)
    single = traverse(np.array([1.2, 0.0], np.float32), texts.astype(np.float32), narrow)
    assert [stop.text for stop in single] == [0, 1, ROOT]
    alone = traverse(np.array([0.0, -1.0]), texts, space)
    assert alone == [Stop(ROOT, 0.0)]


def test_levels_of_a_model_keep_their_lengths() -> None:
    model, dataset = toy_model(), toy_dataset()
    levels = level_vectors(model, dataset)
    assert list(levels) == ["idea", "theme", "caption", "picture"]
    assert {vectors.shape for vectors in levels.values()} == {(len(dataset), model.embed_dim)}
    captions = [record.captions[0] for record in dataset.records]
    caption = levels["caption"]
    length = np.linalg.norm(caption, axis=1, keepdims=True)
    assert np.ptp(length) > 1e-3
    assert caption / length == pytest.approx(model.encode_texts(captions).numpy(), abs=1e-6)
    bare = replace(dataset, records=(replace(dataset.records[0], theme=()),))
    with pytest.raises(InputError, match="picture '0-0' of 'toy' has no label or no theme"):
        level_vectors(model, bare)
