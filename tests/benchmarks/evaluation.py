"""What the measures cost at 100,000 pictures, and lite0-minilm on HierarCaps and SugarCrepe.

The synthetic pictures are hard: the own caption is among the ten nearest of 100,000 for about one
picture in thirty. Retrieval drops a query once ten others are ahead, so its time grows with R@10;
no n x n matrix is held at any R@10.

The trained model is lite0-minilm after the grouped objective on coco-concepts (its train split).
HierarCaps and SugarCrepe are read from ``../shared/data`` and left out where it is missing.

Run: python -m tests.benchmarks evaluation
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.evaluation import measure_embeddings
from glasskit.evaluation.benchmarks import run_benchmark
from glasskit.evaluation.embeddings import EvaluationVectors
from glasskit.evaluation.intervals import paired_difference
from glasskit.evaluation.score import Score
from glasskit.models import load_model
from glasskit.training import TrainConfig, train
from tests.benchmarks.own_process import asked, peak_memory
from tests.benchmarks.table import BenchRow

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PICTURES, WIDTH, CONCEPTS = 100_000, 384, 200
NOISE_TEXT, NOISE_IMAGE = 0.05, 0.5


def synthetic(n: int, seed: int = 0) -> tuple[GroupedDataset, EvaluationVectors]:
    """n pictures of 200 concepts, with a caption and a negation each, and their vectors."""
    rng = np.random.default_rng(seed)
    concepts = tuple(
        Concept(
            (f"c{i}", f"d{i // 2}", f"e{i // 5}", f"f{i // 20}"),
            hard_negatives=tuple(f"c{(i + step) % CONCEPTS}" for step in range(1, 11)),
        )
        for i in range(CONCEPTS)
    )
    own = rng.integers(CONCEPTS, size=n)
    records = tuple(
        Record(
            str(i),
            (f"c{c}",),
            (f"text {i}",),
            also=(f"c{(c + 3) % CONCEPTS}",) if i % 3 == 0 else (),
            negation=f"not {i}",
            split="test",
        )
        for i, c in enumerate(own.tolist())
    )
    dataset = GroupedDataset("synthetic", concepts, records, MissingImages("synthetic vectors"))
    labels = {
        level: _unit(rng.standard_normal((len(dataset.labels(level)), WIDTH), dtype=np.float32))
        for level in range(1, 5)
    }
    texts = np.empty((2 * n, WIDTH), dtype=np.float32)
    texts[:n] = _noisy(labels[1][own], NOISE_TEXT, rng)
    texts[n:] = _noisy(labels[1][own], NOISE_TEXT, rng)
    images = _noisy(texts[:n], NOISE_IMAGE, rng)
    place = {f"text {i}": i for i in range(n)} | {f"not {i}": n + i for i in range(n)}
    return dataset, EvaluationVectors(images, texts[:n], labels[1], labels, texts, place)


def scale(n: int) -> dict[str, float]:
    """Every measure of ``evaluate``, intervals included, from vectors that are there."""
    dataset, vectors = synthetic(n)
    wall, processor = time.perf_counter(), time.process_time()
    out = measure_embeddings(vectors, dataset).as_dict()
    return {
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "memory": peak_memory(),
        "r10": out["retrieval"]["image_to_text_r10"],
    }


def scale_row(n: int) -> BenchRow:
    """``scale`` in a process of its own."""
    seen = asked(__name__, "scale", n)
    return BenchRow(
        f"evaluate, {n:,} pictures, width {WIDTH}, cpu",
        "all measures",
        (seen["wall"],),
        memory=seen["memory"],
        note=(
            f"processor time {seen['processor']:.0f} s; memory is the whole process; "
            f"caption R@10 {seen['r10']:.3f}"
        ),
    )


def model_rows() -> list[BenchRow]:
    """HierarCaps and SugarCrepe of lite0-minilm, untrained and trained."""
    section = "lite0-minilm on HierarCaps and SugarCrepe"
    pictures = DATA / "coco-concepts/images"
    if not DATA.is_dir():
        return [BenchRow(section, "left out", note="no ../shared/data here")]
    dataset = load_dataset("coco-concepts", images=pictures)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        train(TrainConfig(dataset="coco-concepts", out=str(out)), dataset=dataset)
        models = {"untrained": load_model("lite0-minilm"), "trained, grouped": load_model(out)}
    found = []
    files = {"hierarcaps": "hierarcaps/hierarcaps_test.csv", "sugarcrepe": "sugarcrepe"}
    for name, data in files.items():
        first: dict[str, Score] = {}
        for title, model in models.items():
            scores = run_benchmark(name, model, DATA / data, pictures, features=dataset.features)
            first = first or scores
            notes = [_note(measure, one, first[measure]) for measure, one in scores.items()]
            found.append(BenchRow(section, f"{name}, {title}", note="; ".join(notes)))
    return found


def _note(measure: str, score: Score, first: Score) -> str:
    """A measure with its interval and, where it is of another model, its change and p."""
    found = score.as_dict()
    low, high = found["ci95"]
    note = f"{measure} {found['value']:.3f} [{low:.3f}, {high:.3f}]"
    if found["blind"] is not None:
        note += f", blind {found['blind']:.3f}"
    if score is not first:
        change = paired_difference(score.values, first.values, clusters=score.clusters)
        note += f", change {change.difference:+.3f} (p {change.p:.4f})"
    return note


def rows() -> list[BenchRow]:
    """All rows."""
    return [scale_row(PICTURES), *model_rows()]


def _unit(rows: np.ndarray) -> np.ndarray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _noisy(rows: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    return _unit(rows + scale * rng.standard_normal(rows.shape, dtype=np.float32))
