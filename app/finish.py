"""What a first start leaves for later: real maps for sketches, and the data sets after the first.

They are built by a process of its own, so that the app answers meanwhile, and put in their places
as they come: a sketch as soon as a model has been trained, then the map.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from glasskit.data.grouped import GroupedDataset
from glasskit_app.build import PARENT, SAID
from glasskit_app.exhibit_store import stored_exhibit
from glasskit_app.museum import Museum
from glasskit_app.progress import Progress


class Pending(NamedTuple):
    """One exhibit that has to be built or finished.

    Attributes:
        dataset: what it shows.
        source: the name or path that it was loaded by.
        images: folder of its photographs, or None.
    """

    dataset: GroupedDataset
    source: str
    images: Path | None


def build_command(pending: Sequence[Pending], recipe: dict[str, object]) -> list[str]:
    """The process that builds them: see app/build.py."""
    sources = [json.dumps([one.source, str(one.images) if one.images else None]) for one in pending]
    return [sys.executable, "-m", "glasskit_app.build", json.dumps(recipe), *sources]


def finish(
    museum: Museum,
    pending: Sequence[Pending],
    recipe: dict[str, object],
    progress: Progress,
    command: Callable[[Sequence[Pending], dict[str, object]], list[str]] = build_command,
) -> None:
    """Build what is pending; what can't be built says why on its map.

    Args:
        museum: where exhibits are put.
        pending: in this order.
        recipe: settings of their training runs.
        progress: told of every exhibit that is there.
        command: the process that does it.
    """
    names = ", ".join(one.dataset.name for one in pending)
    report = progress.step(f"{names}: drawing what is missing, behind the open app")
    waiting = dict(enumerate(pending))
    # One core stays free for visitors, and for UMAP, which is compiled beside the training.
    cores = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) - 1))}
    own = {PARENT: str(os.getpid())}
    with subprocess.Popen(
        command(pending, recipe), stdout=subprocess.PIPE, text=True, env=cores | os.environ | own
    ) as process:
        for line in process.stdout:
            if not line.startswith(SAID):  # a library that prints
                print(line, end="", file=sys.stderr)
                continue
            number, what, *why = json.loads(line.removeprefix(SAID))
            one = pending[number]
            if what == "failed":
                museum.fail(one.dataset.name, why[0])
                del waiting[number]
                continue
            exhibit = stored_exhibit(one.dataset, recipe, draft=True)
            if exhibit is not None:
                museum.put(exhibit)
                if not exhibit.draft:
                    del waiting[number]
            report(len(pending) - len(waiting), len(pending))
    for one in waiting.values():
        museum.fail(one.dataset.name, "it stopped; the terminal says why")
    progress.finish()
