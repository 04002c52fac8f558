"""The map as an anywidget: JupyterLab, VS Code and others draw it, and this kernel answers it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets
from PIL import Image

from glasskit.analysis.geometry import rank_score
from glasskit.analysis.selection import inside
from glasskit.data.images import FolderImages, MissingImages
from glasskit.errors import InputError
from glasskit.io.pictures import data_url
from glasskit.models.vectors import nearest
from glasskit.plots.map_data import SIDES, SIDES_SAID, map_data
from glasskit.plots.map_script import FOLDER, map_script, map_style
from glasskit.plots.map_sources import Shown
from glasskit.plots.still import still_map
from glasskit.plots.thumbnails import thumbnail

NEAR = 12
"""Pictures that are named as the nearest to a phrase."""


class MapWidget(anywidget.AnyWidget):
    """One map, or two that move together; ``glasskit.plots.map_widget`` makes it.

    Attributes:
        rows: numbers of the selected pictures; set it to select from Python.
    """

    _esm = map_script() + (FOLDER / "widget.js").read_text(encoding="utf-8")
    _css = map_style()

    data = traitlets.Dict().tag(sync=True)
    questions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        dataset, last = shown.dataset, shown.projections[-1]
        names = SIDES[-len(shown.sides) :]
        self._sides = dict(zip(names, shown.projections, strict=True))
        said = dict(zip(names, shown.sides, strict=True))
        missing = isinstance(dataset.images, MissingImages)
        data = map_data(
            dataset,
            self._sides.get("before"),
            last,
            None if missing else "kernel",
            dataset.images.hint if isinstance(dataset.images, MissingImages) else "",
            SIDES_SAID if said == SIDES_SAID else said,
        )
        search = ["search"] if all(shown.probes) else []
        super().__init__(data=data, questions=["lasso", *search])
        self.on_msg(self._answer)

    @property
    def selected(self) -> pd.DataFrame:
        """The selected pictures: id, file, captions, labels; the index is the picture's number."""
        dataset = self._shown.dataset
        records = [dataset.records[row] for row in self.rows]
        table = {
            "id": [record.key for record in records],
            "file": [self._file(record.key) for record in records],
            "captions": [list(record.captions) for record in records],
            "labels": [list(record.labels) for record in records],
        }
        return pd.DataFrame(table, index=pd.Index(self.rows, dtype="int64", name="row"))

    def _file(self, key: str) -> str:
        images = self._shown.dataset.images
        return str(images.path(key)) if isinstance(images, FolderImages) else ""

    @traitlets.validate("rows")
    def _check_rows(self, proposal: Mapping[str, Any]) -> list[int]:
        count = len(self._shown.dataset)
        for row in proposal["value"]:
            if not 0 <= row < count:
                raise InputError(f"rows: there is no picture {row}; there are {count}")
        return proposal["value"]

    # What map/widget.js asks.

    def _answer(self, _: object, asked: Mapping[str, Any], buffers: object) -> None:
        questions: dict[str, Callable[..., Any]] = {
            "lasso": self._lasso,
            "search": self._search,
            "picture": self._picture,
        }
        try:
            answer = questions[asked["question"]](*asked["given"])
        except InputError as error:
            answer = {"error": str(error)}
        self.send({"number": asked["number"], "answer": answer})

    def _lasso(self, side: str, outline: Sequence[Sequence[float]]) -> dict[str, Any]:
        held = inside(self._sides[side].picture, np.asarray(outline, np.float64))
        self.rows = np.flatnonzero(held).tolist()
        return {"rows": self.rows}

    def _search(self, phrase: str) -> dict[str, Any]:
        answer: dict[str, Any] = {"phrase": phrase, "near": {}}
        for (side, seen), probe in zip(self._sides.items(), self._shown.probes, strict=True):
            assert probe is not None  # else there is no search
            vector, pictures = probe.text_vectors([phrase])[0], seen.embedding.picture
            answer[side] = np.round(255 * rank_score(pictures, vector)).astype(int).tolist()
            answer["near"][side] = nearest(vector, pictures, NEAR).index[0].tolist()
        return answer

    def _picture(self, index: int, small: bool) -> str:
        return data_url(thumbnail(self._shown.dataset, index, small=small))

    # What is shown where no kernel runs: a PNG stands beside the live view in the notebook's file.

    def _repr_mimebundle_(self, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shown, metadata = super()._repr_mimebundle_(**given) or ({}, {})
        file = io.BytesIO()
        small = partial(thumbnail, self._shown.dataset, small=True)
        drawn = still_map(self.data, small if self.data["pictures"] else None)
        drawn.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        shown["image/png"] = base64.b64encode(file.getvalue()).decode()
        shown["text/plain"] = f"Map of {len(self.data['key']):,} pictures. {self.data['story']}"
        return shown, metadata | {"image/png": {"width": 960}}
