"""Small data sets and vectors that the tests of the measures share."""

from __future__ import annotations

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.evaluation.embeddings import EvaluationVectors, sentences_of


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows at length 1, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def made_up(concepts: int = 12, each: int = 6, *, negation: bool = True) -> GroupedDataset:
    """Balanced groups; the next 7 concepts are hard negatives, a third of pictures accept i + 1."""
    names = [f"concept {i}" for i in range(concepts)]
    taxonomy = tuple(
        Concept(
            (name, f"kind {i // 2}", f"field {i // 4}", f"realm {i // 6}"),
            hard_negatives=tuple(names[(i + step) % concepts] for step in range(1, 8)),
        )
        for i, name in enumerate(names)
    )
    records = tuple(
        Record(
            key=f"{i}-{j}",
            labels=(name,),
            literal=(f"things {i} {j}", f"other words {i} {j}"),
            theme=(f"a mood {i} {j}",),
            also=(names[(i + 1) % concepts],) if j % 3 == 0 else (),
            negation=f"no things {i} {j}" if negation else None,
            split=("train", "val", "test")[j % 3],
        )
        for i, name in enumerate(names)
        for j in range(each)
    )
    return GroupedDataset("made up", taxonomy, records, MissingImages("made up in a test"))


def random_embeddings(dataset: GroupedDataset, width: int = 16, seed: int = 0) -> EvaluationVectors:
    """Vectors of a model that knows nothing."""
    rng = np.random.default_rng(seed)
    place = sentences_of(dataset)
    labels = {
        level: unit(rng.normal(size=(len(dataset.labels(level)), width))) for level in range(1, 5)
    }
    images = unit(rng.normal(size=(len(dataset), width)))
    texts = unit(rng.normal(size=(len(place), width)))
    captions = texts[[place[record.literal[0]] for record in dataset.records]]
    return EvaluationVectors(images, captions, labels[1], labels, texts, place)
