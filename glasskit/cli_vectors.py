"""Commands that ask a model: `glasskit probe`, `embed` and `search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glasskit.cli_options import (
    DATASET,
    Images,
    Json,
    Many,
    ModelName,
    Out,
    Scores,
    write_json,
)
from glasskit.errors import InputError
from glasskit.io.terminal import bar, say, show_table
from glasskit.io.text_files import counted, distinct, split_names

if TYPE_CHECKING:
    from glasskit.data import GroupedDataset


def probe(
    model: ModelName,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="picture files")],
    concepts: Annotated[
        str | None, typer.Option(help="names to choose among: a,b,c; one with a comma in quotes")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="choose among its concepts; else a run's own, or coco-ideas")
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--images", help="its pictures, which standard scores need")
    ] = None,
    scores: Scores = "cosine",
    blend: Annotated[
        str | None, typer.Option(metavar="MODEL", help="add the standard scores of this model")
    ] = None,
    k: Many = 5,
    json_file: Json = None,
) -> None:
    """Name the concepts that each picture is nearest to, or for which it is unusual.

    A standard score is (cosine - mean) / standard deviation, both over the data set's train
    pictures (all of them where none is of that split) and for each name on its own. With --blend
    lite0-minilm, the untrained model, a trained one knows better what it was not trained on.
    """
    from glasskit.analysis import Probe
    from glasskit.analysis.probe import Comparison
    from glasskit.data import load_dataset
    from glasskit.io.pictures import printable
    from glasskit.models import load_model
    from glasskit.models.standard import check_scores

    check_scores(scores)
    names = distinct(split_names(concepts or ""))
    if concepts is not None and not names:
        raise InputError("--concepts names no concept; give names with commas between, or none")
    standard = scores == "standard" or blend is not None
    if dataset is None and (standard or not names):
        data = _trained_on(model, folder)
    else:
        data = load_dataset(dataset or "coco-ideas", folder)
    ask = Probe(load_model(model), data)
    if blend is None:
        found = {printable(path): ask.concepts(path, names or None, k, scores) for path in images}
    else:
        pair = Comparison(Probe(load_model(blend), data), ask)
        found = {printable(path): pair.blend(path, names or None, k) for path in images}
    heading = "Highest standard scores" if standard else "Nearest concepts"
    by = model if blend is None else f"{blend} and {model}"
    choice = f"{len(names)} given" if names else f"{len(data.concepts)} of {data.name}"
    number = "{:+.2f} sd" if standard else "{:.3f}"
    show_table(
        f"{heading} by {by}, among {choice}",
        ("picture", "concept", "standard score" if standard else "cosine"),
        [
            (path if place == 0 else "", score.name, number.format(score.score))
            for path, answer in found.items()
            for place, score in enumerate(answer)
        ],
    )
    write_json(
        json_file,
        {
            path: [{"concept": s.name, "score": s.score} for s in answer]
            for path, answer in found.items()
        },
    )


def embed(
    model: ModelName,
    source: Annotated[
        str, typer.Argument(metavar="DATASET|FOLDER", help=DATASET + ", or a folder of pictures")
    ],
    out: Out,
    images: Images = None,
    captions: Annotated[
        bool, typer.Option("--captions", help="of shards and hf: also their first captions")
    ] = False,
    dtype: Annotated[
        str, typer.Option(help="float32, or float16: half the file, cosines to four digits")
    ] = "float32",
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="leave out broken pictures, list in broken.txt")
    ] = False,
) -> None:
    """Write vectors of pictures, captions and concepts as .npy files, with a line of JSON for each.

    Shards and hf: are streamed: under accelerate launch or torchrun each process takes its share,
    and the same command goes on after an interruption; all else is embedded by the first one.
    """
    from glasskit.analysis.write_vectors import embed_source
    from glasskit.models import load_model

    with bar("embedding pictures") as progress:
        written = embed_source(
            load_model(model),
            source,
            Path(out),
            images=images,
            captions=captions,
            dtype=dtype,
            skip_broken=skip_broken,
            progress=progress,
        )
    if written.pictures:  # the first process of several tells
        say(f"{counted(written.pictures, 'picture')}, {counted(written.texts, 'text')}: {out}")
    if written.left_out:
        say(written.left_out)


def search(
    folder: Annotated[
        Path, typer.Argument(metavar="VECTORS", help="what glasskit embed --out was given")
    ],
    query: Annotated[
        str | None, typer.Argument(help="a phrase, or a picture file by a name such as a.jpg")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="a picture file of any name, in place of QUERY")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="that made the vectors, where it lies elsewhere now")
    ] = None,
    k: Many = 12,
    json_file: Json = None,
) -> None:
    """Find the embedded pictures that are nearest to a phrase or to another picture."""
    from glasskit.analysis.index import VectorIndex, query_vector

    asked = query if image is None else image
    if asked is None or (query is not None and image is not None):
        raise InputError("give either a phrase or picture to look for, or --image FILE")
    index = VectorIndex(folder)
    found = index.nearest(query_vector(index.load_model(model), asked), k)
    show_table(
        f"Of {counted(len(index), 'picture')} nearest to {asked}",
        ("", "picture", "cosine"),
        [(str(place), hit.name, f"{hit.score:.3f}") for place, hit in enumerate(found, start=1)],
    )
    write_json(json_file, {"query": str(asked), "found": [hit._asdict() for hit in found]})


def _trained_on(model: str, images: str | None) -> GroupedDataset:
    """The data set whose groups made a run; coco-ideas for a model that is no run."""
    from glasskit.data import load_dataset
    from glasskit.models.loading import CONFIG, read_config

    if not Path(model, CONFIG).is_file():
        return load_dataset("coco-ideas", images)
    settings = read_config(Path(model)).get("training", {})
    try:
        return load_dataset(settings.get("dataset", "coco-ideas"), images or settings.get("images"))
    except InputError as error:
        raise InputError(
            f"{model}: the data set it was trained on is not here ({error}); name one with "
            "--dataset, or the concepts with --concepts"
        ) from error
