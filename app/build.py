"""The long work of a first start: read the pictures, train on them; also as a process of its own.

python -m glasskit_app.build RECIPE SOURCE ... builds what is missing of exhibits, maps and all.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.latent.fitting import compile_behind
from glasskit_app.exhibit import MODEL, SIDES
from glasskit_app.exhibit_store import open_exhibit
from glasskit_app.progress import Progress

SAID = "exhibit: "
"""Begins what `main` says: libraries print too."""

PARENT = "GLASSKIT_BUILDS_FOR"
"""The variable with the number of the process that this one ends with; the parent sets it."""


def build_vectors(
    dataset: GroupedDataset,
    recipe: dict[str, object],
    out: Path,
    progress: Progress,
    *,
    busy: int = 0,
) -> dict[str, np.ndarray]:
    """Vectors of a data set before and after training; the run is left in ``out``.

    Args:
        dataset: what is trained on.
        recipe: fields of TrainConfig.
        out: the directory of the run.
        progress: told of every step.
        busy: cores that other processes need meanwhile.

    Raises:
        InputError: a picture is missing or broken, or a setting is not allowed.
    """
    progress.step(f"{dataset.name}: loading the model")
    import torch

    threads = torch.get_num_threads()
    # Threads that work in step are as slow as the one whose core another process has: on two
    # cores, with pictures drawn beside, training took 29 s with two threads and 18 s with one.
    torch.set_num_threads(max(1, threads - busy))
    try:
        return _vectors(dataset, recipe, out, progress)
    finally:
        torch.set_num_threads(threads)


def _vectors(
    dataset: GroupedDataset, recipe: dict[str, object], out: Path, progress: Progress
) -> dict[str, np.ndarray]:
    from glasskit.latent.embedding import embed
    from glasskit.models.loading import load_model, trained_copy
    from glasskit.training import TrainConfig, train

    name = dataset.name
    start = load_model(MODEL)
    before = embed(start, dataset, progress.step(f"{name}: looking at every picture"))
    told = progress.step(f"{name}: training on groups")
    # An interrupted first start leaves a run without vectors: it is begun anew.
    shutil.rmtree(out, ignore_errors=True)
    config = TrainConfig.load(model=MODEL, out=str(out), tracker="none", **recipe)

    def on_epoch(line: dict[str, Any]) -> None:
        told(line["epoch"], config.epochs)

    train(config, dataset=dataset, model=copy.deepcopy(start), on_epoch=on_epoch)
    after = embed(trained_copy(start, out), dataset)
    arrays = {}
    for side, seen in zip(SIDES, (before, after), strict=True):
        arrays |= {
            f"{side}_vectors": seen.picture,
            f"{side}_caption_vectors": seen.caption,
            f"{side}_concept_vectors": seen.concept,
        }
    return arrays


def main(recipe: str, *sources: str) -> int:
    """Build exhibits into the cache: first the vectors of each, then the maps, one by one.

    It says on stdout what it did, in lines that begin with ``SAID`` and go on with a JSON list: the
    number of the source, and "sketched", "drawn", or "failed" with the reason.

    Args:
        recipe: settings of the training runs, as JSON.
        sources: JSON lists of a data set's name or path, and its folder of pictures or null.
    """
    # Asked only now, an app that was killed while this process started would not be the parent.
    parent = int(os.environ.get(PARENT, os.getppid()))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    settings, left = json.loads(recipe), dict(enumerate(json.loads(one) for one in sources))
    compile_behind()  # on one core, while models are trained on the other
    datasets: dict[int, GroupedDataset] = {}
    for maps in (False, True):
        for number, (name, images) in list(left.items()):
            try:
                if number not in datasets:
                    folder = Path(images) if images else None
                    datasets[number] = load_dataset(name, images=folder)
                open_exhibit(datasets[number], settings, Progress(), maps=maps)
            except InputError as error:
                del left[number]
                _say(number, "failed", str(error))
            else:
                _say(number, "drawn" if maps else "sketched")
    return 0 if len(left) == len(sources) else 2


def _say(*what: object) -> None:
    print(SAID + json.dumps(what), flush=True)


def _end_with(parent: int) -> None:
    """End this process once its parent has: an app that was killed leaves nobody working for it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
