"""Why a picture got its answer: words of the frozen tower, near training groups, where it looks."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from app.museum import Museum
from glasskit.errors import InputError

TITLES = {"before": "before training", "after": "after training"}


def reasons(
    museum: Museum,
    name: str,
    picture: Image.Image,
    vectors: tuple[np.ndarray, np.ndarray],
    both: tuple[list, list],
) -> str:
    """The fold under an answer, as HTML.

    Args:
        museum: models and vectors.
        name: of the data set.
        picture: what was asked about.
        vectors: its vector before and after.
        both: its nearest concepts before and after, best first.
    """
    from glasskit.latent.explain import class_words, heat_map, near_groups, overlay

    comparison, exhibit = museum.comparison(name), museum.exhibit(name)
    parts = []
    try:
        words = class_words(comparison.before.model, picture)
        listed = " · ".join(f"<b>{escape(w.name)}</b> {100 * w.weight:.0f}%" for w in words)
        parts.append(
            f"<p>What the frozen image tower sees, in ImageNet words: {listed}. Before training "
            "these words alone say where the picture stands.</p>"
        )
    except InputError:
        pass  # a model without class words has one reason less
    groups = exhibit.dataset.groups()
    seen = {i for i, r in enumerate(exhibit.dataset.records) if r.split == "train"}
    trained = {c: rows[[int(i) in seen for i in rows]] for c, rows in groups.items()}
    trained = {c: rows for c, rows in trained.items() if len(rows)}
    cells = []
    for side, vector, found in zip(TITLES, vectors, both, strict=True):
        probe = getattr(comparison, side)
        near = near_groups(vector, exhibit.view(side).embedding.picture, trained)
        listed = " · ".join(f"<b>{escape(g.name)}</b> {g.weight:.2f}" for g in near)
        top = found[0].name
        word = probe.named_vectors([top])[0]
        heat = overlay(picture, heat_map(probe.model, picture, word))
        cells.append(
            f"<div><p>Nearest training groups {TITLES[side]}: {listed}</p><figure>"
            f'<img src="{_data_url(heat)}" alt="lit where the picture is near to {escape(top)}">'
            f"<figcaption>lit where it is nearest to “{escape(top)}”</figcaption></figure></div>"
        )
    return (
        '<details class="gk-how"><summary>Why? Words, groups, and where the model looks</summary>'
        f'{"".join(parts)}<div class="gk-columns">{"".join(cells)}</div><p class="gk-meta">The '
        "light is coarse: the tower's grid has 7 by 7 places, each of which has seen far beyond "
        "its own square, and it shows order within one picture only.</p></details>"
    )


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
