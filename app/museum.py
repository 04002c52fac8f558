"""What all tabs share: exhibits by name, and the models behind them, loaded when first needed.

Nothing in here belongs to one visitor.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glasskit.errors import InputError
from glasskit_app.exhibit import MODEL, SIDES, Exhibit, View

if TYPE_CHECKING:
    from glasskit.latent.compare import Comparison
    from glasskit.models import GlassModel


class Museum:
    """Exhibits and their probes.

    Args:
        exhibits: what is shown, in order.
        coming: names of those that are still being built.
    """

    def __init__(self, exhibits: list[Exhibit], coming: Sequence[str] = ()) -> None:
        self.exhibits = {exhibit.name: exhibit for exhibit in exhibits}
        self.names = [*self.exhibits, *coming]
        self._failed: dict[str, str] = {}
        self._comparisons: dict[str, Comparison] = {}
        self._start: GlassModel | None = None
        self._lock = threading.RLock()

    def exhibit(self, name: object) -> Exhibit:
        """The exhibit of a data set.

        Raises:
            InputError: none of this name is shown.
        """
        if not isinstance(name, str) or name not in self.names:
            raise InputError(f"data set {name!r} is not shown; choose {', '.join(self.names)}")
        if name in self._failed:
            raise InputError(f"{name} could not be built: {self._failed[name]}")
        if name not in self.exhibits:
            raise InputError(
                f"{name} is still being built, which a first start does behind the open app; "
                "look again in a minute"
            )
        return self.exhibits[name]

    def put(self, exhibit: Exhibit) -> None:
        """Show an exhibit that has been built or finished."""
        self.exhibits[exhibit.name] = exhibit

    def fail(self, name: str, why: str) -> None:
        """Remember why an exhibit is not there; a sketch that is shown stays."""
        if name not in self.exhibits:
            self._failed[name] = why

    def unfinished(self) -> list[str]:
        """Names of what is still being built or shown as a sketch."""
        there = self.exhibits
        missing = [n for n in self.names if n not in there and n not in self._failed]
        return missing + [name for name, exhibit in there.items() if exhibit.draft]

    def view(self, name: object, side: object) -> View:
        """One side of an exhibit; raises InputError for names that are not there."""
        if side not in SIDES:
            raise InputError(f"side {side!r}: choose before or after")
        return self.exhibit(name).view(str(side))

    def comparison(self, name: object) -> Comparison:
        """The two models of an exhibit, loaded once; other threads wait meanwhile."""
        exhibit = self.exhibit(name)
        with self._lock:
            if exhibit.name not in self._comparisons:
                self._comparisons[exhibit.name] = self._compare(exhibit)
            return self._comparisons[exhibit.name]

    def warm(self) -> None:
        """Load every model and let a first picture through, so that no visitor waits for it."""
        from PIL import Image

        import glasskit.training  # noqa: F401 (seconds, and the Train tab asks for it at once)

        for name in list(self.exhibits):
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

    def _compare(self, exhibit: Exhibit) -> Comparison:
        from glasskit.latent.compare import Comparison
        from glasskit.latent.probe import Probe
        from glasskit.models.loading import trained_copy

        start = self.start()
        probes = []
        for side, model in zip(SIDES, (start, trained_copy(start, exhibit.run)), strict=True):
            seen = exhibit.view(side).embedding
            probe = Probe(model, exhibit.dataset, concepts=seen.concept, pictures=seen.picture)
            probes.append(probe)
        return Comparison(*probes)
