"""A folder of pictures that nobody labelled, as a data set to look at."""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath

from glasskit.data.coco import IDEAS, load_coco
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, scan_folder
from glasskit.data.schema import Record
from glasskit.errors import BrokenPicturesError, InputError
from glasskit.io.pictures import ask_each

log = logging.getLogger("glasskit")


def load_folder(folder: str | Path) -> GroupedDataset:
    """The pictures of a folder and of the folders below it, without labels, as a test split.

    Concepts are the 132 ideas of coco-ideas, so that there is something to ask. A picture's file
    name stands where a caption would. Broken ones are left out, with a line in the log.

    Raises:
        InputError: there is no readable picture in it.
    """
    images = FolderImages(folder)
    names = scan_folder(images.folder).pictures
    if not names:
        raise InputError(f"{folder}: no picture in this folder or below it")
    records = (Record(name, (), (PurePosixPath(name).stem,), split="test") for name in names)
    concepts = load_coco(IDEAS).concepts
    dataset = GroupedDataset(images.folder.resolve().name, concepts, tuple(records), images)
    try:
        ask_each(range(len(dataset)), dataset.check)
    except BrokenPicturesError as error:
        return without_broken(dataset, error)
    return dataset


def without_broken(dataset: GroupedDataset, error: BrokenPicturesError) -> GroupedDataset:
    """The records of the pictures that are not broken, with a line in the log on the others.

    Raises:
        InputError: all are.
    """
    kept = [row for row in range(len(dataset)) if row not in error.rows]
    if not kept:
        raise InputError(f"{dataset.name}: no picture can be read: {error}") from error
    log.warning("%s (%d of %d left out)", error, len(error.rows), len(dataset))
    return dataset.select(kept)
