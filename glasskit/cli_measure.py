"""Commands that measure models: `glasskit evaluate`, `benchmark`, `report` and `study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasskit.cli_options import (
    DATASET,
    MODEL,
    DatasetName,
    Images,
    Json,
    ModelName,
    Scores,
    tried_file,
    tried_folder,
    write_json,
)
from glasskit.errors import InputError, need
from glasskit.io.places import write_text
from glasskit.io.terminal import bar, ends_text, number_text, say, show_table
from glasskit.io.text_files import counted, distinct, split_names

if TYPE_CHECKING:
    from glasskit.evaluation.benchmark_report import Asked

RECIPE_NAMES = (
    "names with commas between, of objectives or recipes; field: ten objectives side by side; "
    "default: clip, clip on all captions, grouped, joint"
)
BENCHMARKS = (
    "hierarcaps, sugarcrepe, hl, entity13, entity30, living17, nonliving26, folder, labels or long"
)


def evaluate(
    model: ModelName,
    dataset: DatasetName,
    images: Images = None,
    split: Annotated[str, typer.Option(help="train, val, test, or all")] = "test",
    scores: Scores = "cosine",
    k: Annotated[int, typer.Option(help="wrong answers in a hard-negative question", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="of the hard-negative questions")] = 0,
    json_file: Json = None,
) -> None:
    """Measure concept recognition and all that should stay intact, with 95% intervals.

    With --scores standard recognition goes by standard scores over the pictures of the train split;
    caption retrieval, negation and hard negatives go by cosine all the same.
    """
    from glasskit.data import load_dataset
    from glasskit.data.coco import IDEAS, second_reading
    from glasskit.data.schema import SPLITS
    from glasskit.evaluation.evaluate import evaluate
    from glasskit.evaluation.intervals import interval_note
    from glasskit.evaluation.multilabel import agreement
    from glasskit.models import load_model
    from glasskit.models.standard import check_scores

    check_scores(scores)
    if split not in (*SPLITS, "all"):
        raise InputError(f"split {split!r}: choose one of {', '.join(SPLITS)}, all")
    data = load_dataset(dataset, images=images)
    part = data if split == "all" else data.split(split)
    train = data.where(lambda record: record.split == "train")
    reference = data.split("train") if scores == "standard" else None
    with bar("embedding pictures") as progress:
        result = evaluate(
            load_model(model),
            part,
            k=k,
            seed=seed,
            train=train or None,
            progress=progress,
            reference=reference,
        )
    title = f"{model} on {data.name}, {split}, {counted(result['n'], 'picture')}"
    if reference is not None:
        title += f"; levels by standard score over {counted(len(reference), 'train picture')}"
    columns = ("measure", "share", "95% interval", "chance", "without pictures")
    show_table(title, columns, _evaluation_rows(result))
    note = interval_note(result["clusters"]["n"], result["clusters"]["by"])
    say(note + ("; of mean AP over labels" if "multilabel" in result else ""))
    if same := result["retrieval"]["duplicate_captions"]:
        say(f"{same} captions have the text of another picture's: image to text, either is right")
    if dataset == IDEAS:
        found = result["second_reading"] = agreement(data, second_reading())
        say(
            f"level1 acceptable top-1 of a second reading of {found['n']} of its pictures: "
            f"{number_text(found['first'])} ({ends_text(found['first_ci95'])})"
        )
    write_json(json_file, result)


def benchmark(
    what: Annotated[list[str], typer.Argument(metavar="NAME DATA | NAME=DATA...", help=BENCHMARKS)],
    images: Annotated[
        list[str] | None,
        typer.Option(help="folder with the pictures; NAME=DIR for one of several benchmarks"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help=f"{MODEL}; with commas between, such as seeds, the mean; repeatable"),
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="leave out pictures that a model was trained on")
    ] = False,
    out_file: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="report as Markdown", callback=tried_file),
    ] = None,
    json_file: Json = None,
) -> None:
    """Measure models on benchmarks, with 95% intervals; each is compared with the first.

    DATA is the csv of hierarcaps, the folder of sugarcrepe's JSON files, test.jsonl of hl, or the
    folder with the class hierarchy of BREEDS (entity13, entity30, living17, nonliving26; --images
    is ImageNet, a folder a class). For folder it is any folder with a folder of pictures a class;
    for labels and long a data set.
    """
    from glasskit.evaluation.benchmark_report import benchmark_report, markdown

    asked, models = _asked(what, images or []), model or ["lite0-minilm"]
    with bar("embedding pictures") as progress:
        sections = benchmark_report(asked, models, unseen=unseen, progress=progress)
    for section in sections:
        columns, rows = section.table()
        alone = len(models) == 1
        show_table(f"{models[0]} on {section.title}" if alone else section.title, columns, rows)
        for note in section.notes:
            say(note)
    content: dict[str, Any] = {
        "models": models,
        "benchmarks": [section._asdict() for section in sections],
    }
    if out_file is not None:
        write_text(out_file, markdown(sections))
    if len(sections) == len(models) == 1 and "=" not in what[0]:
        keys = ("n", "value", "ci95", "chance", "blind")
        measures = {
            row["measure"]: {key: row[key] for key in keys}
            for row in sections[0].rows
            if "p" not in row
        }
        content = {"benchmark": what[0], "model": models[0], "measures": measures}
    write_json(json_file, content)


def _asked(what: list[str], images: list[str]) -> list[Asked]:
    """Benchmarks of the command line, each with its folder of pictures."""
    from glasskit.evaluation.benchmark_report import Asked

    pairs = [(what[0], what[1])] if len(what) == 2 and "=" not in what[0] else []
    for one in [] if pairs else what:
        name, _, data = one.partition("=")
        if not name or not data:
            raise InputError(f"{one}: give NAME DATA, or NAME=DATA for each of several benchmarks")
        pairs.append((name, data))
    folders: dict[str, str] = {}
    for folder in images:
        name, given, path = folder.partition("=")
        known = given and name in {name for name, _ in pairs}
        folders |= {name: path} if known else {"": folder}
    found = [folders.get(name, folders.get("")) for name, _ in pairs]
    return [
        Asked(name, Path(data), None if folder is None else Path(folder))
        for (name, data), folder in zip(pairs, found, strict=True)
    ]


def report(
    runs: Annotated[list[str], typer.Argument(metavar="MODEL...", help=MODEL)],
    out_file: Annotated[
        str, typer.Option("--out", metavar="FILE", help=".html; .md and .json lie beside it")
    ],
    dataset: Annotated[str, typer.Option(help=DATASET)] = "coco-ideas",
    images: Images = None,
    split: Annotated[str, typer.Option(help="train, val or test")] = "test",
    unseen: Annotated[
        Path | None, typer.Option(metavar="FILE", help="of glasskit study --unseen --json FILE")
    ] = None,
) -> None:
    """Compare models side by side: one self-contained page, and the same as Markdown and JSON.

    With --unseen it also shows what training does for labels that were never grouped or shown.
    """
    need("plotly", "app")
    from glasskit.data import load_dataset
    from glasskit.evaluation.study_file import read_study
    from glasskit.plots.report import check_report, write_report

    check_report(out_file)
    sections = [] if unseen is None else read_study(unseen)
    data = load_dataset(dataset, images=images).split(split)
    with bar("measuring models") as progress:
        written = write_report(runs, data, out_file, unseen=sections, progress=progress)
    say("written: " + ", ".join(str(path) for path in written))


def study(
    dataset: DatasetName,
    images: Images = None,
    model: Annotated[str, typer.Option(help=MODEL)] = "lite0-minilm",
    recipes: Annotated[str, typer.Option(help=RECIPE_NAMES)] = "",
    folds: Annotated[
        int, typer.Option(help="cross-validate in parts; 0: train to test, with --unseen 5 parts")
    ] = 0,
    fold: Annotated[
        int,
        typer.Option(help="with --folds, test on this part alone, from 1 on; 0: on each", min=0),
    ] = 0,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="also leave labels out: never grouped, never shown")
    ] = False,
    shown_folds: Annotated[
        int, typer.Option(help="with --unseen, folds of labels that are never shown", min=0)
    ] = 18,
    transfer: Annotated[
        str | None, typer.Option(metavar="DATASET", help="with --unseen, also measure its labels")
    ] = None,
    seeds: Annotated[int, typer.Option(help="runs of each recipe", min=1)] = 1,
    keep: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="keep the runs here, for a report", callback=tried_folder),
    ] = None,
    json_file: Json = None,
) -> None:
    """Train recipes side by side and compare them on pictures that none of them trained on.

    With --unseen labels are left out of training too, in two readings: never grouped (it forms no
    group, its theme sentences are not read) and never shown (nor is a picture that carries it).
    """
    from glasskit.data import load_dataset
    from glasskit.evaluation.study import BASES, RECIPES, as_dict, choose, markdown, study
    from glasskit.evaluation.unseen_study import PARTS, unseen_study

    if transfer is not None and not unseen:
        raise InputError("transfer: give it with --unseen")
    if fold and unseen:
        raise InputError("fold: not with --unseen")
    always = [name for name in BASES if name in RECIPES] if unseen else []
    chosen = choose(distinct([*always, *split_names(recipes)]) or list(RECIPES))
    data = load_dataset(dataset, images=images)
    kept = None if keep is None else Path(keep)
    with bar("training recipes") as progress:
        if unseen:
            sections = unseen_study(
                data,
                chosen,
                model=model,
                parts=folds or PARTS,
                shown_folds=shown_folds,
                seeds=range(seeds),
                transfer=None if transfer is None else load_dataset(transfer, images=images),
                keep=kept,
                progress=progress,
            )
            text = "\n\n".join(one.markdown() for one in sections.values())
            content = {reading: one.as_dict() for reading, one in sections.items()}
        else:
            outcomes = study(
                data,
                chosen,
                model=model,
                folds=folds,
                fold=fold,
                seeds=range(seeds),
                keep=kept,
                progress=progress,
            )
            text, content = markdown(outcomes), as_dict(outcomes)
    print(text)
    write_json(json_file, content)


def _evaluation_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The main numbers for people; the whole result is in --json."""
    rows: list[tuple[str, ...]] = []

    def add(
        name: str, found: dict[str, Any], share: str, ci: str, chance: str = "", blind: str = ""
    ) -> None:
        others = number_text(found.get(chance)), number_text(found.get(blind))
        rows.append((name, number_text(found[share]), ends_text(found.get(ci)), *others))

    for level, scores in result["concepts"].items():
        several = result.get("multilabel", {}).get(level, {})
        found = several | scores
        blind = "blind_acceptable_top1"
        blind = blind if blind in several else "acceptable_best_constant"
        accepted = ("acceptable_top1", "acceptable_ci95", "acceptable_chance", blind)
        add(f"{level} top-1", found, "top1", "ci95", "chance", "best_constant")
        add(f"{level} acceptable top-1", found, *accepted)
        add(f"{level} top-5", found, "top5", "top5_ci95")
        for key, title in (("map", "mean AP"), ("precision_at_5", "precision at 5")):
            if several:
                add(f"{level} {title}", found, key, f"{key}_ci95", f"chance_{key}", f"blind_{key}")
    ways = ("image_to_text", "text_to_image")
    for key in (f"{way}_r{r}" for way in ways for r in (1, 5, 10)):
        title = key.replace("_r", " R@").replace("_", " ")
        add(f"caption retrieval {title}", result["retrieval"], key, f"{key}_ci95")
    negation = ("caption_over_negation", "ci95", "chance", "blind")
    add("caption over negation", result["negation"], *negation)
    hard = result["hard_negative"]
    for way in ways:
        asked = hard["level1"] | {way: hard[way]}
        # Where the data hold fewer wrong answers than k, the mean of what was asked.
        of = round(1 + asked.get(f"{way}_k_mean", hard["k"]), 1)
        title = f"hard negatives, 1 of {of:g}, {way.replace('_', ' ')}"
        add(title, asked, way, f"{way}_ci95", f"{way}_chance")
    if near := hard.get("not_labels"):
        parts = [f"image_to_text{part}" for part in ("", "_ci95", "_chance", "_blind")]
        add("strongest label over near misses", near, *parts)
    return rows
