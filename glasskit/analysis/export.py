"""Vectors on disk: one safetensors file and a JSON index that says which row is what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image
from safetensors.numpy import save_file

from glasskit.analysis.stream_export import VECTORS, embed_stream, made_by, with_id, write_index
from glasskit.data import load_dataset
from glasskit.data.hub import is_hub
from glasskit.data.images import FolderScan, file_fingerprint, scan_folder
from glasskit.data.shards import END, is_shards
from glasskit.errors import InputError, first_process
from glasskit.io.pictures import (
    BrokenPicturesError,
    PictureError,
    check_image,
    open_image,
    printable,
)
from glasskit.io.places import atomic_write, check_folder, write_text
from glasskit.models.embedding import embed
from glasskit.models.features import embed_dataset_images
from glasskit.models.reading import tell_unread
from glasskit.models.store import checked_dtype

if TYPE_CHECKING:
    import numpy as np

    from glasskit.models import GlassModel

BROKEN = "broken.txt"

Progress = Callable[[int, int], None]


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
    """Embed pictures into ``vectors.safetensors`` and ``index.json``.

    The tensors are ``pictures`` (n, L) and, for a data set, ``captions`` (n, L; the first caption
    of each record) and ``concepts`` (c, L): of length 1. The index names every row. Several
    processes share shards and hub data sets; of anything else the first one alone embeds all.

    Args:
        model: any GlassModel.
        source: a folder of pictures and folders, shards or ``hf:OWNER/NAME`` (which
            `stream_export.embed_stream` does), or what else ``load_dataset`` takes.
        out: directory to write to; files of an earlier call are replaced.
        images: folder of a data set's pictures.
        captions: of shards and hub data sets, embed the first captions as well.
        dtype: float32, or float16, which halves the file and what a search must read and moves a
            cosine by about 1e-5, less than a search prints. For arithmetic of your own float32 is
            the better one: numpy is slow with float16.
        skip_broken: leave out what cannot be read of a folder, and list it in ``broken.txt``.
        progress: called with (done, total) pictures.

    Raises:
        InputError: another dtype, no such source, a folder without pictures or with shards beside
            them, broken pictures, or ``out`` can't be written.
    """
    checked_dtype(dtype)
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
    if is_shards(source) or is_hub(source):
        count = embed_stream(model, source, out, captions=captions, dtype=dtype, progress=progress)
        return Written(count, count if captions else 0)
    if not first_process():
        return Written(0, 0)  # what is no stream is not shared between processes
    broken: list[str] = []
    if scan is not None:
        tensors, index, broken = _folder(model, folder, scan, skip_broken, progress)
    else:
        tensors, index = _dataset(model, str(source), images, progress)
    names = index.pop("pictures")
    head = with_id({**made_by(model), "source": printable(source), **index}, names)
    typed = {name: rows.astype(dtype) for name, rows in tensors.items()}
    with atomic_write(out / VECTORS) as scratch:
        save_file(typed, scratch, metadata={"id": head["id"]})
    write_index(out, head, names)
    (out / BROKEN).unlink(missing_ok=True)
    if broken:
        write_text(out / BROKEN, "".join(f"{line}\n" for line in broken))
    left_out = scan.rest() if scan is not None else ""
    if broken:
        listed = f"{len(broken)} broken listed in {printable(out / BROKEN)}"
        left_out = f"{left_out}, {listed}" if left_out else listed
    texts = sum(len(rows) for name, rows in tensors.items() if name != "pictures")
    return Written(len(tensors["pictures"]), texts, left_out)


class _Files:
    """Files as the feature cache asks for them: what was done is kept when it is interrupted."""

    features = None

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int, side: int = 0) -> Image.Image:
        return open_image(self.files[index], side)

    def key(self, index: int) -> str:
        return str(self.files[index])

    def check(self, index: int) -> None:
        check_image(self.files[index])

    def fingerprint(self, index: int) -> str:
        try:
            return file_fingerprint(self.files[index])
        except OSError as error:
            raise PictureError(f"{printable(self.files[index])}: {error.strerror}") from error


def _dataset(
    model: GlassModel, source: str, images: str | Path | None, progress: Progress | None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    data = load_dataset(source, images=images)
    tell_unread(model, [record.captions[0] for record in data.records], "captions")
    tell_unread(model, data.labels(1), "concept names")
    seen = embed(model, data, progress)
    index = {
        "pictures": [
            {"key": r.key, "concept": r.concept, "split": r.split, "caption": r.captions[0]}
            for r in data.records
        ],
        "concepts": list(data.labels(1)),
    }
    return {"pictures": seen.picture, "captions": seen.caption, "concepts": seen.concept}, index


def _folder(
    model: GlassModel, folder: Path, scan: FolderScan, skip: bool, progress: Progress | None
) -> tuple[dict[str, np.ndarray], dict[str, Any], list[str]]:
    if not scan.pictures:
        rest = f"; {scan.rest()}" if scan.rest() else ""
        raise InputError(f"{printable(folder)}: no pictures in this folder{rest}")
    names = list(scan.pictures)
    broken: list[str] = []
    while True:
        try:
            files = _Files([folder / name for name in names])
            vectors = embed_dataset_images(model, files, progress).numpy()
            break
        except BrokenPicturesError as error:  # what was embedded before is in the cache
            if not skip:
                more = "; or leave them out with --skip-broken"
                raise InputError(f"{printable(folder)}: {error}{more}") from error
            broken += [str(problem) for problem in error.rows.values()]
            names = [name for row, name in enumerate(names) if row not in error.rows]
        if not names:
            raise InputError(f"{printable(folder)}: all {len(broken)} pictures are broken")
    rows = [{"file": printable(name)} for name in names]
    return {"pictures": vectors}, {"pictures": rows}, broken
