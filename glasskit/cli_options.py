"""Arguments and options that several commands share; what is written to is tried first."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from glasskit.io.places import check_file, check_folder, write_text

DATASET = (
    "scenes, coco-concepts, coco-ideas, a JSON file in the MAGIC or pictures layout, shards (.tar) "
    "or hf:OWNER/NAME"
)
MODEL = "lite0-minilm, lite0-glass, the directory of a run, or ARCH/TAG of open_clip"


def tried_file(value: str | None) -> str | None:
    """A file to write to, tried before the work."""
    return None if value is None else str(check_file(value))


def tried_folder(value: str | None) -> str | None:
    """A directory to write to, tried before the work."""
    return None if value is None else str(check_folder(value))


Images = Annotated[str | None, typer.Option(help="folder with the pictures of the data set")]
Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE", help="also write the result to this file", callback=tried_file
    ),
]
Out = Annotated[
    str, typer.Option("--out", metavar="DIR", help="directory to write to", callback=tried_folder)
]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL)]
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help=DATASET)]
Scores = Annotated[
    str, typer.Option(help="cosine, or standard: how unusual it is among the train pictures")
]
Many = Annotated[int, typer.Option(help="how many to show", min=1)]


def write_json(file: str | None, value: Any) -> None:
    """Write a result where --json was given."""
    if file is not None:
        write_text(file, json.dumps(value, indent=2) + "\n")
