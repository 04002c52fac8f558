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

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.evaluation import measure_embeddings
from glasskit.evaluation.embeddings import Embeddings
from tests.benchmarks.own_process import asked, peak_memory
from tests.benchmarks.table import BenchRow

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PICTURES, WIDTH, CONCEPTS = 100_000, 384, 200
NOISE_TEXT, NOISE_IMAGE = 0.05, 0.5


def synthetic(n: int, seed: int = 0) -> tuple[GroupedDataset, Embeddings]:
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
            f"c{c}",
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
    return dataset, Embeddings(images, labels, texts, place)


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
    from glasskit.data import load_dataset
    from glasskit.evaluation.hierarcaps import measure_hierarcaps
    from glasskit.evaluation.sugarcrepe import evaluate_sugarcrepe
    from glasskit.models import load_model
    from glasskit.training import TrainConfig, train

    section = "lite0-minilm on HierarCaps and SugarCrepe"
    if not DATA.is_dir():
        return [BenchRow(section, "left out", note="no ../shared/data here")]
    dataset = load_dataset("coco-concepts", images=DATA / "coco-concepts/images")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        train(TrainConfig(dataset="coco-concepts", out=str(out)), dataset=dataset)
        models = {"untrained": load_model("lite0-minilm"), "trained, grouped": load_model(out)}
    rows = []
    first = None
    for name, model in models.items():
        pictures = DATA / "coco-concepts/images"
        chains = DATA / "hierarcaps/hierarcaps_test.csv"
        scores = measure_hierarcaps(model, chains, pictures, dataset.features)
        summary = scores.summary()
        note = ", ".join(
            f"{key} {summary[key]:.3f} [{summary[f'{key}_ci95'][0]:.3f}, "
            f"{summary[f'{key}_ci95'][1]:.3f}]"
            for key in ("precision", "recall", "d_corr")
        )
        if first is not None:
            changes = scores.against(first)
            note += "; change " + ", ".join(
                f"{key} {change['difference']:+.3f} (p {change['p']:.4f})"
                for key, change in changes.items()
            )
        first = first or scores
        rows.append(BenchRow(section, f"HierarCaps, {name}", note=note))
        crepe = evaluate_sugarcrepe(model, DATA / "sugarcrepe", pictures, features=dataset.features)
        types = ", ".join(f"{kind} {one['accuracy']:.3f}" for kind, one in crepe["types"].items())
        low, high = crepe["all"]["ci95"]
        rows.append(
            BenchRow(
                section,
                f"SugarCrepe, {name}",
                note=(
                    f"{crepe['all']['n']} items: {crepe['all']['accuracy']:.3f} [{low:.3f}, "
                    f"{high:.3f}], blind {crepe['all']['blind']:.3f}; mean of types "
                    f"{crepe['macro']:.3f}; {types}"
                ),
            )
        )
    return rows


def run() -> list[BenchRow]:
    """All rows."""
    return [scale_row(PICTURES), *model_rows()]


def _unit(rows: np.ndarray) -> np.ndarray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _noisy(rows: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    return _unit(rows + scale * rng.standard_normal(rows.shape, dtype=np.float32))
