"""HierarCaps (arXiv 2407.08521): from general to specific along one chain of captions.

How to run it: get ``hierarcaps_test.csv`` of https://github.com/TAU-VAILab/hierarcaps (folder
``data``) and the COCO val2014 pictures, then ``evaluate_hierarcaps(model, csv, "val2014")``.

r is the text vector of the empty string, the radius of a text e is R(e) = ||e - r||. Retrieval
walks outwards: at each of 50 thresholds from the smallest to the largest radius of the whole set,
the pick is the best-scoring text whose radius is within the threshold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval, paired_difference
from glasskit.evaluation.pictures import Progress, embed_pictures
from glasskit.io.text_files import read_table
from glasskit.models.vectors import TIE, products, unit_rows

if TYPE_CHECKING:
    from glasskit.models import GlassModel

DEPTH = 4
THRESHOLDS = 50
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Chain:
    """Captions of one picture from general to specific."""

    image: str
    texts: tuple[str, str, str, str]


@dataclass(frozen=True, eq=False)
class HierarchyScores:
    """(n,) numbers of each chain: precision, recall, Kendall's tau of its radii, and its picture.

    Chains of one picture are one cluster of the intervals and tests.
    """

    precision: np.ndarray
    recall: np.ndarray
    tau: np.ndarray
    picture: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Means and 95% intervals; d_corr is the mean tau, from -1 to 1."""
        tau = interval((self.tau + 1) / 2, clusters=self.picture)
        return {
            "n": len(self.tau),
            "precision": float(self.precision.mean()),
            "precision_ci95": interval(self.precision, clusters=self.picture),
            "recall": float(self.recall.mean()),
            "recall_ci95": interval(self.recall, clusters=self.picture),
            "d_corr": float(self.tau.mean()),
            "d_corr_ci95": tau and [2 * edge - 1 for edge in tau],
        }

    def against(self, baseline: HierarchyScores) -> dict[str, dict[str, float | None]]:
        """Paired differences to another model on the same chains, by measure."""
        return {
            name: paired_difference(
                getattr(self, part), getattr(baseline, part), clusters=self.picture
            ).as_dict()
            for name, part in (("precision", "precision"), ("recall", "recall"), ("d_corr", "tau"))
        }


def read_hierarcaps(path: str | Path) -> list[Chain]:
    """Chains of the official csv: columns ``captions`` (four texts between ``=>``), ``image_url``.

    The picture is named by the COCO id at the end of the address.

    Raises:
        InputError: no such file, a column is missing, or a row is no chain of four.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such csv file")
    chains = []
    for line, row in read_table(path, ("captions", "image_url")):
        texts = tuple(text.strip() for text in row["captions"].split("=>"))
        found = re.search(r"(\d+)\.\w+$", row["image_url"].strip())
        if len(texts) != DEPTH or not all(texts) or found is None:
            raise InputError(f"{path}: line {line} is no chain of {DEPTH} texts with a picture")
        chains.append(Chain(str(int(found[1])), texts))
    if not chains:
        raise InputError(f"{path}: no chains in it")
    return chains


def score_chains(
    images: np.ndarray,
    texts: np.ndarray,
    root: np.ndarray,
    chains: np.ndarray,
    picture: np.ndarray | None = None,
) -> HierarchyScores:
    """Precision, recall and radius order of every picture's chain.

    precision = |picks & truth| / |picks|, recall = levels whose text is picked / 4, both over the
    distinct picks (consecutive repeats dropped, then taken as a set). tau = (concordant -
    discordant) / 6 over the 6 pairs of levels, equal radii counting as neither. A pick that another
    text ties is a wrong pick.

    Args:
        images: (n, L). texts: (t, L), one a distinct text. root: (L,) vector of the empty text.
        chains: (n, 4) rows of texts, general to specific.
        picture: (n,) label of each chain's picture; None: all are of different pictures.
    """
    images, texts = unit_rows(images, "image vectors"), unit_rows(texts, "text vectors")
    root = unit_rows(np.asarray(root)[None], "root vector")
    radii = np.linalg.norm(texts - root, axis=1)
    order = np.argsort(radii, kind="stable")
    thresholds = np.linspace(radii.min(), radii.max(), THRESHOLDS)
    ends = np.searchsorted(radii[order], thresholds + TIE, side="right")
    precision, recall = np.empty((2, len(images)))
    for low in range(0, len(images), _BLOCK):
        part = slice(low, min(low + _BLOCK, len(images)))
        picks = _walk(products(images[part], texts[order]), ends)
        picked = np.where(picks < 0, -1, order[picks])
        for i, (row, chain) in enumerate(zip(picked, chains[part], strict=True), start=low):
            distinct = set(row.tolist())
            precision[i] = len(distinct & set(chain.tolist())) / len(distinct)
            recall[i] = np.mean([text in distinct for text in chain.tolist()])
    if picture is None:
        picture = np.arange(len(images))
    return HierarchyScores(precision, recall, _taus(radii[chains]), picture)


def evaluate_hierarcaps(
    model: GlassModel,
    path: str | Path,
    images: str | Path,
    *,
    features: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """{"n", "precision", "recall", "d_corr"} with 95% intervals.

    Args:
        path: the csv. images: the pictures. features: see ``embed_pictures``.

    Raises:
        InputError: the csv is not the official one, or a picture is missing or broken.
    """
    return measure_hierarcaps(model, path, images, features, progress).summary()


def measure_hierarcaps(
    model: GlassModel,
    path: str | Path,
    images: str | Path,
    features: Path | None = None,
    progress: Progress | None = None,
) -> HierarchyScores:
    """As ``evaluate_hierarcaps``, picture by picture, for paired comparisons."""
    from glasskit.models.features import embed_texts

    chains = read_hierarcaps(path)
    place: dict[str, int] = {}
    rows = [[place.setdefault(text, len(place)) for text in chain.texts] for chain in chains]
    keys = [chain.image for chain in chains]
    vectors, picture = embed_pictures(model, images, keys, features, progress)
    texts = embed_texts(model, list(place)).numpy()
    root = embed_texts(model, [""]).numpy()[0]
    return score_chains(vectors[picture], texts, root, np.array(rows), picture)


def _walk(scores: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(r, thresholds) best column before each end; -1 where two columns share the best score.

    Args:
        scores: (r, t), columns by growing radius. ends: how many columns each threshold takes in.
    """
    rows = np.arange(len(scores))
    best = np.full(len(scores), -np.inf, dtype=scores.dtype)
    second, place = best.copy(), np.zeros(len(scores), dtype=np.int64)
    picks = np.empty((len(scores), len(ends)), dtype=np.int64)
    start = 0
    for step, end in enumerate(ends):
        if end > start:
            ring = scores[:, start:end]
            at = ring.argmax(axis=1)
            top = ring[rows, at]
            rest = ring.copy()
            rest[rows, at] = -np.inf
            second = np.maximum(np.minimum(best, top), np.maximum(second, rest.max(axis=1)))
            place = np.where(top > best, start + at, place)
            best = np.maximum(best, top)
            start = int(end)
        picks[:, step] = np.where(second >= best - TIE, -1, place)
    return picks


def _taus(radii: np.ndarray) -> np.ndarray:
    """(n,) Kendall's tau of (n, 4) radii against 1, 2, 3, 4."""
    signs = []
    for a, b in combinations(range(radii.shape[1]), 2):
        step = radii[:, b] - radii[:, a]
        signs.append(np.where(np.abs(step) <= TIE, 0.0, np.sign(step)))
    return np.mean(signs, axis=0)
