"""A selection of pictures to take along: as CSV, as JSON, or as the Python that loads it again."""

from __future__ import annotations

import json
from textwrap import fill
from typing import Any

import pandas as pd

from glasskit.data.images import FolderImages
from glasskit.errors import InputError
from glasskit_app.state import DatasetMaps

FORMS = ("csv", "json", "py")

PYTHON = """\
import glasskit
import glasskit.data.folder

rows = [
{rows}
]
data = {code}.select(rows)
"""


def selection_file(
    maps: DatasetMaps, rows: list[int], form: str, code: str, phrase: str = ""
) -> str:
    """What is written of some pictures of a data set.

    Args:
        maps: whose pictures, and the two models whose scores are written.
        rows: numbers of the pictures, in order.
        form: one of ``FORMS``.
        code: the Python that reads the data set.
        phrase: scored too where there is one.

    Raises:
        InputError: another form, a number that no picture has, or no number at all.
    """
    if form not in FORMS:
        raise InputError(f"form {form!r:.60}: choose {', '.join(FORMS)}")
    known = range(len(maps.dataset))
    if not isinstance(rows, list) or not rows or len(rows) > len(known):
        raise InputError("a selection is a list of pictures, each once")
    if wrong := [row for row in rows if type(row) is not int or row not in known]:
        raise InputError(f"picture {wrong[0]!r:.60}: there are {len(known)}")
    if form == "py":
        return PYTHON.format(code=code, rows=fill(str(rows)[1:-1], 88))
    pictures = _pictures(maps, rows, phrase)
    if form == "json":
        found = {"dataset": maps.name, "models": maps.pair, "phrase": phrase, "pictures": pictures}
        return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    for one in pictures:
        one |= {"labels": "; ".join(one["labels"]), "captions": " | ".join(one["captions"])}
        for model, scores in one.pop("scores").items():
            one |= {f"{what} ({model})": score for what, score in scores.items()}
    return pd.DataFrame(pictures).to_csv(index=False)


def _pictures(maps: DatasetMaps, rows: list[int], phrase: str) -> list[dict[str, Any]]:
    """Each picture with its nearest concept by each model, and the cosines of both and a phrase."""
    names = maps.dataset.labels(1)
    found: list[dict[str, Any]] = []
    for row in rows:
        record, images = maps.dataset.records[row], maps.dataset.images
        file = ""
        if isinstance(images, FolderImages):
            file = images.path(record.key).relative_to(images.folder).as_posix()
        found.append(
            {
                "id": record.key,
                "file": file,
                "split": record.split,
                "labels": list(record.labels),
                "captions": list(record.captions),
                "scores": {},
            }
        )
    queries = maps.comparison.text_vectors(phrase) if phrase else (None, None)
    sides = zip(maps.pair, (maps.before, maps.after), queries, strict=True)
    for model, projection, query in sides:
        seen = projection.embedding
        for one, row in zip(found, rows, strict=True):
            top = int(projection.recognised.top[row])
            cosine = _cosine(seen.picture[row], seen.concept[top])
            one["scores"][model] = {"concept": names[top], "cosine": cosine}
            if query is not None:
                one["scores"][model]["phrase"] = _cosine(seen.picture[row], query)
    return found


def _cosine(one: Any, other: Any) -> float:
    return round(float(one @ other), 4)
