"""Report: models side by side on pictures that training never saw, made once and kept."""

from __future__ import annotations

import threading
from pathlib import Path

from glasskit.analysis.store import content_key
from glasskit.errors import InputError
from glasskit.models.cache import cache_folder, replace_file
from glasskit_app.dataset_maps import MODEL, DatasetMaps
from glasskit_app.jobs import TrainingQueue
from glasskit_app.scripts import answered, html_tab
from glasskit_app.state import AppState

MOST_RUNS = 4
OWN = ("untrained", "grouped")
"""What the app's own models are called in a report."""

VERSION = 2


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

    def make(self, name: object, runs: object) -> dict:
        """The name of the report of a data set: untrained, the app's own run, and kept runs."""
        maps = self.state.maps(name)
        if not isinstance(runs, list) or len(runs) > MOST_RUNS:
            raise InputError(f"runs: send a list of at most {MOST_RUNS} names")
        kept = self.kept(maps.name)
        for place, run in enumerate(runs):
            if run not in kept:
                raise InputError(f"no run named {run!r} is kept")
            if run in OWN or run in runs[:place]:
                raise InputError(f"the report has a model named {run!r} already")
        entries = list(zip(OWN, (MODEL, str(maps.run)), strict=True))
        entries += [(run, str(self.runs.path(maps.name, run))) for run in runs]
        try:
            models = [Path(path) / "model.safetensors" for _, path in entries[1:]]
            prints = [file.stat().st_mtime_ns for file in models]
            report = content_key(VERSION, maps.name, entries, prints)
            with self._lock:
                if not self.path(report).is_file():
                    self._write(report, maps, entries)
        except (OSError, InputError):
            gone = next((run for run in runs if run not in self.kept(maps.name)), None)
            if gone is None:
                raise
            raise InputError(f"run {gone!r} was removed meanwhile; choose again") from None
        return {"report": report}

    def kept(self, name: object) -> list[str]:
        """Names of the runs of a data set that can be compared."""
        return [run.name for run in self.runs.kept(self.state.maps(name).name)]

    def path(self, report: str) -> Path:
        """The file of a report by its name, which is hexadecimal; raises InputError else."""
        if len(report) != 32 or not set(report) <= set("0123456789abcdef"):
            raise InputError("no such report")
        return self.folder / f"{report}.html"

    def _write(self, report: str, maps: DatasetMaps, entries: list[tuple[str, str]]) -> None:
        from glasskit.evaluation.report import build_report
        from glasskit.plots.report import report_html

        data = maps.dataset
        part = data.split("test") if any(r.split == "test" for r in data.records) else data
        page = report_html(build_report(entries, part))
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f".{report}.part"
        scratch.write_text(page, encoding="utf-8")
        replace_file(scratch, self.path(report))


def build(state: AppState, reports: Reports) -> None:
    """Draw the tab inside the current Blocks."""

    def make(asked: object) -> dict:
        return answered(reports.make, asked, "name", "runs")

    def kept(asked: object) -> dict:
        return answered(lambda name: {"runs": reports.kept(name)}, asked, "name")

    html_tab("report.html", "GlassKit.reportPage(element, server)", state.names, [make, kept])
