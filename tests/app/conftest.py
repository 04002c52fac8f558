"""The app as visitors meet it: its own process, the built-in model, 64 pictograms."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasskit.data import load_dataset, write_magic
from glasskit.data.grouped import GroupedDataset
from tests.serving import free_port, serving
from tests.training.toys import save_pictures

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "tests" / "artefacts"
NAME = "pictograms"
EACH = {"train": 5, "val": 1, "test": 2}
CONCEPTS = 8


def small_scenes() -> GroupedDataset:
    """Pictures to train on, to choose by and to test with, of each of eight concepts of scenes."""
    scenes = load_dataset("scenes")
    chosen = [concept.name for concept in scenes.concepts[:: len(scenes.concepts) // CONCEPTS]]
    left = {(name, split): n for name in chosen[:CONCEPTS] for split, n in EACH.items()}
    rows = []
    for i, record in enumerate(scenes.records):
        if left.get((record.concept, record.split), 0):
            left[record.concept, record.split] -= 1
            rows.append(i)
    return scenes.select(rows)


@pytest.fixture(scope="session")
def pictograms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MAGIC-layout file with its pictures beside it."""
    folder = tmp_path_factory.mktemp("data")
    data = small_scenes()
    save_pictures(data, folder / "images")
    file = folder / f"{NAME}.json"
    write_magic(data, file)
    return file


@pytest.fixture(scope="session")
def app_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the running app wrote to its terminal."""
    return tmp_path_factory.mktemp("log") / "app.txt"


@pytest.fixture(scope="session")
def app(pictograms: Path, app_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running app, stopped after the tests."""
    port = free_port()
    cache = os.environ.get("GLASSKIT_TEST_CACHE") or str(tmp_path_factory.mktemp("cache"))
    code = (
        "from glasskit_app import launch; "
        f"launch({port}, datasets=({str(pictograms)!r},), recipe={{'epochs': 4, 'seed': 0}})"
    )
    address, env = f"http://127.0.0.1:{port}", os.environ | {"GLASSKIT_CACHE": cache}
    with serving((sys.executable, "-c", code), address, app_log, cwd=ROOT, env=env):
        yield address


@pytest.fixture
def visit(chromium, app: str, request: pytest.FixtureRequest) -> Iterator:
    """Opens a page: visit(query="", width=1366, height=850); fails on errors in the page."""
    contexts, errors = [], []

    def open_page(query: str = "", width: int = 1366, height: int = 850):
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{app}/{query}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors, errors
