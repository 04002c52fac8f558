"""Recognition of labels that were trained and of labels that were left out, held together.

A model that learned some labels may answer with them whatever it sees. So pictures are asked twice
among all labels: for the labels of theirs that were trained (seen) and for those that were left out
(unseen). A picture's own labels of the other kind are no rivals: they are right too.

Calibrated stacking (Chao et al. 2016, arXiv 1605.04253) takes a weight gamma off the score of every
seen label, which trades right answers of the one kind for right answers of the other.

Letters: n pictures, c labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasskit.models.vectors import TIE


@dataclass(frozen=True, eq=False)
class SeenUnseen:
    """The best score of each picture among four kinds of labels: its own or not, seen or not.

    Args:
        own_seen, other_seen, own_unseen, other_unseen: (n,) -inf where there is no such label.
    """

    own_seen: np.ndarray
    other_seen: np.ndarray
    own_unseen: np.ndarray
    other_unseen: np.ndarray

    @classmethod
    def of(
        cls, scores: np.ndarray, carried: np.ndarray, right: np.ndarray, unseen: np.ndarray
    ) -> SeenUnseen:
        """From all scores.

        Args:
            scores: (n, c).
            carried: (n, c) bool: labels that a picture is asked for.
            right: (n, c) bool: those and others that apply to it, which are no rivals.
            unseen: (c,) bool: labels that were left out of training.
        """
        kinds = (carried & ~unseen, ~right & ~unseen, carried & unseen, ~right & unseen)
        return cls(*(np.where(kind, scores, -np.inf).max(axis=1) for kind in kinds))

    @property
    def among_unseen(self) -> np.ndarray:
        """(n,) 1 where an unseen label of its own is ahead of those that are not; NaN: none is."""
        ahead = self.own_unseen > self.other_unseen + TIE
        return np.where(np.isfinite(self.own_unseen), ahead, np.nan)

    @property
    def below(self) -> np.ndarray:
        """(n,) the gamma below which a seen label of its own is ahead of all that are not its own.

        -inf: at no gamma. NaN: it carries no seen label.
        """
        ahead = self.own_seen > self.other_seen + TIE
        limit = np.where(ahead, self.own_seen, -np.inf) - np.where(ahead, self.other_unseen, 0)
        return np.where(np.isfinite(self.own_seen), limit - TIE, np.nan)

    @property
    def above(self) -> np.ndarray:
        """(n,) the gamma above which an unseen label of its own is ahead of all not its own.

        inf: at no gamma. NaN: it carries no unseen label.
        """
        ahead = self.own_unseen > self.other_unseen + TIE
        limit = np.where(ahead, self.other_seen, np.inf) - np.where(ahead, self.own_unseen, 0)
        return np.where(np.isfinite(self.own_unseen), limit + TIE, np.nan)


def right_at(
    below: np.ndarray, above: np.ndarray, gamma: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) and (n,): 1 where a picture is right about a seen, an unseen label; NaN: not asked."""
    seen = np.where(np.isnan(below), np.nan, below > gamma)
    return seen, np.where(np.isnan(above), np.nan, above < gamma)


def area(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """(n,) numbers whose mean is AUSUC, the area under unseen against seen accuracy.

    As gamma rises, seen accuracy falls by 1 / n_s where it passes the limit of a picture, and the
    unseen accuracy there is the share of pictures whose own limit lies below. So the area is the
    share of pairs of a picture x asked for a seen and a picture y asked for an unseen label that
    one gamma serves both:

        AUSUC = mean over x and y of [above_y < below_x].

    That is the form of the area under a ROC curve, and its spread over pictures is that of DeLong
    et al. (1988): each number here is AUSUC + n / n_s (mean over y less AUSUC) + n / n_u (mean over
    x less AUSUC), so that an interval of their mean is one of AUSUC.

    Args:
        below, above: (n,) of `SeenUnseen`, n_s and n_u of them not NaN.

    Returns:
        all NaN where no picture is asked the one or the other.
    """
    seen, unseen = ~np.isnan(below), ~np.isnan(above)
    if not seen.any() or not unseen.any():
        return np.full(len(below), np.nan)
    of_seen, of_unseen = np.full((2, len(below)), np.nan)
    of_seen[seen] = np.searchsorted(np.sort(above[unseen]), below[seen]) / unseen.sum()
    passed = np.searchsorted(np.sort(below[seen]), above[unseen], side="right")
    of_unseen[unseen] = 1 - passed / seen.sum()
    return np.nanmean(of_seen) + _deviation(of_seen) + _deviation(of_unseen)


def harmonic_mean(seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """(n,) numbers whose mean is H = 2 s u / (s + u) of the means s and u.

    Each is H plus the picture's part in its error, by the derivatives 2 u^2 / (s + u)^2 and
    2 s^2 / (s + u)^2 of H (the delta method), so that an interval of their mean is one of H.

    Args:
        seen, unseen: (n,) shares of right answers of each picture; NaN: not asked.

    Returns:
        all NaN where no picture is asked the one or the other.
    """
    if np.isnan(seen).all() or np.isnan(unseen).all():
        return np.full(len(seen), np.nan)
    s, u = np.nanmean(seen), np.nanmean(unseen)
    if s + u == 0:
        return np.zeros(len(seen))
    slopes = 2 * u**2 / (s + u) ** 2, 2 * s**2 / (s + u) ** 2
    return 2 * s * u / (s + u) + slopes[0] * _deviation(seen) + slopes[1] * _deviation(unseen)


def _deviation(values: np.ndarray) -> np.ndarray:
    """(n,) n / known (value - mean); 0 where there is no value."""
    known = ~np.isnan(values)
    return np.where(known, (values - np.nanmean(values)) * len(values) / known.sum(), 0)
