"""`glasskit app`: look at what was asked for, open the maps, then serve until interrupted."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich.console import Console

from glasskit.data import load_dataset
from glasskit.data.folder import load_folder
from glasskit.data.images import FolderImages
from glasskit.data.streams import is_stream
from glasskit.errors import InputError
from glasskit.io.places import cache_folder, check_folder
from glasskit_app.address import bind, written

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

    from glasskit.data.grouped import GroupedDataset

BUILT_IN = ("coco-ideas", "scenes", "coco-concepts")

SECONDS_TO_CLOSE = 1
"""So long after Ctrl-C or SIGTERM open streams are cut off."""


def launch(
    port: int = 7860,
    *,
    host: str = "127.0.0.1",
    datasets: Sequence[str] = BUILT_IN,
    images: str | Path | None = None,
    models: Sequence[str] = (),
    recipe: dict[str, object] | None = None,
    root_path: str = "",
    open_browser: bool = False,
) -> None:
    """Serve the app until it is interrupted.

    The built-in data sets come with their trained heads and maps. Of others, what is not in the
    cache is built first, with a bar in the terminal. Everything that takes long is done before the
    first connection is taken.

    Args:
        port: on which it listens.
        host: the address on which it listens; only this machine unless told otherwise.
        datasets: names of data sets, paths of files in a layout of the kit, or folders of pictures
            that nobody labelled; the first is shown first.
        images: folder of photographs of the data sets that bring none, such as coco-concepts.
        models: two or more that ``load_model`` takes, of which a visitor compares any two; without
            them lite0-minilm and what training on groups makes of it.
        recipe: fields of TrainConfig for the model on the right-hand side, over the app's own.
        root_path: where a proxy shows the app, such as ``/glass-kit``, or the whole address.
        open_browser: open the page when it can be looked at.

    Raises:
        InputError: the address can't be had, or a data set can't be read or built.
    """
    began = time.monotonic()
    host, root_path = host.strip("[]"), checked_root_path(root_path)
    if images is not None:
        FolderImages(images)
    bind(host, port).close()
    check_folder(cache_folder())
    local = host in ("127.0.0.1", "::1", "localhost")
    chosen = [_read(name, None if name == "scenes" else images, local) for name in datasets]
    _say("Glass Kit is loading its models ...")
    with _ctrl_c_ends_at_once(), ThreadPoolExecutor(1, "building") as pool:
        # In a thread of its own, so that this one is free to answer a signal whatever runs. And a
        # training in the main thread would take Ctrl-C for a wish to stop after its step and save.
        app = pool.submit(_build, chosen, models, recipe, host, port, root_path).result()
        with bind(host, port) as bound:
            bound.listen()
            address = f"http://{written(host)}:{port}"
            _say(f"Open {address} (ready after {time.monotonic() - began:.0f} s; stop with Ctrl-C)")
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            _listen(app, bound)


def _read(name: str, images: str | Path | None, local: bool) -> tuple[str, GroupedDataset]:
    """A data set, and the Python that reads it; visitors from elsewhere see no folder of this
    machine."""

    def shown(path: str | Path) -> str:
        return repr(str(path) if local else Path(path).name)

    if Path(name).is_dir() and not is_stream(name):
        return f"glasskit.data.folder.load_folder({shown(name)})", load_folder(name)
    given = f"{shown(name)}, images={shown(images)}" if images else shown(name)
    return f"glasskit.load_dataset({given})", load_dataset(name, images=images)


def _build(
    datasets: Sequence[tuple[str, GroupedDataset]],
    models: Sequence[str],
    recipe: dict[str, object] | None,
    host: str,
    port: int,
    root_path: str,
) -> FastAPI:
    from glasskit import load_model  # the libraries behind all this take seconds to come in
    from glasskit.evaluation.report import short_names
    from glasskit_app.cache import open_maps
    from glasskit_app.server import create_app
    from glasskit_app.state import MODEL, AppState

    start = load_model(MODEL)
    named = dict(zip(short_names(list(models)), models, strict=True)) or None
    state = AppState(
        [open_maps(data, start, named, recipe) for _, data in datasets],
        start,
        {data.name: code for code, data in datasets},
    )
    for name in state.names:
        _ = state.maps(name).packed_map  # now, and not while the first visitor waits
    return create_app(state, host, port, root_path)


def _listen(app: FastAPI, bound: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", lifespan="on", timeout_graceful_shutdown=SECONDS_TO_CLOSE
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


@contextmanager
def _ctrl_c_ends_at_once() -> Iterator[None]:
    """Ctrl-C ends the process meanwhile; uvicorn, while it runs, first closes what is open."""

    def leave(number: int, frame: object) -> None:
        Console(stderr=True).show_cursor()  # a bar hides it
        os._exit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # others may not set a handler
        yield
        return
    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _worth_saying(record: logging.LogRecord) -> bool:
    """Whether the server's line is news: streams that are cut off when the app ends are none."""
    reason = record.exc_info[0] if record.exc_info else None
    cut_off = reason is not None and issubclass(reason, asyncio.CancelledError)
    return not (cut_off or str(record.msg).startswith("Cancel %s running task"))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
