"""Plotly figures of notebooks and report in one style, and the map.

- `style`: colours, fonts, `show`; `sheets`: contact sheets of pictures
- `maps`, `losses`, `scores`, `hierarchy`, `trees`: figures by what they show
- `report`: models side by side, as HTML, Markdown or JSON; `templates`: how pages are written
- `widget`: the canvas map in a notebook; `map_sources`, `map_data`: what it shows
- `map_script`: its script, in ``map/``; `still`: a picture of it; `thumbnails`: small pictures
- `loss_stepper`: the page on which losses are stepped, in ``stepper/``
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from glasskit.data.grouped import GroupedDataset
from glasskit.data.own_vectors import Column
from glasskit.errors import need
from glasskit.plots.map_sources import Models, Vectors, shown

if TYPE_CHECKING:
    from glasskit.plots.widget import MapWidget

__all__ = ["map_widget"]


def map_widget(
    source: GroupedDataset | Vectors | Mapping[str, Vectors],
    *,
    models: Models | None = None,
    captions: Column = None,
    labels: Column = None,
    files: Column = None,
    images: str | Path | None = None,
) -> MapWidget:
    """The app's map in a notebook: lasso pictures, then ``widget.selected`` is a DataFrame of them.

    Point at a picture to see it, type a phrase to colour by it, drag and zoom; two maps move
    together. Where no kernel runs, and on an exported page, a still picture stands in its place.

        map_widget("coco-ideas", images="photos", models=["lite0-minilm", "runs/first"])
        map_widget("vectors.npy", captions=texts, models="ViT-B-32/openai")
        map_widget({"before": "a.parquet", "after": "b.parquet"}, captions="title")

    Args:
        source: a data set or what ``load_dataset`` takes; or vectors of your own, (n, L), as an
            array, a ``.npy`` file or a ``.parquet`` file with a column of lists; or two of these of
            the same pictures, by the names of their maps.
        models: one or two that ``load_model`` takes, or by the names of their maps; for a data set
            `lite0-minilm` and `lite0-glass` if none. Vectors of your own need them for the search
            by a phrase alone: the model that made each.
        captions: of vectors of your own, n texts or the Parquet column (``caption``).
        labels: n texts or lists of texts, or the column (``label``), where they have any.
        files: n names of pictures in ``images``, or the column (``file``), where there are any.
        images: the folder of the pictures.

    Raises:
        InputError: anywidget is not installed, the source or a model can't be had, there are more
            than 20,000 pictures, or vectors and texts do not belong together.
    """
    need("anywidget", "notebooks")
    found = shown(source, models, images, captions=captions, labels=labels, files=files)
    from glasskit.plots.widget import MapWidget

    return MapWidget(found)
