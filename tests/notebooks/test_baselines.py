"""Baselines of notebook 4 are those of `glasskit train`; quoted results are those of studies."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from glasskit import load_dataset, load_model
from glasskit.evaluation.study import train_recipe
from glasskit.models.loading import trained_copy
from tests.notebooks.sources import FOLDER, cells, read_built

NOTEBOOK = FOLDER / "04_training.ipynb"
COST = FOLDER / "08_your_gpu_and_data.ipynb"
MEASURING = FOLDER / "06_measuring.ipynb"
IDEAS = FOLDER.parent / "tests/benchmarks/results/ideas.md"
PICTURE = 100 / 132
"""One test photograph, in percent: what rounding on another machine may turn."""


def settings() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What every run of the notebook has, and what each of its recipes changes."""
    names = ("SEED", "COMMON", "config", "same", "RECIPES")
    space: dict[str, Any] = {"TrainConfig": dict}
    for cell in cells(read_built(NOTEBOOK), "code"):
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in names:
                exec(ast.unparse(node), space)
    return space["config"], space["RECIPES"]


def shown() -> dict[str, float]:
    """Percent of each row of the notebook's board."""
    outputs = (o for cell in cells(read_built(NOTEBOOK), "code") for o in cell.outputs)
    texts = (output.get("data", {}).get("text/plain", "") for output in outputs)
    board = next(text for text in texts if "95% interval" in text)
    rows = re.findall(r"^(.+?)\s+([\d.]+)%  \(", board, re.MULTILINE)
    return {name: float(percent) for name, percent in rows}


@pytest.mark.slow
def test_the_command_line_gives_the_same_numbers(tmp_path: Path, glass: Any) -> None:
    config, recipes = settings()
    assert len(recipes) == 3
    for number, (name, changes) in enumerate(recipes.items()):
        place, file = tmp_path / str(number), tmp_path / f"{number}.json"
        flags = [
            word
            for field, value in ({**config, **changes}).items()
            if field != "dataset"
            for word in (f"--{field.replace('_', '-')}", value)
        ]
        assert glass("train", config["dataset"], *flags, "--out", place)[0] == 0
        assert glass("evaluate", place, config["dataset"], "--json", file)[0] == 0
        found = json.loads(file.read_text())["multilabel"]["level1"]["acceptable_top1"]
        assert 100 * found == pytest.approx(shown()[name], abs=PICTURE + 0.1), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("notebook", "name", "dataset"),
    [("06_measuring", "settings", "scenes"), ("07_objectives_compared", "COMMON", "coco-ideas")],
)
def test_recipes_of_a_notebook_are_runs_of_the_command_line(
    notebook: str, name: str, dataset: str, tmp_path: Path, glass: Any
) -> None:
    """Weights are equal: `train_recipe` adds nothing to the settings that the notebook names."""
    source = "\n".join(
        cell.source for cell in cells(read_built(FOLDER / f"{notebook}.ipynb"), "code")
    )
    line = re.search(rf"^{name} = ({{.+}})$", source, re.MULTILINE)
    assert line is not None
    changes = eval(line[1], {"SEED": 0}) | {"objective": "clip"}
    flags = [word for field, value in changes.items() for word in (f"--{field}", value)]
    assert glass("train", dataset, *flags, "--out", tmp_path / "run")[0] == 0
    start = load_model("lite0-minilm")
    trained = train_recipe(load_dataset(dataset), start, changes)
    kept = trained_copy(start, tmp_path / "run")
    for head in ("image_head", "text_head"):
        ours, theirs = (getattr(model, head).state_dict() for model in (trained, kept))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_quoted_results_are_those_of_the_study() -> None:
    text = " ".join(cell.source for cell in cells(read_built(NOTEBOOK), "markdown"))
    quoted = re.sub(r"\s+", " ", text)
    ideas = IDEAS.read_text(encoding="utf-8")
    line = next(
        li for li in ideas.splitlines() if li.startswith("| grouped loss less CLIP loss, all")
    )
    grouped, never = line.split(" | ")[1:3]
    assert grouped == "+.009 (+.005 to +.013), p .0090"
    assert "0.9 points of average precision more (0.5 to 1.3, p = .009)" in quoted
    assert never.startswith("+.000 (-")
    study = (FOLDER.parent / "tests/benchmarks/results/study.md").read_text(encoding="utf-8")
    assert "on all 750 photographs it is, by 10 (7 to 13, p below .001)" in study
    assert "10 points of acceptable top-1 ahead (7 to 13, p below .001)" in quoted


def points(cell: str) -> tuple[str, str]:
    """A difference of a study as the notebooks write it: +.024 (+.005 to +.044), p .1778."""
    value, low, high, p = re.findall(r"[+-]?\.\d+", cell)
    ends = f"({100 * float(low):.1f} to {100 * float(high):.1f})"
    return f"{100 * float(value):+.1f}", f"{ends}, p = {p}"


def test_the_turn_of_the_story_quotes_the_study() -> None:
    text = " ".join(cell.source for cell in cells(read_built(MEASURING), "markdown"))
    quoted = re.sub(r"\s+", " ", text)
    _, never_grouped, _, never_shown = IDEAS.read_text(encoding="utf-8").split("\n## ")
    for name in ("CLIP loss, literal captions", "CLIP loss, all captions", "grouped loss"):
        row = re.search(rf"^\| {name} less untrained \| (.+?) \| (.+?) \|", never_grouped, re.M)
        assert row is not None
        assert f"| {name} | " + " | ".join(map(" ".join, map(points, row.groups()))) in quoted
    for name, unit in (("grouped loss", "points of AP"), ("CLIP loss, all captions", "points")):
        row = re.search(rf"^\| {name} less untrained \| .+? \| (.+?) \|", never_shown, re.M)
        assert row is not None
        value, rest = points(row[1])
        assert f"gains {value} {unit} {rest}" in quoted


def test_the_cost_of_a_run_is_the_measured_one() -> None:
    source = "\n".join(cell.source for cell in cells(read_built(COST), "code"))
    quoted = re.findall(
        r"[\d.]+", " ".join(re.findall(r"^(?:GPU, .+|BOTH) = (.+?)  #", source, re.M))
    )
    results = (FOLDER.parent / "tests/benchmarks/results/gpu.md").read_text(encoding="utf-8")
    part = results[results.index("| training ViT-B-32, 512 pairs") :]
    rates = [
        re.search(rf"{named} \|.* ([\d,.]+) pairs", part)
        for named in (
            r"pictures on the device \| glasskit trainer",
            r"\| loading alone",
            r"JPEG files by 16 threads \| glasskit trainer",
        )
    ]
    gpu, reading, both = (one[1].replace(",", "") for one in rates if one)
    assert quoted == [gpu, reading, "16", both]
