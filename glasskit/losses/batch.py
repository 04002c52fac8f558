"""What every objective takes and gives: one grouped batch in, one value with its parts out.

Letters: M groups, N members (pairs) a group, L embedding width, K noun phrases, P patch tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

PAIR_FIELDS = ("text", "paraphrase", "negation", "negative_image")


@dataclass(frozen=True, slots=True)
class GroupedBatch:
    """Embeddings of M groups of N image-text pairs; the optional fields are None where absent.

    Vectors need not be normalised: every objective normalises inside.

    Raises:
        ValueError: a field whose shape does not fit that of `image`, or `phrases` without
            `phrase_owner` (or the reverse).
    """

    image: Tensor  # (M, N, L)
    text: Tensor  # (M, N, L)
    paraphrase: Tensor | None = None  # (M, N, L) another literal caption of the same one
    negation: Tensor | None = None  # (M, N, L) a sentence that is false of the picture
    negative_image: Tensor | None = None  # (M, N, L) a picture of which the negation is true
    phrases: Tensor | None = None  # (K, L) noun phrases of the batch's captions
    phrase_owner: Tensor | None = None  # (K,) long: row 0..M*N-1 of the pair a phrase is from
    patches: Tensor | None = None  # (M, N, P, L) patch tokens of the pictures
    logit_scale: Tensor | None = None  # () log of the learned inverse temperature

    def __post_init__(self) -> None:
        if self.image.dim() != 3 or 0 in self.image.shape:
            raise ValueError(
                f"image must have shape (M, N, L) with no zero in it, got {tuple(self.image.shape)}"
            )
        for name in PAIR_FIELDS:
            value = getattr(self, name)
            if value is not None and value.shape != self.image.shape:
                raise ValueError(
                    f"{name} must have the shape of image {tuple(self.image.shape)}, "
                    f"got {tuple(value.shape)}"
                )
        if (self.phrases is None) != (self.phrase_owner is None):
            raise ValueError("phrases and phrase_owner go together: give both or neither")
        if self.phrases is not None and self.phrase_owner is not None:
            if self.phrases.dim() != 2 or self.phrases.shape[1] != self.width:
                raise ValueError(
                    f"phrases must have shape (K, {self.width}), got {tuple(self.phrases.shape)}"
                )
            if self.phrase_owner.shape != self.phrases.shape[:1]:
                raise ValueError(
                    f"phrase_owner must have shape ({self.phrases.shape[0]},), "
                    f"got {tuple(self.phrase_owner.shape)}"
                )
        if self.patches is not None and (
            self.patches.dim() != 4
            or self.patches.shape[:2] != self.image.shape[:2]
            or self.patches.shape[3] != self.width
        ):
            raise ValueError(
                f"patches must have shape ({self.groups}, {self.members}, P, {self.width}), "
                f"got {tuple(self.patches.shape)}"
            )

    @property
    def groups(self) -> int:
        """M, the number of groups."""
        return self.image.shape[0]

    @property
    def members(self) -> int:
        """N, the number of pairs in each group."""
        return self.image.shape[1]

    @property
    def width(self) -> int:
        """L, the embedding width."""
        return self.image.shape[2]


class ObjectiveOutput(NamedTuple):
    """The value to minimise and the terms it is made of.

    Attributes:
        total: () the loss, with gradient.
        parts: name of a term -> () its value before weighting, for logging.
    """

    total: Tensor
    parts: dict[str, Tensor]
