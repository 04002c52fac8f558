"""Vectors of picture streams: shards and hub data sets that are larger than a memory or a night.

Each process of `accelerate launch` or `torchrun` takes its share of the shards and writes parts;
when all have ended, the first one merges them. What is interrupted goes on with the same command,
with as many processes as are wanted then: a part belongs to a shard or file, not to a process.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from PIL import Image

from glasskit.analysis.parts import Part, merge
from glasskit.data.shards import Part as Unit
from glasskit.data.shards import Row
from glasskit.data.streams import stream_parts
from glasskit.errors import InputError, launched
from glasskit.io.places import atomic_write, check_folder, made_folder, write_text, writing
from glasskit.models.reading import Reading
from glasskit.models.store import checked_dtype
from glasskit.models.stream import read_ahead

if TYPE_CHECKING:
    from glasskit.models import GlassModel

BLOCK = 256
"""Pictures between two writes: no more of the work is lost by a kill."""

PARTS = ".parts"
VECTORS, INDEX = "vectors.safetensors", "index.json"

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class Ranks(NamedTuple):
    """This process, how many there are, and how to wait until all have come so far."""

    rank: int
    world: int
    wait: Callable[[], None]


def embed_stream(
    model: GlassModel,
    source: str | Path,
    out: str | Path,
    *,
    captions: bool = False,
    dtype: str = "float32",
    progress: Progress | None = None,
) -> int:
    """Embed the pictures of shards or of a hub data set into ``out``; how many there are.

    The files are those of ``embed_source``: ``vectors.safetensors`` with ``pictures`` (n, L) and,
    if asked for, ``captions`` (n, L), and ``index.json`` with a line for each row. The first
    process writes them when all are done; until then the parts lie in ``.parts``, so that processes
    on several machines need one folder that all of them see.

    Args:
        model: any GlassModel; under several processes with GPUs it is put on this process's own.
        source: what ``shard_names`` takes, or ``hf:OWNER/NAME``.
        out: directory to write to.
        captions: also embed the first caption of each picture.
        dtype: float16 or float32, as ``embed_source`` has it; parts are float32 in any case.
        progress: called with (done, total) pictures of this process, total estimated, or 0.

    Raises:
        InputError: another dtype, a shard, record or picture is damaged or missing, or ``out``
            holds the parts of another model or source.
    """
    checked_dtype(dtype)
    ranks = _ranks(model)
    out = check_folder(out)
    folder = out / PARTS
    width = model.embed_dim * (2 if captions else 1)
    units = stream_parts(source)
    with writing(out), made_folder(out), _parts_in(folder, alone=ranks.world == 1):
        if ranks.rank == 0:
            _begin(
                folder,
                {
                    "model": f"{model.model_hash} {model.precision}",
                    "units": _digest(units),
                    "width": width,
                },
            )
        ranks.wait()
        meter = _Meter(units[ranks.rank :: ranks.world], progress)
        for unit in units[ranks.rank :: ranks.world]:
            part = Part(folder, unit.name, width, unit.identity)
            meter.enter(part)
            if not part.finished:
                _embed(model, unit, part, captions, meter)
            meter.leave(unit)
        ranks.wait()
        count = 0
        if not ranks.rank:
            count = _finish(model, source, out, units, width, captions, dtype)
        ranks.wait()
    return count


def made_by(model: GlassModel) -> dict[str, str]:
    """What an index of vectors says about the model: its name, a run's path in full, and hashes."""
    run = Path(model.name)
    name = str(run.resolve()) if run.is_dir() else model.name
    return {"model": name, "tower_hash": model.tower_hash, "model_hash": model.model_hash}


