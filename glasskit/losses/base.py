"""The frame of an objective: what the objectives of the registry share.

Letters: M groups, N members a group, L width, B = M N pairs.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Hashable

import torch
from torch import Tensor, nn

from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.distributed import batch_facts, gather_batch
from glasskit.losses.vectors import accumulator, check_temperature, learning

FIELD_MEANING = {
    "paraphrase": "another literal caption of the same picture",
    "negation": "a sentence that is false of the picture",
    "negative_image": "a picture of which the negation is true",
    "general": "a sentence of what the picture is about (theme caption)",
    "altered": "a literal caption with words swapped, replaced or negated by rule",
    "phrases": "noun phrases of the captions, with their phrase_owner",
    "patches": "patch tokens of the pictures, from an image tower that has them",
}


class Objective(nn.Module, ABC):
    """One objective: takes a GroupedBatch, gives an ObjectiveOutput.

    Pairs of `batch.shared` are no negatives of each other, see `glasskit.losses.overlap`.

    A subclass gives `terms`; without it there is nothing to call, and making one is a TypeError.
    `forward` checks that the batch has what the objective needs, joins the batches of all ranks
    (so that the value and its gradients are those of one process on the joined batch), switches
    autocast off (a product of unit vectors over tau in half precision is off by whole units at
    tau 0.01) and hands over to `terms`.

    Args:
        temperature: tau; the logits are cosines over tau. Where the batch has a `logit_scale`
            the logits are cosines times exp(logit_scale) instead.

    Attributes:
        name: its name in the registry, for messages.
        needs: the optional fields of the batch that it asks for.
        lengths: whether it reads the lengths of the vectors, which encoders then leave as they are.
        negatives_are_groups: whether it learns nothing from a batch of one group, to be said.

    Raises:
        ValueError: a temperature that is not positive and finite; at the call, a field that is
            needed and absent, or ranks whose batches cannot be joined (compared at the first batch
            of its kind).
    """

    name = ""
    needs: tuple[str, ...] = ()
    lengths = False
    negatives_are_groups = False

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        check_temperature(temperature)
        self.temperature = temperature
        self._compared: set[Hashable] = set()

    def forward(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value and its parts, () each."""
        for field in self.needs:
            self.field(batch, field)
        # Ranks are compared at the first batch of its kind: each time would make a GPU wait.
        kind = tuple(batch_facts(batch).items())
        joined = gather_batch(batch, check=kind not in self._compared)
        self._compared.add(kind)
        if self.negatives_are_groups and joined.groups == 1 and learning():
            warnings.warn(
                f"M = 1: objective {self.name!r} has no negatives in a batch of one group; "
                "use at least 2 groups a batch",
                stacklevel=1,  # a frame further out is torch's
            )
        with torch.autocast(joined.image.device.type, enabled=False):
            return self.terms(joined)

    def field(self, batch: GroupedBatch, name: str) -> Tensor:
        """An optional field of the batch; raises ValueError where it is absent."""
        value: Tensor | None = getattr(batch, name)
        if value is None:
            raise ValueError(
                f"objective {self.name!r} needs {name!r} in the batch: "
                f"{FIELD_MEANING[name]}{self.hint(name)}"
            )
        return value

    def hint(self, field: str) -> str:
        """What else to do where `field` is absent, appended to the message."""
        return ""

    def scale(self, batch: GroupedBatch) -> Tensor | float:
        """The inverse temperature: exp(logit_scale) of the batch, else 1 / tau.

        Training makes it learnable (`build_encoder`) and keeps it below 100 (`Trainer.train_step`).
        """
        if batch.logit_scale is None:
            return 1 / self.temperature
        return accumulator(batch.logit_scale).reshape(()).exp()

    def learned(self) -> dict[str, float]:
        """What the objective itself has learned, as numbers to be kept with the model."""
        return {name: parameter.item() for name, parameter in self.named_parameters()}

    @abstractmethod
    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value and its parts on a batch that has everything needed."""
