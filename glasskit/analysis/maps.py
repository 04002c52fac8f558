"""Flat maps of a latent space: UMAP of the pictures, with words placed among their pictures.

Pictures and words of a dual encoder lie in two separate cones (the modality gap: Liang et al. 2022,
arXiv 2203.02053), so that one UMAP of both shows two islands and nothing about which word belongs
to which picture. Here the map is fitted to the pictures alone, and a word (a concept or a caption)
stands at the weighted mean place of the pictures that are nearest to it in the full space. So a
distance between two pictures says what UMAP says, a word's place says which pictures the model
takes it to be about, and nothing else may be read from it.

UMAP: McInnes, Healy and Melville 2018, arXiv 1802.03426.
"""

from __future__ import annotations

import re
import sys
import threading
import warnings
from functools import cache
from typing import Any

import numpy as np

from glasskit.analysis.store import cached_arrays, content_key
from glasskit.errors import need
from glasskit.models.glass_model import Progress
from glasskit.models.vectors import nearest, unit

NEIGHBOURS = 15
MIN_DIST = 0.35
"""How close UMAP may put two pictures."""

REPULSION = 0.4
"""Below 1, so that a group unlike all others is not pushed so far away that the rest shrinks."""

SAME = 0.99999
"""Cosine from which a new picture is one of the map's own."""

VERSION = 4
"""Part of every cache key: raise it when the way in which maps are computed changes."""

_loading = threading.Lock()
_fitting = threading.Lock()


def centred(vectors: np.ndarray) -> np.ndarray:
    """(n, L) directions as seen from their own mean: the cone's axis is taken out."""
    vectors = unit(vectors)
    return unit(vectors - vectors.mean(axis=0))


def project(
    vectors: np.ndarray,
    *,
    start: np.ndarray | None = None,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
    progress: Progress | None = None,
) -> np.ndarray:
    """A flat map of the vectors by UMAP on cosine similarity, computed once per content.

    The first call of an installation compiles UMAP, which takes about half a minute.

    Args:
        vectors: (n, L); their mean is taken out first.
        start: (n, 2) places to start from. The result is then also turned, scaled and shifted to
            lie as near to it as it can, so that two maps of the same pictures can be compared.
        neighbours: how many nearest pictures UMAP looks at for each one.
        seed: the same seed gives the same map on the same machine.
        progress: called with (done, total) while it is fitted. What it raises is raised after that.

    Returns:
        (n, 2) float32 places around 0, most of them within 1; those beyond are drawn in.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    basis = np.zeros((0, 2), np.float32) if start is None else np.asarray(start, np.float32)
    key = content_key("umap", VERSION, vectors, basis, neighbours, MIN_DIST, seed)

    def compute() -> dict[str, np.ndarray]:
        if len(vectors) < 4:
            # UMAP needs a neighbourhood; a handful of pictures stands in a row.
            row = np.linspace(-1, 1, len(vectors)) if len(vectors) > 1 else np.zeros(len(vectors))
            return {"place": np.stack([row, np.zeros_like(row)], axis=1).astype(np.float32)}
        first = None if start is None else 10 * basis  # on UMAP's own scale
        places = fit_to_unit(fit_umap(vectors, first, neighbours, seed, progress))
        if start is not None:
            places = fit_to_unit(align(places, start))
        return {"place": draw_in(places)}

    return cached_arrays("maps", key, compute)["place"]


def place_words(
    words: np.ndarray, pictures: np.ndarray, places: np.ndarray, *, k: int = 8
) -> np.ndarray:
    """Where words stand on a map of pictures.

    place(w) = sum_j a_j place(j) over the k pictures nearest to w, with a = softmax of their cosine
    similarities divided by the standard deviation of all similarities of w.

    Args:
        words: (m, L) vectors of concepts or captions.
        pictures: (n, L) vectors of the pictures of the map.
        places: (n, 2) their places.
        k: how many nearest pictures a word is placed by.

    Returns:
        (m, 2) float32 places.
    """
    if not len(words):
        return np.zeros((0, 2), np.float32)
    # Words are compared with pictures from the middle of the pictures: what they all share
    # says nothing about which of them a word is nearer to.
    pictures = centred(pictures)
    words = unit(words)
    # The variance of w.p over all p is w^T E[p p^T] w - (w.E[p])^2: no (m, n) products are held.
    square = pictures.T @ pictures / len(pictures)  # (L, L)
    variance = ((words @ square) * words).sum(axis=1) - (words @ pictures.mean(axis=0)) ** 2
    spread = np.sqrt(np.maximum(variance, 0))[:, None]  # (m, 1)
    near = nearest(words, pictures, k)
    weight = np.exp((near.score - near.score[:, :1]) / np.maximum(spread, 1e-6))
    weight /= weight.sum(axis=1, keepdims=True)
    return np.einsum("mk,mkd->md", weight, places[near.index]).astype(np.float32)


def place_new(vectors: np.ndarray, pictures: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where pictures that are not on a map would stand on it, without fitting anything.

    As ``place_words``, seen from the middle of the pictures and by the 5 nearest. A picture of the
    map itself stands where it stands.

    Args:
        vectors: (m, L) vectors of new pictures.
        pictures: (n, L) vectors of the pictures of the map.
        places: (n, 2) their places, from ``project``.

    Returns:
        (m, 2) float32 places.
    """
    seen = unit(vectors) - unit(pictures).mean(axis=0)
    found = place_words(seen, pictures, places, k=5)
    near = nearest(vectors, pictures, 1)
    same = near.score[:, 0] > SAME
    found[same] = places[near.index[same, 0]]
    return found


