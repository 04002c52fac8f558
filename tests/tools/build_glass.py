"""Train what ships as `lite0-glass`: the default recipe, on both coco sets' train pictures.

python -m tests.tools.build_glass [FOLDER]

Run it again whenever `tests/models/test_glass.py` says that the head is stale. The head is kept as
float16, which moves a cosine by less than 1e-3.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file

from glasskit import load_dataset, load_model
from glasskit.models.lite0 import TRAINED, TRAINED_RUN
from glasskit.models.loading import CONFIG, WEIGHTS
from glasskit.training import TrainConfig, train

DATASET = "coco-ideas+coco-concepts"


def build(folder: Path) -> None:
    """Train and write the run directory."""
    with tempfile.TemporaryDirectory() as scratch:
        config = TrainConfig(dataset=DATASET, out=scratch, overwrite=True, tracker="none")
        train(config, dataset=load_dataset(DATASET), model=load_model(config.model))
        heads = {name: head.half() for name, head in load_file(Path(scratch) / WEIGHTS).items()}
        settings = json.loads((Path(scratch) / CONFIG).read_text())
    settings["training"]["out"] = TRAINED
    folder.mkdir(parents=True, exist_ok=True)
    save_file(heads, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(settings, indent=2) + "\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else TRAINED_RUN)
