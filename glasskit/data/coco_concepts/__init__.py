"""coco-concepts: 750 COCO photographs under 50 abstract concepts, labelled for this project.

Annotations and taxonomy ship with the package, no photograph does. The features of the built-in
image tower ship too, so that training and maps work at once; pictures come from a COCO folder.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, ImageSource, MissingImages
from glasskit.data.magic import read_magic

NAME = "coco-concepts"
CREDITS = (
    "Photographs: MS-COCO val2014 (cocodataset.org), under the licences of their authors. "
    "Concepts and captions: Glass Kit."
)
HINT = (
    "give your folder of COCO val2014 with --images, "
    "or fetch the 1,000 files with: glasskit data coco-concepts --download"
)


def load_coco_concepts(images: str | Path | None = None) -> GroupedDataset:
    """The coco-concepts data set.

    Args:
        images: folder of COCO val2014 photographs (``000000000139.jpg`` or
            ``COCO_val2014_000000000139.jpg``); without it, training on the shipped features works
            and showing a picture is an InputError that says what to do.
    """
    folder = Path(str(files(__package__)))
    source: ImageSource = FolderImages(images) if images is not None else MissingImages(HINT)
    features = folder / "lite0_features.safetensors"
    return replace(
        read_magic(folder / "annotations.json", source),
        name=NAME,
        credits=CREDITS,
        features=features if features.is_file() else None,
    )
