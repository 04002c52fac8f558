"""How a grouped batch becomes samples with several views, for the multi-view objectives.

The fair comparison with a grouped loss is on the same information, so the default takes a group
as the sample and its 2 N vectors, images and captions, as the views: what the group has in common
is then what the views share. With a pair as the sample the objective never hears of groups; that
reading is there for those who want the published instance setting.

Letters: M groups, N members a group, L width; S samples, V views a sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch
from glasskit.losses.vectors import accumulator, check_choice, unit

VIEWS = ("group", "pair")


def group_views(batch: GroupedBatch) -> Tensor:
    """(S, V, L) unit vectors with S = M groups and V = 2 N: the images, then the captions."""
    return unit(accumulator(torch.cat([batch.image, batch.text], dim=1)))


def pair_views(batch: GroupedBatch) -> Tensor:
    """(S, V, L) unit vectors with S = M N pairs and V = 2, or 3 where there are paraphrases."""
    views = [batch.image, batch.text]
    if batch.paraphrase is not None:
        views.append(batch.paraphrase)
    return unit(accumulator(torch.stack(views, dim=2).flatten(0, 1)))


def cross_view(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S, V, V) the logits between views of one sample; the diagonal is a view with itself."""
    return scale * (views @ views.transpose(1, 2))


class MultiViewObjective(Objective):
    """An objective over samples with views.

    Args:
        name, temperature: as in Objective.
        views: "group" (a group is a sample, its 2 N vectors are the views) or "pair" (a pair is
            a sample; image, caption and, where the batch has it, paraphrase are the views).

    Raises:
        ValueError: an unknown choice of views; temperature not positive and finite.
    """

    def __init__(self, name: str, temperature: float = 0.1, views: str = "group") -> None:
        check_choice("views", views, VIEWS)
        super().__init__(name, (), temperature, negatives_are_groups=views == "group")
        self.views = views

    def samples(self, batch: GroupedBatch) -> Tensor:
        """(S, V, L) unit vectors."""
        return group_views(batch) if self.views == "group" else pair_views(batch)
