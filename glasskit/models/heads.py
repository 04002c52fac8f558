"""Trainable heads over frozen towers: what head training changes, and nothing else.

F width of the image tower, G width of the text tower, L width of the shared space, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConseHead(nn.Module):
    """Image features to the text space by class names, plus a linear map that training fills.

    v(f) = softmax(K f + k) V + W f / |f|

    K, k are the tower's own ImageNet classifier and V (C, L) holds the text vectors of the class
    names less their mean: a picture is where the words of its likely classes are (ConSE, Norouzi et
    al. 2013, arXiv 1312.5650, with all C classes). W (L, F) is zero at the start, so that an
    untrained model is pure ConSE; it is the only part that is trained. It sees the direction of f
    alone, so that a learning rate means the same for every tower.

    Args:
        classifier: the tower's classifier, F to C; frozen.
        class_vectors: (C, L) text vectors of the class names; centred here; frozen.
    """

    class_vectors: Tensor

    def __init__(self, classifier: nn.Linear, class_vectors: Tensor) -> None:
        super().__init__()
        self.classifier = classifier.requires_grad_(False)
        self.register_buffer("class_vectors", class_vectors - class_vectors.mean(0))
        self.map = nn.Linear(classifier.in_features, class_vectors.shape[1], bias=False)
        nn.init.zeros_(self.map.weight)

    def class_probabilities(self, features: Tensor) -> Tensor:
        """(..., F) -> (..., C): the tower's own belief in each ImageNet class."""
        return self.classifier(features).softmax(-1)

    def bridge(self, features: Tensor) -> Tensor:
        """(..., F) -> (..., L): the untrained part, the mean text vector of the likely classes."""
        return self.class_probabilities(features) @ self.class_vectors

    def split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(..., F) -> (..., F) what the map sees, and (..., L) what its result is added to.

        Neither changes in training, so that a trainer computes both once.
        """
        return functional.normalize(features, dim=-1), self.bridge(features)

    def forward(self, features: Tensor) -> Tensor:
        """(..., F) -> (..., L), not normalised."""
        seen, fixed = self.split(features)
        return fixed + self.map(seen)


class CentredTextMap(nn.Module):
    """Text features, normalised, less the mean caption, through a square map.

    t(g) = A (g / |g| - m)

    Without the mean m every pair of sentences is similar by what all captions share. A (L, G) is
    the identity at the start.

    Args:
        mean: (G,) mean of the normalised features of everyday captions; frozen.
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.map = nn.Linear(len(mean), len(mean), bias=False)
        nn.init.eye_(self.map.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(..., G) -> (..., G), not normalised."""
        return self.map(functional.normalize(features, dim=-1) - self.mean)


class ResidualMap(nn.Module):
    """x + W x with W zero at the start: head of any open_clip model, which so begins as itself.

    Args:
        width: L, width of the model's embeddings.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.map.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(..., L) -> (..., L), not normalised."""
        return features + self.map(features)


def merged_weight(change: nn.Linear) -> Tensor:
    """(L, L) the matrix I + W that a ResidualMap with the map W applies."""
    return change.weight + torch.eye(len(change.weight)).to(change.weight)
