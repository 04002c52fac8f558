"""Make what the app shows of the built-in data sets: trained heads and places on the maps.

python -m tests.tools.build_app_data [FOLDER]

Run it again whenever `tests/app/test_bundled.py` says that the files are stale. Heads are kept as
float16, which moves a cosine by less than 1e-3; vectors are computed from them at each start.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from glasskit import load_dataset, load_model
from glasskit.data.grouped import GroupedDataset
from glasskit.models import GlassModel
from glasskit.models.embedding import embed
from glasskit.models.lite0 import TRAINED_RUN
from glasskit.models.loading import CONFIG, WEIGHTS, trained_copy
from glasskit.plots.map_data import SIDES
from glasskit_app import cache
from glasskit_app.state import MODEL

DATASETS = ("coco-ideas", "scenes", "coco-concepts")


def build(name: str, start: GlassModel, folder: Path) -> None:
    """Train on a data set, draw both maps, and write all into a folder, a run directory too."""
    dataset = load_dataset(name)
    folder.mkdir(parents=True, exist_ok=True)
    glass = cache.use_glass(dataset, cache.RECIPE)
    if not glass:
        train_head(dataset, start, folder)
    run = TRAINED_RUN if glass else folder
    models = zip(SIDES, (start, trained_copy(start, run)), strict=True)
    seen = {side: embed(model, dataset) for side, model in models}
    key = cache.settings_key(dataset, cache.RECIPE)
    places = cache.fit_places(name, seen, {})
    save_arrays(places, folder / cache.PLACES, metadata={"key": key})


def train_head(dataset: GroupedDataset, start: GlassModel, folder: Path) -> None:
    """Train on a data set and keep the head."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        cache.train_run(dataset, start, cache.RECIPE, run)
        heads = {key: tensor.half() for key, tensor in load_file(run / WEIGHTS).items()}
        save_file(heads, folder / WEIGHTS)
        config = json.loads((run / CONFIG).read_text())
    config["training"]["out"] = f"bundled/{dataset.name}"
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def main(target: Path) -> None:
    """Build all of them."""
    start = load_model(MODEL)
    for name in DATASETS:
        build(name, start, target / name)
        for file in sorted((target / name).iterdir()):
            print(f"{name}/{file.name}: {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else cache.BUNDLED)
