"""Validation: the objective and concept recognition on records that are not trained on.

Letters: n records, c concepts, L width.
"""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.functional import normalize

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.models.prompts import pool_prompts
from glasskit.models.recognition import recognise
from glasskit.training.batches import grouped
from glasskit.training.config import TrainConfig
from glasskit.training.encoders import HeadEncoder, TowerEncoder
from glasskit.training.loaders import Loader

Scores = dict[str, float]
"""One validation: mean "loss" over its batches, "top1" and "acceptable_top1" (shares, 0 to 1)."""

CHUNK = 256
"""Prompts that are encoded at once."""

ENOUGH = 2
"""Concepts that validation needs: with one every answer is right."""


def better(scores: Scores, other: Scores | None, measure: str) -> bool:
    """Whether scores beat others by a measure; where shares are equal, by the loss."""
    if other is None:
        return True
    if measure == "loss":
        return scores["loss"] < other["loss"]
    return (scores[measure], -scores["loss"]) > (other[measure], -other["loss"])


def split_for_training(
    dataset: GroupedDataset, config: TrainConfig
) -> tuple[GroupedDataset, GroupedDataset | None]:
    """The records to train on and those to validate on, or None for no validation.

    The val split where there is one; else ``validation_share`` of each concept's train records,
    by the seed, so that every concept keeps at least one to train on. Test records are in neither.

    Raises:
        InputError: no train records, or fewer than two concepts to validate on.
    """
    train = dataset.split("train")
    if any(record.split == "val" for record in dataset.records):
        held = dataset.split("val")
    elif config.validation_share == 0:
        return train, None
    else:
        rows = _stratified(train, config.validation_share, config.seed)
        if not rows:
            return train, None
        held = train.select(sorted(rows))
        train = train.select(i for i in range(len(train)) if i not in rows)
    if len(held.groups()) < ENOUGH:
        raise InputError(
            f"data set {dataset.name!r}: validation has records of one concept only; raise "
            "validation_share or give the val split more concepts"
        )
    return train, held.strongest()  # so that every record is in one group of a pass


def _stratified(train: GroupedDataset, share: float, seed: int) -> set[int]:
    """Rows held out: the same share of every concept, rounded up or down by a draw."""
    rng = np.random.default_rng((seed, len(train)))
    held: set[int] = set()
    for members in train.strongest().groups().values():
        count = min(int(share * len(members) + rng.random()), len(members) - 1)
        held.update(int(i) for i in rng.permutation(members)[:count])
    return held


class Validation:
    """Scores of an encoder on records held out, in the same groups every time.

    Args:
        loader: the records' steps; those of epoch 0 are used.
        prompts: (c * templates, ...) inputs of the text side for every level-1 concept.
        accelerator: joins the rows of all processes.
    """

    def __init__(self, loader: Loader, prompts: Tensor, accelerator: Accelerator) -> None:
        self.loader, self.prompts, self.accelerator = loader, prompts, accelerator
        dataset = loader.batches.dataset
        self.targets, self.acceptable = dataset.targets(1), dataset.acceptable(1)

    @torch.no_grad()
    def scores(self, encoder: HeadEncoder | TowerEncoder, objective: nn.Module) -> Scores:
        """Mean loss over the batches, and recognition of every record among all concepts."""
        encoder.eval()
        with self.accelerator.autocast():
            texts = torch.cat([encoder.texts(part) for part in self.prompts.split(CHUNK)])
            concepts = pool_prompts(normalize(texts.float(), dim=-1))  # (c, L)
            images = concepts.new_zeros(len(self.targets), concepts.shape[1])  # (n, L)
            losses = []
            for rows, pictures, captions in self.loader.epoch(0):
                encoded = encoder(pictures, captions)
                losses.append(objective(grouped(encoded, rows)).total)
                pairs = rows.groups * rows.members
                own = rows.images[:pairs].to(images.device)
                vectors = normalize(encoded.images[:pairs].float(), dim=-1)
                # Every record comes in the plan at least once, in one process or another.
                images[self.accelerator.gather(own)] = self.accelerator.gather(vectors)
        found = recognise(
            images.cpu().numpy(), concepts.cpu().numpy(), self.targets, self.acceptable
        )
        return {
            "loss": float(torch.stack(losses).mean()),
            "top1": float(found.correct.mean()),
            "acceptable_top1": float(found.accepted.mean()),
        }
