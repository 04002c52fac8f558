"""The app under load for a while: eight visitors ask all that can be asked while runs train.

Every visitor has questions of its own, and files among them that nobody should send. What each is
answered when it asks alone is kept, and every later answer must equal it: an answer of another
visitor's question, or an error, is counted as wrong. Memory is that of the app's processes, as the
median of each fifth of the time: flat where the last ones are alike.

Run: python -m tests.benchmarks.soak [MINUTES] [CLIENTS]
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from glasskit_app.train_tab import NUMBERS
from tests.app.test_uploads import FILES
from tests.benchmarks.app import served

MINUTES = 1.0
CLIENTS = 8
DATASET = "scenes"
PAGES = ("", "probe", "groups", "train", "report")
EPOCHS, MOST_RUNS = 200, 9
"""Of a run, and how many train one after the other; the app lets no more of them wait."""

SECONDS_TO_SETTLE = 5

Question = Callable[[], object]


def report(minutes: float = MINUTES, clients: int = CLIENTS) -> str:
    """Ask for so long; a Markdown table by endpoint, and lines on errors and memory."""
    with tempfile.TemporaryDirectory() as folder, served(folder) as (address, _, process):
        visitors = [questions(address, number, Path(folder)) for number in range(clients)]
        alone = [{name: ask() for name, ask in one.items()} for one in visitors]
        train(address, min(MOST_RUNS, 1 + int(minutes / 2)))
        times: dict[str, list[float]] = defaultdict(list)
        wrong: list[str] = []
        time.sleep(SECONDS_TO_SETTLE)
        end, held = time.monotonic() + 60 * minutes, []

        def visit(number: int) -> None:
            draw = random.Random(number)
            while time.monotonic() < end:
                name, ask = draw.choice(list(visitors[number].items()))
                began = time.perf_counter()
                try:
                    answer = ask()
                except Exception as error:  # noqa: BLE001 (whatever goes wrong is what is counted)
                    answer = repr(error)
                times[name].append(time.perf_counter() - began)
                if answer != alone[number][name]:
                    wrong.append(f"{name} of visitor {number}: {str(answer)[-200:]}")

        def watch() -> None:
            while time.monotonic() < end:
                held.append(resident(process.pid))
                time.sleep(1)

        load = os.getloadavg()[0]
        with ThreadPoolExecutor(clients + 1) as pool:
            watched = pool.submit(watch)
            list(pool.map(visit, range(clients)))
            watched.result()
    lines = ["| asked | times | median, ms | p95, ms |", "| --- | ---: | ---: | ---: |"]
    for name, took in sorted(times.items()):
        half, most = 1000 * np.percentile(took, [50, 95])
        lines.append(f"| {name} | {len(took)} | {half:.0f} | {most:.0f} |")
    lines += [
        f"\n{clients} visitors, {minutes:g} minutes, while runs train; load average {load:.1f} at "
        f"the start. Wrong answers and errors: {len(wrong)}. Memory in MB, fifth by fifth: "
        + ", ".join(f"{np.median(part):.0f}" for part in np.array_split(held, 5))
        + ".",
        *(f"- {line}" for line in wrong[:20]),
    ]
    return "\n".join(lines)


def questions(address: str, number: int, folder: Path) -> dict[str, Question]:
    """What one visitor asks, by the name of the endpoint; no other visitor asks the same."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    # Without this the client reads the machine's certificates anew for each of its requests.
    client = Client(address, verbose=False, ssl_verify=False)
    http = httpx.Client(base_url=address, timeout=60)
    picture, colour = folder / f"{number}.png", f"colour {number}"
    noise = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((400, 300)).save(picture)
    hostile = [folder / f"{number}-{name}" for name in list(FILES)[number::CLIENTS]]
    for file, content in zip(hostile, list(FILES.values())[number::CLIENTS], strict=True):
        file.write_bytes(content)
    components = http.get("/config").json()["components"]
    map_id = next(one["id"] for one in components if one["props"].get("elem_id") == "map")

    def got(path: str) -> object:
        answer = http.get(path)
        return answer.status_code, len(answer.content)

    def refusal(*values: object, api_name: str) -> object:
        """The line that is said to what can't be answered."""
        try:
            return client.predict(*values, api_name=api_name)
        except AppError as error:
            return str(error)

    def hostile_files() -> object:
        sent = (handle_file(file) for file in hostile)
        return [refusal(file, DATASET, "", 1, api_name="/probe") for file in sent]

    def of_map(function: str, **asked: object) -> object:
        sent = {"session_hash": f"soak{number}", "component_id": map_id, "fn_name": function}
        data = {"name": DATASET, "pair": None, **asked}
        return http.post("/gradio_api/component_server", json={**sent, "data": data}).json()

    outline = [[-1, -1], [number / 8, -1], [number / 8, 1], [-1, 1]]
    shot = f"/kit/pictures/{DATASET}/{number}.webp"
    asked = (handle_file(picture), DATASET, f"{colour}, a red apple", 2)
    return {
        "probe": lambda: client.predict(*asked, api_name="/probe"),
        "search": lambda: client.predict(colour, DATASET, 5, api_name="/search"),
        "search for nothing": lambda: refusal("", DATASET, api_name="/search"),
        "map": lambda: client.predict(DATASET, api_name="/map")["n"],
        "hostile files": hostile_files,
        "pin": lambda: of_map("pin", index=number * 7),
        "lasso": lambda: of_map("lasso", side="after", outline=outline),
        "phrase on the map": lambda: of_map("search", phrase=colour),
        "map file": lambda: got(f"/kit/map/{DATASET}.json"),
        "thumbnail": lambda: got(shot),
        "page": lambda: got(f"/{PAGES[number % len(PAGES)]}")[0],
    }


def train(address: str, runs: int) -> None:
    """Queue runs as the Train page does, each of many epochs."""
    found = httpx.get(f"{address}/config").json()["dependencies"]
    begin = next(one["id"] for one in found if one["api_name"] == "begin")
    values = [EPOCHS if name == "epochs" else None for name in NUMBERS]
    for run in range(runs):
        asked: dict[str, Any] = {"fn_index": begin, "session_hash": f"train{run}"}
        asked["data"] = [None, DATASET, f"soak-{run}", "grouped", *values]
        httpx.post(f"{address}/gradio_api/queue/join", json=asked).raise_for_status()
        where = f"{address}/gradio_api/queue/data?session_hash=train{run}"
        if '"success":true' not in httpx.get(where, timeout=60).text:
            raise RuntimeError(f"run {run} was not taken")


def resident(process: int) -> float:
    """MB of memory that a process and its children hold."""
    whole = psutil.Process(process)
    return sum(one.memory_info().rss for one in (whole, *whole.children(recursive=True))) / 1e6


if __name__ == "__main__":
    minutes, clients = [*sys.argv[1:], "", ""][:2]
    print(report(float(minutes or MINUTES), int(clients or CLIENTS)))
