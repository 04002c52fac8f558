"""From names of data sets to a running page: open the exhibits, then mount Gradio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gradio as gr
from fastapi import FastAPI

from app.blocks import build_blocks, theme
from app.exhibit import Exhibit, open_exhibit
from app.jobs import Job, Workshop
from app.museum import Museum
from app.picture_input import MAX_BYTES
from app.progress import Progress
from app.report_tab import Reports
from app.scripts import ASSETS, head
from glasskit.data import load_dataset

RECIPE: dict[str, object] = {"objective": "grouped", "seed": 0}
"""How the model on the right-hand side is trained; all else as TrainConfig has it."""


class Rooms(NamedTuple):
    """Everything behind the entrance.

    Attributes:
        app: the inner web app, Gradio's page.
        museum: what is shown.
        reports: where reports are made and kept.
    """

    app: FastAPI
    museum: Museum
    reports: Reports


def build_app(
    datasets: tuple[str, ...],
    images: Path | None,
    recipe: dict[str, object],
    progress: Progress,
    host: str,
    port: int,
) -> Rooms:
    """Open every exhibit and mount the page.

    Raises:
        InputError: a data set can't be read, or a picture is missing or broken.
    """
    exhibits = []
    for name in datasets:
        data = load_dataset(name, images=None if name == "scenes" else images)
        exhibits.append(open_exhibit(data, RECIPE | recipe, progress))
    progress.step("opening the rooms")
    return open_rooms(exhibits, host, port)


def open_rooms(exhibits: list[Exhibit], host: str, port: int) -> Rooms:
    """Mount the page of exhibits that are ready."""
    museum = Museum(exhibits)
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
    return Rooms(app, museum, reports)


def _work(museum: Museum) -> Callable[[Job, Path], None]:
    def work(job: Job, out: Path) -> None:
        from app.training import Trainer  # torch comes in with the first run

        Trainer(museum)(job, out)

    return work
