"""Fitting one UMAP: by cuML where a GPU has it, else by umap-learn with its compiled code kept.

umap-learn compiles itself at the first fit of a process. The compiled code is kept where numba
keeps such code, so that only the first fit of an installation waits, for about half a minute.

UMAP is always handed its neighbours, which are exact: its own way to compare all pairs of few
vectors calls Python once a pair, which took most of the time of a map of 4,000.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (done, total); what it raises stops the work, and nothing is kept."""

REPULSION = 0.4
"""Below 1, so that a group unlike all others is not pushed so far away that the rest shrinks."""

_loading = threading.Lock()


def fit(
    vectors: np.ndarray,
    *,
    start: np.ndarray | None = None,
    neighbours: int,
    min_dist: float,
    seed: int,
    epochs: int | None = None,
    near: tuple[np.ndarray, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """(n, 2) places by UMAP on cosine similarity.

    Args:
        vectors: (n, L) of length 1, n at least 4.
        start: (n, 2) places to start from, on UMAP's own scale (about -10 to 10).
        neighbours: looked at for each vector, itself included.
        min_dist: how close two may be put.
        seed: the same seed gives the same map on the same machine (not on a GPU).
        epochs: passes of the optimisation; UMAP's own choice where None.
        near: (n, k) nearest rows, itself first, and their cosine distances, where they are known.
        progress: called with (done, total) epochs.
    """
    settings: dict[str, Any] = {
        "n_components": 2,
        "n_neighbors": min(neighbours, len(vectors) - 1),
        "min_dist": min_dist,
        "repulsion_strength": REPULSION,
        "metric": "cosine",
        "random_state": seed,
        "n_epochs": epochs,
    }
    on_gpu = gpu_umap() if start is None and near is None else None
    if on_gpu is not None:
        logger.info("map of %d points: cuML on the GPU", len(vectors))
        return np.asarray(on_gpu(**settings).fit_transform(vectors), dtype=np.float32)
    logger.info("map of %d points: umap-learn on the CPU", len(vectors))
    if near is None:
        near = nearest_rows(vectors, settings["n_neighbors"])
    # A seed asks for one job: the same map every time is what we want.
    settings |= {"precomputed_knn": near, "force_approximation_algorithm": True, "n_jobs": 1}
    umap_class = load_umap()
    told = _Told(progress)
    if progress is not None:
        settings["tqdm_kwds"] = {
            "disable": False,
            "file": told,
            "bar_format": "{n_fmt}/{total_fmt}",
            "mininterval": 0.2,
        }
    # UMAP says that it takes places to start from as they are, and neighbours without an index. The
    # filters are the process's: catch_warnings would put them back in the middle of another fit.
    warnings.filterwarnings("ignore", category=UserWarning, module="umap")
    init = "spectral" if start is None else np.asarray(start, np.float32)
    try:
        return umap_class(init=init, **settings).fit_transform(vectors)
    except BaseException:
        if told.stopped:
            _free_bars()
        raise


def warm() -> None:
    """Compile UMAP, or load what was compiled, by a map of 64 points."""
    vectors = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    fit(vectors, neighbours=5, min_dist=0.1, seed=0, epochs=2)


def gpu_umap() -> Any | None:
    """cuML's UMAP where it is installed and a GPU is here, else None."""
    try:
        from cuml.manifold import UMAP
    except ImportError:
        return None
    import torch

    return UMAP if torch.cuda.is_available() else None


@cache
def load_umap() -> Any:
    """umap-learn's UMAP, its compiled functions kept on disk by numba."""
    with _loading:
        import umap
        from numba.core.dispatcher import Dispatcher

        for name, module in list(sys.modules.items()):
            if name.startswith("umap."):
                for value in list(vars(module).values()):
                    if isinstance(value, Dispatcher):
                        value.enable_caching()
        return umap.UMAP


def nearest_rows(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) nearest rows of each of (n, L) unit vectors, itself first, and cosine distances."""
    index = np.empty((len(vectors), k), dtype=np.int32)
    distance = np.zeros((len(vectors), k), dtype=np.float32)
    at_once = max(1, 2**24 // len(vectors))
    for first in range(0, len(vectors), at_once):
        own = np.arange(first, min(first + at_once, len(vectors)))
        similarity = vectors[own] @ vectors.T  # (rows, n)
        similarity[np.arange(len(own)), own] = np.inf
        index[own], scores = largest(similarity, k)
        distance[own] = np.maximum(1 - scores, 0)
    return index, distance


def largest(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(q, k) places of the k largest of each row of (q, n) scores, and them, the largest first."""
    place = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
    found = np.take_along_axis(scores, place, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(place, order, axis=1), np.take_along_axis(found, order, axis=1)


def _free_bars() -> None:
    """Release the lock of tqdm's bars, which a bar keeps when what it writes to raises.

    Kept, it would stop the next bar in another thread of this process, whoever draws it.
    """
    from tqdm import tqdm

    with contextlib.suppress(
        RuntimeError, AssertionError
    ):  # not ours: the bar was closing and released it
        tqdm.get_lock().release()


class _Told:
    """The file that umap-learn's bar is written to: "12/200" becomes a call of progress."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.stopped = False

    def write(self, text: str) -> None:
        found = re.search(r"(\d+)/(\d+)", text)
        if not found or self._progress is None or self.stopped:
            return
        self.stopped = True  # unless progress returns
        self._progress(int(found[1]), int(found[2]))
        self.stopped = False

    def flush(self) -> None:
        """Nothing waits here; a bar asks for it."""
