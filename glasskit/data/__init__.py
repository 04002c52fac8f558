"""Grouped data: pictures and captions in groups that share an abstract concept.

What a data set is
- `schema`: concepts and records; `grouped`: GroupedDataset, which holds them
- `images`: where its pictures come from; `vocabulary`: names that a group can get

Where it comes from
- `scenes`, `coco`: the built-in data sets
- `magic`, `magic_record`: the MAGIC layout; `pictures`: the pictures layout
- `assemble`: what a reader finds becomes a data set, checked
- `shards`, `streams`: WebDataset shards and the Hugging Face hub; `pack`: writes shards
- `folder`: pictures that nobody labelled; `own_vectors`: vectors that somebody else's model made

What training reads of it
- `sampler`: the groups of an epoch; `overlap`: the same where pictures have several labels
- `captions`: which caption a pair shows; `phrases`: noun phrases of captions; `altered`: captions
  made false by rule
- `leaks`: whether a caption names its concept
"""

from __future__ import annotations

import logging
from functools import reduce
from itertools import combinations
from pathlib import Path

from glasskit.data.assemble import join
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.magic import read_magic, write_magic
from glasskit.data.pack import load_hub
from glasskit.data.pictures import read_pictures, write_pictures
from glasskit.data.schema import LEVELS, SPLITS, Concept, Record
from glasskit.data.shards import read_shards
from glasskit.data.streams import is_hub, is_stream
from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.pictures import printable

__all__ = [
    "LEVELS",
    "SPLITS",
    "Concept",
    "GroupedDataset",
    "Record",
    "load_dataset",
    "read_magic",
    "write_magic",
    "write_pictures",
]

log = logging.getLogger("glasskit")


def load_dataset(name_or_path: str | Path, images: str | Path | None = None) -> GroupedDataset:
    """A grouped data set by name or from a file.

    Args:
        name_or_path: ``scenes``, ``coco-concepts``, ``coco-ideas`` or, with the labels of both,
            ``coco-ideas+coco-concepts`` (built in); a JSON file in the MAGIC layout (`magic`) or
            the pictures layout (`pictures`); WebDataset shards (a folder of .tar files or
            ``shards/{00000..00009}.tar``) of MAGIC records, or ``hf:OWNER/NAME`` with their fields
            as columns.
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
    if set(name.split("+")) <= {"coco-concepts", "coco-ideas"}:
        from glasskit.data.coco import load_coco

        return reduce(join, (load_coco(part, images) for part in name.split("+")))
    if is_stream(name):
        if images is not None:
            raise InputError(f"data set {name} holds its own pictures; leave --images out")
        return load_hub(name) if is_hub(name) else read_shards(name)
    file = Path(name)
    if not file.is_file():
        raise InputError(
            f"no data set {name!r}: give scenes, coco-concepts, coco-ideas, or a JSON file in the "
            "MAGIC or pictures layout (or shards, .tar, or hf:OWNER/NAME)"
        )
    folder = file.parent / "images" if images is None else images
    content = read_json(file)
    read = read_magic if isinstance(content, list) else read_pictures
    dataset = read(file, FolderImages(folder), content)
    _warn_of_leaks(dataset)
    return dataset


def _warn_of_leaks(dataset: GroupedDataset) -> None:
    """Log one line where pictures of two splits are the same bytes: a leak that no name tells."""
    pairs = [
        (dataset.records[one], dataset.records[other])
        for rows in dataset.same_files
        for one, other in combinations(rows, 2)
        if dataset.records[one].split != dataset.records[other].split
    ]
    if pairs:
        names = [printable(record.key) for record in pairs[0]]
        log.warning(
            "%s: %d pictures of one split are also in another, byte by byte, such as %s and %s; "
            "what is measured on them is not new to the model",
            dataset.name,
            len({other.key for _, other in pairs}),
            *names,
        )
