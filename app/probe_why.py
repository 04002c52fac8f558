"""Why a picture got its answer: words of the frozen tower, near training groups, where it looks."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
import torch
from PIL import Image

from glasskit.analysis.explain import class_words, heat_map, near_groups, overlay, patch_grid
from glasskit.errors import InputError
from glasskit.models import GlassModel
from glasskit.plots.map_data import SIDES
from glasskit_app.state import DatasetMaps

WHY = "Why? Words, groups, and where the model looks"

NO_GRID = "This model keeps no grid, so there is no light to show."
COARSE = (
    "The light is coarse: the tower's grid has {0} by {0} places, each of which has seen far "
    "beyond its own square, and it shows order within one picture only."
)


def reasons(maps: DatasetMaps, picture: Image.Image, names: list[str] | None = None) -> str:
    """What stands in the fold under an answer, as HTML.

    Args:
        maps: the data set that was asked about.
        picture: RGB.
        names: of the visitor's own concepts; those of the data set if None.
    """
    comparison, cells, note = maps.comparison, "", NO_GRID
    features = comparison.image_features(picture)
    vectors = comparison.image_vectors(picture, features)
    both = comparison.concepts(vectors, names, k=1)
    groups, grid = _trained_groups(maps), _grid(comparison.before.model, picture)
    for side, vector in zip(SIDES, vectors, strict=True):
        probe, top = getattr(comparison, side), getattr(both, side)[0].name
        near = near_groups(vector, maps.projection(side).embedding.picture, groups)
        listed = " · ".join(f"<b>{escape(g.name)}</b> {g.weight:.2f}" for g in near)
        cells += f"<div><p>Nearest training groups {side} training: {listed}</p>"
        if side == "after" and not comparison.shared:
            grid = _grid(probe.model, picture)
        if grid is not None:
            heat = heat_map(probe.model, picture, probe.named_vectors([top])[0], grid)
            cells += (
                f'<figure><img src="{_data_url(overlay(picture, heat))}" alt="lit where the '
                f'picture is near to {escape(top)}"><figcaption>lit where it is nearest to '
                f"“{escape(top)}”</figcaption></figure>"
            )
            note = COARSE.format(len(heat))
        cells += "</div>"
    return (
        f'<div class="gk-page gk-why">{_words(comparison.before.model, picture, features[0])}'
        f'<div class="gk-columns">{cells}</div><p class="gk-meta">{note}</p></div>'
    )


def _words(model: GlassModel, picture: Image.Image, features: torch.Tensor) -> str:
    """The class words of the frozen tower; empty for a model that has none."""
    try:
        words = class_words(model, picture, features=features)
    except InputError:
        return ""
    listed = " · ".join(f"<b>{escape(w.name)}</b> {100 * w.weight:.0f}%" for w in words)
    return (
        f"<p>What the frozen image tower sees, in ImageNet words: {listed}. Before training these "
        "words alone say where the picture stands.</p>"
    )


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


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
