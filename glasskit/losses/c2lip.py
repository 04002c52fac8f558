"""C2LIP: a picture answers for each noun phrase of its caption, as a whole and patch by patch.

Letters: M groups, N members a group, L width, B = M N pairs, K noun phrases, P patch tokens;
u unit image vectors, c unit phrase vectors, t patch tokens; s = 1 / tau the scale and b the bias
of the logits; y_ak = +1 where phrase k is from the caption of pair a, else -1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.siglip import SigmoidObjective, siglip_loss, sigmoid_loss
from glasskit.losses.vectors import accumulator, check_weight, unit, unit_rows


def attention_pool(patches: Tensor, phrases: Tensor) -> Tensor:
    """vhat_ka = normalise( sum_p softmax_p(c_k . t_ap) t_ap ): what picture a shows of phrase k.

    Attention without parameters. The tokens keep their lengths, as in the published code: the
    longer they are, the sharper the attention.

    Shapes: patches (B, P, L), phrases (K, L) unit rows; value (B, K, L) unit vectors.
    """
    attention = (phrases @ patches.transpose(1, 2)).softmax(-1)  # (B, K, P)
    return unit(attention @ patches)


def phrase_loss(logits: Tensor, owner: Tensor, shared: Tensor | None) -> Tensor:
    """-(1 / K) sum_ak log sigmoid(y_ak x_ak), without phrases of captions that share a label.

    0 where K is 0. Shapes: logits x (B, K), owner (K,) rows of x, shared (B, B) bool; value ().
    """
    rows, count = logits.shape
    own = torch.arange(rows, device=owner.device)[:, None] == owner  # (B, K)
    left_out = None if shared is None else shared[:, owner]  # (B, K)
    return sigmoid_loss(logits, own, max(count, 1), left_out)


class C2Lip(SigmoidObjective):
    """C2LIP: SigLIP, with sigmoid losses of pictures against noun phrases.

        L = SigLIP + npc_weight NPC + xac_weight XAC

    Both are phrase_loss: NPC of s u_a . c_k + b, XAC of s vhat_ka . c_k + b with vhat_ka of
    attention_pool, B x K x L numbers. A phrase that two captions share is there twice, once with
    each owner, and each picture says no to the other's, as published.

    Args:
        temperature, logit_bias, learn_bias: as in SigLip.
        npc_weight: weight of NPC; 1 as published.
        xac_weight: weight of XAC; 0.01 as published. At 0 no patch tokens are asked for.

    Shapes: image, text (M, N, L), phrases (K, L), phrase_owner (K,), patches (M, N, P, L);
    value (), parts "siglip", "npc" and, with its weight above 0, "xac".
    Source: arXiv 2603.25722 (CVPR 2026). Unlike the published code, phrases of all ranks meet the
    pictures of all ranks.
    Asks of the batch: phrases with phrase_owner, and patches.

    Raises:
        ValueError: an option out of range.
    """

    needs: tuple[str, ...] = ("phrases", "patches")

    def __init__(
        self,
        temperature: float = 0.1,
        logit_bias: float = -10.0,
        learn_bias: bool = True,
        npc_weight: float = 1.0,
        xac_weight: float = 0.01,
    ) -> None:
        super().__init__(temperature, logit_bias, learn_bias)
        check_weight("npc_weight", npc_weight)
        check_weight("xac_weight", xac_weight)
        if not xac_weight:
            self.needs = ("phrases",)
        self.npc_weight = npc_weight
        self.xac_weight = xac_weight

    def hint(self, field: str) -> str:
        """Patch tokens can be done without."""
        return "; or set xac_weight to 0" if field == "patches" else ""

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its terms."""
        scale, bias, shared = self.scale(batch), self.logit_bias, batch.shared
        image = unit_rows(batch.image)
        phrases = unit(accumulator(self.field(batch, "phrases")))
        owner = self.field(batch, "phrase_owner")
        parts = {
            "siglip": siglip_loss(image, unit_rows(batch.text), 1, scale, bias, shared),
            "npc": phrase_loss(scale * (image @ phrases.T) + bias, owner, shared),
        }
        total = parts["siglip"] + self.npc_weight * parts["npc"]
        if self.xac_weight:
            patches = accumulator(self.field(batch, "patches")).flatten(0, 1)
            pooled = attention_pool(patches, phrases)  # (B, K, L)
            parts["xac"] = phrase_loss(scale * (pooled * phrases).sum(-1) + bias, owner, shared)
            total = total + self.xac_weight * parts["xac"]
        return ObjectiveOutput.of(total, **parts)
