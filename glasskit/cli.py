"""The `glasskit` command. Bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from glasskit.cli_data import register
from glasskit.errors import InputError
from glasskit.flags import settings_of, with_settings
from glasskit.progress import bar

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See how a vision-language model learns abstract concepts.",
)
out = Console(highlight=False)

DATASET = "scenes, coco-concepts, a JSON file in the MAGIC layout, shards (.tar) or hf:OWNER/NAME"
RECIPE_NAMES = (
    "names with commas between, of objectives or recipes; field: ten objectives side by side; "
    "default: clip, clip on all captions, grouped, joint"
)
MODEL = "lite0-minilm, the directory of a run, or ARCH/TAG of open_clip"
Images = Annotated[Path | None, typer.Option(help="folder with the pictures of the data set")]
Json = Annotated[Path | None, typer.Option("--json", help="also write the result to this file")]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL)]
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help=DATASET)]


@app.command()
@with_settings
def train(
    dataset: DatasetName,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; flags win")] = None,
    json_file: Json = None,
    **flags: Any,
) -> None:
    """Train a model on groups; the run directory holds the best model by validation."""
    from glasskit.training import TrainConfig, train

    settings = TrainConfig.load(config, dataset=dataset, **settings_of(flags))
    with bar("embedding pictures") as progress:
        result = train(settings, bar=True, progress=progress)
    done = {"out": str(result.out), "status": result.status, "step": result.step}
    done |= {"epoch": result.epoch, "best": result.best}
    out.print(f"{result.status} after {result.step} steps; the run is in {result.out}")
    _write_json(json_file, done)
    raise typer.Exit(result.exit_code)


@app.command()
def evaluate(
    model: ModelName,
    dataset: DatasetName,
    images: Images = None,
    split: Annotated[str, typer.Option(help="train, val, test, or all")] = "test",
    k: Annotated[int, typer.Option(help="wrong answers in a hard-negative question", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="of the questions and of the bootstrap")] = 0,
    json_file: Json = None,
) -> None:
    """Measure concept recognition and all that should stay intact, with 95% intervals."""
    from glasskit.data import load_dataset
    from glasskit.evaluation.evaluate import evaluate
    from glasskit.models import load_model

    data = load_dataset(dataset, images=images)
    part = data if split == "all" else data.split(split)
    with bar("embedding pictures") as progress:
        result = evaluate(load_model(model), part, k=k, seed=seed, progress=progress)
    out.print(_evaluation_table(f"{model} on {data.name}, {split}, {result['n']} pictures", result))
    _write_json(json_file, result)


@app.command()
def probe(
    model: ModelName,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="picture files")],
    concepts: Annotated[str, typer.Option(help="names to choose among, with commas between")] = "",
    dataset: Annotated[
        str, typer.Option(help="whose concepts are the choice without --concepts")
    ] = "coco-concepts",
    k: Annotated[int, typer.Option(help="how many to show", min=1)] = 5,
    json_file: Json = None,
) -> None:
    """Name the concepts that each picture is nearest to."""
    from glasskit.data import load_dataset
    from glasskit.latent import Probe
    from glasskit.models import load_model

    names = [name.strip() for name in concepts.split(",") if name.strip()]
    ask = Probe(load_model(model), load_dataset(dataset))
    found = {str(path): ask.concepts(path, names or None, k) for path in images}
    table = Table("picture", "concept", "cosine", title=f"Nearest concepts by {model}")
    for path, scores in found.items():
        for place, score in enumerate(scores):
            table.add_row(path if place == 0 else "", score.name, f"{score.score:.3f}")
    out.print(table)
    _write_json(
        json_file,
        {
            path: [{"concept": s.name, "score": s.score} for s in scores]
            for path, scores in found.items()
        },
    )


@app.command()
def embed(
    model: ModelName,
    source: Annotated[
        str, typer.Argument(metavar="DATASET|FOLDER", help=DATASET + ", or a folder of pictures")
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="directory to write to")],
    images: Images = None,
    captions: Annotated[
        bool, typer.Option("--captions", help="of shards and hf: also their first captions")
    ] = False,
    dtype: Annotated[
        str,
        typer.Option(
            help="of the vectors: float32 as they are; float16 halves the file and is searched "
            "faster, with cosines equal to four digits: for many thousands"
        ),
    ] = "float32",
) -> None:
    """Write vectors of pictures, captions and concepts as one safetensors file with its index.

    Shards and hf: are streamed: under accelerate launch or torchrun each process takes its share,
    and the same command goes on after an interruption.
    """
    from glasskit.latent.export import embed_source
    from glasskit.models import load_model

    with bar("embedding pictures") as progress:
        written = embed_source(
            load_model(model),
            source,
            out_dir,
            images=images,
            captions=captions,
            dtype=dtype,
            progress=progress,
        )
    if written.pictures:  # the first process of several tells
        out.print(f"{written.pictures} pictures, {written.texts} texts: {out_dir}")


@app.command()
def search(
    folder: Annotated[
        Path, typer.Argument(metavar="VECTORS", help="what glasskit embed --out was given")
    ],
    query: Annotated[str, typer.Argument(help="a phrase, or a picture file")],
    k: Annotated[int, typer.Option(help="how many to show", min=1)] = 12,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="by a graph, for more than a million pictures")
    ] = False,
    json_file: Json = None,
) -> None:
    """Find the embedded pictures that are nearest to a phrase or to another picture."""
    from glasskit.latent.approximate import ApproximateLibrary
    from glasskit.latent.library import Library, query_vector
    from glasskit.models import load_model

    with bar("building the graph") as progress:
        library = ApproximateLibrary(folder, progress) if approximate else Library(folder)
    model = load_model(library.model)
    library.check(model)
    found = library.nearest(query_vector(model, query), k)
    table = Table("", "picture", "cosine", title=f"Of {len(library)} pictures nearest to {query}")
    for place, hit in enumerate(found, start=1):
        table.add_row(str(place), hit.name, f"{hit.score:.3f}")
    out.print(table)
    _write_json(json_file, {"query": query, "found": [hit._asdict() for hit in found]})


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="directory of a run")],
    to: Annotated[Path, typer.Option(help="directory to write to")],
) -> None:
    """Write a trained model as an open_clip checkpoint with config, tokenizer and model card."""
    from glasskit.models.export import export_open_clip

    export_open_clip(run, to)
    out.print(f"written to {to}: README.md there says how open_clip loads it")


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(metavar="MODEL...", help=MODEL)],
    out_file: Annotated[
        Path, typer.Option("--out", help=".html file; .md and .json lie beside it")
    ],
    dataset: Annotated[str, typer.Option(help=DATASET)] = "coco-concepts",
    images: Images = None,
    split: Annotated[str, typer.Option(help="train, val or test")] = "test",
) -> None:
    """Compare models side by side: one self-contained page, and the same as Markdown and JSON."""
    from glasskit.data import load_dataset
    from glasskit.evaluation.report import write_report

    data = load_dataset(dataset, images=images).split(split)
    with bar("measuring models") as progress:
        written = write_report(runs, data, out_file, progress=progress)
    out.print("written: " + ", ".join(str(path) for path in written))


@app.command()
def study(
    dataset: DatasetName,
    images: Images = None,
    model: Annotated[str, typer.Option(help=MODEL)] = "lite0-minilm",
    recipes: Annotated[str, typer.Option(help=RECIPE_NAMES)] = "",
    folds: Annotated[int, typer.Option(help="cross-validate in parts; 0: train to test")] = 0,
    seeds: Annotated[int, typer.Option(help="runs of each recipe", min=1)] = 1,
    keep: Annotated[Path | None, typer.Option(help="keep the runs here, for a report")] = None,
    json_file: Json = None,
) -> None:
    """Train recipes side by side and compare them on pictures that none of them trained on."""
    from glasskit.data import load_dataset
    from glasskit.study import RECIPES, as_dict, choose, markdown, study

    chosen = choose([name.strip() for name in recipes.split(",") if name.strip()] or list(RECIPES))
    data = load_dataset(dataset, images=images)
    with bar("training recipes") as progress:
        result = study(
            data,
            chosen,
            model=model,
            folds=folds,
            seeds=range(seeds),
            keep=keep,
            progress=progress,
        )
    print(markdown(result))
    _write_json(json_file, as_dict(result))


@app.command("app")
def serve(
    port: Annotated[int, typer.Option(help="port to listen on", min=1, max=65535)] = 7860,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    images: Images = None,
    root_path: Annotated[
        str, typer.Option(help="path at which a proxy shows the app, such as /museum")
    ] = "",
    open_browser: Annotated[bool, typer.Option(help="open the page in a browser")] = False,
) -> None:
    """Open the app: maps of the latent space, and pictures against concepts."""
    from glasskit_app import launch

    launch(port, host=host, images=images, root_path=root_path, open_browser=open_browser)


register(app)


def main() -> None:
    """Run the command; InputError becomes one line and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"glasskit: {error}", file=sys.stderr)
        sys.exit(2)


