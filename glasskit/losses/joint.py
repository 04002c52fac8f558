"""Joint: tell pictures apart, and see what they share, at the same time."""

from __future__ import annotations

from dataclasses import replace

from glasskit.losses.base import FIELD_MEANING, Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.vectors import check_choice, check_share

CAPTIONS = ("text", "paraphrase")


class Joint(Objective):
    """w L_instance + (1 - w) L_grouped: a weighted sum of two objectives.

    The instance objective may read the batch's `paraphrase` in the place of its `text`. A trainer
    that puts theme captions in `text` and literal ones in `paraphrase` so has each objective on
    the captions it is for: literal ones tell pictures apart, theme captions bring groups together.

    Args:
        instance: the objective that tells pictures apart.
        grouped: the objective on groups.
        instance_weight: w, from 0 to 1.
        instance_caption: "text" or "paraphrase", what the instance objective reads as caption.

    Shapes: as the two ask; value (), parts "instance", "grouped", and each objective's own parts
    as "instance/..." and "grouped/...".
    Asks of the batch: what the two ask, and paraphrase where `instance_caption` says so.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        instance: Objective,
        grouped: Objective,
        instance_weight: float = 0.2,
        instance_caption: str = "text",
    ) -> None:
        super().__init__(grouped.temperature)
        check_choice("instance_caption", instance_caption, CAPTIONS)
        check_share("instance_weight", instance_weight)
        asked = {*instance.needs, *grouped.needs}
        if instance_caption == "paraphrase":
            asked.add("paraphrase")
        self.needs = tuple(field for field in FIELD_MEANING if field in asked)
        self.lengths = instance.lengths or grouped.lengths
        self.negatives_are_groups = grouped.negatives_are_groups
        self.instance = instance
        self.grouped = grouped
        self.instance_weight = instance_weight
        self.instance_caption = instance_caption

    def hint(self, field: str) -> str:
        """What the one of the two that misses the field has to say."""
        return self.instance.hint(field) or self.grouped.hint(field)

    def learned(self) -> dict[str, float]:
        """What each of the two has learned."""
        found = {f"instance/{name}": value for name, value in self.instance.learned().items()}
        return found | {f"grouped/{name}": value for name, value in self.grouped.learned().items()}

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with the two objectives and their parts."""
        seen = batch
        if self.instance_caption == "paraphrase":
            seen = replace(batch, text=self.field(batch, "paraphrase"))
        instance, grouped = self.instance.terms(seen), self.grouped.terms(batch)
        weight = self.instance_weight
        total = weight * instance.total + (1 - weight) * grouped.total
        parts = {"instance": instance.total, "grouped": grouped.total}
        parts |= {f"instance/{name}": value for name, value in instance.parts.items()}
        parts |= {f"grouped/{name}": value for name, value in grouped.parts.items()}
        return ObjectiveOutput.of(total, **parts)
