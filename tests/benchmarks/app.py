"""The app as a visitor waits for it: starts, probes through the API, and a map of 100,000 points.

Every server is a process of its own, started as `glasskit app` starts it. The first start is
measured into an empty cache; all else with the cache that this one leaves. A start from the cache
is compared with the import of Gradio and torch alone, a probe with the image tower alone, and the
map's dots drawn as pixels with the same dots as shapes, each in turns.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from PIL import Image

from tests.benchmarks.own_process import ROOT, standing
from tests.benchmarks.table import VISITS, BenchRow, compared, wall_seconds
from tests.browser import FLAGS, find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

DATASET = "scenes"
FROM_CACHE = "app, start from the cache"
MANY = "app, a map of 100,000 points in Chromium without a graphics card"
CLIENTS = 8
ROUNDS, TURNS = 7, 12
STARTS = 2


def visits() -> Iterator[list[BenchRow]]:
    """All rows of this section, a visit at a time; all that is compared with a peer at each."""
    with tempfile.TemporaryDirectory() as cache, ExitStack() as opened:
        page = None
        for visit in range(VISITS):
            rows = _import()
            if not visit:
                rows += _first_start(cache)
            rows += _starts(cache)
            if not visit:
                page, found = _many(opened)
                rows += found
            yield rows + (_dots(page) if page else [])


class Served:
    """A server process.

    Attributes:
        address: where it answers.
        started: perf_counter when it was started.
    """

    def __init__(self, address: str, process: subprocess.Popen) -> None:
        self.address = address
        self.started = time.perf_counter()
        self._process = process

    def wait_for_page(self) -> float:
        """Seconds from the start of the process until the page is there, models loaded."""
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"the app stopped with {self._process.returncode}")
            if time.perf_counter() - self.started > 900:
                raise RuntimeError("the app was not there after 15 minutes")
            try:
                with urlopen(self.address, timeout=5) as answer:
                    if b"gradio" in answer.read():
                        return time.perf_counter() - self.started
            except OSError:
                time.sleep(0.05)


@contextmanager
def served(command: list[str], cache: str) -> Iterator[Served]:
    """Run a server that takes its port as the last argument."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *command, str(port)],
        cwd=ROOT,
        env=os.environ | {"GLASSKIT_CACHE": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Served(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(60)


def _import() -> list[BenchRow]:
    """The package against Python itself, fresh processes in turns."""
    section = "import"
    codes = {"python -c pass": "pass", "import glasskit": "import glasskit"}
    times = {name: [] for name in codes}
    for _ in range(ROUNDS):
        for name, code in codes.items():
            times[name].append(_python(code))
    return compared(section, times, "python -c pass")


def _python(code: str) -> float:
    return wall_seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT))


def _first_start(cache: str) -> list[BenchRow]:
    """Seconds from the command to the page, with models that are loaded."""
    with served(["-m", "glasskit.cli", "app", "--port"], cache) as app:
        seconds = app.wait_for_page()
    return [BenchRow("app, first start into an empty cache", "page", (seconds,))]


def _starts(cache: str) -> list[BenchRow]:
    """Starts to the page, in turns with the import of what no Gradio app with a model can spare.

    The app that is started last is probed.
    """
    bare = "importing gradio and torch alone"
    times = {name: [] for name in (bare, "page")}
    further = []
    for start in range(STARTS):
        times[bare].append(_python("import gradio, torch"))
        with served(["-m", "glasskit.cli", "app", "--port"], cache) as app:
            times["page"].append(app.wait_for_page())
            if start == STARTS - 1:
                further += _probes(app.address, cache)
    return compared(FROM_CACHE, times, bare) + further


def _probes(address: str, cache: str) -> list[BenchRow]:
    """One picture through the named endpoint, by one client and by eight at once."""
    from gradio_client import Client, handle_file

    alone, one, several = "the tower alone", "one client", f"{CLIENTS} clients at once"
    times: dict[str, list[float]] = {alone: [], one: [], several: []}
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        path = Path(folder) / "mine.png"
        Image.radial_gradient("L").convert("RGB").resize((500, 375)).save(path)
        # Without this the client reads the machine's certificates anew for each of its requests.
        clients = [Client(address, verbose=False, ssl_verify=False) for _ in range(CLIENTS)]

        def ask(client: Client) -> float:
            picture = handle_file(path)
            return wall_seconds(lambda: client.predict(picture, DATASET, "", 5, api_name="/probe"))

        for client in clients:
            ask(client)
        sent = [wall_seconds(lambda: _upload(address, path)) for _ in range(2 * ROUNDS)]
        where = {"GLASSKIT_CACHE": cache}
        with standing(__name__, "tower", str(path), environment=where) as tower_alone:
            for _ in range(TURNS):
                times[alone].append(tower_alone())
                times[one].append(ask(clients[0]))
                times[several].append(statistics.median(pool.map(ask, clients)))
    upload, bare = (statistics.median(taken) for taken in (sent, times[alone]))
    rest = statistics.median(times[one]) - bare - upload
    notes = {
        alone: "decode, preprocess and the image tower, in a process without a server",
        one: (
            f"upload {upload * 1e3:.0f} ms, tower {bare * 1e3:.0f} ms, queue, event stream, heads "
            f"and the client itself {rest * 1e3:.0f} ms"
        ),
        several: "a round: the median of its clients",
    }
    rows = compared("app, one picture through /probe", times, alone)
    return [replace(row, note=notes[row.name]) for row in rows]


