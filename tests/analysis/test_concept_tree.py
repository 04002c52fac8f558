"""The tree of labels: who is joined with whom, and what branches are called."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from glasskit import load_dataset, load_model
from glasskit.analysis import Probe
from glasskit.analysis.concept_tree import concept_tree, grow_tree
from glasskit.data.leaks import leaked_words
from glasskit.errors import InputError
from glasskit.plots.trees import trees_html

LABELS = ("cat", "dog", "car", "bus")
VECTORS = np.array([[5, 1, 1], [5, 0, 2], [0, 5, 1], [1, 4, 1]], float)
WORDS = {"animal": (9, 0, 0), "vehicle": (0, 9, 0), "thing": (7, 7, 1)}


def test_near_labels_are_joined_and_a_branch_has_the_word_they_share() -> None:
    tree = grow_tree(LABELS, VECTORS, list(WORDS), np.array(list(WORDS.values()), float))
    held = {tree.name(node): sorted(tree.leaves(node)) for node in (4, 5)}
    assert held == {"animal?": [0, 1], "vehicle?": [2, 3]}
    # cosines to "animal": .962, .928, 0, .236; their mean .532, deviation .422
    assert tree.fits[list(tree.names).index("animal")] == pytest.approx(0.98, abs=0.01)
    assert (tree.name(0), tree.root, tree.name(6), tree.children(0)) == ("cat", 6, "", ())
    assert tree.branches[-1].all()


def test_the_tree_of_ideas_is_average_linkage_and_no_word_names_what_it_is_in() -> None:
    probe = Probe(load_model("lite0-glass"), load_dataset("coco-ideas"))
    tree = concept_tree(probe)
    centred = probe.concept_vectors - probe.concept_vectors.mean(axis=0)
    own = linkage(centred.astype(float), "average", metric="cosine")
    for count in (4, 11, 23):
        one, other = (fcluster(z, count, "maxclust") for z in (own, tree.merges))
        assert len(set(zip(one, other, strict=True))) == count
    for node in range(len(tree.labels), tree.root + 1):
        assert tree.members[node].nonzero()[0].tolist() == sorted(tree.leaves(node))
        for child in tree.children(node):
            assert child < len(tree.labels) or tree.name(child) != tree.name(node)
    assert not any(leaked_words(name, tree.labels) for name in tree.names)
    page = trees_html({"before": tree, "after": tree}, {"before": "<b>"}, pick=True)
    assert page.count('data-leaf="131"') == 2
    assert "<h4>&lt;b&gt;</h4>" in page
    assert "<button" not in trees_html({"after": tree})


def test_one_label_is_no_tree() -> None:
    with pytest.raises(InputError, match="two labels or more, not 1"):
        grow_tree(LABELS[:1], VECTORS[:1], ["thing"], VECTORS[:1])