def _write_json(file: Path | None, value: Any) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror})") from error


def _evaluation_table(title: str, result: dict[str, Any]) -> Table:
    """The main numbers for people; the whole result is in --json."""
    table = Table("measure", "share", "95% interval", "chance", title=title)

    def add(name: str, share: float | None, ci: Any = None, chance: float | None = None) -> None:
        table.add_row(
            name,
            "-" if share is None else f"{share:.3f}",
            "-" if not ci else f"{ci[0]:.3f} to {ci[1]:.3f}",
            "-" if chance is None else f"{chance:.3f}",
        )

    for level, scores in result["concepts"].items():
        add(f"{level} top-1", scores["top1"], scores["ci95"], scores["chance"])
        add(f"{level} acceptable top-1", scores["acceptable_top1"], scores.get("acceptable_ci95"))
        add(f"{level} top-5", scores["top5"])
    for way in ("image_to_text", "text_to_image"):
        for r in (1, 5, 10):
            add(
                f"caption retrieval {way.replace('_', ' ')} R@{r}",
                result["retrieval"][f"{way}_r{r}"],
            )
    negation = result["negation"]
    add("caption over negation", negation["caption_over_negation"], negation.get("ci95"))
    hard = result["hard_negative"]
    for way in ("image_to_text", "text_to_image"):
        add(f"hard negatives, 1 of {hard['k'] + 1}, {way.replace('_', ' ')}", hard[way])
    return table


if __name__ == "__main__":
    main()