def _upload(address: str, path: Path) -> None:
    import httpx

    with path.open("rb") as file:
        httpx.post(
            f"{address}/gradio_api/upload", files={"files": file}, verify=False
        ).raise_for_status()


def tower(picture: str) -> Callable[[], object]:
    """The image tower on a picture's file, as the app's model runs it."""
    from glasskit import load_model

    model = load_model("lite0-minilm")
    return lambda: model.encode_images([picture])


DRAWN = {
    "as pixels": """() => {
      const { atlas } = GlassKit, panel = atlas.panels.after, c = panel.context;
      const start = performance.now(); GlassKit.drawMany(panel, c, atlas.ink());
      c.getImageData(0, 0, 1, 1); return performance.now() - start; }""",
    "as shapes": """() => {
      const { atlas } = GlassKit, panel = atlas.panels.after, c = panel.context;
      const start = performance.now();
      panel.each("picture", (i, x, y) => {
        c.fillStyle = atlas.colour(i, "after"); c.fillRect(x - 1, y - 1, 2, 2);
      });
      c.getImageData(0, 0, 1, 1); return performance.now() - start; }""",
}
"""Two ways to draw the dots of a map, in milliseconds."""

MEASURES = {
    "draw both maps": """() => {
      const { panels, view } = GlassKit.atlas; view.panX += 0.003;
      const start = performance.now(); panels.before.draw(); panels.after.draw();
      return performance.now() - start; }""",
    "find the point under the pointer": """() => {
      const panel = GlassKit.atlas.panels.after, start = performance.now();
      panel.hit(60 + Math.random() * 300, 60 + Math.random() * 300);
      return performance.now() - start; }""",
    "give every point its colour": """() => {
      const { atlas } = GlassKit; atlas.version++;
      const start = performance.now(); GlassKit.paint(atlas, "after", atlas.ink());
      return performance.now() - start; }""",
    "lasso half of them, there and back": """async () => {
      const start = performance.now();
      await GlassKit.atlas.select("after", [[-2, -2], [0, -2], [0, 2], [-2, 2]]);
      return performance.now() - start; }""",
    "search by a phrase, there and back": """async () => {
      const start = performance.now(); await GlassKit.atlas.search("concept 7");
      return performance.now() - start; }""",
}
"""What else is timed in the page, in milliseconds."""


def _many(opened: ExitStack) -> tuple[Page | None, list[BenchRow]]:
    """The map of made-up points in headless Chromium without a graphics card.

    Returns:
        the page, which stays open until ``opened`` closes, and what it took.
    """
    from playwright.sync_api import sync_playwright

    browser = find_browser()
    if browser is None:
        return None, [BenchRow(MANY, "not measured", note="no Chromium here")]
    cache = opened.enter_context(tempfile.TemporaryDirectory())
    app = opened.enter_context(served(["-m", "tests.benchmarks.many"], cache))
    app.wait_for_page()
    size = 0
    for part in ("map/many.bin", "texts/many.json"):
        with urlopen(f"{app.address}/kit/{part}") as answer:
            size += len(answer.read())
    playwright = opened.enter_context(sync_playwright())
    chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
    opened.callback(chromium.close)
    page = chromium.new_page(viewport={"width": 1366, "height": 850})
    start = time.perf_counter()
    page.goto(app.address)
    page.wait_for_selector(".gk-map[data-ready='many']", timeout=120_000)
    whole = time.perf_counter() - start
    map_alone = page.evaluate("GlassKit.atlas.data.milliseconds") / 1e3
    note = f"{size / 1e6:.1f} MB packed; the map's download and unpacking {map_alone:.2f} s"
    rows = [BenchRow(MANY, "open the page to the first map", (whole,), note=note)]
    page.wait_for_selector(".gk-map[data-texts='many']")
    for name, script in MEASURES.items():
        taken = tuple(page.evaluate(script) / 1e3 for _ in range(ROUNDS))
        rows.append(BenchRow(MANY, name, taken))
    return page, rows


def _dots(page: Page) -> list[BenchRow]:
    """Ways to draw the dots, in turns."""
    turns: dict[str, list[float]] = {name: [] for name in DRAWN}
    for _ in range(TURNS):
        for name, script in DRAWN.items():
            turns[name].append(page.evaluate(script) / 1e3)
    return compared(f"{MANY}, its dots", turns, next(iter(DRAWN)))
