"""The CLEAR GLASS losses as objectives, beside those they are compared with.

Letters: M groups, N members a group, L width.
"""

from __future__ import annotations

from glasskit.losses.base import Objective, check_share
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.inner import CENTROIDS, INNER_VARIANTS, inner_loss
from glasskit.losses.outer import outer_loss
from glasskit.losses.vectors import check_choice, check_temperature


class ClearGlass(Objective):
    """alpha L_out + (1 - alpha) L_in: groups apart from each other, a group around its centre.

    A learned `logit_scale` of the batch takes the place of `temperature` in the outer loss; the
    inner loss keeps `inner_temperature`.

    Args:
        name: its name in the registry.
        alpha: weight of the outer loss.
        temperature, inner_temperature: tau of the outer and tau' of the inner loss.
        variant: "pairwise", "centroid", or "cosine" (the outer loss is then the pairwise one).
        centroid: whether the centroid of the centroid variant holds the member that is compared
            with it ("inclusive", as in the paper) or not ("leave_one_out").

    Shapes: image, text (M, N, L); value (), parts "outer", "inner".
    Source: arXiv 2509.12771; formulas in outer_loss and inner_loss.
    Asks of the batch: nothing more, but with M = 1 the outer loss is 0 and teaches nothing.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        name: str = "grouped",
        alpha: float = 0.7,
        temperature: float = 0.1,
        inner_temperature: float = 0.1,
        variant: str = "pairwise",
        centroid: str = "inclusive",
    ) -> None:
        super().__init__(name, (), temperature)
        check_temperature(inner_temperature, "inner_temperature")
        check_choice("variant", variant, INNER_VARIANTS)
        check_choice("centroid", centroid, CENTROIDS)
        self.alpha = check_share("alpha", alpha)
        self.inner_temperature = inner_temperature
        self.variant = variant
        self.centroid = centroid

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its two terms."""
        outer = outer_loss(
            batch.image,
            batch.text,
            temperature=self.temperature if batch.logit_scale is None else 1 / self.scale(batch),
            variant="centroid" if self.variant == "centroid" else "pairwise",
        )
        inner = inner_loss(
            batch.image,
            batch.text,
            temperature=self.inner_temperature,
            variant=self.variant,
            centroid=self.centroid,
        )
        total = self.alpha * outer + (1 - self.alpha) * inner
        return ObjectiveOutput(total, {"outer": outer.detach(), "inner": inner.detach()})
