"""HL, the High-Level dataset (arXiv 2302.12189): pictures by scene, action and rationale.

How to run it: get ``test.jsonl`` (data/annotations of the Hugging Face data set
michelecafagna26/hl) and its pictures (COCO train2014), then
``evaluate_hl(model, "test.jsonl", "train2014")``. A line is {"file_name", "captions": {"scene":
[...], "action": [...], "rationale": [...], "object": [...]}}; the flat form, with the axes beside
``file_name``, is read too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import Resampling
from glasskit.evaluation.pictures import Progress, coco_key, embed_pictures
from glasskit.evaluation.retrieval import retrieve

if TYPE_CHECKING:
    from glasskit.models import GlassModel

AXES = ("object", "scene", "action", "rationale")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with its captions by axis; an axis that the file lacks is not in it."""

    filename: str
    captions: dict[str, tuple[str, ...]]


def read_hl(path: str | Path) -> list[Picture]:
    """Pictures of a JSONL file of HL.

    Raises:
        InputError: no such file, or a line that is not in the layout; it names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such JSONL file")
    pictures = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            axes = row.get("captions", row)
            captions = {axis: tuple(axes[axis]) for axis in AXES if axes.get(axis)}
            name = row["file_name"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: line {number} is not of the HL layout ({error})") from error
        texts = [text for of_axis in captions.values() for text in of_axis]
        if not texts or not all(isinstance(text, str) for text in (name, *texts)):
            raise InputError(f"{path}: line {number} needs a file_name and captions that are texts")
        pictures.append(Picture(name, captions))
    if not pictures:
        raise InputError(f"{path}: no pictures in it")
    return pictures


def evaluate_hl(
    model: GlassModel,
    path: str | Path,
    images: str | Path,
    *,
    progress: Progress | None = None,
    **resampling: Unpack[Resampling],
) -> dict[str, Any]:
    """Retrieval both ways by axis: {"n", "object", "scene", "action", "rationale"}.

    An axis is None where the file has no captions of it; pictures without it are left out of it.

    Raises:
        InputError: not the layout, or a missing or broken picture.
    """
    from glasskit.models.features import embed_texts

    pictures = read_hl(path)
    vectors, rows = embed_pictures(
        model, images, [coco_key(one.filename) for one in pictures], progress=progress
    )
    out: dict[str, Any] = {"n": len(pictures)}
    for axis in AXES:
        having = [i for i, one in enumerate(pictures) if axis in one.captions]
        if not having:
            out[axis] = None
            continue
        captions = [pictures[i].captions[axis] for i in having]
        owner = np.repeat(np.arange(len(having)), [len(of_one) for of_one in captions])
        texts = embed_texts(model, [text for of_one in captions for text in of_one]).numpy()
        ranks = retrieve(vectors[rows[having]], texts, owner)
        out[axis] = ranks.summary(**resampling)
    return out
