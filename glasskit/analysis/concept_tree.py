"""Labels as a tree: the two nearest are joined, then the next nearest, until one branch is left.

Letters: c labels, L width, w words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import linkage

from glasskit.analysis.probe import Probe
from glasskit.errors import InputError
from glasskit.models.standard import Standard, label_scores
from glasskit.models.vectors import unit
from glasskit.training.words import free_words


@dataclass(frozen=True, eq=False)
class ConceptTree:
    """Labels in nested branches. Node i < c is label i, node c + i the branch of merge i.

    Attributes:
        labels: c names.
        merges: (c - 1, 4) as of scipy's ``linkage``: the two nodes that are joined, the distance
            between them (1 - cosine), and how many labels the new branch has. The last is the root.
        names: c - 1 words of a vocabulary, one for each branch; none ("") for the root.
        fits: (c - 1,) how much nearer a branch's labels are to its word than all labels are, in
            standard deviations of the cosine to that word; 0 for the root.
    """

    labels: tuple[str, ...]
    merges: np.ndarray
    names: tuple[str, ...] = ()
    fits: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def root(self) -> int:
        """The node that holds all labels."""
        return len(self.labels) + len(self.merges) - 1

    @cached_property
    def members(self) -> np.ndarray:
        """(2c - 1, c) bool: the labels below each node."""
        members = list(np.eye(len(self.labels), dtype=bool))
        for one, other in self.merges[:, :2].astype(int):
            members.append(members[one] | members[other])
        return np.stack(members)

    @property
    def branches(self) -> np.ndarray:
        """(c - 1, c) bool: the labels of each branch, the root last."""
        return self.members[len(self.labels) :]

    def name(self, node: int) -> str:
        """The label, or the branch's word; with a question mark where it fits less than 1."""
        if node < len(self.labels):
            return self.labels[node]
        branch = node - len(self.labels)
        return self.names[branch] + "?" * bool(self.names[branch] and self.fits[branch] < 1)

    def children(self, node: int) -> tuple[int, ...]:
        """The two nodes that a branch joins, the larger one first; none below a label."""
        if node < len(self.labels):
            return ()
        below = self.merges[node - len(self.labels), :2].astype(int).tolist()
        return tuple(sorted(below, key=lambda child: -self.members[child].sum()))

    def leaves(self, node: int) -> list[int]:
        """Labels below a node, in the order in which the tree is drawn."""
        below = self.children(node)
        return [leaf for child in below for leaf in self.leaves(child)] if below else [node]


def concept_tree(probe: Probe, words: Sequence[str] | None = None) -> ConceptTree:
    """The tree of a data set's labels by the vectors that a model gives their names.

    >>> probe = Probe(load_model("lite0-glass"), load_dataset("coco-ideas"))  # doctest: +SKIP
    >>> tree = concept_tree(probe)  # doctest: +SKIP
    >>> HTML(trees_html({"after": tree}))  # doctest: +SKIP

    Args:
        probe: the model and the data set.
        words: that may name branches; those of the built-in vocabulary that share no stem with a
            label if None, so that no label names what it is in.

    Raises:
        InputError: fewer than two labels.
    """
    labels = probe.dataset.labels(1)
    names = free_words(labels) if words is None else list(words)
    return grow_tree(labels, probe.concept_vectors, names, probe.named_vectors(names))


def grow_tree(
    labels: Sequence[str], vectors: np.ndarray, words: Sequence[str], word_vectors: np.ndarray
) -> ConceptTree:
    """Join labels by average linkage, and name every branch.

    The distance of two branches is the mean of 1 - cosine over all pairs of their labels (UPGMA,
    Sokal and Michener 1958). Vectors are taken relative to the mean label, for what all labels have
    in common says nothing about which of them belong together.

    Args:
        labels: c names. vectors: (c, L). words: that may name branches. word_vectors: (w, L).

    Raises:
        InputError: fewer than two labels.
    """
    if len(labels) < 2:
        raise InputError(f"a tree joins two labels or more, not {len(labels)}")
    centred = unit(vectors - vectors.mean(axis=0)).astype(np.float64)
    apart = 1 - (centred @ centred.T)[np.triu_indices(len(labels), 1)]
    merges = linkage(np.maximum(apart, 0), method="average")  # of equal vectors 1 - 1 may be below
    scores = label_scores(unit(vectors), unit(word_vectors), Standard.over(vectors, word_vectors))
    tree = ConceptTree(tuple(labels), merges)
    names, fits = _branch_names(tree, scores, words)
    return replace(tree, names=names, fits=fits)


def _branch_names(
    tree: ConceptTree, scores: np.ndarray, words: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """For each branch the word to which its labels are nearer than labels usually are, and how far.

    The mean standard score of its labels decides, with all labels as the reference. A word that
    names a branch names none inside it. The root's labels are all labels, so it has no such word.

    Args:
        tree: without names. scores: (c, w) standard scores. words: w texts.
    """
    count = len(tree.labels)
    means = tree.branches @ scores / tree.branches.sum(axis=1, keepdims=True)  # (c - 1, w)
    taken: dict[int, list[int]] = {}  # words that name what a branch is in
    names, fits = [""] * len(means), np.zeros(len(means))
    for branch in reversed(range(len(means) - 1)):  # each after the branch that holds it
        above = taken.get(branch, [])
        means[branch, above] = -np.inf
        best = int(means[branch].argmax())
        names[branch], fits[branch] = words[best], means[branch, best]
        taken |= {child - count: [*above, best] for child in tree.children(branch + count)}
    return tuple(names), fits
