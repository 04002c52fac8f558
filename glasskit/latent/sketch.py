"""A first map in milliseconds: the two directions in which pictures differ most.

Principal components keep far groups apart and mix near ones; UMAP (maps.py) keeps neighbours
together and takes a minute. The sketch stands in until the map is drawn.
"""

from __future__ import annotations

import numpy as np

from glasskit.latent.maps import align, centred, draw_in, fit_to_unit


def sketch(vectors: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Places of the vectors along the first two principal components of their directions.

    Args:
        vectors: (n, L); their mean is taken out first.
        start: (n, 2) places that the result is turned, scaled and shifted to lie nearest to.

    Returns:
        (n, 2) float32 places around 0, most of them within 1; those beyond are drawn in.
    """
    rows = centred(np.asarray(vectors, dtype=np.float32))
    _, directions = np.linalg.eigh(rows.T @ rows)  # (L, L), the largest last
    places = rows @ directions[:, :-3:-1]  # (n, 2)
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    places = fit_to_unit(places)
    if start is not None:
        places = fit_to_unit(align(places, start))
    return draw_in(places)
