"""The latent space: probes, maps, geometry, explanations, vectors for other tools.

- `probe`: which concepts is a picture near to, which pictures a phrase? By one model or two
- `maps`: UMAP of the pictures, and words placed among them
- `selection`: which points a lasso holds, and what these pictures share
- `geometry`: groups, their centres, alignment and uniformity; `levels`: lengths and cones by level
- `gradients`: which way an objective moves each vector
- `explain`: class words of a picture, and where the model looks
- `sparse_words`: a picture as a sum of a few words; `concept_tree`: the ideas as a tree
- `write_vectors`: embed pictures and write their vectors; `index`: their format, and search in it
- `store`: arrays that are costly to compute, kept in the cache folder
"""

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
