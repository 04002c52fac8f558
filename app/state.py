"""What all tabs share: data sets by name, and the models behind them.

Nothing in here belongs to one visitor.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from glasskit.errors import InputError
from glasskit_app.dataset_maps import MODEL, SIDES, DatasetMaps, Projection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glasskit.analysis.probe import Comparison
    from glasskit.models import GlassModel


class AppState:
    """Data sets with their maps and probes.

    Args:
        datasets: what is shown, in order.
        start: the untrained model that every run begins with; loaded when first needed if None.

    Raises:
        InputError: two data sets have one name.
    """

    def __init__(self, datasets: Sequence[DatasetMaps], start: GlassModel | None = None) -> None:
        self.names = [maps.name for maps in datasets]
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(f"two data sets are named {name!r}; rename the file of one")
        self._maps = dict(zip(self.names, datasets, strict=True))
        self._comparisons: dict[str, Comparison] = {}
        self._start = start
        self._lock = threading.RLock()

    def maps(self, name: object) -> DatasetMaps:
        """The maps of a data set.

        Raises:
            InputError: none of this name is shown.
        """
        if not isinstance(name, str) or name not in self._maps:
            raise InputError(f"data set {name!r:.60} is not shown; choose {', '.join(self.names)}")
        return self._maps[name]

    def projection(self, name: object, side: object) -> Projection:
        """One side of a data set; raises InputError for names that are not there."""
        if side not in SIDES:
            raise InputError(f"side {side!r}: choose before or after")
        return self.maps(name).projection(str(side))

    def comparison(self, name: object) -> Comparison:
        """The two models of a data set, loaded once; other threads wait meanwhile."""
        maps = self.maps(name)
        with self._lock:
            if maps.name not in self._comparisons:
                self._comparisons[maps.name] = self._compare(maps)
            return self._comparisons[maps.name]

    def unread(self, texts: Sequence[str], several: str = "texts") -> str:
        """One line on what the models do not read of a visitor's texts; empty where all is read."""
        texts = [" ".join(text.split()) for text in texts]
        one = texts[0] if len(texts[0]) <= 40 else f"{texts[0][:37]}..."
        return self.start().reading(texts).note(several if len(texts) > 1 else f"“{one}”")

    def warm(self) -> None:
        """Load every model and pass a first picture and text, so that no visitor waits for it."""
        from PIL import Image

        for name in self.names:
            comparison = self.comparison(name)
            comparison.concepts(Image.new("RGB", (64, 64)))
            comparison.text_vectors("a picture")

    def start(self) -> GlassModel:
        """The model that every run begins with, loaded once; copy it to change it."""
        from glasskit import load_model

        with self._lock:
            if self._start is None:
                self._start = load_model(MODEL)
            return self._start

    def _compare(self, maps: DatasetMaps) -> Comparison:
        from glasskit.analysis.probe import Comparison, Probe
        from glasskit.models.loading import trained_copy

        start = self.start()
        probes = []
        for side, model in zip(SIDES, (start, trained_copy(start, maps.run)), strict=True):
            seen = maps.projection(side).embedding
            # What visitors ask does not go into the log: they are told on the page.
            probe = Probe(
                model, maps.dataset, concepts=seen.concept, pictures=seen.picture, warn=False
            )
            probes.append(probe)
        return Comparison(*probes)
