"""The latent space: nearest neighbours, maps, group geometry, probes and figures.

Names are imported when they are first used: reading a stored map needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasskit.analysis.embedding import Embedding, embed
    from glasskit.analysis.library import Library
    from glasskit.analysis.neighbours import Neighbours, nearest
    from glasskit.analysis.probe import ConceptScore, ImageScore, Probe

_HOMES = {
    "Embedding": "embedding",
    "embed": "embedding",
    "Library": "library",
    "Neighbours": "neighbours",
    "nearest": "neighbours",
    "ConceptScore": "probe",
    "ImageScore": "probe",
    "Probe": "probe",
}

__all__ = [
    "ConceptScore",
    "Embedding",
    "ImageScore",
    "Library",
    "Neighbours",
    "Probe",
    "embed",
    "nearest",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
