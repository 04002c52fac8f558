"""The `glasskit` command. Bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasskit import cli_data
from glasskit.cli_options import (
    DATASET,
    MODEL,
    DatasetName,
    Images,
    Json,
    Many,
    ModelName,
    Out,
    tried_folder,
    write_json,
)
from glasskit.errors import InputError, first_process, launched, need
from glasskit.flags import settings_of, with_settings
from glasskit.io.places import check_folder
from glasskit.io.terminal import bar, complain, say, show_table
from glasskit.io.text_files import counted, distinct, split_names
from glasskit.notices import notices
from glasskit.training.config import TrainConfig

if TYPE_CHECKING:
    from glasskit.data import GroupedDataset

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

UsageError: Any = typer.BadParameter.__base__
"""Wrong flags and arguments, of the click that typer is built on."""

RECIPE_NAMES = (
    "names with commas between, of objectives or recipes; field: ten objectives side by side; "
    "default: clip, clip on all captions, grouped, joint"
)
BENCHMARKS = "hierarcaps, sugarcrepe, hl, entity13, entity30, living17, nonliving26 or folder"
IN_PROCESSES = ("train", "embed")
"""Commands that several processes share under torchrun or accelerate launch."""

PATIENCE = 20.0
"""Seconds in which the first of several processes tells what is wrong in all of them."""


@app.callback()
def check_processes(context: typer.Context) -> None:
    """See how a vision-language model learns abstract concepts."""
    processes = launched()
    if processes > 1 and context.invoked_subcommand not in IN_PROCESSES:
        raise InputError(
            f"{context.invoked_subcommand}: runs in one process, and {processes} were launched; "
            "start it without torchrun or accelerate launch"
        )


@app.command()
@with_settings(TrainConfig, own=("dataset",))
def train(
    dataset: DatasetName,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; flags win")] = None,
    json_file: Json = None,
    **flags: Any,
) -> None:
    """Train a model on groups; the run directory holds the best model by validation.

    Under accelerate launch or torchrun the processes share each batch. Exit code: 0 finished; 130
    stopped by Ctrl-C and 143 by SIGTERM, with all saved for --resume; 2 bad input or diverged.
    """
    from glasskit.training import train

    settings = TrainConfig.load(config, dataset=dataset, **settings_of(flags))
    settings = settings.but(out=str(check_folder(settings.out)))
    with bar("embedding pictures") as progress:
        result = train(settings, bar=True, progress=progress)
    if first_process():
        done = {"out": str(result.out), "status": result.status, "step": result.step}
        done |= {"epoch": result.epoch, "best": result.best}
        more = "" if result.status == "finished" else "; --resume goes on from there"
        say(f"{result.status} after {result.step} steps; the run is in {result.out}{more}")
        write_json(json_file, done)
    raise typer.Exit(result.exit_code)


@app.command()
def evaluate(
    model: ModelName,
    dataset: DatasetName,
    images: Images = None,
    split: Annotated[str, typer.Option(help="train, val, test, or all")] = "test",
    k: Annotated[int, typer.Option(help="wrong answers in a hard-negative question", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="of the hard-negative questions")] = 0,
    json_file: Json = None,
) -> None:
    """Measure concept recognition and all that should stay intact, with 95% intervals."""
    from glasskit.data import load_dataset
    from glasskit.data.schema import SPLITS
    from glasskit.evaluation.evaluate import evaluate
    from glasskit.evaluation.intervals import interval_note
    from glasskit.models import load_model

    if split not in (*SPLITS, "all"):
        raise InputError(f"split {split!r}: choose one of {', '.join(SPLITS)}, all")
    data = load_dataset(dataset, images=images)
    part = data if split == "all" else data.split(split)
    with bar("embedding pictures") as progress:
        result = evaluate(load_model(model), part, k=k, seed=seed, progress=progress)
    title = f"{model} on {data.name}, {split}, {counted(result['n'], 'picture')}"
    show_table(title, ("measure", "share", "95% interval", "chance"), _evaluation_rows(result))
    say(interval_note(result["clusters"]["n"], result["clusters"]["by"]))
    if same := result["retrieval"]["duplicate_captions"]:
        say(f"{same} captions have the text of another picture's: image to text, either is right")
    write_json(json_file, result)


@app.command()
def benchmark(
    name: Annotated[str, typer.Argument(metavar="NAME", help=BENCHMARKS)],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="its files, see above")],
    images: Annotated[Path | None, typer.Option(help="folder with its pictures")] = None,
    model: Annotated[str, typer.Option(help=MODEL)] = "lite0-minilm",
    json_file: Json = None,
) -> None:
    """Measure a model on a published benchmark, with 95% intervals.

    DATA is the csv of hierarcaps, the folder of sugarcrepe's JSON files, test.jsonl of hl, or the
    folder with the class hierarchy of BREEDS (entity13, entity30, living17, nonliving26; --images
    is ImageNet, a folder a class). For folder it is any folder with a folder of pictures a class.
    """
    from glasskit.evaluation.benchmarks import run_benchmark
    from glasskit.models import load_model

    with bar("embedding pictures") as progress:
        scores = run_benchmark(name, load_model(model), data, images, progress=progress)
    measures = {measure: score.as_dict() for measure, score in scores.items()}
    columns = ("measure", "items", "value", "95% interval", "chance", "without pictures")
    show_table(
        f"{model} on {name}",
        columns,
        [
            (
                measure,
                str(score["n"]),
                _number(score["value"]),
                _interval(score["ci95"]),
                _number(score["chance"]),
                _number(score["blind"]),
            )
            for measure, score in measures.items()
        ],
    )
    write_json(json_file, {"benchmark": name, "model": model, "measures": measures})


@app.command()
def probe(
    model: ModelName,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="picture files")],
    concepts: Annotated[
        str | None,
        typer.Option(
            help="names to choose among, with commas between; one that holds a comma in quotes"
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="whose concepts are the choice without --concepts; by default those that a run "
            "was trained on, and coco-concepts for other models"
        ),
    ] = None,
    k: Many = 5,
    json_file: Json = None,
) -> None:
    """Name the concepts that each picture is nearest to."""
    from glasskit.analysis import Probe
    from glasskit.data import load_dataset
    from glasskit.io.pictures import printable
    from glasskit.models import load_model

    names = distinct(split_names(concepts or ""))
    if concepts is not None and not names:
        raise InputError("--concepts names no concept; give names with commas between, or none")
    if dataset is None and not names:
        data = _trained_on(model)
    else:
        data = load_dataset(dataset or "coco-concepts")
    ask = Probe(load_model(model), data)
    found = {printable(path): ask.concepts(path, names or None, k) for path in images}
    choice = f"{len(names)} given" if names else f"{len(data.concepts)} of {data.name}"
    show_table(
        f"Nearest concepts by {model}, among {choice}",
        ("picture", "concept", "cosine"),
        [
            (path if place == 0 else "", score.name, f"{score.score:.3f}")
            for path, scores in found.items()
            for place, score in enumerate(scores)
        ],
    )
    write_json(
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
    out: Out,
    images: Images = None,
    captions: Annotated[
        bool, typer.Option("--captions", help="of shards and hf: also their first captions")
    ] = False,
    dtype: Annotated[
        str,
        typer.Option(
            help="of the vectors: float32 as they are; float16 halves the file, with cosines equal "
            "to four digits: for many thousands"
        ),
    ] = "float32",
    skip_broken: Annotated[
        bool,
        typer.Option(
            "--skip-broken", help="of a folder: leave out what can't be read, list it in broken.txt"
        ),
    ] = False,
) -> None:
    """Write vectors of pictures, captions and concepts as .npy files, with a line of JSON for each.

    Shards and hf: are streamed: under accelerate launch or torchrun each process takes its share,
    and the same command goes on after an interruption; all else is embedded by the first one.
    """
    from glasskit.analysis.export import embed_source
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


@app.command()
def search(
    folder: Annotated[
        Path, typer.Argument(metavar="VECTORS", help="what glasskit embed --out was given")
    ],
    query: Annotated[
        str | None,
        typer.Argument(help="a phrase, or a picture file by its name with .jpg, .png or the like"),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="a picture file of any name, in place of QUERY")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="the model that made the vectors, where it lies elsewhere now"),
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


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="directory of a run")],
    to: Annotated[
        str, typer.Option(metavar="DIR", help="directory to write to", callback=tried_folder)
    ],
) -> None:
    """Write a trained model as an open_clip checkpoint with config, tokenizer and model card."""
    from glasskit.models.export import export_open_clip

    export_open_clip(run, Path(to))
    say(f"written to {to}: README.md there says how open_clip loads it")


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(metavar="MODEL...", help=MODEL)],
    out_file: Annotated[
        str,
        typer.Option("--out", metavar="FILE", help=".html file; .md and .json lie beside it"),
    ],
    dataset: Annotated[str, typer.Option(help=DATASET)] = "coco-concepts",
    images: Images = None,
    split: Annotated[str, typer.Option(help="train, val or test")] = "test",
) -> None:
    """Compare models side by side: one self-contained page, and the same as Markdown and JSON."""
    need("plotly", "app")
    from glasskit.data import load_dataset
    from glasskit.plots.report import check_report, write_report

    check_report(out_file)
    data = load_dataset(dataset, images=images).split(split)
    with bar("measuring models") as progress:
        written = write_report(runs, data, out_file, progress=progress)
    say("written: " + ", ".join(str(path) for path in written))


@app.command()
def study(
    dataset: DatasetName,
    images: Images = None,
    model: Annotated[str, typer.Option(help=MODEL)] = "lite0-minilm",
    recipes: Annotated[str, typer.Option(help=RECIPE_NAMES)] = "",
    folds: Annotated[int, typer.Option(help="cross-validate in parts; 0: train to test")] = 0,
    seeds: Annotated[int, typer.Option(help="runs of each recipe", min=1)] = 1,
    keep: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="keep the runs here, for a report", callback=tried_folder),
    ] = None,
    json_file: Json = None,
) -> None:
    """Train recipes side by side and compare them on pictures that none of them trained on."""
    from glasskit.data import load_dataset
    from glasskit.evaluation.study import RECIPES, as_dict, choose, markdown, study

    chosen = choose(distinct(split_names(recipes)) or list(RECIPES))
    data = load_dataset(dataset, images=images)
    with bar("training recipes") as progress:
        result = study(
            data,
            chosen,
            model=model,
            folds=folds,
            seeds=range(seeds),
            keep=None if keep is None else Path(keep),
            progress=progress,
        )
    print(markdown(result))
    write_json(json_file, as_dict(result))


@app.command("app")
def serve(
    port: Annotated[int, typer.Option(help="port to listen on", min=1, max=65535)] = 7860,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    dataset: Annotated[
        str, typer.Option(help="show this one alone: scenes, coco-concepts or a MAGIC-layout file")
    ] = "",
    images: Images = None,
    root_path: Annotated[
        str, typer.Option(help="path at which a proxy shows the app, such as /glass-kit")
    ] = "",
    open_browser: Annotated[bool, typer.Option(help="open the page in a browser")] = False,
) -> None:
    """Open the app: maps of the latent space, and pictures against concepts."""
    need("gradio", "app")
    from glasskit_app.main import BUILT_IN, launch

    launch(
        port,
        host=host,
        datasets=(dataset,) if dataset else BUILT_IN,
        images=images,
        root_path=root_path,
        open_browser=open_browser,
    )


app.command("build")(cli_data.build)
app.add_typer(cli_data.data, name="data")


@notices()
def main() -> None:
    """Run the command; bad input, and what the system refuses, is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what it has no character for
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters of a picture is in our lines
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # typer's word for Ctrl-C
            complain("interrupted")
    except UsageError as error:
        said = error.format_message().rstrip(".")
        if said.startswith("Usage:"):  # a command without any argument
            print(said, file=sys.stderr)
        else:
            complain(f"{said}; see {error.ctx.command_path if error.ctx else 'glasskit'} --help")
        code = error.exit_code
    except InputError as error:
        if not first_process() and _told_by_first(error):
            time.sleep(PATIENCE)  # the launcher ends this process once the first one has told
        complain(error)
        code = 2
    except typer.Abort as error:
        complain("the input ended" if error.__cause__ else "stopped: it was not confirmed")
        code = 2 if error.__cause__ else 1
    except (MemoryError, RuntimeError) as error:
        if not _memory_is_full(error):
            raise
        complain("there is not enough memory for this")
        code = 2
    except BrokenPipeError:  # its reader, such as head, has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _trained_on(model: str) -> GroupedDataset:
    """The data set whose groups made a run; coco-concepts for a model that is no run."""
    from glasskit.data import load_dataset
    from glasskit.models.loading import CONFIG, read_config

    if not Path(model, CONFIG).is_file():
        return load_dataset("coco-concepts")
    settings = read_config(Path(model)).get("training", {})
    try:
        return load_dataset(settings.get("dataset", "coco-concepts"), settings.get("images"))
    except InputError as error:
        raise InputError(
            f"{model}: the data set it was trained on is not here ({error}); name one with "
            "--dataset, or the concepts with --concepts"
        ) from error


