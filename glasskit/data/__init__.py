"""Grouped data: pictures and captions in groups that share an abstract concept."""

from __future__ import annotations

from pathlib import Path

from glasskit.data.equal_pictures import warn_of_equal_pictures
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.magic import read_magic, write_magic
from glasskit.data.schema import LEVELS, SPLITS, Concept, Record
from glasskit.errors import InputError

__all__ = [
    "LEVELS",
    "SPLITS",
    "Concept",
    "GroupedDataset",
    "Record",
    "load_dataset",
    "read_magic",
    "write_magic",
]


def load_dataset(name_or_path: str | Path, images: str | Path | None = None) -> GroupedDataset:
    """A grouped data set by name or from a file.

    Args:
        name_or_path: ``scenes`` (built in), ``coco-concepts``, a JSON file in the MAGIC layout,
            WebDataset shards (a folder of .tar files or ``shards/{00000..00009}.tar``) of the
            same records, or ``hf:OWNER/NAME`` with the same fields as columns.
        images: folder of the pictures; by default ``images`` beside the JSON file.

    Raises:
        InputError: no such data set, or a bad record; the line names it.
    """
    name = str(name_or_path)
    if name == "scenes":
        from glasskit.data.scenes import load_scenes

        if images is not None:
            raise InputError("data set scenes draws its own pictures; leave --images out")
        return load_scenes()
    if name == "coco-concepts":
        from glasskit.data.coco_concepts import load_coco_concepts

        return load_coco_concepts(images)
    from glasskit.data.hub import is_hub, load_hub
    from glasskit.data.shards import is_shards

    if is_hub(name) or is_shards(name):
        if images is not None:
            raise InputError(f"data set {name} holds its own pictures; leave --images out")
        if is_hub(name):
            return load_hub(name)
        from glasskit.data.shard_dataset import read_shards

        return read_shards(name)
    file = Path(name)
    if not file.is_file():
        raise InputError(
            f"no data set {name!r}: give scenes, coco-concepts, or a JSON file in the MAGIC layout "
            "(or shards, .tar, or hf:OWNER/NAME)"
        )
    folder = file.parent / "images" if images is None else images
    dataset = read_magic(file, FolderImages(folder))
    warn_of_equal_pictures(dataset)
    return dataset
