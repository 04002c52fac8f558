"""Vectors of a data set or of a folder of pictures, as files that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from safetensors.torch import save_file
from torch import Tensor

from glasskit.errors import InputError
from glasskit.pictures import EXTENSIONS

if TYPE_CHECKING:
    from glasskit.models import GlassModel
    from glasskit.models.glass_model import Progress


class Written(NamedTuple):
    """How much was written."""

    pictures: int
    texts: int


def embed_source(
    model: GlassModel,
    source: str,
    out: str | Path,
    *,
    images: str | Path | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write ``vectors.safetensors`` and ``index.json``.

    The vectors are L2-normalised float32, (n, L) under "pictures" and, for a data set, "captions"
    and "concepts"; the lists of the same names in index.json say what each row is.

    Args:
        model: who embeds.
        source: a data set's name or file, or a folder of JPEG, PNG or WebP files.
        out: directory to write to.
        images: folder of the data set's pictures.
        progress: called with (done, total) pictures.

    Raises:
        InputError: no such source, a folder without pictures, a broken picture.
    """
    out = Path(out)
    if Path(source).is_dir():
        tensors, index = _folder(model, Path(source), progress)
    else:
        tensors, index = _dataset(model, source, images, progress)
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, out / "vectors.safetensors")
    about = {"model": model.name, "tower_hash": model.tower_hash, "source": source}
    (out / "index.json").write_text(json.dumps(about | index, indent=1) + "\n", encoding="utf-8")
    texts = sum(len(vectors) for name, vectors in tensors.items() if name != "pictures")
    return Written(len(tensors["pictures"]), texts)


def _folder(
    model: GlassModel, folder: Path, progress: Progress | None
) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)
    if not paths:
        raise InputError(f"{folder}: no picture in it ({', '.join(EXTENSIONS)})")
    vectors = model.encode_images(paths, progress=progress)
    return {"pictures": vectors}, {"pictures": [str(p.relative_to(folder)) for p in paths]}


def _dataset(
    model: GlassModel, source: str, images: str | Path | None, progress: Progress | None
) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    from glasskit.data import load_dataset
    from glasskit.models.features import embed_dataset_images, embed_texts
    from glasskit.models.prompts import concept_vectors

    data = load_dataset(source, images=images)
    captions = list(dict.fromkeys(c for record in data.records for c in record.captions))
    names = list(data.labels(1))
    tensors = {
        "pictures": embed_dataset_images(model, data, progress),
        "captions": embed_texts(model, captions),
        "concepts": concept_vectors(model, names).detach(),
    }
    keys = [record.key for record in data.records]
    return tensors, {"pictures": keys, "captions": captions, "concepts": names}
