"""Make the features that ship with the kit: of the built-in model, for its data sets.

python -m tests.tools.shipped_features [FOLDER]

FOLDER holds what `glasskit data coco-concepts --download` fetches; without it their file stays as
it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from glasskit import load_dataset, load_model
from glasskit.data.grouped import GroupedDataset
from glasskit.data.scenes.build import FEATURES as SCENES
from glasskit.data.vocabulary import vocabulary_names
from glasskit.io.places import atomic_write
from glasskit.models.bundled import TEXTS
from glasskit.models.glass_model import GlassModel
from glasskit.models.lite0 import CLASS_TEXTS, CLASSES
from glasskit.models.prompts import prompts

LEVELS = range(1, 5)
CAPTIONS = CLASS_TEXTS.with_name("everyday_captions.txt")
"""Written for the mean that every caption is taken relative to."""


def texts(data: GroupedDataset) -> list[str]:
    """All that training and evaluation on a data set read: captions, negations, prompts."""
    found = [caption for record in data.records for caption in record.captions]
    found += [record.negation for record in data.records if record.negation]
    return found + [text for level in LEVELS for text in prompts(data.labels(level))]


def class_features(model: GlassModel) -> Tensor:
    """(n, G) unit features of everyday captions and, behind them, of ImageNet's class names."""
    captions = [line for line in CAPTIONS.read_text(encoding="utf-8").splitlines() if line]
    assert len(IMAGENET_CLASSNAMES) == CLASSES
    return functional.normalize(model.text_tower([*captions, *IMAGENET_CLASSNAMES]), dim=-1)


def write_bundled(file: Path, tower_hash: str, keys: Sequence[str], features: Tensor) -> None:
    """Write (n, F) features under their keys, which hold no line end, for towers of this hash."""
    metadata = {"tower_hash": tower_hash, "keys": "\n".join(keys)}
    with atomic_write(file) as scratch:
        save_file({"features": features.half().contiguous()}, scratch, metadata=metadata)


def scenes(model: GlassModel, data: GroupedDataset) -> None:
    """The pictures of scenes, drawn and embedded."""
    rows = tqdm(range(len(data)), desc="scenes", disable=None)
    features = model.image_tower([data.image(i) for i in rows])
    write_bundled(SCENES, model.tower_hash, [record.key for record in data.records], features)


def photographs(model: GlassModel, folder: Path) -> None:
    """Every photograph of the folder, whether it is labelled or not."""
    paths = sorted(folder.glob("*.jpg"))
    target = Path(str(files("glasskit.data.coco"))) / "lite0_features.safetensors"
    keys = [str(int(path.stem[-12:])) for path in paths]
    write_bundled(target, model.tower_hash, keys, model.image_tower(paths))


def main(folder: Path | None) -> None:
    """Write the files into the package."""
    model = load_model("lite0-minilm")
    sets = [load_dataset(name) for name in ("scenes", "coco-concepts", "coco-ideas")]
    with atomic_write(CLASS_TEXTS) as scratch:
        save_file({"features": class_features(model)}, scratch)
    scenes(model, sets[0])
    if folder is not None:
        photographs(model, folder)
    words = prompts(vocabulary_names())
    distinct = list(dict.fromkeys([*(text for data in sets for text in texts(data)), *words]))
    write_bundled(TEXTS, model.tower_hash, distinct, model.text_tower(distinct))
    for file in (CLASS_TEXTS, SCENES, TEXTS):
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
