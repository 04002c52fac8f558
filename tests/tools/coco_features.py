"""Make the image-tower features that ship with coco-concepts from a folder of its photographs.

python -m tests.tools.coco_features FOLDER
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import glasskit
from glasskit.models.features import write_features


def main(folder: Path) -> None:
    """Embed every photograph of the folder and write the file into the package."""
    model = glasskit.load_model("lite0-minilm")
    paths = sorted(folder.glob("*.jpg"))
    features = model.image_tower(
        paths, progress=lambda done, total: print(f"\r{done}/{total}", end="", flush=True)
    )
    keys = [str(int(path.stem[-12:])) for path in paths]
    target = Path(str(files("glasskit.data.coco_concepts"))) / "lite0_features.safetensors"
    write_features(target, model, keys, features)
    print(f"\n{target.name}: {len(keys)} photographs, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
