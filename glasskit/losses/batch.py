"""What every objective takes and gives: one grouped batch in, one value with its parts out.

Letters: M groups, N members (pairs) a group, L embedding width, K noun phrases, P patch tokens,
B = M N pairs, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from glasskit.losses.overlap import shared_labels

PAIR_FIELDS = ("text", "paraphrase", "negation", "negative_image", "general", "altered")


@dataclass(frozen=True, slots=True)
class GroupedBatch:
    """Embeddings of M groups of N image-text pairs; the optional fields are None where absent.

    Vectors need not be normalised: an objective normalises inside, or reads their lengths and says
    so (`Objective.lengths`).

    Raises:
        ValueError: a field whose shape does not fit that of `image`, `phrases` without
            `phrase_owner` (or the reverse), or `labels` that are not bool.
    """

    image: Tensor  # (M, N, L)
    text: Tensor  # (M, N, L)
    paraphrase: Tensor | None = None  # (M, N, L) another literal caption of the same one
    negation: Tensor | None = None  # (M, N, L) a sentence that is false of the picture
    negative_image: Tensor | None = None  # (M, N, L) a picture of which the negation is true
    general: Tensor | None = None  # (M, N, L) a sentence of what the picture is about
    altered: Tensor | None = None  # (M, N, L) a literal caption, made false by rule
    phrases: Tensor | None = None  # (K, L) noun phrases of the batch's captions
    phrase_owner: Tensor | None = None  # (K,) long: row 0..M*N-1 of the pair a phrase is from
    patches: Tensor | None = None  # (M, N, P, L) patch tokens of the pictures
    labels: Tensor | None = None  # (M, N, C) bool: which of C labels each pair carries
    logit_scale: Tensor | None = None  # () log of the learned inverse temperature

    def __post_init__(self) -> None:
        if self.image.dim() != 3 or 0 in self.image.shape:
            raise ValueError(
                f"image must have shape (M, N, L) with no zero in it, got {tuple(self.image.shape)}"
            )
        if (self.phrases is None) != (self.phrase_owner is None):
            raise ValueError("phrases and phrase_owner go together: give both or neither")
        pairs = tuple(self.image.shape)
        shapes: dict[str, tuple[int | str, ...]] = dict.fromkeys(PAIR_FIELDS, pairs)
        shapes["patches"] = (self.groups, self.members, "P", self.width)
        shapes["labels"] = (self.groups, self.members, "C")
        if self.phrases is not None:
            shapes["phrases"] = ("K", self.width)
            shapes["phrase_owner"] = (len(self.phrases),)
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and not _fits(value, shape):
                wanted = ", ".join(map(str, shape))
                raise ValueError(f"{name} must have shape ({wanted}), got {tuple(value.shape)}")
        if self.labels is not None and self.labels.dtype != torch.bool:
            raise ValueError(f"labels must be bool, got {self.labels.dtype}")

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

    @property
    def shared(self) -> Tensor | None:
        """(B, B) bool, pairs that are no negatives of each other; None without `labels`.

        The pairs that have a label in common, see `shared_labels`.
        """
        return None if self.labels is None else shared_labels(self.labels)


def _fits(value: Tensor, shape: tuple[int | str, ...]) -> bool:
    """Whether a tensor has a shape, in which a letter stands for any number."""
    sizes = zip(value.shape, shape, strict=False)
    return value.dim() == len(shape) and all(isinstance(n, str) or n == own for own, n in sizes)


class ObjectiveOutput(NamedTuple):
    """The value to minimise and the terms it is made of.

    Attributes:
        total: () the loss, with gradient.
        parts: name of a term -> () its value before weighting, without gradient, for logging.
    """

    total: Tensor
    parts: dict[str, Tensor]

    @classmethod
    def of(cls, total: Tensor, **parts: Tensor) -> ObjectiveOutput:
        """The output with these parts, cut off from the graph."""
        return cls(total, {name: value.detach() for name, value in parts.items()})
