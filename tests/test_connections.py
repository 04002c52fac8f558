"""Nothing that the kit starts reaches for another machine, forks beside threads, or fills HOME.

Each process runs with an empty HOME, without CI in its environment (where CI is set, some libraries
send nothing), and under the guard of ``guard/sitecustomize.py``, which child processes inherit.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.request import urlopen

import pytest
import typer.main

import glasskit
from glasskit.cli import app
from glasskit.offline import SWITCHES
from tests.serving import answers, free_port, serving

ROOT = Path(__file__).resolve().parents[1]
CACHE = ".cache/glasskit/"
JUPYTER = (".ipython/", ".jupyter/", ".local/share/jupyter/", ".cache/jedi/")
"""What Jupyter keeps below HOME."""

LOADS = re.compile(
    r"""<(?:script|link|img|iframe|source|embed|object)\b[^>]*\s(?:src|href|data)=["'](?:https?:)?//
    |url\(["']?(?:https?:)?// | @import\s""",
    re.IGNORECASE | re.VERBOSE,
)
"""In a page: something that a browser fetches from another host."""


class Watched:
    """Processes under the guard, with a HOME of their own.

    Args:
        folder: empty; HOME and the guard's notes are kept there.
    """

    def __init__(self, folder: Path) -> None:
        self.home, self.log = folder / "home", folder / "attempts.txt"
        self.home.mkdir()
        kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "OMP_NUM_THREADS")
        self.env = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT / "tests" / "guard"),
            "GUARD_LOG": str(self.log),
        }

    def run(self, code: str, *arguments: object) -> str:
        """What a Python process printed."""
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=self.env,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=550,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def serving(self, *words: object, ready: str) -> AbstractContextManager:
        """While a command of Python's serves; ``ready`` is an address that answers then."""
        log = self.home.parent / "output.txt"
        return serving((sys.executable, *words), ready, log, env=self.env, cwd=ROOT)

    def attempts(self) -> list[str]:
        """What the guard noted."""
        return self.log.read_text().splitlines() if self.log.is_file() else []

    def kept(self, *allowed: str) -> list[str]:
        """Files below HOME, those in allowed folders left out."""
        files = (path for path in self.home.rglob("*") if path.is_file())
        names = (path.relative_to(self.home).as_posix() for path in files)
        return [name for name in names if not name.startswith(allowed)]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


BITES = """
import os, socket, subprocess, sys, threading, time
threading.Thread(target=time.sleep, args=(2,)).start()
if not os.fork():
    os._exit(0)
os.wait()
message = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))"
subprocess.run([sys.executable, "-c", message])
socket.socket().connect_ex(("127.0.0.1", 9))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads by /proc, and forks")
def test_the_guard_notes_what_it_is_for(watched: Watched) -> None:
    watched.run(BITES)
    whats = [line.partition(" | ")[0] for line in watched.attempts()]
    assert whats == [
        "os.fork with 2 threads",
        "socket.sendto ('192.0.2.1', 9)",
    ]


def test_switches_are_set_before_libraries_come_in_and_a_users_own_stay(watched: Watched) -> None:
    code = "import glasskit, json, os; print(json.dumps(dict(os.environ)))"
    assert json.loads(watched.run(code)).items() >= SWITCHES.items()
    watched.env |= dict.fromkeys(SWITCHES, "mine")
    assert set(map(json.loads(watched.run(code)).get, SWITCHES)) == {"mine"}
    del watched.env["GRADIO_ANALYTICS_ENABLED"]
    code = "import glasskit_app, sys, os; print(os.environ['GRADIO_ANALYTICS_ENABLED'])"
    assert watched.run(code) == "False\n"


COMMANDS = """
import json, sys
from glasskit.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["glasskit", *words]
    try:
        main()
    except SystemExit as done:
        assert not done.code, (words, done.code)
