"""Train: choose settings, watch loss, recognition and the words move; keep and compare runs."""

from __future__ import annotations

from typing import Any

from glasskit.errors import InputError
from glasskit_app.jobs import TrainingQueue
from glasskit_app.scripts import answered, html_tab
from glasskit_app.state import AppState

LABELS = {
    "alpha": "weight of the outer loss",
    "temperature": "temperature",
    "epochs": "epochs",
    "seed": "seed",
    "inner_temperature": "inner temperature",
    "groups_per_batch": "groups in a batch",
    "group_size": "pictures in a group",
    "lr": "learning rate",
}
"""What a setting is called in the form."""

MAIN = 4
"""So many of them are always seen, the others on demand."""


def build(state: AppState, runs: TrainingQueue) -> None:
    """Draw the tab inside the current Blocks."""

    def form(asked: object) -> dict:
        return answered(_form, asked)

    def objectives(asked: object) -> dict:
        return answered(_objectives, asked)

    def start(asked: object) -> dict:
        return answered(
            lambda name, run, settings: _start(state, runs, name, run, settings),
            asked,
            "name",
            "run",
            "settings",
        )

    def resume(asked: object) -> dict:
        return answered(
            lambda name, run, key: {"job": runs.go_on(state.maps(name).name, run, key).key},
            asked,
            "name",
            "run",
            "key",
        )

    def watch(asked: object) -> dict:
        return answered(lambda job, since: runs.watch(job, since), asked, "job", "since")

    def halt(asked: object) -> dict:
        return answered(lambda job: runs.halt(job) or {}, asked, "job")

    def kept(asked: object) -> dict:
        return answered(lambda name, keys: _kept(state, runs, name, keys), asked, "name", "keys")

    def remove(asked: object) -> dict:
        return answered(
            lambda name, run, key: runs.remove(state.maps(name).name, run, key) or {},
            asked,
            "name",
            "run",
            "key",
        )

    html_tab(
        "train.html",
        "GlassKit.trainPage(element, server)",
        state.names,
        [form, objectives, start, resume, watch, halt, kept, remove],
    )


def _start(
    state: AppState, runs: TrainingQueue, name: object, run: object, settings: object
) -> dict[str, Any]:
    from glasskit.training import TrainConfig
    from glasskit_app.training import (  # torch comes in only where it is needed
        MOST_EPOCHS,
        SETTINGS,
    )

    maps = state.maps(name)
    if not isinstance(settings, dict) or not set(settings) <= set(SETTINGS):
        raise InputError(f"settings: send some of {', '.join(SETTINGS)}")
    # Limits stand on TrainConfig's own fields; a bad value is told before the run waits.
    config = TrainConfig(**settings)
    config.resolved()
    if config.unused():
        setting, why = next(iter(config.unused().items()))
        raise InputError(f"{setting}: {why} does not use it; leave it empty")
    if config.epochs > MOST_EPOCHS:
        raise InputError(f"epochs {config.epochs}: the app trains at most {MOST_EPOCHS}")
    # What is not set stays so: it follows from the objective when the run begins.
    chosen = {key: getattr(config, key) for key in SETTINGS}
    return {"job": runs.start(maps.name, run, chosen).key}


def _kept(state: AppState, runs: TrainingQueue, name: object, keys: object) -> dict[str, Any]:
    """The kept runs of a data set, each with whether one of these keys is its own."""
    if not isinstance(keys, dict):
        raise InputError("keys: send an object with the keys of your runs by name")
    return {
        "runs": [
            run.model_dump(exclude={"key_hash"}) | {"mine": run.belongs_to(keys.get(run.name))}
            for run in runs.kept(state.maps(name).name)
        ]
    }


def _form() -> dict[str, Any]:
    """The settings with help and limits, read from TrainConfig; no torch, so at once."""
    from glasskit.training import TrainConfig
    from glasskit.training.fields import limits

    fields = []
    for place, (name, label) in enumerate(LABELS.items()):
        field = TrainConfig.model_fields[name]
        limit = limits(field)
        fields.append(
            {
                "name": name,
                "label": label,
                "help": field.description,
                "main": place < MAIN,
                "low": limit.get("ge", limit.get("gt")),
                "high": limit.get("le", limit.get("lt")),
            }
        )
    return {"fields": fields, "objective": TrainConfig().objective}


def _objectives() -> dict[str, Any]:
    """What a run can be trained by, each with what its settings are where none is given.

    The first to ask may wait until torch is there.
    """
    from glasskit.losses.objectives import OBJECTIVES
    from glasskit.training.config import OBJECTIVE_SETTINGS, TrainConfig

    known: dict[str, dict[str, Any]] = {}
    for name, spec in OBJECTIVES.items():
        if not spec.needs:
            config = TrainConfig(objective=name).resolved()
            defaults = {field: getattr(config, field) for field in LABELS}
            unused = [f for f in OBJECTIVE_SETTINGS if f in LABELS and defaults[f] is None]
            known[name] = {"summary": spec.summary, "defaults": defaults, "unused": unused}
    return {"objectives": known}
