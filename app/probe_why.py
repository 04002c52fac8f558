"""Why a picture got its answer: words of the frozen tower, near training groups, where it looks."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from glasskit.analysis.explain import class_words, heat_map, overlay, patch_grid
from glasskit.analysis.geometry import nearest_groups
from glasskit.analysis.sparse_words import sparse_words
from glasskit.data.vocabulary import vocabulary_names
from glasskit.errors import InputError
from glasskit.io.pictures import data_url
from glasskit.models import GlassModel
from glasskit.plots.map_data import SIDES
from glasskit_app.answers import answer
from glasskit_app.probe_merged import merged_page
from glasskit_app.state import DatasetMaps

WHY = "Why? Words, groups, and where the model looks"


def reasons(
    maps: DatasetMaps,
    picture: Image.Image,
    names: list[str] | None = None,
    scores: str = "cosine",
    phrase: str = "",
) -> str:
    """What stands in the fold under an answer, as HTML.

    Args:
        maps: the data set that was asked about.
        picture: RGB.
        names: of the visitor's own concepts; those of the data set if None.
        scores: that the concept which is lit is the best by.
        phrase: of the visitor, whose words are bracketed where a model merges words.
    """
    comparison, columns = maps.comparison, []
    features = comparison.image_features(picture)
    vectors = comparison.image_vectors(picture)
    both = comparison.concepts(vectors, names, 1, scores)
    groups, grid = _trained_groups(maps), _grid(comparison.before.model, picture)
    for side, vector in zip(SIDES, vectors, strict=True):
        probe, concept = getattr(comparison, side), getattr(both, side)[0].name
        pictures = maps.projection(side).embedding.picture
        near = nearest_groups(vector, pictures, groups) if groups else []
        if side == "after" and not comparison.shared:
            grid = _grid(probe.model, picture)
        lit, places = "", 0
        if grid is not None:
            heat = heat_map(probe.model, picture, probe.named_vectors([concept])[0], grid)
            lit, places = data_url(overlay(picture, heat)), len(heat)
        made, merged = sparse_words(probe, vector), merged_page(probe.model, picture, phrase)
        columns.append((side, near, lit, concept, places, made, merged))
    try:
        words = class_words(comparison.before.model, picture, features=features[0])
    except InputError:
        words = []  # a model without class words has one reason less
    count = len(vocabulary_names())
    return answer("why", maps=maps, words=words, columns=columns, vocabulary=count)


def _trained_groups(maps: DatasetMaps) -> dict[str, np.ndarray]:
    """Rows of the pictures of each group that training saw."""
    records = maps.dataset.records
    groups = {
        concept: np.array([i for i in rows if records[i].split == "train"], dtype=np.int64)
        for concept, rows in maps.dataset.groups().items()
    }
    return {concept: rows for concept, rows in groups.items() if len(rows)}


def _grid(model: GlassModel, picture: Image.Image) -> torch.Tensor | None:
    """The tower's grid for this picture, or None where the tower keeps none."""
    try:
        return patch_grid(model, picture)
    except InputError:
        return None
