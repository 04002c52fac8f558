"""The photographs in one click: one download for all visitors, and what the pages show of it."""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from glasskit.data.coco import load_coco
from glasskit.data.coco.download import default_folder, file_name
from glasskit.errors import InputError
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import unit
from glasskit.plots.map_data import Projection
from glasskit_app.photographs import Photographs
from glasskit_app.server import create_app
from glasskit_app.state import AppState
from tests.app.conftest import ROOT
from tests.app.toys import shown, state_of
from tests.serving import free_port, serving
from tests.web_stand_in import Answer, Asked, StandIn, serve

NAME = "coco-ideas"


def photograph(asked: Asked) -> Answer:
    """One of many colours, by the name that is asked for."""
    number = int(asked.path[-16:-4])
    data = io.BytesIO()
    Image.new("RGB", (320, 240), (number % 256, number // 256 % 256, 99)).save(data, "JPEG")
    return Answer(data.getvalue())


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppState:
    """Twelve pictures of coco-ideas, by made-up vectors."""
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("glasskit.io.web.PAUSES", ())
    data, draw = load_coco(NAME).select(range(12)), np.random.default_rng(0)
    seen = Embedding(*(unit(draw.normal(size=(n, 140))) for n in (12, 12, 132)))
    side = Projection.of(data, seen, seen.picture[:, :2])
    return state_of(shown(data, [side, side]))


def fetched(
    state: AppState, answer: Callable[[Asked], Answer], monkeypatch: pytest.MonkeyPatch
) -> tuple[Photographs, StandIn]:
    """The download once it has ended, begun by two clicks."""
    photographs = Photographs(state)
    with serve(answer) as server:
        monkeypatch.setattr("glasskit.data.coco.download.ADDRESS", server.address)
        assert photographs.start()["key"]
        assert photographs.start() == {}, "two clicks start one download"
        wait(photographs)
    return photographs, server


def wait(photographs: Photographs) -> None:
    """Until no download runs."""
    end = time.monotonic() + 60
    while photographs.told("")["running"]:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_pictures_come_and_stay(state: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(create_app(state, "127.0.0.1", 7860))
    picture = f"/kit/pictures/{NAME}/3.webp"
    assert client.get(picture).status_code == 404
    assert client.get(f"/kit/map/{NAME}.json").json()["pictures"] is None
    last = f"/{file_name(state.maps(NAME).dataset.records[11].key)}"

    photographs, server = fetched(
        state, lambda a: Answer(b"", 404) if a.path == last else photograph(a), monkeypatch
    )
    said = photographs.told("")
    assert len(server.asked) == 12
    assert (said["running"], said["count"], said["of"]) == (False, 11, 12)
    assert "1 of 12 photographs did not come" in said["line"]
    assert len(said["came"]) == 11
    assert client.get(picture).status_code == 200, "what has come is shown"
    assert state.maps(NAME).map["pictures"] is None, "captions stand for the others meanwhile"

    photographs, server = fetched(state, photograph, monkeypatch)
    assert [asked.path for asked in server.asked] == [last]
    assert (photographs.missing, photographs.told("")["line"]) == (0, "")
    found = client.get(f"/kit/map/{NAME}.json").json()["pictures"]
    assert client.get(f"/{found}11.webp?small=1").status_code == 200
    assert state.maps(NAME).dataset.image(0).size == (320, 240)
    assert len(list(default_folder().iterdir())) == 12
    assert Photographs(state).missing == 0


def test_only_who_began_may_stop(state: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs, go_on = Photographs(state), Event()

    def stalls(asked: Asked) -> Answer:
        go_on.wait(60)
        return photograph(asked)

    with serve(stalls) as server:
        monkeypatch.setattr("glasskit.data.coco.download.ADDRESS", server.address)
        key = photographs.start()["key"]
        for other in ("", "é", key[:-1], None, 7):
            assert not photographs.told(other)["mine"]
            with pytest.raises(InputError, match="only the browser that began"):
                photographs.halt(other)
        assert photographs.told(key)["mine"]
        photographs.halt(key)
        wait(photographs)
        assert "Stopped" in photographs.told(key)["line"]
        go_on.set()


@pytest.mark.parametrize("trouble", ["no network", "cache"])
def test_trouble_is_one_line_without_a_folder(
    state: AppState, trouble: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    photographs = Photographs(state)
    nowhere = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr("glasskit.data.coco.download.ADDRESS", nowhere)
    if trouble == "cache":
        (tmp_path / "cache").write_text("in the way")
    photographs.start()
    wait(photographs)
    line = photographs.told("")["line"]
    says = "does not answer .* is there a network"
    assert re.search(says if trouble == "no network" else "can't be written", line)
    assert str(tmp_path) not in line


@pytest.mark.browser
@pytest.mark.slow
def test_one_click_in_a_browser(chromium, tmp_path: Path) -> None:
    """On a laptop pictures come to the map, on a phone to the probe; the next start has them."""
    port, go_on = free_port(), Event()

    def answer(asked: Asked) -> Answer:
        if len(server.asked) > 200:
            go_on.wait(120)
        return photograph(asked)

    with serve(answer) as server:
        code = (
            "from glasskit.data.coco import download; from glasskit_app import launch; "
            f"download.ADDRESS = {server.address!r}; launch({port}, datasets=({NAME!r},))"
        )
        address, log = f"http://127.0.0.1:{port}", tmp_path / "log.txt"
        env = os.environ | {"GLASSKIT_CACHE": str(tmp_path / "cache"), "no_proxy": "127.0.0.1"}
        with serving((sys.executable, "-c", code), address, log, cwd=ROOT, env=env):
            errors: list[str] = []
            pages = [
                chromium.new_page(viewport={"width": width, "height": height})
                for width, height in ((1280, 800), (390, 844))
            ]
            for page, path in zip(pages, ("", "probe"), strict=True):
                page.set_default_timeout(60_000)
                page.on("pageerror", lambda error: errors.append(str(error)))
                page.on("console", lambda m: m.type == "error" and errors.append(m.text))
                page.goto(f"{address}/{path}")
            laptop, phone = pages
            laptop.wait_for_selector(".gk-map[data-ready]")
            assert not phone.locator("#probe-answer img").count()
            laptop.click("text=Get the 750 photographs")
            laptop.wait_for_selector(".gk-get-stop:visible")
            phone.wait_for_selector(".gk-get-bar:visible")
            assert not phone.is_visible(".gk-get-stop"), "who did not begin it does not stop it"
            boxes = "document.querySelector('.gk-map').glassMap.panels.after.boxes.length"
            laptop.wait_for_function(f"{boxes} > 5")
            laptop.click(".gk-get-stop")
            laptop.wait_for_selector("text=Stopped; what has come is kept.")
            go_on.set()
            phone.click("text=Get the other")
            for page in pages:
                page.wait_for_selector("text=All 750 photographs are here.")
            phone.wait_for_selector("#probe-answer .gk-gallery img")
            phone.reload()
            phone.wait_for_selector(".gk-get", state="hidden")
            for page in pages:
                page.close()
            assert not errors
        assert len({asked.path for asked in server.asked}) == 750
        assert len(server.asked) < 770, "what was there is not fetched again"
