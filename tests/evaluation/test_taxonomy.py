"""A tree held against a taxonomy: by hand, at its best, and at chance."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.data.schema import Concept
from glasskit.errors import InputError
from glasskit.evaluation.taxonomy import ancestors, taxonomy_agreement

CONCEPTS = [
    Concept((name, family, None, realm))
    for name, family, realm in (
        ("cat", "pet", "animals"),
        ("dog", "pet", "animals"),
        ("bee", "insect", "animals"),
        ("car", "road", "machines"),
        ("bus", "road", "machines"),
    )
]


def branches(*held: str) -> np.ndarray:
    names = [concept.name for concept in CONCEPTS]
    return np.array([[name in one.split() for name in names] for one in held])


def test_names_above_one_label_or_all_say_nothing() -> None:
    # animals, pet, machines, road; "insect" is above the bee alone
    assert ancestors(CONCEPTS).sum(axis=1).tolist() == [2, 2, 1, 2, 2]
    one_realm = [Concept((name, "same", None, None)) for name in "abc"]
    assert ancestors(one_realm).shape == (3, 0)


def test_a_tree_that_is_the_taxonomy_agrees_in_full() -> None:
    tree = branches("cat dog", "car bus", "cat dog bee", "cat dog bee car bus")
    found = taxonomy_agreement(tree, CONCEPTS)
    for score in (found.lca_depth, found.precision, found.recall):
        assert score.values.tolist() == [1] * 5
        assert score.chance < 0.75
    assert sorted(np.bincount(found.recall.clusters)) == [1, 2, 2], "families"


def test_a_wrong_tree_by_hand() -> None:
    # The bee went to the road: pet and animals are both read at "cat dog" (2/2, 2/3), road at
    # "car bus" (2/2) and machines there too.
    tree = branches("cat dog", "car bus", "bee car bus", "cat dog bee car bus")
    found = taxonomy_agreement(tree, CONCEPTS)
    # cat and dog share both; the bee is joined with car and bus: only the root in common
    assert found.lca_depth.values.tolist() == [1, 1, 0, 1, 1]
    assert found.precision.values.tolist() == [1, 1, 0, 1, 1]
    assert found.recall.values.tolist() == [1, 1, 0, 1, 1]
    # Cat with bee, then dog: cat shares animals alone (1 of 2), the bee all it has; dog joins both,
    # and of its 2 names shares 2 with the cat, 1 with the bee. pet: 1/3 at "cat bee", 2/3 at the
    # three; animals: the three. So the bee's ancestors by the tree are pet and animals: half right.
    tree = branches("cat bee", "car bus", "cat dog bee", "cat dog bee car bus")
    found = taxonomy_agreement(tree, CONCEPTS)
    assert found.lca_depth.values.tolist() == [0.5, 0.75, 1, 1, 1]
    assert found.precision.values.tolist() == [1, 1, 0.5, 1, 1]
    assert found.recall.values.tolist() == [1, 1, 1, 1, 1]
    assert found.as_dict()["precision"]["value"] == pytest.approx(0.9)


def test_labels_without_a_taxonomy_are_refused() -> None:
    with pytest.raises(InputError, match="levels 2 to 4"):
        taxonomy_agreement(np.ones((1, 2), bool), [Concept((n, None, None, None)) for n in "ab"])
