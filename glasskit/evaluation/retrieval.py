"""Image-text retrieval: is the caption of a picture among the k nearest of all captions, and back?

Letters: n pictures, m captions, L embedding width. No (n, m) matrix is held: ranks are counted
block by block, and a query is dropped as soon as ``CAP`` others are ahead of it, because its rank
can no longer matter for R@10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval
from glasskit.models.vectors import TIE, products, row_products, unit_rows

DEPTHS = (1, 5, 10)
CAP = max(DEPTHS)
_QUERIES, _KEYS = 4096, 1024  # few keys at a time: most queries are dropped after the first ones


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Ranks in both directions, 1 the best, ``CAP + 1`` for everything beyond ``CAP``.

    Args:
        image_to_text: (n,) rank of the best of a picture's own captions among all other texts;
            the same text under another picture is its own as well, equal scores of other texts
            count as ahead.
        text_to_image: (m,) rank of the caption's picture among all pictures; equal ones ahead.
        owner: (m,) picture of each caption.
    """

    image_to_text: np.ndarray
    text_to_image: np.ndarray
    owner: np.ndarray

    def hits(self, direction: str, k: int) -> np.ndarray:
        """(n,) a picture's share of hits at depth k, "image_to_text" or "text_to_image".

        Text to image: the mean over the picture's captions, so that the mean over pictures is R@k
        where every picture has equally many, and a picture counts once however many it has.
        """
        if direction == "image_to_text":
            return (self.image_to_text <= k).astype(np.float64)
        counts = np.bincount(self.owner)
        return np.bincount(self.owner, weights=self.text_to_image <= k) / counts

    def summary(self, clusters: np.ndarray | None = None) -> dict[str, Any]:
        """R@1, R@5 and R@10 both ways from 0 to 1, their 95% intervals, and chance at R@10.

        A depth that takes in every candidate is None: all queries would hit.

        Args:
            clusters: (n,) label of each picture's cluster; None: all are independent.
        """
        pictures, captions = len(self.image_to_text), len(self.text_to_image)
        out: dict[str, Any] = {"n_images": pictures, "n_texts": captions}
        for direction, pool in (("image_to_text", captions), ("text_to_image", pictures)):
            for k in DEPTHS:
                name = f"{direction}_r{k}"
                if k >= pool:
                    out[name] = out[f"{name}_ci95"] = None
                    continue
                hits = self.hits(direction, k)
                out[name] = float(hits.mean())
                out[f"{name}_ci95"] = interval(hits, clusters=clusters)
        out["text_to_image_r10_chance"] = CAP / pictures if pictures > CAP else None
        return out


def retrieve(
    images: np.ndarray, texts: np.ndarray, owner: np.ndarray, same: np.ndarray | None = None
) -> Retrieval:
    """Ranks of own captions and own pictures by cosine.

    Image to text, a caption is right by its text: the same text under another picture is no rival,
    and another picture's text counts as often as it stands there. Text to image, the own picture is
    the right one: a text that two pictures share finds one of them first.

    Args:
        images: (n, L). texts: (m, L). owner: (m,) index of each caption's picture; every picture
            has at least one caption.
        same: (m,) captions with the same number are the same text; None where all differ.

    Raises:
        InputError: shapes that do not agree, a picture without a caption, NaN.
    """
    images, texts = unit_rows(images, "image vectors"), unit_rows(texts, "caption vectors")
    owner = np.asarray(owner, dtype=np.int64)
    n = len(images)
    if owner.shape != (len(texts),) or images.shape[1] != texts.shape[1]:
        raise InputError(
            f"retrieval: images {images.shape}, captions {texts.shape}, owners {owner.shape}"
        )
    if owner.min() < 0 or owner.max() >= n or len(np.unique(owner)) != n:
        raise InputError("retrieval: every picture needs a caption and every caption a picture")
    own = row_products(images[owner], texts)  # (m,)
    best = np.full(n, -np.inf, dtype=np.float32)
    np.maximum.at(best, owner, own)
    same = np.arange(len(texts)) if same is None else same
    # Own captions are no rivals: those within a tie of the best are taken off what is counted.
    _, first = np.unique(np.stack([owner, same]), axis=1, return_index=True)
    times = np.bincount(same)[same[first]] * (own[first] >= best[owner[first]] - TIE)
    mine = np.bincount(owner[first], weights=times, minlength=n).astype(np.int64)
    return Retrieval(
        image_to_text=1 + _ahead(images, texts, best - TIE, mine),
        text_to_image=1 + _ahead(texts, images, own - TIE, np.ones(len(texts), dtype=np.int64)),
        owner=owner,
    )


def same_texts(sentences: Sequence[str]) -> np.ndarray:
    """(m,) a number a distinct text, as ``retrieve`` takes them."""
    return np.unique(sentences, return_inverse=True)[1]


def _ahead(
    queries: np.ndarray, keys: np.ndarray, limit: np.ndarray, mine: np.ndarray
) -> np.ndarray:
    """(q,) how many keys of others score at least the limit of a query, counted up to ``CAP``.

    Args:
        limit: (q,) scores. mine: (q,) how many of the keys above the limit are the query's own.
    """
    ahead = -mine
    active = np.arange(len(queries))
    for low in range(0, len(keys), _KEYS):
        for start in range(0, len(active), _QUERIES):
            some = active[start : start + _QUERIES]
            scores = products(queries[some], keys[low : low + _KEYS])
            ahead[some] += np.count_nonzero(scores >= limit[some, None], axis=1)
        active = active[ahead[active] < CAP]
    return np.minimum(ahead, CAP)
