"""Embed a data set, a folder of pictures or a stream, and write the vectors for other tools.

Streams (shards and data sets of the hub) may be larger than a memory or a night. Each process of
`accelerate launch` or `torchrun` takes its share of their parts; what a part gave is kept in
``.parts`` until all are done, so that the same command goes on after an interruption, with as many
processes as are wanted then.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from glasskit.analysis.index import (
    BROKEN,
    CAPTIONS,
    CONCEPTS,
    DTYPES,
    VECTORS,
    Blocks,
    write_index,
)
from glasskit.analysis.store import Arrays, write_arrays
from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, FolderScan, scan_folder
from glasskit.data.schema import Record
from glasskit.data.shards import END, Part, Row, is_shards
from glasskit.data.streams import is_stream, stream_parts
from glasskit.errors import InputError, first_process, launched
from glasskit.io.pictures import BrokenPicturesError, printable
from glasskit.io.places import check_folder, made_folder, write_text, writing
from glasskit.models.embedding import embed
from glasskit.models.features import embed_dataset_images
from glasskit.models.glass_model import Progress, checked_finite
from glasskit.models.reading import Reading, tell_unread
from glasskit.models.stream import read_ahead

if TYPE_CHECKING:
    from glasskit.models import GlassModel

PARTS, LINES = ".parts", "lines"

log = logging.getLogger(__name__)


class Written(NamedTuple):
    """What was written.

    Attributes:
        pictures: rows of picture vectors.
        texts: rows of caption and concept vectors.
        left_out: what of a folder is not among them, in words, or "".
    """

    pictures: int
    texts: int
    left_out: str = ""


def embed_source(
    model: GlassModel,
    source: str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    captions: bool = False,
    dtype: str = "float32",
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Embed pictures into a folder of vectors of length 1, as `index.py` describes it.

    Of a data set the first captions and the concepts are embedded as well. Several processes share
    a stream; of anything else the first one alone embeds all.

    Args:
        model: any GlassModel; under several processes with GPUs it is put on this process's own.
        source: a folder of pictures and folders, a stream (shards or ``hf:OWNER/NAME``), or what
            else ``load_dataset`` takes.
        out: directory to write to; files of an earlier call are replaced. Processes on several
            machines need one that all of them see.
        images: folder of a data set's pictures.
        captions: of a stream, embed the first captions as well.
        dtype: float32, or float16, which halves the file and moves a cosine by about 1e-5, less
            than a search prints.
        skip_broken: leave out what cannot be read of a folder, and list it in ``broken.txt``.
        progress: called with (done, total) pictures of this process; of a stream the total is
            estimated, or 0.

    Raises:
        InputError: another dtype, no such source, a folder without pictures or with shards beside
            them, broken or missing pictures or captions, a vector that is not finite, or ``out``
            can't be written.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r}: choose {' or '.join(DTYPES)}")
    out = check_folder(out)
    folder = Path(source)
    scan = scan_folder(folder) if folder.is_dir() else None
    if scan is not None and scan.pictures and is_shards(source):
        shard = next(folder.glob(f"*{END}"))
        raise InputError(
            f"{source}: {len(scan.pictures)} pictures and {END} shards; for the shards name them, "
            f"such as {shard}; for the pictures move the {END} files away"
        )
    if skip_broken and (scan is None or not scan.pictures):
        raise InputError(f"{source}: --skip-broken is for folders of pictures")
    if is_stream(source):
        return _embed_stream(model, str(source), out, captions, dtype, progress)
    if not first_process():
        return Written(0, 0)
    meta = _made_by(model, str(source))
    broken: list[str] = []
    left_out = ""
    if scan is None:
        data = load_dataset(str(source), images=images)
        meta["concepts"] = list(data.labels(1))
        tell_unread(model, [record.captions[0] for record in data.records], "captions")
        tell_unread(model, meta["concepts"], "concept names")
        seen = embed(model, data, progress)
        arrays = {VECTORS: seen.picture, CAPTIONS: seen.caption, CONCEPTS: seen.concept}
        items = [
            {"id": r.key, "captions": list(r.captions), "labels": list(r.labels), "split": r.split}
            for r in data.records
        ]
    else:
        names, vectors, broken = _embed_folder(model, folder, scan, skip_broken, progress)
        arrays, left_out = {VECTORS: vectors}, scan.rest()
        items = [{"id": name, "file": name} for name in map(printable, names)]
    blocks = {name: Blocks(rows.shape, rows) for name, rows in arrays.items()}
    write_index(out, blocks, items, meta, dtype)
    if broken:
        write_text(out / BROKEN, "".join(f"{line}\n" for line in broken))
        listed = f"{len(broken)} broken listed in {printable(out / BROKEN)}"
        left_out = f"{left_out}, {listed}" if left_out else listed
    texts = sum(len(rows) for name, rows in arrays.items() if name != VECTORS)
    return Written(len(items), texts, left_out)


def _made_by(model: GlassModel, source: str) -> dict[str, Any]:
    """What ``meta.json`` says: the model's name, a run's path in full, its hash, and the source."""
    run = Path(model.name)
    name = str(run.resolve()) if run.is_dir() else model.name
    return {"model": name, "model_hash": model.model_hash, "source": printable(source)}


def _embed_folder(
    model: GlassModel, folder: Path, scan: FolderScan, skip: bool, progress: Progress | None
) -> tuple[list[str], np.ndarray, list[str]]:
    """The names of the pictures, their vectors, and a line for each broken one that is left out."""
    if not scan.pictures:
        rest = f"; {scan.rest()}" if scan.rest() else ""
        raise InputError(f"{printable(folder)}: no pictures in this folder{rest}")
    records = tuple(Record(name, labels=("",), literal=()) for name in scan.pictures)
    data = GroupedDataset(str(folder), (), records, FolderImages(folder))
    broken: list[str] = []
    while len(data):
        try:
            vectors = embed_dataset_images(model, data, progress).numpy()
            return [record.key for record in data.records], vectors, broken
        except BrokenPicturesError as error:  # what was embedded before is in the cache
            if not skip:
                more = "; or leave them out with --skip-broken"
                raise InputError(f"{printable(folder)}: {error}{more}") from error
            broken += [str(problem) for problem in error.rows.values()]
            data = data.select(row for row in range(len(data)) if row not in error.rows)
    raise InputError(f"{printable(folder)}: all {len(broken)} pictures are broken")


def _embed_stream(
    model: GlassModel,
    source: str,
    out: Path,
    captions: bool,
    dtype: str,
    progress: Progress | None,
) -> Written:
    rank, world, wait = _processes(model)
    folder = out / PARTS
    with writing(out), made_folder(folder):
        parts = stream_parts(source)
        # A part of another model, or of a shard that has changed, has another name.
        made_of = f"{model.model_hash} {model.precision} {captions}"
        files = [folder / f"{part.name}-{_digest(made_of, part.identity)}.npz" for part in parts]
        mine = list(zip(parts, files, strict=True))[rank::world]
        left = [(part, file) for part, file in mine if not file.is_file()]
        meter = _Meter(sum(part.size for part, _ in left), progress)
        for part, file in left:
            write_arrays(file, _embed_part(model, part, captions, meter))
        wait()
        count = 0
        if rank == 0:
            count = _join(model, source, out, files, captions, dtype)
        wait()
    return Written(count, count if captions else 0)


def _embed_part(model: GlassModel, part: Part, captions: bool, meter: _Meter) -> Arrays:
    """The vectors of a part, and its items as bytes of JSON lines."""
    vectors = [torch.empty(0, model.embed_dim)]
    texts = [torch.empty(0, model.embed_dim)]
    lines: list[str] = []

    def load(row: Row) -> Image.Image:
        return row.image(model.image_side)

    for batch, features in model.image_batches(read_ahead(part.rows()), load):
        with torch.inference_mode():
            seen = model.embed_image_features(features.to(model.device)).cpu()
        vectors.append(checked_finite(model, seen))
        if captions:
            texts.append(model.encode_texts([_caption(row) for row in batch]))
        lines += [json.dumps(_item(row)) for row in batch]
        meter.add(batch)
    return {
        VECTORS: torch.cat(vectors).numpy(),
        CAPTIONS: torch.cat(texts).numpy(),
        LINES: np.frombuffer("\n".join(lines).encode(), np.uint8),
    }


def _item(row: Row) -> dict[str, Any]:
    concept, split = row.notes.get("concept"), row.notes.get("split")
    item: dict[str, Any] = {"id": row.key}
    if row.caption is not None:
        item["captions"] = [row.caption]
    if isinstance(concept, str):
        item["labels"] = [concept]
    return item | ({"split": split} if isinstance(split, str) else {})


def _caption(row: Row) -> str:
    if row.caption is None:
        raise InputError(f"{row.where}: no caption to embed; leave --captions out")
    return row.caption


def _join(
    model: GlassModel, source: str, out: Path, files: list[Path], captions: bool, dtype: str
) -> int:
    """Write what all parts gave, a part at a time; how many pictures that is."""

    def items() -> Iterator[dict[str, Any]]:
        for file in files:
            yield from map(json.loads, _kept(LINES, file).tobytes().decode().splitlines())

    ids = Counter(item["id"] for item in items())
    count, twice = ids.total(), ids.total() - len(ids)
    if not count:
        for file in files:
            file.unlink()
        raise InputError(f"{source}: there is no picture in it")
    if twice:
        have = "picture has" if twice == 1 else "pictures have"
        first = ids.most_common(1)[0][0]
        log.warning("%d %s the name of another one, such as %r", twice, have, first)
    if captions:
        reading = Reading(model.name)
        for item in items():
            reading = reading.plus(model.reading(item["captions"]))
        if note := reading.note("captions"):
            log.warning("%s", note)
    arrays = {
        name: Blocks((count, model.embed_dim), map(partial(_kept, name), files))
        for name in ((VECTORS, CAPTIONS) if captions else (VECTORS,))
    }
    write_index(out, arrays, items(), _made_by(model, source), dtype)
    shutil.rmtree(out / PARTS)
    return count


def _kept(name: str, file: Path) -> np.ndarray:
    """One array of what a part gave."""
    with np.load(file, allow_pickle=False) as arrays:
        return arrays[name]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _processes(model: GlassModel) -> tuple[int, int, Callable[[], None]]:
    """This process, how many there are, and how to wait until all have come so far."""
    if launched() == 1:
        return 0, 1, lambda: None
    from accelerate import PartialState

    gpu = torch.cuda.is_available()
    # The first process waits for the slowest, which may take days longer than the others.
    state = PartialState(cpu=not gpu, timeout=timedelta(days=30))
    if gpu:
        model.to(state.device)
    return state.process_index, state.num_processes, state.wait_for_everyone


class _Meter:
    """How far this process is; the total follows from the bytes that a picture took so far."""

    def __init__(self, size: int, progress: Progress | None) -> None:
        self.size, self.progress = size, progress
        self.done = self.read = 0

    def add(self, batch: Sequence[Row]) -> None:
        self.done += len(batch)
        self.read += sum(len(row.data) for row in batch)
        if self.progress is not None:
            self.progress(self.done, round(self.done * self.size / self.read))