def _memory_is_full(error: Exception) -> bool:
    """Whether this is what Python, or torch on a GPU or CPU, raises then."""
    # torch's class by its name: the import takes seconds, and was done if torch raised this.
    named = type(error).__name__ in ("MemoryError", "OutOfMemoryError")
    return named or "can't allocate memory" in str(error)


def _told_by_first(error: InputError) -> bool:
    """Whether the first of several processes has the same to say."""
    from torch import distributed  # imported anyway where there are several

    return error.everywhere or not distributed.is_initialized()


def _number(value: float | None) -> str:
    """Three digits, or a dash for what is not known."""
    return "-" if value is None else f"{value:.3f}"


def _interval(ends: Iterable[float] | None) -> str:
    """Both ends, or a dash for what is not known."""
    return " to ".join(map(_number, ends or ())) or "-"


def _evaluation_rows(result: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """The main numbers for people; the whole result is in --json."""
    rows: list[tuple[str, str, str, str]] = []

    def add(name: str, share: float | None, ci: Any = None, chance: float | None = None) -> None:
        rows.append((name, _number(share), _interval(ci), _number(chance)))

    for level, scores in result["concepts"].items():
        add(f"{level} top-1", scores["top1"], scores["ci95"], scores["chance"])
        add(f"{level} acceptable top-1", scores["acceptable_top1"], scores.get("acceptable_ci95"))
        add(f"{level} top-5", scores["top5"], scores.get("top5_ci95"))
    for way in ("image_to_text", "text_to_image"):
        for r in (1, 5, 10):
            add(
                f"caption retrieval {way.replace('_', ' ')} R@{r}",
                result["retrieval"][f"{way}_r{r}"],
                result["retrieval"][f"{way}_r{r}_ci95"],
            )
    negation = result["negation"]
    add("caption over negation", negation["caption_over_negation"], negation.get("ci95"))
    hard = result["hard_negative"]
    asked = hard["level1"]
    for way in ("image_to_text", "text_to_image"):
        # Where the data hold fewer wrong answers than k, the mean of what was asked.
        of = round(1 + asked.get(f"{way}_k_mean", hard["k"]), 1)
        add(
            f"hard negatives, 1 of {of:g}, {way.replace('_', ' ')}",
            hard[way],
            asked.get(f"{way}_ci95"),
            asked.get(f"{way}_chance"),
        )
    return rows


if __name__ == "__main__":
    main()
