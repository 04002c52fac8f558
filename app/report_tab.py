"""Report: models side by side on pictures that training never saw, made once and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from glasskit.analysis.store import content_key
from glasskit.errors import InputError
from glasskit.io.places import atomic_folder, cache_folder
from glasskit.models.loading import WEIGHTS
from glasskit.plots.map_data import measured
from glasskit.plots.report import write_report
from glasskit_app.jobs import TrainingQueue
from glasskit_app.scripts import asked_dataset, refusals_told
from glasskit_app.state import AppState

MAX_RUNS = 4
FILE = "glass-kit-report.html"
"""A report in its folder; .md and .json lie beside it."""

VERSION = 3

INTRO = """
## Side by side
Every measure of the kit on pictures that training never saw: what was gained, what was lost, and
how sure one can be. The models that the app shows are compared with the first of them, and runs of
the Train page with them. The first report of a data set takes about a minute; then it is
kept.
"""


class Reports:
    """Makes reports one at a time; a report that is there is not made again.

    Args:
        state: whose data sets and models are compared.
        runs: those that are kept may be compared too.
    """

    def __init__(self, state: AppState, runs: TrainingQueue) -> None:
        self.state = state
        self.runs = runs
        self.folder = cache_folder("app-reports")
        self._lock = threading.Lock()

    def make(
        self,
        name: str,
        runs: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> Path:
        """The page of the report of a data set: those that the app shows, and kept runs.

        Args:
            name: of the data set.
            runs: names of kept runs.
            progress: called with (models measured, models).

        Raises:
            InputError: an unknown data set or run, a run twice, or too many.
        """
        maps, kept = self.state.maps(name), self.kept(name)
        if len(runs) > MAX_RUNS:
            raise InputError(f"{len(runs)} runs are too many; choose at most {MAX_RUNS}")
        for place, run in enumerate(runs):
            if run not in kept:
                raise InputError(f"no run named {run!r} is kept")
            if run in maps.names or run in runs[:place]:
                raise InputError(f"the report has a model named {run!r} already")
        if not maps.dataset.labelled:
            raise InputError(f"{maps.name} has no labels, so there is nothing to measure")
        entries = [(model.name, model.path) for model in maps.models]
        entries += [(run, str(self.runs.path(maps.name, run))) for run in runs]
        try:
            folders = [Path(path) for _, path in entries if Path(path).is_dir()]
            prints = [(folder / WEIGHTS).stat().st_mtime_ns for folder in folders]
            page = self.page(content_key(VERSION, maps.name, entries, prints))
            with self._lock:
                if not page.is_file():
                    part = maps.dataset.select(measured(maps.dataset)[1])
                    with atomic_folder(page.parent) as folder:
                        write_report(entries, part, folder / FILE, progress=progress)
        except (OSError, InputError):
            gone = next((run for run in runs if run not in self.kept(name)), None)
            if gone is None:
                raise
            raise InputError(f"run {gone!r} was removed meanwhile; choose again") from None
        return page

    def kept(self, name: str) -> list[str]:
        """Names of the runs of a data set that can be compared."""
        return [run.name for run in self.runs.kept(self.state.maps(name).name)]

    def page(self, report: str) -> Path:
        """The page of a report by its key, which is hexadecimal; raises InputError else."""
        if len(report) != 32 or not set(report) <= set("0123456789abcdef"):
            raise InputError("no such report")
        return self.folder / report / FILE


def build(blocks: gr.Blocks, state: AppState, reports: Reports) -> None:
    """Draw the page inside the current Blocks."""
    gr.Markdown(INTRO)
    with gr.Row():
        data = gr.Dropdown(state.names, label="pictures")
        runs = gr.CheckboxGroup([], label="also compare these runs", elem_id="report-runs")
        make = gr.Button("Make the report", variant="primary", scale=0, min_width=200)
    with gr.Row():
        downloads = [
            gr.DownloadButton(f"Download {kind}", interactive=False, scale=0, min_width=220)
            for kind in ("HTML", "Markdown", "JSON")
        ]
    paper = gr.HTML(elem_id="report-paper")

    def kept(dataset: str) -> gr.CheckboxGroup:
        names = reports.kept(dataset)
        return gr.CheckboxGroup(names, value=[], visible=bool(names))

    def enter(request: gr.Request) -> tuple[str, gr.CheckboxGroup]:
        dataset = asked_dataset(state.names, request)
        return dataset, kept(dataset)

    def made(dataset: str, runs: Sequence[str], progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008 (as Gradio wants it)
        def measured(done: int, total: int) -> None:
            progress((done, total), desc="Measuring every model", unit="models")

        with refusals_told():
            page = reports.make(dataset, runs, measured)
        address = f"kit/report/{page.parent.name}.html"
        frame = f'<iframe title="Report" src="{address}" sandbox="allow-scripts"></iframe>'
        files = [page, page.with_suffix(".md"), page.with_suffix(".json")]
        return [frame, *(gr.DownloadButton(value=str(f), interactive=True) for f in files)]

    blocks.load(enter, None, [data, runs], show_progress="hidden", api_visibility="private")
    data.input(kept, data, runs, show_progress="hidden", api_visibility="private")
    data.input(None, data, js="(data) => GlassKit.remember({ data })")
    make.click(made, [data, runs], [paper, *downloads], api_visibility="private")
