"""What the browser draws maps from: numbers in one binary file, texts in another.

A map of 100,000 pictures is 4 MB of numbers. As JSON lists it would be several times that and would
hold the page up while it is read; app/assets/map_data.js reads this form.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.data.schema import LEVELS, SPLITS
from glasskit.errors import InputError
from glasskit.models.vectors import nearest
from glasskit.plots.style import family_level, level_colours
from glasskit_app.thumbnails import pictures_url

if TYPE_CHECKING:
    from glasskit_app.dataset_maps import DatasetMaps

TIES = 6
"""Neighbours that a picture is joined to on the map."""

STEPS = 32767
"""Places are sent as 16-bit whole numbers: places / reach * STEPS, a third of a pixel at most."""

HINT = "start the app with --images and the folder of the photographs"


def map_file(maps: DatasetMaps) -> bytes:
    """Everything but the texts of the records, gzip of: header length, header, arrays.

    The length is 4 bytes, little-endian; the header is JSON, padded with spaces so that the arrays
    start at a multiple of 8; each array starts at one too. ``header["arrays"]`` has the type, the
    offset (from the first array) and the count of each.
    """
    data = maps.dataset
    places = {
        f"{side}.{kind}": getattr(maps.projection(side), kind)
        for side in ("before", "after")
        for kind in ("picture", "caption", "concept")
    }
    reach = max((float(np.abs(p).max()) for p in places.values() if p.size), default=1.0) or 1.0
    arrays = {
        name: np.round(p / reach * STEPS).astype(np.int16).ravel() for name, p in places.items()
    }
    splits = [s for s in SPLITS if any(record.split == s for record in data.records)]
    order = {split: place for place, split in enumerate(splits)}
    arrays["concept"] = _small(data.targets(1))
    arrays["split"] = np.array([order[record.split] for record in data.records], np.uint8)
    for side in ("before", "after"):
        seen = maps.recognised(side)
        arrays |= {f"{side}.rank": _small(seen.rank), f"{side}.top": _small(seen.top)}
    header = _about(maps) | {"splits": splits, "reach": reach}
    return gzip.compress(_packed(header, arrays), 5)


def texts_file(maps: DatasetMaps) -> bytes:
    """Keys, captions and themes of the records, as gzip of JSON; needed once one is pointed at."""
    records = maps.dataset.records
    texts = {
        "key": [record.key for record in records],
        "caption": [record.captions[0] for record in records],
        "theme": [record.theme[0] if record.theme else "" for record in records],
    }
    return gzip.compress(_json(texts), 5)


def near(maps: DatasetMaps, index: int) -> dict[str, list[int]]:
    """The pictures that one is joined to on each map; raises InputError for an unknown index."""
    if not 0 <= index < len(maps.dataset):
        raise InputError(f"picture {index}: there are {len(maps.dataset)}")
    answer = {}
    for side in ("before", "after"):
        pictures = maps.projection(side).embedding.picture
        found = nearest(pictures[index], pictures, TIES + 1).index[0]
        answer[side] = [int(i) for i in found if i != index][:TIES]
    return answer


def map_answer(maps: DatasetMaps) -> dict[str, Any]:
    """The same for programs: lists of numbers and texts."""
    data = maps.dataset
    views = {}
    for side in ("before", "after"):
        places, seen = maps.projection(side), maps.recognised(side)
        views[side] = {
            kind: np.round(getattr(places, kind), 4).ravel().tolist()
            for kind in ("picture", "caption", "concept")
        } | {"rank": seen.rank.tolist(), "top": seen.top.tolist()}
    about = _about(maps)
    about["views"] = {side: about["views"][side] | views[side] for side in views}
    return about | {
        "key": [record.key for record in data.records],
        "caption": [record.captions[0] for record in data.records],
        "split": [record.split for record in data.records],
        "concept": data.targets(1).tolist(),
    }


def _about(maps: DatasetMaps) -> dict[str, Any]:
    data = maps.dataset
    return {
        "name": data.name,
        "n": len(data),
        "concepts": list(data.labels(1)),
        "levels": _levels(maps),
        "family": LEVELS[family_level(data.concepts) - 1],
        "views": {side: {"sentence": maps.sentence(side)} for side in ("before", "after")},
        "story": maps.story(),
        "credits": data.credits,
        "pictures": pictures_url(data.name) if maps.thumbnails else None,
        "hint": HINT,
    }


def _levels(maps: DatasetMaps) -> dict[str, object]:
    data = maps.dataset
    levels: dict[str, object] = {}
    for number, name in enumerate(LEVELS, start=1):
        labels = data.labels(number)
        if not labels:
            continue
        colours = level_colours(data.concepts, number)
        place = {label: i for i, label in enumerate(labels)}
        levels[name] = {
            "labels": list(labels),
            "colours": [colours[label] for label in labels],
            "of": [place.get(concept.levels[number - 1], -1) for concept in data.concepts],
        }
    return levels


def _small(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 in the smallest type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def _packed(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    table, body = {}, bytearray()
    for name, array in arrays.items():
        table[name] = {"type": array.dtype.name, "offset": len(body), "count": array.size}
        body += array.astype(array.dtype.newbyteorder("<")).tobytes()
        body += bytes(-len(body) % 8)
    text = _json({**header, "arrays": table})
    text += b" " * (-(len(text) + 4) % 8)
    return len(text).to_bytes(4, "little") + text + bytes(body)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
