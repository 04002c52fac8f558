"""Streaming data sets of the Hugging Face hub, read in order and split over processes.

Written ``hf:OWNER/NAME``, with ``:CONFIG`` and ``@SPLIT`` after it where they are needed (the split
is train otherwise); a local folder in the place of OWNER/NAME works as well. Needs the package
`datasets`, which only these data sets do: pip install "glasskit[hub]".
"""

from __future__ import annotations

import importlib.util
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

from PIL import Image

from glasskit.data.grouped import GroupedDataset
from glasskit.data.pack import Member, pack, packed
from glasskit.data.shard_dataset import read_shards
from glasskit.data.shards import Sample
from glasskit.errors import InputError, rank
from glasskit.io.pictures import EXTENSIONS, FORMATS, picture_kind
from glasskit.io.places import cache_folder

PREFIX = "hf:"
_KEYS = ("image", "key", "__key__", "id", "image_id", "filename", "file_name")
_PICTURES = ("image", "jpg", "jpeg", "png", "webp", "img", "picture")
_NAME = re.compile(r"hf:(?P<name>[^:@]+)(:(?P<config>[^:@]+))?(@(?P<split>[^:@]+))?")


class Placed(NamedTuple):
    """A sample, and the state of the stream after it where that was asked for."""

    sample: Sample
    state: dict[str, Any] | None


def is_hub(source: object) -> bool:
    """Whether a text names a data set of the hub."""
    return str(source).startswith(PREFIX)


@dataclass(frozen=True)
class HubStream:
    """A data set of the hub, or the share of one process of it.

    Args:
        name: as above.
        rank: this process.
        world: how many there are. Whole files go to each where their number allows it, else every
            ``world``-th picture.
    """

    name: str
    rank: int = 0
    world: int = 1

    def samples(
        self, state: dict[str, Any] | None = None, skip: int = 0, every: int = 0
    ) -> Iterator[Placed]:
        """The samples in order, always the same.

        Args:
            state: begin after the sample that this state came with.
            skip: or leave out so many.
            every: give the state with each sample whose number is a multiple of this; 0: never.

        Raises:
            InputError: the package or the data set is missing, or a row has no picture.
        """
        stream = self._open()
        if state is not None:
            stream.load_state_dict(state)
        number = 0
        for number, row in enumerate(islice(stream, skip, None), start=1):
            marked = every and number % every == 0
            yield Placed(self._sample(row), stream.state_dict() if marked else None)

    def _open(self) -> Any:
        match = _NAME.fullmatch(self.name)
        if match is None:
            raise InputError(f"{self.name}: write hf:OWNER/NAME, hf:OWNER/NAME:CONFIG@SPLIT")
        if importlib.util.find_spec("datasets") is None:
            raise InputError(
                f'{self.name}: the package datasets is missing; pip install "glasskit[hub]"'
            )
        from datasets import load_dataset
        from datasets.distributed import split_dataset_by_node

        try:
            stream = load_dataset(
                match["name"], match["config"], split=match["split"] or "train", streaming=True
            )
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            first = re.sub(r" \(\w+Error\)$", "", first)  # the name of a class tells nobody more
            raise InputError(f"{self.name} could not be opened: {first}") from error
        if stream.features:  # pictures stay bytes: they are decoded in our threads, by our rules
            stream = stream.decode(False)
        return split_dataset_by_node(stream, rank=self.rank, world_size=self.world)

    def _sample(self, row: dict[str, Any]) -> Sample:
        column = next((name for name in _PICTURES if _is_picture(row.get(name))), None)
        column = column or next((name for name, value in row.items() if _is_picture(value)), None)
        if column is None:
            raise InputError(f"{self.name}: a row has no picture, only {', '.join(row)}")
        data = _bytes(row[column], self.name)
        notes = {k: v for k, v in row.items() if k != column and v is not None}
        notes |= notes.pop("json") if isinstance(notes.get("json"), dict) else {}
        named = (notes.get(name) for name in _KEYS)
        # A picture without a name is called by its content: the same however many processes read.
        key = next((str(v) for v in named if isinstance(v, (str, int)) and str(v).strip()), None)
        key = key or sha256(data).hexdigest()[:24]
        return Sample(key, f"{self.name}: {key}", data, _ending(data), notes)


@dataclass(frozen=True)
class HubSource:
    """A data set of the hub to pack: pictures as they are, with all of their row that is JSON."""

    name: str
    total: None = None

    def identity(self) -> str:
        return self.name

    def members(self, start: int) -> Iterator[Member]:
        for sample, _ in HubStream(self.name).samples(skip=start):
            notes = {"image": sample.key} | {k: v for k, v in sample.notes.items() if _is_json(v)}
            if f".{sample.ending}" not in EXTENSIONS:
                raise InputError(f"{sample.where}: not a readable picture")
            yield Member(sample.data, sample.ending, notes)

    def taxonomy(self) -> list[dict[str, Any]]:
        return []


def load_hub(name: str) -> GroupedDataset:
    """A grouped data set of the hub whose columns are the fields of the MAGIC layout.

    Groups are drawn in any order, which a stream does not allow: the data set is streamed once into
    shards in the cache, by the first process of a machine while the others wait, and read there.

    Raises:
        InputError: it cannot be read, or a row lacks a picture, a concept or a caption.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.removeprefix(PREFIX)).strip("-")
    folder = cache_folder("hub", f"{plain[-60:]}-{sha256(name.encode()).hexdigest()[:8]}")
    if rank("LOCAL_RANK") == 0:
        pack(HubSource(name), folder)
    while packed(folder) is None:
        time.sleep(0.5)  # if the first process fails, the launcher ends this one
    return read_shards(folder)


def _is_picture(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"bytes", "path"}
    return isinstance(value, (bytes, Image.Image))


def _bytes(value: Any, name: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, Image.Image):
        file = io.BytesIO()
        value.save(file, "PNG")
        return file.getvalue()
    if value["bytes"] is not None:
        return value["bytes"]
    import fsspec

    try:
        with fsspec.open(value["path"], "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"{name}: {value['path']}: cannot be read ({error})") from error


def _ending(data: bytes) -> str:
    """The ending of a file with these bytes, ``bin`` where it is no picture that is read."""
    kind = picture_kind(data[:256])
    return {"JPEG": "jpg"}.get(kind, kind.lower()) if kind in FORMATS else "bin"


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
