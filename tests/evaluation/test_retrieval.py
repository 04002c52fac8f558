"""Retrieval: ranks against a full matrix, ties, several captions, blocks."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import unit
from hypothesis import given, settings
from hypothesis import strategies as st

from glasskit.errors import InputError
from glasskit.evaluation import retrieval
from glasskit.evaluation.retrieval import retrieve


def test_by_hand() -> None:
    images = unit(np.array([[1, 0.0], [0, 1]]))
    # Picture 0 has two captions; the second of them lies nearer to picture 1.
    texts = unit(np.array([[1, 0.1], [0.2, 1], [0.1, 1.0]]))
    result = retrieve(images, texts, np.array([0, 0, 1]))
    assert result.image_to_text.tolist() == [1, 1]
    assert result.text_to_image.tolist() == [1, 2, 1]
    assert result.hits("text_to_image", 1).tolist() == [0.5, 1.0]
    summary = result.summary()
    assert summary["image_to_text_r1"] == 1.0
    assert summary["text_to_image_r1"] == 0.75
    assert summary["text_to_image_r5"] is None  # five of two pictures are all of them


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 40))
def test_agrees_with_the_full_matrix_in_any_blocks(seed: int, n: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(n), rng.integers(n, size=more)])
    images = unit(rng.normal(size=(n, 8)))
    texts = unit(images[owner] + 0.6 * rng.normal(size=(len(owner), 8)))
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("_QUERIES", 7), ("_KEYS", 5)):
            patch.setattr(retrieval, name, size)
        result = retrieve(images, texts, owner)
    scores = images @ texts.T
    for i in range(n):
        best = scores[i, owner == i].max()
        want = 1 + int((scores[i, owner != i] >= best).sum())
        assert result.image_to_text[i] == min(want, 11)
    for j, i in enumerate(owner):
        want = 1 + int((np.delete(scores[:, j], i) >= scores[i, j]).sum())
        assert result.text_to_image[j] == min(want, 11)


def test_the_same_text_under_another_picture_is_right_too() -> None:
    images = unit(np.array([[1, 0.0], [0.9, 0.4], [0, 1]]))
    texts = unit(np.array([[1, 0.0], [1, 0], [0, 1]]))
    apart = retrieve(images, texts, np.arange(3))
    assert apart.image_to_text.tolist() == [2, 2, 1]  # equal vectors of two texts: a tie
    found = retrieve(images, texts, np.arange(3), np.array([7, 7, 2]))
    assert found.image_to_text.tolist() == [1, 1, 1]
    assert found.text_to_image.tolist() == apart.text_to_image.tolist() == [1, 2, 1]


def test_a_wrong_text_counts_as_often_as_it_stands_there() -> None:
    images = unit(np.array([[1, 0.0], [0, 1], [0, 1], [0.1, 1]]))
    texts = unit(np.array([[0.5, 0.5], [1, 0], [1, 0], [1, 0]]))
    found = retrieve(images, texts, np.arange(4), np.array([0, 1, 1, 1]))
    # Picture 0: three entries of the other text are ahead. The others: that of picture 0 is.
    assert found.image_to_text.tolist() == [4, 2, 2, 2]


@pytest.mark.parametrize(
    ("owner", "message"),
    [([0, 0], "every picture needs a caption"), ([0], "owners"), ([0, 2], "every picture")],
)
def test_bad_owners(owner: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        retrieve(np.eye(2), np.eye(2), np.array(owner))
