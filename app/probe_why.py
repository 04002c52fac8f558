"""Why a picture got its answer: words of the frozen tower, near training groups, where it looks."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from glasskit.errors import InputError
from glasskit_app.state import AppState

if TYPE_CHECKING:
    import torch

    from glasskit.models import GlassModel

TITLES = {"before": "before training", "after": "after training"}


WHY = "Why? Words, groups, and where the model looks"


class Asked(NamedTuple):
    """A picture that was asked about and what its answer found.

    Attributes:
        name: of the data set.
        picture: RGB.
        features: (1, F) by the untrained model's tower.
        vectors: (L,) before and after.
        nearest: name of its nearest concept before and after.
    """

    name: str
    picture: Image.Image
    features: torch.Tensor
    vectors: tuple[np.ndarray, np.ndarray]
    nearest: tuple[str, str]


def reasons(state: AppState, asked: Asked | None) -> str:
    """What stands in the fold under an answer, as HTML; empty where no picture was asked."""
    from glasskit.analysis.explain import class_words, heat_map, overlay
    from glasskit.analysis.geometry import nearest_groups

    if asked is None:
        return ""
    comparison, maps, picture = state.comparison(asked.name), state.maps(asked.name), asked.picture
    parts = []
    try:
        words = class_words(comparison.before.model, picture, features=asked.features)
        listed = " · ".join(f"<b>{escape(w.name)}</b> {100 * w.weight:.0f}%" for w in words)
        parts.append(
            f"<p>What the frozen image tower sees, in ImageNet words: {listed}. Before training "
            "these words alone say where the picture stands.</p>"
        )
    except InputError:
        pass  # a model without class words has one reason less
    groups = maps.dataset.groups()
    seen = {i for i, r in enumerate(maps.dataset.records) if r.split == "train"}
    trained = {c: rows[[int(i) in seen for i in rows]] for c, rows in groups.items()}
    trained = {c: rows for c, rows in trained.items() if len(rows)}
    cells, shared, note = [], None, ""
    if comparison.shared:
        shared = _grid(comparison.before.model, picture)
    for side, vector, top in zip(TITLES, asked.vectors, asked.nearest, strict=True):
        probe = getattr(comparison, side)
        near = nearest_groups(vector, maps.projection(side).embedding.picture, trained)
        listed = " · ".join(f"<b>{escape(g.name)}</b> {g.score:.2f}" for g in near)
        cell = f"<p>Nearest training groups {TITLES[side]}: {listed}</p>"
        patches = shared if comparison.shared else _grid(probe.model, picture)
        if patches is not None:
            word = probe.named_vectors([top])[0]
            heat = heat_map(probe.model, picture, word, patches)
            lit = _data_url(overlay(picture, heat))
            cell += (
                f'<figure><img src="{lit}" alt="lit where the picture is near to {escape(top)}">'
                f"<figcaption>lit where it is nearest to “{escape(top)}”</figcaption></figure>"
            )
            note = (
                f"The light is coarse: the tower's grid has {len(heat)} by {len(heat)} places, "
                "each of which has seen far beyond its own square, and it shows order within one "
                "picture only."
            )
        cells.append(f"<div>{cell}</div>")
    return (
        f'<div class="gk-page gk-why">{"".join(parts)}'
        f'<div class="gk-columns">{"".join(cells)}</div>'
        f'<p class="gk-meta">{note or "This model keeps no grid, so there is no light to show."}'
        "</p></div>"
    )


def _grid(model: GlassModel, picture: Image.Image) -> torch.Tensor | None:
    """The tower's grid for this picture, or None where the tower keeps none."""
    from glasskit.analysis.explain import patch_grid

    try:
        return patch_grid(model, picture)
    except InputError:
        return None


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