"""


def commands(pictures: Path, out: Path) -> list[list[str]]:
    """Every command once, but ``app``."""
    run, vectors = out / "run", out / "vectors"
    first = next(pictures.glob("*.png"))
    built = f"{out / 'built' / 'annotations.json'} --images {pictures}"
    lines = [
        f"train scenes --objective grouped --out {run} --epochs 2",
        f"evaluate {run} scenes --json {out / 'result.json'}",
        f"probe {run} {first}",
        f"embed {run} {pictures} --out {vectors}",
        f"search {vectors} music",
        f"search {vectors} {first}",
        f"export {run} --to {out / 'export'}",
        f"report lite0-minilm {run} --dataset scenes --out {out / 'report.html'}",
        f"build {pictures} --out {out / 'built'} --min-photos 2 --concepts 2",
        "study scenes --recipes clip",
        f"benchmark folder {out / 'classes'}",
        "data coco-concepts",
        "data coco-ideas",
        f"data pack {built} --out {out / 'shards'}",
    ]
    return [line.split() for line in lines]


def names(command: typer.main.click.Command, above: tuple[str, ...] = ()) -> Iterator[tuple]:
    """The commands of a command, as words."""
    for name, one in getattr(command, "commands", {}).items():
        yield from names(one, (*above, name)) if hasattr(one, "commands") else [(*above, name)]


@pytest.mark.slow
def test_no_command_reaches_for_another_machine(watched: Watched, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    scenes = glasskit.load_dataset("scenes")
    for index in range(0, len(scenes), len(scenes) // 24):
        record = scenes.records[index]
        scenes.image(index).save(pictures / f"{index}.png")
        kind = tmp_path / "classes" / ("music" if index % 2 else "sport")
        kind.mkdir(parents=True, exist_ok=True)
        scenes.image(index).save(kind / f"{index}.png")
        (pictures / f"{index}.txt").write_text(record.captions[0])
    lines = commands(pictures, tmp_path)
    asked = {tuple(line[:2]) if line[0] == "data" else (line[0],) for line in lines}
    assert asked | {("app",)} == set(names(typer.main.get_command(app)))
    watched.run(COMMANDS, json.dumps(lines))
    assert watched.attempts() == []
    assert watched.kept(CACHE) == []
    assert not LOADS.search((tmp_path / "report.html").read_text(encoding="utf-8"))


NOTEBOOK = """
import sys, nbclient, nbformat
cells = [nbformat.v4.new_code_cell(text) for text in sys.argv[1:]]
book = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(book, timeout=300).execute()
print(nbformat.writes(book))
"""
CELLS = (
    "import glasskit\nmodel = glasskit.load_model('lite0-minilm')\n"
    "scenes = glasskit.load_dataset('scenes')",
    "model.encode_images([scenes.image(0)]).shape",
    "import plotly.graph_objects as go\ngo.Figure(go.Scatter(y=[1, 2]))",
)


@pytest.mark.slow
def test_no_notebook_reaches_for_another_machine(watched: Watched) -> None:
    book = watched.run(NOTEBOOK, *CELLS)
    assert "[1, 384]" in book
    assert "application/vnd.plotly" in book
    assert not LOADS.search(book)
    assert watched.attempts() == []
    assert watched.kept(CACHE, *JUPYTER) == []


@pytest.mark.slow
def test_jupyterlab_asks_for_no_news_updates_or_extensions(watched: Watched) -> None:
    watched.env["JUPYTER_CONFIG_PATH"] = str(ROOT / ".jupyter")
    port = free_port()
    lab = f"http://127.0.0.1:{port}/lab"
    words = f"-m jupyterlab --no-browser --allow-root --port {port} --IdentityProvider.token="
    with watched.serving(*words.split(), "notebooks", ready=lab):
        for page in ("update", "news", "extensions", "extensions?refresh=1&query=git"):
            assert answers(f"{lab}/api/{page}"), page
    assert watched.attempts() == []


@pytest.mark.slow
def test_a_first_start_of_the_app_reaches_for_no_other_machine(
    watched: Watched, tmp_path: Path
) -> None:
    from gradio_client import Client, handle_file

    picture = tmp_path / "picture.png"
    glasskit.load_dataset("scenes").image(0).save(picture)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = ("-m", "glasskit.cli", "app", "--port", port)
    with watched.serving(*words, ready=f"{address}/config"):
        with urlopen(address) as page:
            assert not LOADS.search(page.read().decode())
        client = Client(address, verbose=False)
        found = client.predict("music", "scenes", 3, api_name="/search")
        assert len(found["after"]) == 3
        found = client.predict(handle_file(str(picture)), "scenes", "", 3, api_name="/probe")
        assert len(found["after"]) == 3
        client.close()
    assert watched.attempts() == []
    assert watched.kept(CACHE) == []


def test_pages_of_the_course_load_nothing_from_elsewhere() -> None:
    from tests.notebooks.course import body_of
    from tests.notebooks.sources import built_path, read_built, sources

    for path in sources():
        assert not LOADS.search(body_of(read_built(built_path(path)))), path.name
