"""`glasskit plan`: what a large run takes, before it is begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from glasskit.errors import InputError
from glasskit.training import cost

out = Console(highlight=False, soft_wrap=True)


def plan(
    pictures: Annotated[
        str, typer.Option(help="118287, 118k, 12M or 2B; default: four public collections")
    ] = "",
    rate: Annotated[
        float | None,
        typer.Option(help="pictures a second of one of your machines, that you measured", min=1e-6),
    ] = None,
    machines: Annotated[int, typer.Option(help="side by side, each on its shards", min=1)] = 1,
    features: Annotated[int, typer.Option(help="numbers of a tower feature", min=1)] = 1280,
    vectors: Annotated[int, typer.Option(help="numbers of a vector", min=1)] = 384,
    kilobytes: Annotated[float, typer.Option(help="of a picture's file", min=0.1)] = 80.0,
    shard_size: Annotated[int, typer.Option(help="pictures a shard", min=1)] = 10_000,
    gpu: Annotated[str, typer.Option(help=", ".join(cost.NOMINAL))] = "A100",
    gpus: Annotated[int, typer.Option(help="that train together", min=1)] = 8,
    epochs: Annotated[int, typer.Option(help="of training a whole ViT-B-32", min=1)] = 10,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="also write the result to this file")
    ] = None,
) -> None:
    """Estimate hours and disk of a large run, and say which numbers are measured."""
    own = {} if rate is None else {"rate": rate, "origin": "your measurement"}
    setting = cost.Setting(
        machines=machines,
        features=features,
        vectors=vectors,
        kilobytes=kilobytes,
        shard_size=shard_size,
        gpu=gpu,
        gpus=gpus,
        epochs=epochs,
        **own,
    )
    wanted = {"yours": cost.count_of(pictures)} if pictures else cost.COLLECTIONS
    plans = [cost.plan(name, number, setting) for name, number in wanted.items()]
    table = Table("")
    for p in plans:
        table.add_column(p.name, justify="right")
    for line in cost.lines(plans):
        table.add_row(*line)
    out.print(table)
    for note in cost.notes(setting):
        out.print(note)
    if json_file is not None:
        value = {"notes": cost.notes(setting), "plans": [p._asdict() for p in plans]}
        try:
            json_file.parent.mkdir(parents=True, exist_ok=True)
            json_file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{json_file}: cannot be written ({error.strerror})") from error
