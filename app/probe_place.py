"""Where a picture that was asked about would stand on the map, drawn small."""

from __future__ import annotations

import numpy as np

from glasskit.analysis.maps import place_new
from glasskit_app.dataset_maps import Projection

DOTS = 1500
"""Most pictures of the map that are drawn; beyond that an even share of them."""

EDGE = 1.5
"""Of the drawn map, which goes from -EDGE to EDGE."""


def place_figure(projection: Projection, vector: np.ndarray) -> str:
    """The map of one side with the picture's place on it, as HTML.

    Args:
        view: vectors and places of the data set by one model.
        vector: (L,) of the picture by the same model.
    """
    x, y = np.clip(
        place_new(vector[None], projection.embedding.picture, projection.picture)[0], -EDGE, EDGE
    )
    step = -(-len(projection.picture) // DOTS)
    dots = "".join(f"M{a:.2f} {-b:.2f}h0" for a, b in projection.picture[::step])
    box = f"{-EDGE} {-EDGE} {2 * EDGE} {2 * EDGE}"
    return (
        '<figure class="gk-place"><svg role="img" aria-label="the place of this picture on the '
        f'map" viewBox="{box}">'
        f'<path d="{dots}" stroke="var(--gk-faint)" stroke-width=".035" stroke-linecap="round"/>'
        f'<circle cx="{x:.3f}" cy="{-y:.3f}" r=".07" fill="var(--gk-warm)"/>'
        f'<circle cx="{x:.3f}" cy="{-y:.3f}" r=".16" fill="none" stroke="var(--gk-warm)" '
        'stroke-width=".03"/></svg><figcaption class="gk-meta">Its place on the map, among the '
        "pictures that the model takes it to be like.</figcaption></figure>"
    )
