"""Train: choose settings, watch loss, recognition and the words move; keep and compare runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import count
from secrets import token_hex
from typing import Any

import gradio as gr
import pandas as pd

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.fields import kinds, limits
from glasskit.losses.objectives import OBJECTIVES
from glasskit.training import TrainConfig
from glasskit_app.jobs import Job, Summary, TrainingQueue
from glasskit_app.scripts import asked_dataset, refusals_told, scripted_html
from glasskit_app.state import AppState
from glasskit_app.training import MAX_EPOCHS, SETTINGS

NUMBERS = SETTINGS[1:]
MAIN = 4
"""So many numbers are always seen, the others on demand."""

FITTED = ("alpha", "temperature", "inner_temperature", "groups_per_batch", "group_size")
"""Numbers that follow from the objective and the data where nobody chooses them."""

PRESETS: dict[str, list[Any]] = {
    "both losses": ["grouped", 0.7],
    "only the outer loss: groups against each other": ["grouped", 1],
    "only the inner loss: each group towards its middle": ["grouped", 0],
    "single pairs (CLIP): no groups": ["clip", None],
}
"""Examples: the same data, four questions; objective and alpha."""

MAX_POINTS = 300
"""Points of a curve that are drawn."""

Update = dict[Any, Any]
"""New values or settings by component."""

COLUMNS = ["run", "objective", "alpha", "temperature", "seed", "epochs", "recognised"]

INTRO = """
## Watch a model learn
The towers that see and read stay as they are; two small maps on top of them learn from groups of
pictures. On the map every picture stays where it was before training. Watch the words: each walks
to the pictures that the model takes it to be about, and a picture lights up when a concept of
its own becomes its nearest.
"""

KEPT = """
## Runs that were kept
Each was measured on pictures that no training saw. Tick runs to draw their curves above, to go on
with one that you stopped, or to remove those that were started in this browser.
"""

NO_VALIDATION = "This data set has no validation split: the share of recognised ones is not drawn."

HOW = """
One run trains at a time; others wait in a queue. Recognition counts a picture when the vector of
its own concept's name (of one of them, where it carries several) is the nearest of all; ties never
count. The kept model is the best epoch by acceptable recognition on the validation split; the
number in the table is that model on unseen pictures. One run is one draw: differences of a few
pictures mean little, so train with several seeds before you believe them. Runs are kept on the
machine where the app runs, and a stopped one can go on.
"""


def build(blocks: gr.Blocks, state: AppState, runs: TrainingQueue) -> None:
    """Draw the page inside the current Blocks."""
    # The key that this browser's runs belong to, and the run that this page watches.
    owner = gr.BrowserState("", storage_key="glass-kit-owner", secret="glass-kit")
    job = gr.State(None)
    clock = gr.Timer(0.7, active=False)
    gr.Markdown(INTRO)
    tries = gr.Dataset(
        components=["textbox", "number"],
        samples=[list(preset) for preset in PRESETS.values()],
        sample_labels=list(PRESETS),
        label="Try",
    )
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            data = gr.Dropdown(state.names, label="pictures")
            name = gr.Textbox(
                label="name of the run", placeholder="automatic", elem_id="train-name"
            )
            possible = [name for name, spec in OBJECTIVES.items() if not spec.needs]
            usual = TrainConfig().objective
            objective = gr.Dropdown(
                possible, value=usual, label="objective", elem_id="train-objective"
            )
            summary = gr.Markdown()
            with gr.Row():
                numbers = [_number(setting) for setting in NUMBERS[:MAIN]]
            with gr.Accordion("more settings", open=False), gr.Row():
                numbers += [_number(setting) for setting in NUMBERS[MAIN:]]
            with gr.Row():
                start = gr.Button("Train", variant="primary", min_width=100)
                stop = gr.Button("Stop", interactive=False, min_width=80)
        with gr.Column(scale=4):
            status = gr.HTML(_line(""), elem_id="train-status")
            epoch = gr.Markdown()
            words = scripted_html(
                {},
                "GlassKit.liveMap(element, props, watch)",
                html_template='<div class="gk-live"></div>',
                elem_id="train-map",
            )
        with gr.Column(scale=3):
            loss = _plot("step", "loss", "part", "Loss, step by step")
            top1 = _plot("epoch", "recognised", "run", "Recognised share of the validation split")
    gr.Markdown(KEPT)
    table = gr.Dataframe(headers=COLUMNS, interactive=False, buttons=[], elem_id="train-runs")
    with gr.Row():
        ticked = gr.CheckboxGroup([], label="runs", elem_id="train-ticked")
        resume = gr.Button("Go on", scale=0, min_width=120)
        remove = gr.Button("Remove", scale=0, min_width=120)
    with gr.Accordion("How is this computed?", open=False):
        gr.Markdown(HOW)

    def form(dataset: str, objective: str, alpha: float | None = None) -> Update:
        """Show the settings that an objective uses, with its own defaults."""
        config = _defaults(state.maps(dataset).dataset, objective)
        if alpha is not None:
            config = config.but(alpha=alpha)
        shown: Update = {summary: f"{objective}: {OBJECTIVES[objective].summary}."}
        for setting, number in zip(NUMBERS, numbers, strict=True):
            if setting in FITTED:
                value = getattr(config, setting)
                shown[number] = gr.Number(value, visible=value is not None)
        return shown

    def preset(dataset: str, sample: list[Any]) -> Update:
        return form(dataset, *sample) | {objective: sample[0]}

    def kept(dataset: str, names: Sequence[str]) -> Update:
        found = runs.kept(dataset)
        there = [run.name for run in found]
        names = [name for name in names if name in there]
        return {table: [_row(run) for run in found], ticked: gr.CheckboxGroup(there, value=names)}

    def opened(dataset: str, objective: str) -> Update:
        maps = state.maps(dataset)
        right = (maps.before.recognised.rank == 1).nonzero()[0].tolist()
        return (
            form(dataset, objective)
            | kept(dataset, [])
            | {
                words: {"data": dataset, "right": right},
                epoch: f"### Words among the pictures, before training\n{_note(maps.dataset)}",
                top1: _recognition([]),
            }
        )

    def enter(owner: str, objective: str, request: gr.Request) -> Update:
        """A page that was loaded again watches its run that is still under way."""
        mine = runs.under_way(owner)
        dataset = mine.dataset if mine else asked_dataset(state.names, request)
        shown = opened(dataset, objective) | {data: dataset}
        return shown | watched(mine) if mine else shown

    def watched(new: Job) -> Update:
        return {job: new, status: _told(new, runs.place(new))} | controls(busy=True)

    def controls(*, busy: bool) -> Update:
        free = {button: gr.Button(interactive=not busy) for button in (start, resume)}
        return free | {stop: gr.Button(interactive=busy), clock: gr.Timer(active=busy)}

    def begin(key: str, dataset: str, run: str, objective: str, *values: float | None) -> Update:
        key = key or token_hex(16)
        with refusals_told():
            maps = state.maps(dataset)
            settings = _settings(maps.dataset, objective, values)
            run = run.strip() or _free_name(objective, runs.kept(maps.name))
            return watched(runs.start(maps.name, run, settings, key)) | {owner: key}

    def go_on(owner: str, dataset: str, names: Sequence[str]) -> Update:
        with refusals_told():
            if len(names) != 1:
                raise InputError("tick the one run to go on with")
            return watched(runs.go_on(state.maps(dataset).name, names[0], owner))

    def halt(job: Job | None) -> str:
        if job is not None:
            runs.halt(job)
        return _line("Stopping after this step ...")

    def take_away(owner: str, dataset: str, names: Sequence[str]) -> Update:
        with refusals_told():
            if not names:
                raise InputError("tick the runs to remove")
            for run in names:
                runs.remove(state.maps(dataset).name, run, owner)
        return kept(dataset, [])

    def draw(dataset: str, names: Sequence[str], job: Job | None) -> gr.LinePlot:
        chosen = [run for run in runs.kept(dataset) if run.name in names]
        return _recognition([*chosen, job] if job and job.dataset == dataset else chosen)

    def watch(dataset: str, names: Sequence[str], job: Job | None) -> Update:
        if job is None:
            lost = "This run is not known any more; the app was started again since."
            return controls(busy=False) | {status: _line(lost)}
        shown = {status: _told(job, runs.place(job)), loss: _losses(job)}
        shown[top1] = draw(dataset, names, job)
        if job.frame and job.dataset == dataset:
            lit, count = len(job.frame["right"]), len(state.maps(dataset).dataset)
            shown[words] = {"data": dataset, **job.frame}
            shown[epoch] = (
                "### Words among the pictures, "
                f"after epoch {job.frame['epoch']}: {lit} of {count} pictures lit"
            )
        return shown if job.under_way else shown | kept(dataset, names) | controls(busy=False)

    formed, listed, pictured = [summary, *numbers], [table, ticked], [words, epoch, top1]
    page, running = [*formed, *listed, *pictured], [job, status, clock, start, resume, stop]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    blocks.load(enter, [owner, objective], [data, *page, *running], **quiet)
    data.input(opened, [data, objective], page, **quiet)
    data.input(None, data, js="(data) => GlassKit.remember({ data })")
    objective.input(form, [data, objective], formed, **quiet)
    tries.click(preset, [data, tries], [objective, *formed], **quiet)
    start.click(begin, [owner, data, name, objective, *numbers], [owner, *running], **quiet)
    resume.click(go_on, [owner, data, ticked], running, **quiet)
    stop.click(halt, job, status, **quiet)
    remove.click(take_away, [owner, data, ticked], listed, **quiet)
    # Twice: Gradio takes the names of new curves at once, and their points with the next change.
    ticked.input(draw, [data, ticked, job], top1, **quiet).then(
        draw, [data, ticked, job], top1, **quiet
    )
    seen = [loss, *listed, *pictured, *running]
    clock.tick(watch, [data, ticked, job], seen, queue=False, **quiet)


def _number(setting: str) -> gr.Number:
    """The input of one setting; help and limits stand on the field of TrainConfig."""
    field = TrainConfig.model_fields[setting]
    limit = limits(field)
    return gr.Number(
        getattr(TrainConfig().resolved(), setting),  # Gradio shows 0 where there is none
        label=setting.replace("_", " "),
        info=field.description,
        precision=0 if int in kinds(field) else None,
        minimum=limit.get("ge", limit.get("gt")),
        maximum=limit.get("le"),
        placeholder="automatic",
        min_width=110,
        elem_id=f"train-{setting}",
    )


def _plot(x: str, y: str, color: str, title: str) -> gr.LinePlot:
    nothing = pd.DataFrame(columns=[x, y, color])
    return gr.LinePlot(
        nothing, x, y, color=color, title=title, y_lim=[0, None], elem_id=f"train-{y}"
    )


def _note(data: GroupedDataset) -> str:
    """What is to be said of a data set before it is trained on."""
    held_out = any(record.split == "val" for record in data.records)
    return "" if held_out else NO_VALIDATION


def _defaults(data: GroupedDataset, objective: str) -> TrainConfig:
    """What a run of this data set uses where nothing else is chosen."""
    train = (record.labels for record in data.records if record.split == "train")
    groups = Counter(label for labels in train for label in labels)
    return TrainConfig(objective=objective).fitted(len(groups), max(groups.values(), default=1))


def _settings(
    data: GroupedDataset, objective: str, values: Sequence[float | None]
) -> dict[str, Any]:
    """What was chosen; without what the objective does not use, which the form does not show."""
    used = _defaults(data, objective)
    given = {name: value for name, value in zip(NUMBERS, values, strict=True) if value is not None}
    chosen = {name: value for name, value in given.items() if getattr(used, name) is not None}
    config = TrainConfig(objective=objective, **chosen)
    if config.epochs > MAX_EPOCHS:
        raise InputError(f"epochs {config.epochs}: the app trains at most {MAX_EPOCHS}")
    return {name: getattr(config, name) for name in SETTINGS}


def _free_name(objective: str, kept: Iterable[Summary]) -> str:
    taken = {run.name for run in kept}
    return next(name for n in count(1) if (name := f"{objective}-{n}") not in taken)


def _line(text: str) -> str:
    return f'<p class="gk-status" role="status" aria-live="polite">{escape(text)}</p>'


def _told(job: Job, place: int) -> str:
    """One line on how a run stands."""
    message = f": {job.message}" if job.message else ""
    lines = {
        "waiting": f"{job.name} is waiting: place {place} in the queue.",
        "training": f"Getting {job.name} ready{message} ...",
        "failed": f"{job.name} did not work{message}",
    }
    line = lines.get(job.status, f"{job.name} {job.status}{message}.")
    if job.status == "training" and job.steps:
        line = f"Training {job.name}: epoch {job.epoch} of {job.settings['epochs']} done."
    return _line(line)


def _row(run: Summary) -> list[Any]:
    epochs = f"{run.epoch} of {run.settings['epochs']}"
    settings = [run.settings.get(name) for name in COLUMNS[1:5]]
    return [run.name, *settings, epochs, f"{run.right} of {run.of} {run.split}"]


def _losses(job: Job) -> gr.LinePlot:
    """The loss and its parts, step by step."""
    every = -(-len(job.steps) // MAX_POINTS) or 1
    curves: dict[str, list[tuple[int, float]]] = {}
    for step, loss, parts in job.steps[::-every]:
        for part, value in {"loss": loss, **parts}.items():
            curves.setdefault(part, []).insert(0, (step, value))
    return _curves(curves, ["step", "loss", "part"])


def _recognition(runs: Iterable[Summary | Job]) -> gr.LinePlot:
    """The share of recognised pictures, epoch by epoch."""
    return _curves({run.name: run.epochs for run in runs}, ["epoch", "recognised", "run"])


def _curves(curves: Mapping[str, Sequence[tuple[int, float]]], columns: list[str]) -> gr.LinePlot:
    """Named curves and, below them, their last values."""
    names = [name for name, points in curves.items() if points]
    rows = [(*point, name) for name in names for point in curves[name]]
    return gr.LinePlot(
        pd.DataFrame(rows, columns=columns),
        colors_in_legend=names,
        caption=", ".join(f"{name} {curves[name][-1][1]:.3f}" for name in names),
    )
