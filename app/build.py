"""The long work of a first start: read the pictures, train on them; also as a process of its own.

python -m app.build NAME RECIPE [IMAGES] builds what is missing of one exhibit, maps and all.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from app.exhibit import MODEL, SIDES
from app.progress import Progress
from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError


def build_vectors(
    dataset: GroupedDataset, recipe: dict[str, object], out: Path, progress: Progress
) -> dict[str, np.ndarray]:
    """Vectors of a data set before and after training; the run is left in ``out``.

    Raises:
        InputError: a picture is missing or broken, or a setting is not allowed.
    """
    name = dataset.name
    progress.step(f"{name}: loading the model")
    from glasskit.latent.embedding import embed
    from glasskit.models import load_model
    from glasskit.training import TrainConfig, train

    model = load_model(MODEL)
    before = embed(model, dataset, progress.step(f"{name}: looking at every picture"))
    told = progress.step(f"{name}: training on groups")
    # An interrupted first start leaves a run without vectors: it is begun anew.
    shutil.rmtree(out, ignore_errors=True)
    config = TrainConfig.load(model=MODEL, out=str(out), tracker="none", **recipe)

    def on_epoch(line: dict[str, Any]) -> None:
        told(line["epoch"], config.epochs)

    train(config, dataset=dataset, model=model, on_epoch=on_epoch)
    after = embed(load_model(str(out)), dataset)
    arrays = {}
    for side, seen in zip(SIDES, (before, after), strict=True):
        arrays |= {
            f"{side}_vectors": seen.picture,
            f"{side}_caption_vectors": seen.caption,
            f"{side}_concept_vectors": seen.concept,
        }
    return arrays


def main(name: str, recipe: str, images: str = "") -> int:
    """Build one exhibit into the cache; the last line of stdout says what went wrong."""
    from app.exhibit_store import open_exhibit
    from glasskit.data import load_dataset

    try:
        dataset = load_dataset(name, images=Path(images) if images else None)
        open_exhibit(dataset, json.loads(recipe), Progress())
    except InputError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