def align(places: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``places`` turned or mirrored, scaled and shifted to lie as near to ``target`` as they can.

    The orthogonal Procrustes problem: with U S V^T the singular value decomposition of
    places^T target (both centred), the best turn is U V^T.
    """
    own, other = places - places.mean(axis=0), target - target.mean(axis=0)
    left, _, right = np.linalg.svd(own.T @ other)
    turned = own @ (left @ right)
    scale = (turned * other).sum() / max((turned**2).sum(), 1e-12)
    return (turned * scale + target.mean(axis=0)).astype(np.float32)


def fit_to_unit(places: np.ndarray) -> np.ndarray:
    """Places with mean 0, scaled so that 95% of them lie within 1 of the middle."""
    places = places - places.mean(axis=0)
    radius = np.quantile(np.abs(places).max(axis=1), 0.95)
    return (places / max(radius, 1e-12)).astype(np.float32)


def draw_in(places: np.ndarray) -> np.ndarray:
    """Places farther than r = 1 from the middle, drawn in to 1 + ln(r) / 3 along their ray.

    How far UMAP puts a group that is unlike all others means nothing, and left as it is one such
    group makes the rest of the map small.
    """
    radius = np.linalg.norm(places, axis=1, keepdims=True)
    beyond = np.maximum(radius, 1)
    return (places * (1 + np.log(beyond) / 3) / beyond).astype(np.float32)


def fit_umap(
    vectors: np.ndarray,
    start: np.ndarray | None,
    neighbours: int,
    seed: int,
    progress: Progress | None,
) -> np.ndarray:
    """(n, 2) places of at least 4 vectors as UMAP gives them; arguments as of ``project``.

    UMAP is handed the exact neighbours: its own way to compare all pairs of few vectors calls
    Python once a pair.
    """
    directions = centred(vectors)
    k = min(neighbours, len(vectors) - 1)
    near = nearest(directions, directions, k - 1, exclude_self=True)
    own = np.arange(len(vectors))[:, None]
    known = (
        np.hstack([own, near.index]).astype(np.int32),
        np.hstack([0 * own, np.maximum(1 - near.score, 0)]).astype(np.float32),
    )
    epochs = _Epochs(progress)
    bar: dict[str, Any] = {"disable": progress is None, "file": epochs}
    fitting = load_umap()(
        n_neighbors=k,
        min_dist=MIN_DIST,
        repulsion_strength=REPULSION,
        metric="cosine",
        init="spectral" if start is None else start,
        precomputed_knn=known,
        force_approximation_algorithm=True,
        random_state=seed,
        n_jobs=1,  # the same map every time
        tqdm_kwds={**bar, "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.2},
    )
    # UMAP warns that it takes places to start from as they are, and neighbours without an index.
    # Filters are the process's: one fit at a time, so that each puts back what it found.
    with _fitting, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="umap")
        places = fitting.fit_transform(directions)
    if epochs.error is not None:
        raise epochs.error
    return places


@cache
def load_umap() -> Any:
    """umap-learn's UMAP, its compiled functions kept on disk by numba: they take half a minute."""
    with _loading:
        umap = need("umap", "app")
        from numba.core.dispatcher import Dispatcher

        for name, module in list(sys.modules.items()):
            if name.startswith("umap."):
                for value in list(vars(module).values()):
                    if isinstance(value, Dispatcher):
                        value.enable_caching()
        return umap.UMAP


class _Epochs:
    """The file that umap-learn's bar is written to: "12/200" becomes a call of ``progress``.

    tqdm writes under a lock that all bars share, and keeps it for good where a write raises. So
    what ``progress`` raises waits as ``error`` until the fit is done.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.error: Exception | None = None

    def write(self, text: str) -> None:
        found = re.search(r"(\d+)/(\d+)", text)
        if found and self._progress is not None and self.error is None:
            try:
                self._progress(int(found[1]), int(found[2]))
            except Exception as error:  # noqa: BLE001  # raised by fit_umap
                self.error = error

    def flush(self) -> None:
        """Nothing waits here; a bar asks for it."""
