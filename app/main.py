"""`glasskit app`: look at what was asked for, open the maps, then serve until interrupted."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from glasskit.data import load_dataset
from glasskit.data.images import FolderImages
from glasskit.errors import InputError
from glasskit.io.places import cache_folder, keeping_in
from glasskit_app.address import bind, written
from glasskit_app.ending import on_ctrl_c

SECONDS_TO_CLOSE = 1
"""So long after Ctrl-C or SIGTERM open streams are cut off."""


def serve(
    port: int,
    *,
    host: str,
    datasets: Sequence[str],
    images: str | Path | None,
    recipe: dict[str, object] | None,
    root_path: str,
    open_browser: bool,
) -> None:
    """Open the maps of every data set, making what is missing, then listen until interrupted.

    Everything that takes long is done before the first connection is taken, in this thread.

    Raises:
        InputError: the address can't be had, or a data set can't be read or built.
    """
    began = time.monotonic()
    host, root_path = host.strip("[]"), checked_root_path(root_path)
    if images is not None:
        FolderImages(images)
    bind(host, port).close()
    with keeping_in(cache_folder()), tempfile.TemporaryFile(dir=cache_folder()):
        pass
    chosen = [load_dataset(name, images=None if name == "scenes" else images) for name in datasets]
    _say("Glass Kit is loading its models ...")
    # At once, whatever runs: libraries swallow a KeyboardInterrupt, or take seconds to reach it.
    with on_ctrl_c(signal.SIG_DFL):
        import uvicorn

        from glasskit import load_model
        from glasskit_app.cache import open_maps
        from glasskit_app.dataset_maps import MODEL
        from glasskit_app.server import create_app
        from glasskit_app.state import AppState

        start = load_model(MODEL)
        state = AppState([open_maps(data, start, recipe) for data in chosen], start)
        state.warm()
        app = create_app(state, host, port, root_path)
        with bind(host, port) as bound:
            bound.listen()
            address = f"http://{written(host)}:{port}"
            _say(f"Open {address} (ready after {time.monotonic() - began:.0f} s; stop with Ctrl-C)")
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            config = uvicorn.Config(
                app,
                log_level="warning",
                lifespan="on",
                timeout_graceful_shutdown=SECONDS_TO_CLOSE,
            )
            logging.getLogger("uvicorn.error").addFilter(_worth_saying)
            uvicorn.Server(config).run(sockets=[bound])


def checked_root_path(root_path: str) -> str:
    """The path or address at which a proxy shows the app, without a slash at its end.

    Raises:
        InputError: it is neither a path nor an address.
    """
    path = root_path.rstrip("/")
    if path and "://" not in path:
        path = "/" + path.lstrip("/")
    parts = urlsplit(path)
    plain = not (parts.query or parts.fragment or any(c.isspace() for c in path))
    if not plain or parts.scheme not in ("", "http", "https"):
        raise InputError(
            f"root path {root_path!r}: give the path at which a proxy shows the app, such as "
            "/glass-kit, or the whole address"
        )
    return path


def _worth_saying(record: logging.LogRecord) -> bool:
    """Whether the server's line is news: streams that are cut off when the app ends are none."""
    cut_off = record.exc_info and issubclass(record.exc_info[0], asyncio.CancelledError)
    return not (cut_off or str(record.msg).startswith("Cancel %s running task"))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
