"""From names of data sets to a running page: open the exhibits, then mount Gradio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import gradio as gr
from fastapi import FastAPI

from glasskit.data import load_dataset
from glasskit_app.blocks import FIRST, TABS, build_blocks, theme
from glasskit_app.exhibit import Exhibit
from glasskit_app.exhibit_store import open_exhibit, stored_exhibit
from glasskit_app.finish import Pending
from glasskit_app.first_tab import FirstTab
from glasskit_app.jobs import Job, Workshop
from glasskit_app.museum import Museum
from glasskit_app.picture_input import MAX_BYTES
from glasskit_app.progress import Progress
from glasskit_app.report_tab import Reports
from glasskit_app.scripts import ASSETS, head

RECIPE: dict[str, object] = {"objective": "grouped", "seed": 0}
"""How the model on the right-hand side is trained; all else as TrainConfig has it."""


class Rooms(NamedTuple):
    """Everything behind the entrance.

    Attributes:
        app: the inner web app, Gradio's page.
        museum: what is shown.
        reports: where reports are made and kept.
        pending: what is still to be built or finished (see app/finish.py).
        recipe: how models are trained.
    """

    app: FastAPI
    museum: Museum
    reports: Reports
    pending: list[Pending]
    recipe: dict[str, object]


def build_app(
    datasets: tuple[str, ...],
    images: Path | None,
    recipe: dict[str, object],
    progress: Progress,
    host: str,
    port: int,
) -> Rooms:
    """Open every exhibit that is there, build the first as far as a visitor needs it, and mount.

    Raises:
        InputError: a data set can't be read, or a picture is missing or broken.
    """
    chosen, exhibits, pending = RECIPE | recipe, [], []
    for source in datasets:
        folder = None if source == "scenes" else images
        data = load_dataset(source, images=folder)
        exhibit = stored_exhibit(data, chosen, draft=True)
        if exhibit is None and not exhibits:
            exhibit = open_exhibit(data, chosen, progress, maps=False)
        if exhibit is not None:
            exhibits.append(exhibit)
        if exhibit is None or exhibit.draft:
            pending.append(Pending(data, str(source), folder))
    progress.step("opening the rooms")
    return open_rooms(exhibits, host, port, pending, chosen)


def open_rooms(
    exhibits: list[Exhibit],
    host: str,
    port: int,
    pending: Sequence[Pending] = (),
    recipe: dict[str, object] = RECIPE,
) -> Rooms:
    """Mount the page of exhibits that can be shown, with room for those that are pending."""
    there = {exhibit.name for exhibit in exhibits}
    museum = Museum(
        exhibits, [one.dataset.name for one in pending if one.dataset.name not in there]
    )
    workshop = Workshop(_work(museum))
    reports = Reports(museum, workshop)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app,
        build_blocks(museum, workshop, reports),
        "/",
        server_name=host,
        server_port=port,
        allowed_paths=[],
        show_error=False,
        max_file_size=MAX_BYTES,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api"],
        ssr_mode=False,
        pwa=False,
        theme=theme(),
        css_paths=[ASSETS / "kit.css"],
        head=head(),
    )
    app.add_middleware(FirstTab, usual=FIRST, known=tuple(TABS))
    return Rooms(app, museum, reports, list(pending), recipe)


def _work(museum: Museum) -> Callable[[Job, Path], None]:
    def work(job: Job, out: Path) -> None:
        from glasskit_app.training import Trainer  # torch comes in with the first run

        Trainer(museum)(job, out)

    return work
