"""The web app: our own addresses below /kit/, and Gradio's page for all others.

A picture is asked for by data set and number, never by a path.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from glasskit.errors import InputError
from glasskit_app.blocks import build_blocks, theme
from glasskit_app.jobs import TrainingQueue
from glasskit_app.photographs import Photographs
from glasskit_app.picture_input import MAX_BYTES
from glasskit_app.report_tab import Reports
from glasskit_app.scripts import bundle, style
from glasskit_app.state import AppState
from glasskit_app.thumbnails import thumbnail_file
from glasskit_app.training import train_job

SECONDS_TO_STOP = 3
"""So long the app waits, when it is ended, for a run to stop in a way that lets it go on later."""

KEPT = {"Cache-Control": "max-age=600"}
"""A browser may keep pictures for a while."""


def create_app(state: AppState, host: str, port: int, root_path: str = "") -> FastAPI:
    """The whole web app for these data sets.

    Args:
        state: what is shown.
        host: the address on which it will be served.
        port: the port on which it will be served.
        root_path: where a proxy shows it, such as ``/glass-kit``, or the whole address.
    """
    runs = TrainingQueue(partial(train_job, state))
    reports = Reports(state, runs)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(runs.close, SECONDS_TO_STOP)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    photographs = Photographs(state)
    _add_routes(app, state, reports, photographs)
    blocks = build_blocks(state, runs, reports, photographs)
    # Gradio sets this in launch() alone; without it any path of this machine counts as an upload.
    blocks.has_launched = True
    warnings.filterwarnings("ignore", "SSR mode is not supported")  # said though it is off
    gr.mount_gradio_app(
        app,
        blocks,
        "/",
        server_name=host,
        server_port=port,
        root_path=root_path or None,
        allowed_paths=[str(reports.folder)],
        show_error=False,
        max_file_size=MAX_BYTES,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api"],
        ssr_mode=False,
        pwa=False,
        theme=theme(),
        css=style(),
    )
    path = urlsplit(root_path).path
    if not path:
        return app
    # Some proxies leave their path in front of an address, some take it away: both work. Our own
    # addresses come first, for the path may be /kit as theirs is.
    whole = app.router.lifespan_context
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=whole)
    _add_routes(outer, state, reports, photographs)
    outer.mount(path, app)
    outer.mount("/", app)
    return outer


def _add_routes(app: FastAPI, state: AppState, reports: Reports, photographs: Photographs) -> None:
    @app.exception_handler(InputError)
    def _refused(request: Request, error: InputError) -> Response:
        return JSONResponse({"error": str(error)}, status_code=404)

    @app.get("/kit/scripts.js")
    def scripts() -> Response:
        return Response(bundle(), media_type="text/javascript")

    @app.get("/kit/map/{name:path}.json")
    def map_file(name: str, left: str = "", right: str = "") -> Response:
        pair = (left, right) if left or right else None
        headers = {"Content-Encoding": "gzip", "Cache-Control": "no-cache"}
        packed = state.maps(name, pair).packed_map
        return Response(packed, media_type="application/json", headers=headers)

    @app.get("/kit/pictures/{name:path}/{index:int}.webp")
    def picture(name: str, index: int, small: bool = False) -> Response:
        maps = photographs.maps(name)
        if maps.thumbnails is None or index >= len(maps.dataset):
            raise InputError("no such picture is shown here")
        file = thumbnail_file(maps.thumbnails, maps.dataset, index, small=small)
        return FileResponse(file, headers=KEPT)

    @app.get("/kit/report/{report}.html")
    def report(report: str) -> Response:
        path = reports.page(report)
        if not path.is_file():
            raise InputError("no such report")
        # It is shown in a frame of its own, without the page's rights.
        return FileResponse(path, headers={"Content-Security-Policy": "sandbox allow-scripts"})
