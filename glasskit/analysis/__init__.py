"""The latent space: probes, maps, group geometry, explanations, vectors on disk."""

from glasskit.analysis.index import VectorIndex
from glasskit.analysis.probe import ConceptScore, ImageScore, Probe
from glasskit.models.embedding import Embedding, embed
from glasskit.models.vectors import Neighbours, nearest

__all__ = [
    "ConceptScore",
    "Embedding",
    "ImageScore",
    "Neighbours",
    "Probe",
    "VectorIndex",
    "embed",
    "nearest",
]
