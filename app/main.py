"""From names of data sets to a running page: open the exhibits, then mount Gradio."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI

from app.blocks import build_blocks, theme
from app.exhibit import open_exhibit
from app.museum import Museum
from app.picture_input import MAX_BYTES
from app.progress import Progress
from app.scripts import ASSETS, head
from glasskit.data import load_dataset

RECIPE: dict[str, object] = {"objective": "grouped", "seed": 0}
"""How the model on the right-hand side is trained; all else as TrainConfig has it."""


def build_app(
    datasets: tuple[str, ...],
    images: Path | None,
    recipe: dict[str, object],
    progress: Progress,
    host: str,
    port: int,
) -> tuple[FastAPI, Museum]:
    """The inner web app and what it shows.

    Raises:
        InputError: a data set can't be read, or a picture is missing or broken.
    """
    exhibits = []
    for name in datasets:
        data = load_dataset(name, images=None if name == "scenes" else images)
        exhibits.append(open_exhibit(data, RECIPE | recipe, progress))
    progress.step("opening the rooms")
    museum = Museum(exhibits)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app,
        build_blocks(museum),
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
    return app, museum
