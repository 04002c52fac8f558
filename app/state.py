"""What all tabs share: data sets with their maps and models. Nothing in here is one visitor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from glasskit.analysis.probe import Comparison
from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.models import GlassModel
from glasskit.models.lite0 import TRAINED, TRAINED_RUN
from glasskit.plots.map_data import Projection, map_data
from glasskit_app.thumbnails import Thumbnails, pictures_url

MODEL = "lite0-minilm"
"""Every run begins with it."""

HINT = "start the app with --images and the folder of the photographs"


@dataclass(frozen=True)
class DatasetMaps:
    """One data set in the app.

    Attributes:
        dataset: records and taxonomy.
        before: vectors and map by the untrained model.
        after: by the trained model.
        comparison: both models, which answer what visitors ask.
        run: directory of the trained model.
        thumbnails: small pictures, or None where the data set's pictures are not here.
    """

    dataset: GroupedDataset
    before: Projection
    after: Projection
    comparison: Comparison
    run: Path
    thumbnails: Thumbnails | None

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.dataset.name

    @property
    def trained(self) -> str:
        """What the trained model is called."""
        return TRAINED if self.run == TRAINED_RUN else f"{MODEL} trained on {self.name}"

    def projection(self, side: str) -> Projection:
        """``before`` or ``after``."""
        return self.before if side == "before" else self.after

    @cached_property
    def map(self) -> dict[str, Any]:
        """What the map in the browser is drawn from, ready for JSON."""
        pictures = pictures_url(self.name) if self.thumbnails else None
        return map_data(self.dataset, self.before, self.after, pictures, HINT)


class AppState:
    """The data sets of the app.

    Args:
        datasets: what is shown, in order.
        start: the untrained model that every run begins with; copy it to change it.

    Raises:
        InputError: two data sets have one name.
    """

    def __init__(self, datasets: Sequence[DatasetMaps], start: GlassModel) -> None:
        self.names = [maps.name for maps in datasets]
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(f"two data sets are named {name!r}; rename the file of one")
        self.start = start
        self._maps = dict(zip(self.names, datasets, strict=True))

    def maps(self, name: object) -> DatasetMaps:
        """The maps of a data set.

        Raises:
            InputError: none of this name is shown.
        """
        if not isinstance(name, str) or name not in self._maps:
            raise InputError(f"data set {name!r:.60} is not shown; choose {', '.join(self.names)}")
        return self._maps[name]

    def unread(self, texts: Sequence[str], several: str = "texts") -> str:
        """One line on what the models do not read of a visitor's texts; empty where all is read."""
        texts = [" ".join(text.split()) for text in texts]
        one = texts[0] if len(texts[0]) <= 40 else f"{texts[0][:37]}..."
        return self.start.reading(texts).note(several if len(texts) > 1 else f"“{one}”")
