"""The web server: a start page while things are built, then the app, on one port from the start.

Paths below /kit/ are ours (scripts, map data, small pictures, progress); all others are Gradio's.
A picture is asked for by data set and number, never by a path.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import webbrowser
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from glasskit.errors import InputError
from glasskit_app.light_gradio import import_gradio
from glasskit_app.map_data import near
from glasskit_app.progress import Progress
from glasskit_app.scripts import ASSETS, bundle

if TYPE_CHECKING:
    from glasskit_app.exhibit import Exhibit
    from glasskit_app.main import Rooms
    from glasskit_app.museum import Museum
    from glasskit_app.report_tab import Reports


KEPT = {"Cache-Control": "max-age=600"}
"""Pictures and who is near whom: a browser may keep them for a while."""


class Entrance:
    """The ASGI app: /kit/ at once, a start page until ``open`` was called, then the inner app."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.museum: Museum | None = None
        self.reports: Reports | None = None
        self._inner: ASGIApp | None = None
        self._stack = AsyncExitStack()
        self._kit = Starlette(
            routes=[
                Route("/kit/progress", self._progress),
                Route("/kit/scripts.js", self._scripts),
                Route("/kit/map/{name}.bin", self._map),
                Route("/kit/texts/{name}.json", self._texts),
                Route("/kit/near/{name}/{index:int}.json", self._near),
                Route("/kit/pictures/{name}/{number:int}.webp", self._picture),
                Route("/kit/report/{report}.html", self._report),
                Route("/kit/pictures/{name}/sheet{number:int}.webp", self._sheet),
            ]
        )

    async def open(self, rooms: Rooms) -> None:
        """Let visitors in: start the inner app and send everything but /kit/ to it."""
        inner = rooms.app
        await self._stack.enter_async_context(inner.router.lifespan_context(inner))
        self.museum, self.reports, self._inner = rooms.museum, rooms.reports, inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/kit/"):
            await self._kit(scope, receive, send)
        elif self._inner is not None:
            await self._inner(scope, receive, send)
        elif scope["type"] == "http":
            await _start_page(scope)(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _progress(self, request: Request) -> Response:
        unfinished = self.museum.unfinished() if self.museum else []
        state = self.progress.state() | {"unfinished": unfinished}
        return JSONResponse(state, headers={"Cache-Control": "no-store"})

    async def _scripts(self, request: Request) -> Response:
        return Response(bundle(), media_type="text/javascript")

    async def _map(self, request: Request) -> Response:
        return await self._packed(request, "map_file", "application/octet-stream")

    async def _texts(self, request: Request) -> Response:
        return await self._packed(request, "texts_file", "application/json")

    async def _packed(self, request: Request, what: str, kind: str) -> Response:
        try:
            exhibit = self.museum.exhibit(request.path_params["name"]) if self.museum else None
        except InputError as error:
            return _missing(str(error))
        if exhibit is None:
            return _missing("the app is getting ready")
        body = await asyncio.to_thread(getattr, exhibit, what)
        headers = {"Content-Encoding": "gzip", "Cache-Control": "no-cache"}
        return Response(body, media_type=kind, headers=headers)

    async def _near(self, request: Request) -> Response:
        exhibit = self._exhibit(request)
        if exhibit is None:
            return _missing("no such picture is shown here")
        try:
            found = await asyncio.to_thread(near, exhibit, request.path_params["index"])
        except InputError as error:
            return _missing(str(error))
        return JSONResponse(found, headers=KEPT)

    async def _picture(self, request: Request) -> Response:
        exhibit, number = self._exhibit(request), request.path_params["number"]
        if exhibit is None or exhibit.thumbnails is None or number >= len(exhibit.dataset):
            return _missing("no such picture is shown here")
        try:
            path = await asyncio.to_thread(exhibit.thumbnails.single, exhibit.dataset, number)
        except InputError as error:
            return _missing(str(error))
        return FileResponse(path, headers=KEPT)

    async def _sheet(self, request: Request) -> Response:
        exhibit = self._exhibit(request)
        if exhibit is None or exhibit.thumbnails is None:
            return _missing("no such picture is shown here")
        path = exhibit.thumbnails.folder / f"sheet{request.path_params['number']}.webp"
        if not path.is_file():
            return _missing("no such picture is shown here")
        return FileResponse(path, headers=KEPT)

    async def _report(self, request: Request) -> Response:
        if self.reports is None:
            return _missing("the app is getting ready")
        try:
            path = self.reports.path(request.path_params["report"])
        except InputError as error:
            return _missing(str(error))
        if not path.is_file():
            return _missing("no such report")
        # It is shown in a frame of its own, without the page's rights.
        return FileResponse(path, headers={"Content-Security-Policy": "sandbox allow-scripts"})

    def _exhibit(self, request: Request) -> Exhibit | None:
        return self.museum and self.museum.exhibits.get(request.path_params["name"])


def _missing(text: str) -> Response:
    return JSONResponse({"error": text}, status_code=404)


def _start_page(scope: Scope) -> Response:
    if scope["path"] != "/":
        text = "the app is getting ready; ask again in a moment"
        return JSONResponse({"error": text}, status_code=503, headers={"Retry-After": "5"})
    return HTMLResponse((ASSETS / "start.html").read_text(encoding="utf-8"))


def check_port(host: str, port: int) -> None:
    """Raise InputError where nothing can listen on this port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"port {port} on {host} is taken ({error.strerror}); "
                f"stop what uses it or choose another with --port {port + 1}"
            ) from None


def serve(
    port: int,
    *,
    host: str,
    datasets: tuple[str, ...],
    images: Path | None,
    recipe: dict[str, object] | None,
    open_browser: bool,
) -> None:
    """Listen at once, build what is missing, then serve until interrupted.

    Raises:
        InputError: the port is taken, or what is asked for can't be built.
    """
    check_port(host, port)
    progress = Progress()
    entrance = Entrance(progress)
    config = uvicorn.Config(entrance, host=host, port=port, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    address = f"http://{host}:{port}"
    print(f"Glass Kit is getting ready: {address}", file=sys.stderr, flush=True)
    failure: list[BaseException] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def prepare() -> None:
            try:
                import_gradio()  # takes seconds: the page is up
                from glasskit_app.finish import finish
                from glasskit_app.main import build_app

                rooms = build_app(datasets, images, recipe or {}, progress, host, port)
                asyncio.run_coroutine_threadsafe(entrance.open(rooms), loop).result()
                progress.finish()
                seconds = progress.state()["seconds"]
                print(f"Open {address} (ready after {seconds} s)", file=sys.stderr, flush=True)
                behind = threading.Thread(
                    target=finish,
                    args=(rooms.museum, rooms.pending, rooms.recipe, progress),
                    name="finish",
                    daemon=True,
                )
                if rooms.pending:
                    behind.start()
                rooms.museum.warm()
                progress.warmed()
            except Exception as error:  # noqa: BLE001 (raised again by serve, in its own thread)
                failure.append(error)
                progress.fail(str(error))
                server.should_exit = True

        threading.Thread(target=prepare, name="prepare", daemon=True).start()
        if open_browser:
            webbrowser.open(address)
        await server.serve()

    asyncio.run(run())
    if failure:
        raise failure[0]
