"""The latent space: nearest neighbours, maps, group geometry, probes and figures.

Names are imported when they are first used: reading a stored map needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasskit.analysis.library import Library
    from glasskit.analysis.probe import ConceptScore, ImageScore, Probe
    from glasskit.models.embedding import Embedding, embed
    from glasskit.models.vectors import Neighbours, nearest

_HOMES = {
    "Embedding": "glasskit.models.embedding",
    "embed": "glasskit.models.embedding",
    "Library": "glasskit.analysis.library",
    "Neighbours": "glasskit.models.vectors",
    "nearest": "glasskit.models.vectors",
    "ConceptScore": "glasskit.analysis.probe",
    "ImageScore": "glasskit.analysis.probe",
    "Probe": "glasskit.analysis.probe",
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
    return getattr(import_module(_HOMES[name]), name)
