"""coco-concepts: 750 COCO photographs under 50 abstract concepts, labelled for this project.

Annotations and taxonomy ship with the package, no photograph does. The features of the built-in
image tower ship too, so that training and maps work at once; pictures come from a COCO folder, or
from the default folder once ``glasskit data coco-concepts --download`` has filled it.

No caption holds a word of its concept's name, and no theme caption a word of a name at any level.
Seven of the 2,250 hold a word that is *derived* from one: ``DERIVED``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from glasskit.data.coco_concepts.download import FEATURES, default_folder, file_name
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


DERIVED = {
    "246454": "petted",
    "7816": "motorcycle",
    "37751": "motorcycle",
    "48924": "motorcycle",
    "152771": "ride",
    "213086": "preparing",
    "117525": "festive",
}
"""Photographs of which a caption holds a word derived from a name of their concept, and the word:
pet companionship, motorcycling (three), riding, food preparation, festivity."""


def load_coco_concepts(images: str | Path | None = None) -> GroupedDataset:
    """The coco-concepts data set.

    Args:
        images: folder of COCO val2014 photographs (``000000000139.jpg`` or
            ``COCO_val2014_000000000139.jpg``). Without it the default folder of the download is
            taken when every photograph of the data set is in it; else training on the shipped
            features works and showing a picture is an InputError that says what to do.
    """
    source: ImageSource = MissingImages(HINT) if images is None else FolderImages(images)
    dataset = read_magic(Path(__file__).with_name("annotations.json"), source)
    if images is None:
        source = _downloaded(dataset)
    return replace(dataset, name=NAME, images=source, credits=CREDITS, features=FEATURES)


def _downloaded(dataset: GroupedDataset) -> ImageSource:
    """The default folder when it has every photograph; half a folder would fail half-way."""
    folder = default_folder()
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing = [record.key for record in dataset.records if file_name(record.key) not in there]
    if not missing:
        return FolderImages(folder)
    if len(missing) == len(dataset):
        return MissingImages(HINT)
    return MissingImages(f"{len(missing)} of {len(dataset)} are not in {folder}; {HINT}")
