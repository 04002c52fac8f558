"""Vectors on disk: one safetensors file and a JSON index that says which row is what."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image
from safetensors.numpy import save_file

from glasskit.data import load_dataset
from glasskit.data.hub import is_hub
from glasskit.data.shards import is_shards
from glasskit.errors import InputError, first_process
from glasskit.latent.embedding import embed
from glasskit.latent.stream_export import embed_stream
from glasskit.models.cache import replace_file
from glasskit.models.features import embed_dataset_images
from glasskit.models.store import checked_dtype
from glasskit.pictures import EXTENSIONS, open_image

if TYPE_CHECKING:
    import numpy as np

    from glasskit.models import GlassModel

VECTORS = "vectors.safetensors"
INDEX = "index.json"

Progress = Callable[[int, int], None]


class Written(NamedTuple):
    """What was written.

    Attributes:
        pictures: rows of picture vectors.
        texts: rows of caption and concept vectors.
    """

    pictures: int
    texts: int


def embed_source(
    model: GlassModel,
    source: str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    captions: bool = False,
    dtype: str = "float32",
    progress: Progress | None = None,
) -> Written:
    """Embed pictures into ``vectors.safetensors`` and ``index.json``.

    The tensors are ``pictures`` (n, L) and, for a data set, ``captions`` (n, L; the first caption
    of each record) and ``concepts`` (c, L): of length 1. The index names every row. Several
    processes share shards and hub data sets; of anything else the first one alone embeds all.

    Args:
        model: any GlassModel.
        source: a folder of JPEG, PNG or WebP pictures, shards or ``hf:OWNER/NAME`` (which
            `stream_export.embed_stream` does), or what else ``load_dataset`` takes.
        out: directory to write to; files of an earlier call are replaced.
        images: folder of a data set's pictures.
        captions: of shards and hub data sets, embed the first captions as well.
        dtype: float32, or float16, which halves the file and what a search must read and moves a
            cosine by about 1e-5, less than a search prints. For arithmetic of your own float32 is
            the better one: numpy is slow with float16.
        progress: called with (done, total) pictures.

    Raises:
        InputError: another dtype, no such source, a folder without pictures, or a broken picture.
    """
    checked_dtype(dtype)
    if is_shards(source) or is_hub(source):
        count = embed_stream(model, source, out, captions=captions, dtype=dtype, progress=progress)
        return Written(count, count if captions else 0)
    if not first_process():
        return Written(0, 0)  # what is no stream is not shared between processes
    folder = Path(source)
    if folder.is_dir():
        tensors, index = _folder(model, folder, progress)
    else:
        tensors, index = _dataset(model, str(source), images, progress)
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made a directory ({error.strerror})") from error
    hashes = {"tower_hash": model.tower_hash, "model_hash": model.model_hash}
    index = {"model": model.name, **hashes, "source": str(source), **index}
    scratch = out / f".{VECTORS}.part"
    save_file({name: rows.astype(dtype) for name, rows in tensors.items()}, scratch)
    replace_file(scratch, out / VECTORS)
    scratch = out / f".{INDEX}.part"
    # A picture a line, which is how `library` finds one among millions.
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in index.pop("pictures"))
    head = json.dumps(index, ensure_ascii=False)[:-1]
    scratch.write_text(f'{head}, "pictures": [\n{lines}\n]}}\n', encoding="utf-8")
    replace_file(scratch, out / INDEX)
    texts = sum(len(rows) for name, rows in tensors.items() if name != "pictures")
    return Written(len(tensors["pictures"]), texts)


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

    def fingerprint(self, index: int) -> str:
        stat = self.files[index].stat()
        return f"{self.files[index].resolve()}:{stat.st_size}:{stat.st_mtime_ns}"


def _dataset(
    model: GlassModel, source: str, images: str | Path | None, progress: Progress | None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    data = load_dataset(source, images=images)
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
    model: GlassModel, folder: Path, progress: Progress | None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not files:
        raise InputError(f"{folder}: no {', '.join(EXTENSIONS)} files in this folder")
    vectors = embed_dataset_images(model, _Files(files), progress).numpy()
    names = [{"file": path.relative_to(folder).as_posix()} for path in files]
    return {"pictures": vectors}, {"pictures": names}
