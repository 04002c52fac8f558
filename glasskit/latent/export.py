"""Vectors on disk: one safetensors file and a JSON index that says which row is what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from safetensors.numpy import save_file

from glasskit.data import load_dataset
from glasskit.errors import InputError
from glasskit.latent.embedding import embed
from glasskit.models.cache import replace_file
from glasskit.pictures import EXTENSIONS

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
    progress: Progress | None = None,
) -> Written:
    """Embed a data set or a folder of pictures into ``vectors.safetensors`` and ``index.json``.

    The tensors are ``pictures`` (n, L) and, for a data set, ``captions`` (n, L; the first caption
    of each record) and ``concepts`` (c, L): float32 of length 1. The index names every row.

    Args:
        model: any GlassModel.
        source: a folder of JPEG, PNG or WebP pictures, or what ``load_dataset`` takes.
        out: directory to write to; files of an earlier call are replaced.
        images: folder of a data set's pictures.
        progress: called with (done, total) pictures.

    Raises:
        InputError: no such source, a folder without pictures, or a broken picture.
    """
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
    save_file(tensors, scratch)
    replace_file(scratch, out / VECTORS)
    scratch = out / f".{INDEX}.part"
    # A picture a line, which is how `library` finds one among millions.
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in index.pop("pictures"))
    head = json.dumps(index, ensure_ascii=False)[:-1]
    scratch.write_text(f'{head}, "pictures": [\n{lines}\n]}}\n', encoding="utf-8")
    replace_file(scratch, out / INDEX)
    texts = sum(len(rows) for name, rows in tensors.items() if name != "pictures")
    return Written(len(tensors["pictures"]), texts)


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
    vectors = model.encode_images(files, progress=progress).numpy()
    names = [{"file": path.relative_to(folder).as_posix()} for path in files]
    return {"pictures": vectors}, {"pictures": names}
