"""What a first start leaves for later: real maps for sketches, and the data sets after the first.

Each is built by a process of its own, so that the app answers meanwhile, and then put in its place.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.exhibit_store import stored_exhibit
from app.museum import Museum
from app.progress import Progress
from glasskit.data.grouped import GroupedDataset


class Pending:
    """One exhibit that has to be built or finished.

    Args:
        dataset: what it shows.
        source: the name or path that it was loaded by.
        images: folder of its photographs, or None.
        recipe: settings of its training run.
    """

    def __init__(
        self, dataset: GroupedDataset, source: str, images: Path | None, recipe: dict[str, object]
    ) -> None:
        self.dataset = dataset
        self.source = source
        self.images = images
        self.recipe = recipe

    def command(self) -> list[str]:
        """The process that builds it."""
        parts = [sys.executable, "-m", "app.build", self.source, json.dumps(self.recipe)]
        return [*parts, str(self.images)] if self.images else parts


def finish(museum: Museum, pending: Sequence[Pending], progress: Progress) -> None:
    """Build what is pending, one after the other; what can't be built says why on its map.

    Args:
        museum: where finished exhibits are put.
        pending: in this order.
        progress: told what is being done.
    """
    for one in pending:
        name = one.dataset.name
        progress.step(f"{name}: drawing what is missing, behind the open app")
        done = subprocess.run(one.command(), stdout=subprocess.PIPE, text=True, check=False)
        exhibit = stored_exhibit(one.dataset, one.recipe)
        if done.returncode == 0 and exhibit is not None:
            museum.put(exhibit)
        else:
            lines = done.stdout.strip().splitlines()
            museum.fail(name, lines[-1] if lines else "it stopped; the terminal says why")
    progress.finish()
