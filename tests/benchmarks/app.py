"""The app as a visitor waits for it: starts, probes through the API, and a map of 100,000 points.

Every server is a process of its own, started as `glasskit app` starts it. The first start is
measured into an empty cache; all else with the cache that this one leaves.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from PIL import Image

from tests.benchmarks.table import BenchRow, wall_seconds

ROOT = Path(__file__).resolve().parents[2]
DATASET = "scenes"
CLIENTS = 8
ROUNDS = 7


def run() -> list[BenchRow]:
    """All rows; takes about four minutes on two cores."""
    before = _ticks()
    rows = [_import()]
    with tempfile.TemporaryDirectory() as cache:
        rows += _start("app, first start into an empty cache", cache)
        for _ in range(2):  # the first of them also meets cold file caches
            rows += _start("app, start from the cache", cache)
        with served(["-m", "glasskit.cli", "app", "--port"], cache) as app:
            app.wait_for_tabs()
            rows += _probes(app.address, cache)
    rows += _many()
    spent = [b - a for a, b in zip(before, _ticks(), strict=True)]
    if any(spent):
        taken = f"the host took back {100 * spent[7] / sum(spent):.0f}% of the processors' time"
        rows.append(BenchRow("app, conditions", "while all this ran", note=taken))
    return rows


def _ticks() -> list[int]:
    """The machine's processor time by kind, the eighth what its host took; [] where not told."""
    told = Path("/proc/stat")
    if not told.is_file():
        return []
    return [int(part) for part in told.read_text().split("\n", 1)[0].split()[1:9]]


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

    def progress(self) -> dict:
        """What the start page is told; {} while nobody listens."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the app stopped with {self._process.returncode}")
        try:
            with urlopen(f"{self.address}/kit/progress", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return {}

    def seconds_until(self, true: Callable[[], object]) -> float:
        """Seconds from the start of the process until ``true`` is."""
        while not true():
            if time.perf_counter() - self.started > 900:
                raise RuntimeError("the app was not there after 15 minutes")
            time.sleep(0.05)
        return time.perf_counter() - self.started

    def wait_for_tabs(self) -> float:
        """Seconds until models are loaded, so that every tab answers at its full speed."""
        return self.seconds_until(lambda: self.progress().get("warm"))


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


def _import() -> BenchRow:
    def once(code: str) -> float:
        return wall_seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    pairs = [(once("import glasskit"), once("pass")) for _ in range(ROUNDS)]
    seconds = [full - bare for full, bare in pairs]
    return BenchRow(
        "import",
        "import glasskit",
        max(statistics.median(seconds), 0.0),
        (max(min(seconds), 0.0), max(seconds)),
        note="beyond `python -c pass`, in turns with it",
    )


def _start(section: str, cache: str) -> list[BenchRow]:
    """Seconds from the command to a listening port, to the page, and to tabs at full speed."""
    with served(["-m", "glasskit.cli", "app", "--port"], cache) as app:
        port = app.seconds_until(app.progress)
        page = app.seconds_until(lambda: app.progress().get("ready"))
        with urlopen(app.address) as answer:
            if b"gradio" not in answer.read():
                raise RuntimeError("the app's page is not there")
        took = app.wait_for_tabs()
        finished = app.seconds_until(lambda: app.progress().get("unfinished") == [])
        steps = app.progress()["steps"]
    where = ", ".join(f"{step['text']} {step['seconds']:.1f} s" for step in steps)
    return [
        BenchRow(section, "start page", port),
        BenchRow(section, "first page", page, note=where),
        BenchRow(section, "tabs at full speed", took, note="models loaded, one picture passed"),
        BenchRow(section, "every map drawn", finished, note="behind the open app"),
    ]


def _probes(address: str, cache: str) -> list[BenchRow]:
    """One picture through the named endpoint, by one client and by eight at once."""
    from gradio_client import Client, handle_file

    section = "app, one picture through /probe"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.png"
        Image.radial_gradient("L").convert("RGB").resize((500, 375)).save(path)
        # Without this the client reads the machine's certificates anew for each of its requests.
        clients = [Client(address, verbose=False, ssl_verify=False) for _ in range(CLIENTS)]

        def ask(client: Client) -> float:
            picture = handle_file(path)
            return wall_seconds(lambda: client.predict(picture, DATASET, "", 5, api_name="/probe"))

        for client in clients:
            ask(client)
        one = [ask(clients[0]) for _ in range(3 * ROUNDS)]
        many: list[float] = []
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in range(ROUNDS):
                many += pool.map(ask, clients)
        sent = [wall_seconds(lambda: _upload(address, path)) for _ in range(2 * ROUNDS)]
        tower = _tower(path, cache)
    bare, upload = statistics.median(tower), statistics.median(sent)
    rest = statistics.median(one) - bare - upload
    where = (
        f"of one client: upload {upload * 1e3:.0f} ms, tower {bare * 1e3:.0f} ms, queue, event "
        f"stream, heads and the client itself {rest * 1e3:.0f} ms"
    )
    rows = []
    for name, times in (("one client", one), (f"{CLIENTS} clients at once", many)):
        middle = statistics.median(times)
        rows.append(
            BenchRow(section, name, middle, (min(times), max(times)), middle / bare, note=where)
        )
    spread = (min(tower), max(tower))
    note = "decode, preprocess and the image tower, no server"
    return [*rows, BenchRow(section, "the tower alone", bare, spread, 1.0, note=note)]


def _upload(address: str, path: Path) -> None:
    import httpx

    with path.open("rb") as file:
        httpx.post(
            f"{address}/gradio_api/upload", files={"files": file}, verify=False
        ).raise_for_status()


def _tower(path: Path, cache: str) -> list[float]:
    """Seconds of the image tower on the same picture, in a process of its own."""
    code = (
        "import json, sys, time\n"
        "from glasskit import load_model\n"
        f"model, times = load_model('lite0-minilm'), []\n"
        f"for _ in range({3 * ROUNDS + 3}):\n"
        "    start = time.perf_counter()\n"
        f"    model.encode_images([{str(path)!r}])\n"
        "    times.append(time.perf_counter() - start)\n"
        "print(json.dumps(times[3:]))\n"
    )
    env = os.environ | {"GLASSKIT_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True)
    return json.loads(done.stdout.splitlines()[-1])


MEASURES = {
    "dots of one map, as pixels": """() => {
      const { atlas } = GlassKit, panel = atlas.panels.after, c = panel.context;
      const start = performance.now(); GlassKit.drawMany(panel, c, atlas.ink());
      c.getImageData(0, 0, 1, 1); return performance.now() - start; }""",
    "dots of one map, as shapes": """() => {
      const { atlas } = GlassKit, panel = atlas.panels.after, c = panel.context;
      const start = performance.now();
      panel.each("picture", (i, x, y) => {
        c.fillStyle = atlas.colour(i, "after"); c.fillRect(x - 1, y - 1, 2, 2);
      });
      c.getImageData(0, 0, 1, 1); return performance.now() - start; }""",
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
"""What is timed in the page, in milliseconds."""


def _many(points: int = 100_000) -> list[BenchRow]:
    """The map of made-up points in headless Chromium without a graphics card."""
    import shutil

    from playwright.sync_api import sync_playwright

    section = f"app, a map of {points:,} points in Chromium without a graphics card"
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        return [BenchRow(section, "not measured", note="no Chromium here")]
    rows = []
    with (
        tempfile.TemporaryDirectory() as cache,
        sync_playwright() as playwright,
        served(["-m", "tests.benchmarks.many"], cache) as app,
    ):
        app.seconds_until(lambda: app.progress().get("ready"))
        size = 0
        for part in ("map/many.bin", "texts/many.json"):
            with urlopen(f"{app.address}/kit/{part}") as answer:
                size += len(answer.read())
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(viewport={"width": 1366, "height": 850})
        start = time.perf_counter()
        page.goto(app.address)
        page.wait_for_selector(".gk-map[data-ready='many']", timeout=120_000)
        whole = time.perf_counter() - start
        map_alone = page.evaluate("GlassKit.atlas.data.milliseconds") / 1e3
        note = f"{size / 1e6:.1f} MB packed; the map's download and unpacking {map_alone:.2f} s"
        rows.append(BenchRow(section, "open the page to the first map", whole, note=note))
        page.wait_for_selector(".gk-map[data-texts='many']")
        subject = 0.0
        for name, script in MEASURES.items():
            times = [page.evaluate(script) / 1e3 for _ in range(ROUNDS)]
            middle = statistics.median(times)
            subject = subject or middle
            rows.append(BenchRow(section, name, middle, (min(times), max(times)), middle / subject))
        chromium.close()
    return rows
