"""The long work of a first start: read the pictures, train on them, draw the maps."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np

from app.exhibit import MODEL, draw_maps
from app.progress import Progress
from glasskit.data.grouped import GroupedDataset
from glasskit.latent.embedding import embed
from glasskit.latent.fitting import warm
from glasskit.models import load_model
from glasskit.training import TrainConfig, train


def build_views(
    dataset: GroupedDataset, recipe: dict[str, object], out: Path, progress: Progress
) -> dict[str, np.ndarray]:
    """Vectors and maps of a data set before and after training; the run is left in ``out``.

    Raises:
        InputError: a picture is missing or broken, or a setting is not allowed.
    """
    name = dataset.name
    compiling = threading.Thread(target=warm, name="compile", daemon=True)
    compiling.start()  # beside the work on the pictures, so that the maps need not wait for it
    progress.step(f"{name}: loading the model")
    model = load_model(MODEL)
    before = embed(model, dataset, progress.step(f"{name}: looking at every picture"))
    told = progress.step(f"{name}: training on groups")
    # An interrupted first start leaves a run without maps: it is begun anew.
    shutil.rmtree(out, ignore_errors=True)
    config = TrainConfig.load(model=MODEL, out=str(out), tracker="none", **recipe)

    def on_epoch(line: dict[str, Any]) -> None:
        told(line["epoch"], config.epochs)

    train(config, dataset=dataset, model=load_model(MODEL), on_epoch=on_epoch)
    after = embed(load_model(str(out)), dataset)
    if compiling.is_alive():
        progress.step("compiling the map maker (half a minute, the first time only)")
    compiling.join()
    progress.step(f"{name}: drawing the maps before and after")
    return draw_maps(before, after)
