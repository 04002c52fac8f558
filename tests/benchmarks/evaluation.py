"""What the measures cost at 100,000 pictures.

The synthetic pictures are hard: the own caption is among the ten nearest of 100,000 for about one
picture in thirty. Retrieval drops a query once ten others are ahead, so its time grows with R@10;
no n x n matrix is held at any R@10.

Run: python -m tests.benchmarks evaluation
"""

from __future__ import annotations

import time

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.evaluation import measure_embeddings
from glasskit.evaluation.embeddings import EvaluationVectors
from tests.benchmarks.own_process import asked, peak_memory
from tests.benchmarks.table import BenchRow

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


def rows() -> list[BenchRow]:
    """All rows."""
    return [scale_row(PICTURES)]


def _unit(rows: np.ndarray) -> np.ndarray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _noisy(rows: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    return _unit(rows + scale * rng.standard_normal(rows.shape, dtype=np.float32))
