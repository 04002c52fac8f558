"""The app as a visitor waits for it: its first answering page, and probes through the API.

Every server is a process of its own, started as `glasskit app` starts it: into an empty cache, and
again with the cache that this start left, in turns with a process that only imports what the app
does. A probe is compared with the image tower alone, in turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.benchmarks.own_process import ROOT, standing
from tests.benchmarks.table import BenchRow, compared, wall_seconds
from tests.serving import free_port, serving

DATASET = "scenes"
CLIENTS = 8
TURNS = 12
STARTS = 3


def rows() -> list[BenchRow]:
    """All rows of this section."""
    alone, first, later = "its imports alone", "into an empty cache", "from the cache"
    times: dict[str, list[float]] = {alone: [], first: [], later: []}
    probes: list[BenchRow] = []
    for start in range(STARTS):
        times[alone].append(wall_seconds(imports))
        with tempfile.TemporaryDirectory() as cache:
            with served(cache) as (_, seconds, _):
                times[first].append(seconds)
            with served(cache) as (address, seconds, _):
                times[later].append(seconds)
                if start == STARTS - 1:
                    probes = _probes(address, cache)
    return [*compared("app, its first page", times, alone), *probes]


def imports() -> None:
    """A process that imports the app and ends."""
    subprocess.run([sys.executable, "-c", "import glasskit_app.blocks"], cwd=ROOT, check=True)


@contextmanager
def served(cache: str) -> Iterator[tuple[str, float, subprocess.Popen]]:
    """A running app: its address, the seconds from the command to its first page, its process."""
    port, env = free_port(), os.environ | {"GLASSKIT_CACHE": cache}
    address, began = f"http://127.0.0.1:{port}", time.perf_counter()
    words = (sys.executable, "-m", "glasskit.cli", "app", "--port", port)
    with serving(words, address, Path(cache) / "app.txt", cwd=ROOT, env=env) as process:
        yield address, time.perf_counter() - began, process


def _probes(address: str, cache: str) -> list[BenchRow]:
    """One picture through the named endpoint, by one client and by eight at once."""
    from gradio_client import Client, handle_file

    alone, one, several = "the tower alone", "one client", f"{CLIENTS} clients at once"
    times: dict[str, list[float]] = {alone: [], one: [], several: []}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CLIENTS) as pool:
        path = Path(folder) / "mine.png"
        Image.radial_gradient("L").convert("RGB").resize((500, 375)).save(path)
        # Without this the client reads the machine's certificates anew for each of its requests.
        clients = [Client(address, verbose=False, ssl_verify=False) for _ in range(CLIENTS)]

        def ask(client: Client) -> float:
            picture = handle_file(path)
            return wall_seconds(lambda: client.predict(picture, DATASET, "", 5, api_name="/probe"))

        for client in clients:
            ask(client)
        where = {"GLASSKIT_CACHE": cache}
        with standing(__name__, "tower", str(path), environment=where) as tower_alone:
            for _ in range(TURNS):
                times[alone].append(tower_alone())
                times[one].append(ask(clients[0]))
                times[several].append(statistics.median(pool.map(ask, clients)))
    return compared("app, a picture through /probe", times, alone)


def tower(picture: str) -> Callable[[], object]:
    """The image tower on a picture's file, as the app's model runs it."""
    from glasskit import load_model

    model = load_model("lite0-minilm")
    return lambda: model.encode_images([picture])
