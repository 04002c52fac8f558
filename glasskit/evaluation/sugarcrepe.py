"""SugarCrepe (arXiv 2306.14610): a caption against a fluent hard negative of the same picture.

How to run it: get the seven JSON files of https://github.com/RAIVNLab/sugar-crepe (folder ``data``)
and the COCO val2017 pictures, then ``evaluate_sugarcrepe(model, "data", "val2017")``. An item whose
picture is not in the folder is an error, unless the file holds only the items of your pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.data.magic_record import text_of
from glasskit.errors import InputError
from glasskit.evaluation.negation import blind_wins, caption_wins, summarise_wins
from glasskit.evaluation.pictures import Progress, coco_key, embed_pictures
from glasskit.io.json_files import read_json

if TYPE_CHECKING:
    from glasskit.models import GlassModel

TYPES = (
    "add_att",
    "add_obj",
    "replace_att",
    "replace_obj",
    "replace_rel",
    "swap_att",
    "swap_obj",
)
_FIELDS = ("filename", "caption", "negative_caption")


@dataclass(frozen=True, slots=True)
class Item:
    """One picture with a true caption and a false one, of one of ``TYPES``."""

    kind: str
    filename: str
    caption: str
    negative: str


def read_sugarcrepe(folder: str | Path) -> list[Item]:
    """Items of the official files ``{type}.json``: a list, or an object whose values are the items.

    Raises:
        InputError: no such file at all, or one that is not in the official layout.
    """
    items: list[Item] = []
    for kind in TYPES:
        path = Path(folder) / f"{kind}.json"
        if not path.is_file():
            continue
        rows = read_json(path)
        if not isinstance(rows, (dict, list)):
            raise InputError(f"{path}: the top of the file must be an object or a list of items")
        for number, row in enumerate(rows.values() if isinstance(rows, dict) else rows):
            where = f"{path}: item {number}"
            items.append(Item(kind, *(text_of(row, field, where).strip() for field in _FIELDS)))
    if not items:
        raise InputError(f"{folder}: none of {', '.join(f'{kind}.json' for kind in TYPES)} is here")
    return items


def score_items(
    kinds: list[str],
    wins: np.ndarray,
    blind: np.ndarray,
    images: np.ndarray | None = None,
) -> dict[str, Any]:
    """Share of wins over all items, by type, and the mean of the types.

    Args:
        kinds: type of each item. wins, blind: (n,) bool.
        images: (n,) label of each item's picture; the items of one are a cluster. None: all differ.

    Returns:
        {"all": {...}, "macro", "macro_blind", "types": {type: {"n", "accuracy", "ci95", "blind",
        "chance"}}}.
    """
    of = np.array(kinds)
    images = np.arange(len(of)) if images is None else images
    types = {
        kind: summarise_wins(wins[of == kind], blind[of == kind], "accuracy", images[of == kind])
        for kind in dict.fromkeys(kinds)
    }
    return {
        "all": summarise_wins(wins, blind, "accuracy", images),
        "macro": float(np.mean([part["accuracy"] for part in types.values()])),
        "macro_blind": float(np.mean([part["blind"] for part in types.values()])),
        "types": types,
    }


def evaluate_sugarcrepe(
    model: GlassModel,
    folder: str | Path,
    images: str | Path,
    *,
    features: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Share of items with cos(image, caption) > cos(image, negative caption), ties not correct.

    ``blind`` is the share won with every picture replaced by the mean picture: what the words alone
    give away.

    Args:
        folder: the JSON files. images: the pictures. features: see ``embed_pictures``.

    Raises:
        InputError: files not in the official layout, or a missing or broken picture.
    """
    from glasskit.models.features import embed_texts

    items = read_sugarcrepe(folder)
    vectors, rows = embed_pictures(
        model, images, [coco_key(item.filename) for item in items], features, progress
    )
    captions = embed_texts(model, [item.caption for item in items]).numpy()
    negatives = embed_texts(model, [item.negative for item in items]).numpy()
    pictures = vectors[rows]
    return score_items(
        [item.kind for item in items],
        caption_wins(pictures, captions, negatives),
        blind_wins(pictures, captions, negatives),
        rows,
    )
