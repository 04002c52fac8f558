"""Write the model card of `lite0-glass` from what it does on photographs that it never saw.

python -m tests.tools.model_card

Run it again when `tests/models/test_glass.py` says that the card is stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from glasskit import GlassModel, load_dataset, load_model
from glasskit.data.grouped import GroupedDataset
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.evaluate import Evaluation, measure
from glasskit.evaluation.multilabel import LEAST
from glasskit.models.embedding import embed
from glasskit.models.lite0 import TRAINED, TRAINED_RUN
from glasskit.models.loading import CONFIG
from glasskit.models.prompts import concept_vectors
from tests.tools.build_glass import DATASET

CARD = TRAINED_RUN / "MODEL-CARD.md"
BASE = "lite0-minilm"
WORST = 10
MEASURES = {
    "acceptable_top1": "nearest of all labels is one of the picture's",
    "map": "mean average precision over labels",
    "image_to_text_r10": "caption R@10",
    "caption_over_negation": "caption over its negation",
}
PEOPLE = ("honest", "dishonest")
"""Two words that no photograph can tell of a person."""

TEXT = Path(__file__).with_name("model_card.md")


def card() -> str:
    """The text, with every number measured now."""
    name, base = TRAINED, BASE
    config = json.loads((TRAINED_RUN / CONFIG).read_text())["training"]
    after, before = load_model(name), load_model(base)
    data = load_dataset("coco-ideas")
    test = data.split("test")
    found, start = measure(after, test), measure(before, test)
    return TEXT.read_text(encoding="utf-8").format(
        name=name,
        base=base,
        loss=config["objective"],
        alpha=config["alpha"],
        temperature=config["temperature"],
        epochs=config["epochs"],
        groups=config["groups_per_batch"],
        members=config["group_size"],
        share=config["trained_share"],
        trained=len(load_dataset(DATASET).split("train")),
        tested=len(test),
        tables="\n\n".join(_tables(before, after)),
        least=LEAST,
        worst=_worst(found, start, test),
        fallen=_fallen(found, start, test),
        blank=_blank(after, test),
        wrong=1 - found.multilabel["level1"].acceptable.mean(),
        honest=PEOPLE[0],
        dishonest=PEOPLE[1],
        said=_second_word(after, test),
    )


def _tables(before: GlassModel, after: GlassModel) -> Iterator[str]:
    """One table a data set: shares with intervals, and the gain."""
    for dataset in ("coco-ideas", "coco-concepts"):
        test = load_dataset(dataset).split("test")
        start, end = (Outcome.of(measure(model, test)) for model in (before, after))
        lines = [f"| {dataset} | {BASE} | {TRAINED} | gain |", "| --- | ---: | ---: | ---: |"]
        for key, title in MEASURES.items():
            if key not in end.values:
                continue
            cells = [f"{one.share(key):.2f} ({_ends(one.interval(key))})" for one in (start, end)]
            gain = end.gain(start, key)
            points = [100 * (x or 0) for x in (gain.difference, gain.low, gain.high)]
            cells.append("{:+.0f} ({:+.0f} to {:+.0f})".format(*points))
            lines.append(f"| {title} | {' | '.join(cells)} |")
        yield "\n".join(lines)


def _ends(ends: list[float] | None) -> str:
    return " to ".join(f"{end:.2f}" for end in ends or ())


def _precision(found: Evaluation, start: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """(c,) average precision after and before; NaN for ideas of few photographs."""
    after, before = (one.multilabel["level1"].average_precision for one in (found, start))
    return after, before


def _worst(found: Evaluation, start: Evaluation, test: GroupedDataset) -> str:
    after, before = _precision(found, start)
    names = test.labels(1)
    order = [i for i in np.argsort(after) if not np.isnan(after[i])][:WORST]
    return ", ".join(f"{names[i]} {after[i]:.2f} ({before[i]:.2f})" for i in order)


def _fallen(found: Evaluation, start: Evaluation, test: GroupedDataset) -> str:
    after, before = _precision(found, start)
    names, change = test.labels(1), after - before
    order = [i for i in np.argsort(change) if change[i] < 0][:5]
    return ", ".join(f"{names[i]} {after[i]:.2f} ({before[i]:.2f})" for i in order)


def _blank(model: GlassModel, test: GroupedDataset) -> str:
    names = test.labels(1)
    grey = model.encode_images([Image.new("RGB", (224, 224), (127, 127, 127))])
    scores = (grey @ concept_vectors(model, names).detach().T)[0]
    return ", ".join(names[int(i)] for i in scores.topk(3).indices)


def _second_word(model: GlassModel, test: GroupedDataset) -> int:
    """Of how many pictures the second of the two words is said."""
    words = concept_vectors(model, PEOPLE).detach().cpu().numpy()
    scores = embed(model, test).picture @ words.T
    return int((scores[:, 1] > scores[:, 0]).sum())


if __name__ == "__main__":
    CARD.write_text(card(), encoding="utf-8")
