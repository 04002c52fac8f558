"""The entrance before and after the rooms open, and what it never hands out."""

from __future__ import annotations

import socket

import pytest
from starlette.testclient import TestClient

from glasskit.errors import InputError
from glasskit_app.progress import Progress
from glasskit_app.server import Entrance, check_port


@pytest.fixture
def progress() -> Progress:
    return Progress()


@pytest.fixture
def client(progress: Progress) -> TestClient:
    return TestClient(Entrance(progress))


def test_start_page_shows_progress(client: TestClient, progress: Progress) -> None:
    report = progress.step("scenes: drawing the pictures")
    report(3, 12)
    page = client.get("/")
    assert page.status_code == 200
    assert "getting ready" in page.text
    assert client.get("/gradio_api/info").status_code == 503
    state = client.get("/kit/progress").json()
    assert state["steps"] == [
        {
            "text": "scenes: drawing the pictures",
            "done": 3,
            "total": 12,
            "finished": False,
            "seconds": 0.0,
        }
    ]
    progress.step("next")
    assert client.get("/kit/progress").json()["steps"][0]["finished"]
    progress.fail("a picture is missing")
    assert client.get("/kit/progress").json()["error"] == "a picture is missing"


@pytest.mark.parametrize(
    "path",
    [
        "/kit/map/scenes.bin",
        "/kit/map/..%2f..%2fetc.bin",
        "/kit/texts/..%2f..%2fetc.json",
        "/kit/near/..%2f..%2f/0.json",
        "/kit/pictures/scenes/0.webp",
        "/kit/pictures/..%2f..%2f/0.webp",
        "/kit/pictures/scenes/..%2f0.webp",
        "/kit/report/..%2f..%2fetc.html",
        "/kit/assets/kit.css",
        "/kit/../app/server.py",
    ],
)
def test_nothing_is_handed_out_by_path(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 503)


def test_scripts_are_one_file(client: TestClient) -> None:
    text = client.get("/kit/scripts.js").text
    assert text.endswith("GlassKit.complete = true;")
    assert "GlassKit.Atlas" in text


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} on 127.0.0.1 is taken"):
            check_port("127.0.0.1", port)
