"""What the queue does with a job: train, and after each epoch say where the words stand now."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.analysis.maps import place_words
from glasskit.io.places import write_text
from glasskit.models.embedding import embed
from glasskit.models.loading import trained_copy
from glasskit.plots.map_data import measured
from glasskit.training import TrainConfig, train
from glasskit_app.jobs import FINISHED, Job, Summary, hash_of, read_summary
from glasskit_app.state import MODEL, AppState

SETTINGS = (
    "objective",
    "alpha",
    "temperature",
    "epochs",
    "seed",
    "inner_temperature",
    "groups_per_batch",
    "group_size",
    "lr",
)
"""Fields of TrainConfig that a visitor may set."""

MAX_EPOCHS = 200


def train_job(state: AppState, job: Job, out: Path) -> str:
    """Train one job on a data set of the app into ``out``, and leave a summary beside the run.

    Returns:
        "finished" or "stopped".

    Raises:
        InputError: a setting is not allowed, or training diverged.
    """
    maps = state.maps(job.dataset)
    config = TrainConfig.load(model=MODEL, out=str(out), tracker="none", **job.settings)
    if config.resume:
        job.epochs.extend(read_summary(out).epochs)
    model = copy.deepcopy(state.start)
    carried = maps.dataset.carried(1)
    right = "acceptable_top1" if maps.dataset.several else "top1"

    def getting_ready(done: int, total: int) -> None:
        job.message = f"{done} of {total} pictures read"

    def look(epoch: int) -> None:
        seen = embed(model, maps.dataset)
        words = place_words(seen.concept, seen.picture, maps.before.picture)
        job.frame = {
            "epoch": epoch,
            "words": np.round(words, 4).ravel().tolist(),
            "right": np.flatnonzero(seen.recognised(carried).correct).tolist(),
        }

    def on_step(line: dict[str, Any]) -> None:
        job.steps.append((line["step"], round(line["loss"], 5), line["parts"]))
        job.epoch = line["epoch"] - 1
        # Without a validation split nothing else tells that an epoch is over.
        if not job.epochs and line["epoch"] - 1 > job.frame.get("epoch", 0):
            look(line["epoch"] - 1)

    def on_epoch(line: dict[str, Any]) -> None:
        if line["epoch"] not in (epoch for epoch, _ in job.epochs):  # one begun before a stop
            job.epochs.append((line["epoch"], line["val"][right]))
        look(line["epoch"])

    result = train(
        config,
        dataset=maps.dataset,
        model=model,
        progress=getting_ready,
        on_step=on_step,
        on_epoch=on_epoch,
        stop=job.stop.is_set,
    )
    job.epoch = result.epoch
    if result.epoch > job.frame.get("epoch", 0):  # the last one, where nothing told its end
        look(result.epoch)
    split, chosen = measured(maps.dataset)
    best = embed(trained_copy(state.start, out), maps.dataset)
    count = int(best.recognised(carried).correct[chosen].sum())
    summary = Summary(
        name=job.name,
        settings={name: getattr(config.resolved(), name) for name in SETTINGS},
        status=result.status,
        epoch=job.epoch,
        epochs=job.epochs,
        right=count,
        of=len(chosen),
        split=split,
        key_hash=hash_of(job.owner),
    )
    job.message = f"{count} of {len(chosen)} {split} pictures recognised by the kept model"
    write_text(out / FINISHED, summary.model_dump_json())
    return result.status