def with_id(head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The head of an index with an "id", which its vectors carry too: a hash of all it says.

    A kill between the two files leaves new vectors beside old names; their ids differ then.
    """
    digest = hashlib.sha256(json.dumps(head).encode())
    for row in rows:
        digest.update(json.dumps(row).encode())
    return {"id": digest.hexdigest(), **head}


def write_index(out: Path, head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> None:
    """Write ``index.json``, after the vectors that it names.

    A row stands on a line of its own, which is how `library` finds one among millions.
    """
    with atomic_write(out / INDEX) as scratch, scratch.open("w", encoding="utf-8") as file:
        # One by one, since the list may be longer than a memory.
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "pictures": [')
        for number, row in enumerate(rows):
            file.write((",\n" if number else "\n") + json.dumps(row, ensure_ascii=False))
        file.write("\n]}\n")


def _embed(model: GlassModel, unit: Unit, part: Part, captions: bool, meter: _Meter) -> None:
    """Do what a part lacks. What is computed is kept whatever ends it."""
    rows: list[torch.Tensor] = []
    lines: list[dict[str, Any]] = []

    def keep() -> None:
        if rows:
            part.append(torch.cat(rows).numpy(), lines)
            rows.clear()
            lines.clear()

    def load(row: Row) -> Image.Image:
        return row.image(model.image_side)

    try:
        for batch, features in model.image_batches(
            read_ahead(islice(unit.rows(), part.done, None)), load
        ):
            with torch.inference_mode():
                vectors = [model.embed_image_features(features.to(model.device)).cpu()]
            if captions:
                vectors.append(model.encode_texts([_caption(row) for row in batch]))
            rows.append(torch.cat(vectors, dim=1))
            lines += [_line(row) for row in batch]
            meter.add(batch)
            if len(lines) >= BLOCK:
                keep()
    finally:
        keep()
    part.finish()


def _line(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"key": row.key}
    for name in ("concept", "split"):
        if isinstance(row.notes.get(name), str):
            line[name] = row.notes[name]
    if row.caption is not None:
        line["caption"] = row.caption
    return line


def _caption(row: Row) -> str:
    if row.caption is None:
        raise InputError(f"{row.where}: no caption to embed; leave --captions out")
    return row.caption


def _finish(
    model: GlassModel,
    source: Any,
    out: Path,
    units: Sequence[Unit],
    width: int,
    captions: bool,
    dtype: str,
) -> int:
    """Merge the parts and take them away."""
    folder = out / PARTS
    parts = [Part(folder, unit.name, width, unit.identity) for unit in units]
    names = ["pictures", "captions"] if captions else ["pictures"]
    if not any(part.done for part in parts):
        shutil.rmtree(folder)
        raise InputError(f"{source}: there is no picture in it")
    _tell(model, parts, captions)
    named = source if isinstance(source, (str, Path)) else ",".join(map(str, source))
    head = with_id({**made_by(model), "source": str(named)}, _entries(parts))
    count = merge(parts, names, out / VECTORS, dtype, head["id"])
    write_index(out, head, _entries(parts))
    shutil.rmtree(folder)
    return count


def _tell(model: GlassModel, parts: Sequence[Part], captions: bool) -> None:
    """Warn of keys that come more than once, and of captions that were read in part."""
    seen: set[str] = set()
    twice: list[str] = []
    reading = Reading(model.name)
    entries = _entries(parts)
    while block := list(islice(entries, BLOCK)):
        for entry in block:
            if entry["key"] in seen:
                twice.append(entry["key"])
            seen.add(entry["key"])
        if captions:
            reading = reading.plus(model.reading([entry["caption"] for entry in block]))
    if twice:
        have = "picture has" if len(twice) == 1 else "pictures have"
        log.warning("%d %s the name of another one, first %r", len(twice), have, twice[0])
    if note := reading.note("captions"):
        log.warning("%s", note)


def _entries(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    for part in parts:
        yield from part.entries()


@contextmanager
def _parts_in(folder: Path, *, alone: bool) -> Iterator[None]:
    """Make the folder of parts; it goes again where the block fails before the first row."""
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        yield
    except BaseException:
        if made and alone and not any(file.stat().st_size for file in folder.glob("*.f32")):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _begin(folder: Path, plan: dict[str, Any]) -> None:
    """Note what the parts are of, or refuse those of something else."""
    file = folder / "plan.json"
    if file.is_file():
        if json.loads(file.read_text()) != plan:
            raise InputError(
                f"{folder}: parts of an interrupted call with another model or other shards; "
                "remove the folder or write to another directory"
            )
        return
    write_text(file, json.dumps(plan))


def _digest(units: Sequence[Unit]) -> str:
    return hashlib.sha256("\n".join(unit.name for unit in units).encode()).hexdigest()


def _ranks(model: GlassModel) -> Ranks:
    if launched() == 1:
        return Ranks(0, 1, lambda: None)
    from accelerate import PartialState

    gpu = torch.cuda.is_available()
    # The first process waits for the slowest, which may take days longer than the others.
    state = PartialState(cpu=not gpu, timeout=timedelta(days=30))
    if gpu:
        model.to(state.device)
    return Ranks(state.process_index, state.num_processes, state.wait_for_everyone)


class _Meter:
    """How far this process is; the total follows from the bytes that a picture took so far."""

    def __init__(self, units: Sequence[Unit], progress: Progress | None) -> None:
        self.progress = progress
        self.bytes = sum(unit.size for unit in units)
        self.done = self.read = self.finished = 0

    def enter(self, part: Part) -> None:
        self.done += part.done

    def add(self, batch: Sequence[Row]) -> None:
        self.done += len(batch)
        self.read += sum(len(row.data) for row in batch)
        self._report()

    def leave(self, unit: Unit) -> None:
        self.finished += unit.size
        self.read = self.finished
        self._report()

    def _report(self) -> None:
        if self.progress is not None:
            total = round(self.done * self.bytes / self.read) if self.bytes else 0
            self.progress(self.done, total)
