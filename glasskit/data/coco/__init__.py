"""coco-concepts and coco-ideas: 750 COCO photographs, labelled for this project in two ways.

coco-concepts gives each photograph one of 50 concepts; coco-ideas 5 to 9 of 132 abstract ideas, the
strongest first. Labels and captions were made by a multimodal model that looked at each photograph
with a written guide; no person checked them (DATA-CARD.md).

Annotations ship with the package, no photograph does. The features of the built-in image tower ship
too, so that training and maps work at once; pictures come from a COCO folder, or from the default
folder once ``glasskit data coco-concepts --download`` has filled it.

No caption holds a word of its concept's name, and no theme caption a word of a name at any level.
In coco-concepts seven of the 2,250 hold a word that is *derived* from one: ``DERIVED``; in
coco-ideas nine of the 2,250 theme captions of a label do ("together" for companionship). There the
sentences that belong to no label name an idea that their picture carries more often: 178 of 750
general ones and 92 of 1,500 literal ones. Notebook 2 trains without them, and
its tests bear no difference.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from glasskit.data.coco.download import FEATURES, default_folder, file_name
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, ImageSource, MissingImages
from glasskit.data.magic import read_magic
from glasskit.data.pictures import read_pictures
from glasskit.io.json_files import read_json

CONCEPTS, IDEAS = "coco-concepts", "coco-ideas"
CARD = Path(__file__).with_name("DATA-CARD.md")

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


def load_coco(name: str, images: str | Path | None = None) -> GroupedDataset:
    """coco-concepts or coco-ideas.

    Args:
        name: one of the two.
        images: folder of COCO val2014 photographs (``000000000139.jpg`` or
            ``COCO_val2014_000000000139.jpg``). Without it the default folder of the download is
            taken when every photograph of the data set is in it; else training on the shipped
            features works and showing a picture is an InputError that says what to do.
    """
    source: ImageSource = MissingImages(HINT) if images is None else FolderImages(images)
    if name == CONCEPTS:
        dataset = read_magic(Path(__file__).with_name("concepts.json"), source)
    else:
        file = Path(__file__).with_name("ideas.json")
        dataset = read_pictures(file, source, read_json(file))
    if images is None:
        source = _downloaded(dataset)
    return replace(dataset, name=name, images=source, credits=CREDITS, features=FEATURES)


def second_reading() -> dict[str, list[str]]:
    """Labels of 114 photographs of coco-ideas by a second, independent reading, by their key."""
    rows = read_json(Path(__file__).with_name("second_reading.json"))
    return {str(row["image"]): row["labels"] for row in rows}


class Downloaded(FolderImages):
    """The photographs in a folder of the download, by their COCO ids; also while they come."""

    def path(self, key: str) -> Path:
        """The file of a photograph; raises PictureError where it has not come."""
        own = self.folder / file_name(key)
        return own if own.is_file() else super().path(key)


def lacks_photographs(dataset: GroupedDataset) -> bool:
    """Whether this is a coco set whose photographs can be fetched and are not all here."""
    return dataset.features == FEATURES and isinstance(dataset.images, MissingImages)


def _downloaded(dataset: GroupedDataset) -> ImageSource:
    """The default folder when it has every photograph; half a folder would fail half-way."""
    folder = default_folder()
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing = [record.key for record in dataset.records if file_name(record.key) not in there]
    if not missing:
        return Downloaded(folder)
    if len(missing) == len(dataset):
        return MissingImages(HINT)
    return MissingImages(f"{len(missing)} of {len(dataset)} are not in {folder}; {HINT}")
