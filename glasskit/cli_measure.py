"""Commands that measure models: `glasskit evaluate`, `benchmark`, `report` and `study`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from glasskit.cli_options import (
    DATASET,
    MODEL,
    DatasetName,
    Images,
    Json,
    ModelName,
    Scores,
    tried_folder,
    write_json,
)
from glasskit.errors import InputError, need
from glasskit.io.terminal import bar, say, show_table
from glasskit.io.text_files import counted, distinct, split_names

RECIPE_NAMES = (
    "names with commas between, of objectives or recipes; field: ten objectives side by side; "
    "default: clip, clip on all captions, grouped, joint"
)
BENCHMARKS = "hierarcaps, sugarcrepe, hl, entity13, entity30, living17, nonliving26 or folder"


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
            f"{_number(found['first'])} ({_interval(found['first_ci95'])})"
        )
    write_json(json_file, result)


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
                seeds=range(seeds),
                keep=kept,
                progress=progress,
            )
            text, content = markdown(outcomes), as_dict(outcomes)
    print(text)
    write_json(json_file, content)


def _number(value: float | None) -> str:
    """Three digits, or a dash for what is not known."""
    return "-" if value is None else f"{value:.3f}"


def _interval(ends: Iterable[float] | None) -> str:
    """Both ends, or a dash for what is not known."""
    return " to ".join(map(_number, ends or ())) or "-"


def _evaluation_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The main numbers for people; the whole result is in --json."""
    rows: list[tuple[str, ...]] = []

    def add(
        name: str, found: dict[str, Any], share: str, ci: str, chance: str = "", blind: str = ""
    ) -> None:
        others = _number(found.get(chance)), _number(found.get(blind))
        rows.append((name, _number(found[share]), _interval(found.get(ci)), *others))

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
