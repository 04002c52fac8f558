"""What all tabs share: data sets with their maps and models. Nothing in here is one visitor's."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from glasskit.analysis.probe import Comparison, Probe
from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.models import GlassModel
from glasskit.plots.map_data import SIDES, SIDES_SAID, Projection, map_data
from glasskit_app.thumbnails import pictures_url

MODEL, GLASS = "lite0-minilm", "lite0-glass"
"""The model that every run begins with, and what training made of it."""

HINT = "get them at the top of the Map page, or start the app with --images and their folder"

KEPT_PAIRS = 8
"""Pairs of models of which the map is kept, which is large for many pictures."""


def grouped_name(dataset: str) -> str:
    """What the model is called that the app trained on a data set."""
    return f"{MODEL} trained on {dataset}"


Pair = Sequence[str | None] | None
"""Names of the model on the left and of the one on the right; None for the usual ones."""


class Seen(NamedTuple):
    """A data set as one model sees it.

    Attributes:
        name: of the model, as the page shows it.
        path: that ``load_model`` takes.
        projection: vectors and map.
        probe: the model, which answers what visitors ask.
    """

    name: str
    path: str
    projection: Projection
    probe: Probe


@dataclass(frozen=True)
class DatasetMaps:
    """One data set in the app, with two of its models side by side.

    Attributes:
        dataset: records and taxonomy.
        models: two or more.
        thumbnails: folder of small pictures, or None where the data set's pictures are not here.
        left: number of the model on the left.
        right: number of the model on the right; the last one unless chosen.
    """

    dataset: GroupedDataset
    models: tuple[Seen, ...]
    thumbnails: Path | None
    left: int = 0
    right: int = -1

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.dataset.name

    @property
    def names(self) -> list[str]:
        """Names of all models."""
        return [model.name for model in self.models]

    @property
    def pair(self) -> tuple[str, str]:
        """Names of the two models."""
        return self.models[self.left].name, self.models[self.right].name

    @property
    def before(self) -> Projection:
        """By the model on the left, usually the untrained one."""
        return self.models[self.left].projection

    @property
    def after(self) -> Projection:
        """By the model on the right, usually the trained one."""
        return self.models[self.right].projection

    def projection(self, side: str) -> Projection:
        """``before`` or ``after``."""
        return self.before if side == "before" else self.after

    @cached_property
    def comparison(self) -> Comparison:
        """Both models, which answer what visitors ask."""
        return Comparison(self.models[self.left].probe, self.models[self.right].probe)

    @property
    def trained(self) -> bool:
        """Whether the right model is what training on groups made of the left one."""
        return self.pair in ((MODEL, GLASS), (MODEL, grouped_name(self.name)))

    @property
    def sides(self) -> dict[str, str]:
        """What the two are called: before and after training, or by the names of the models."""
        return SIDES_SAID if self.trained else dict(zip(SIDES, self.pair, strict=True))

    def heading(self, side: str) -> str:
        """What a side is called, as a heading; a model's name as it is."""
        said = self.sides[side]
        return said.capitalize() if said == SIDES_SAID[side] else said

    @cached_property
    def map(self) -> dict[str, Any]:
        """What the map in the browser is drawn from, ready for JSON."""
        pictures = pictures_url(self.name) if self.thumbnails else None
        return map_data(self.dataset, self.before, self.after, pictures, HINT, self.sides)

    @cached_property
    def packed_map(self) -> bytes:
        """The map as JSON, by gzip."""
        text = json.dumps(self.map, ensure_ascii=False, separators=(",", ":"))
        return gzip.compress(text.encode(), 5)


class AppState:
    """The data sets of the app.

    Args:
        datasets: what is shown, in order.
        start: the untrained model that every run begins with; copy it to change it.
        code: the Python that reads each data set, by its name.

    Raises:
        InputError: two data sets have one name.
    """

    def __init__(
        self,
        datasets: Sequence[DatasetMaps],
        start: GlassModel,
        code: Mapping[str, str] | None = None,
    ) -> None:
        self.names = [maps.name for maps in datasets]
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(f"two data sets are named {name!r}; rename the file of one")
        self.start = start
        self.code = code or {}
        self._maps = dict(zip(self.names, datasets, strict=True))
        self._paired = lru_cache(KEPT_PAIRS)(self._pair)

    def maps(self, name: object, pair: object = None) -> DatasetMaps:
        """The maps of a data set.

        Args:
            name: of the data set.
            pair: names of the two models; the first and the last one if None.

        Raises:
            InputError: none of this name is shown, or no such model.
        """
        if not isinstance(name, str) or name not in self._maps:
            raise InputError(f"data set {name!r:.60} is not shown; choose {', '.join(self.names)}")
        maps = self._maps[name]
        if pair is None:
            return maps
        try:
            left, right = (maps.names.index(one) for one in pair)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            raise InputError(
                f"models {pair!r:.60}: choose two of {', '.join(maps.names)}"
            ) from None
        usual = (left, right) == (0, len(maps.models) - 1)
        return maps if usual else self._paired(name, left, right)

    def show(self, maps: DatasetMaps) -> None:
        """Show a data set anew, such as with pictures that have come."""
        self._maps[maps.name] = maps
        self._paired.cache_clear()

    def _pair(self, name: str, left: int, right: int) -> DatasetMaps:
        return replace(self._maps[name], left=left, right=right)

    def unread(self, texts: Sequence[str], several: str = "texts") -> str:
        """One line on what the models do not read of a visitor's texts; empty where all is read."""
        texts = [" ".join(text.split()) for text in texts]
        one = texts[0] if len(texts[0]) <= 40 else f"{texts[0][:37]}..."
        return self.start.reading(texts).note(several if len(texts) > 1 else f"“{one}”")
