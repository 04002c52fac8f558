"""How a concept's name becomes a vector: the mean over sentences in which it may stand."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from glasskit.models.features import text_features
from glasskit.models.glass_model import GlassModel, checked_finite

TEMPLATES = (
    "{}",
    "a photo of {}",
    "a photo about {}",
    "a picture that shows {}",
    "a scene of {}",
)
"""Sentences around a concept's name, as CLIP's prompt ensembling (arXiv 2103.00020, 3.1.4)."""


def prompts(names: Sequence[str]) -> list[str]:
    """Every name in every template: the templates of the first name, then of the second, ..."""
    return [template.format(name) for name in names for template in TEMPLATES]


def concept_vectors(model: GlassModel, names: Sequence[str]) -> Tensor:
    """(c, L) one L2-normalised vector a name: v = normalise(mean over templates of t(template)).

    Args:
        model: whose text side is used, with the head as it stands.
        names: concept names.
    """
    vectors = model.embed_text_features(text_features(model, prompts(names)))
    return checked_finite(model, pool_prompts(vectors))


def pool_prompts(vectors: Tensor) -> Tensor:
    """(c * templates, L) vectors in the order of ``prompts`` -> (c, L), L2-normalised."""
    grouped = vectors.reshape(-1, len(TEMPLATES), vectors.shape[-1])
    return functional.normalize(grouped.mean(1), dim=-1)
