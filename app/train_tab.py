"""Train: choose settings, watch loss, recognition and the words move; keep and compare runs."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from app.jobs import Workshop
from app.map_tab import answered
from app.museum import Museum
from app.scripts import ASSETS, on_load
from glasskit.errors import InputError

TEMPLATE = ASSETS / "train.html"


def build(museum: Museum, workshop: Workshop) -> None:
    """Draw the tab inside the current Blocks."""

    def start(asked: object) -> dict:
        return answered(
            lambda name, run, settings, resume: _start(
                museum, workshop, name, run, settings, resume
            ),
            asked,
            "name",
            "run",
            "settings",
            "resume",
        )

    def watch(asked: object) -> dict:
        return answered(lambda job, since: workshop.watch(job, since), asked, "job", "since")

    def halt(asked: object) -> dict:
        return answered(lambda job: workshop.halt(job) or {}, asked, "job")

    def kept(asked: object) -> dict:
        return answered(
            lambda name: {"runs": workshop.kept(museum.exhibit(name).name)}, asked, "name"
        )

    def remove(asked: object) -> dict:
        return answered(
            lambda name, run: workshop.remove(museum.exhibit(name).name, run) or {},
            asked,
            "name",
            "run",
        )

    options = "".join(
        f'<option value="{html.escape(name, quote=True)}">{html.escape(name)}</option>'
        for name in museum.exhibits
    )
    template = TEMPLATE.read_text(encoding="utf-8")
    gr.HTML(
        value="",
        html_template=template.replace("@datasets", options).replace("@settings", _fields()),
        js_on_load=on_load("GlassKit.trainPage(element, server)"),
        server_functions=[start, watch, halt, kept, remove],
        apply_default_css=False,
    )


def _start(
    museum: Museum, workshop: Workshop, name: object, run: object, settings: object, resume: object
) -> dict[str, Any]:
    from app.training import MOST_EPOCHS, SETTINGS  # torch comes in only where it is needed
    from glasskit.training import TrainConfig

    exhibit = museum.exhibit(name)
    if not isinstance(settings, dict) or not set(settings) <= set(SETTINGS):
        raise InputError(f"settings: send {', '.join(SETTINGS)}")
    if not isinstance(resume, bool):
        raise InputError("resume: send true or false")
    # Limits stand on TrainConfig's own fields; a bad value is told before the run waits.
    config = TrainConfig.load(**settings)
    if config.epochs > MOST_EPOCHS:
        raise InputError(f"epochs {config.epochs}: the app trains at most {MOST_EPOCHS}")
    chosen = {key: getattr(config, key) for key in SETTINGS}
    job = workshop.start(exhibit.name, run, chosen | {"resume": resume})
    return {"job": job.key}


def _fields() -> str:
    """Inputs for the settings, with help and limits read from TrainConfig."""
    from glasskit.losses.objectives import OBJECTIVES
    from glasskit.training import TrainConfig
    from glasskit.training.fields import limits

    known, default = limits(TrainConfig), TrainConfig()
    names = {
        "alpha": ("weight of the outer loss", "0.05"),
        "temperature": ("temperature", "0.01"),
        "inner_temperature": ("inner temperature", "0.01"),
        "epochs": ("epochs", "1"),
        "groups_per_batch": ("groups in a batch", "1"),
        "group_size": ("pictures in a group", "1"),
        "lr": ("learning rate", "0.0001"),
        "seed": ("seed", "1"),
    }
    objectives = "".join(
        f'<option value="{name}" title="{html.escape(spec.summary, quote=True)}"'
        f"{' selected' if name == 'grouped' else ''}>{name}</option>"
        for name, spec in OBJECTIVES.items()
        if not spec.needs
    )
    rows = [f'<label>objective<select name="objective">{objectives}</select></label>']
    for name, (label, step) in names.items():
        limit, value = known[name], getattr(default, name)
        low = limit.low if limit.low is not None else limit.above
        bounds = "" if low is None else f' min="{low}"'
        bounds += "" if limit.high is None else f' max="{limit.high}"'
        title = html.escape(limit.help, quote=True)
        rows.append(
            f'<label title="{title}">{label}<input type="number" name="{name}" value="{value:g}" '
            f'step="{step}"{bounds}></label>'
        )
    return "".join(rows)
