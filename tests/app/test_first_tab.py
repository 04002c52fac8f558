"""The tab of an address is written into the page that Gradio sends."""

from __future__ import annotations

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from glasskit_app.first_tab import SETTING, FirstTab


@pytest.fixture(scope="module")
def client() -> TestClient:
    """A page of Gradio's own with two tabs, as the app mounts its page."""
    with gr.Blocks() as blocks, gr.Tabs(selected="map"):
        for name in ("map", "train"):
            with gr.Tab(name, id=name):
                gr.HTML(f"{name}: {SETTING % 'map'}")  # texts are escaped in the page
    app = FastAPI()
    gr.mount_gradio_app(app, blocks, "/", ssr_mode=False)
    app.add_middleware(FirstTab, usual="map", known=("map", "train"))
    return TestClient(app)


def opened(page: str) -> str:
    (name,) = [name for name in ("map", "train") if SETTING % name in page]
    return name


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "map"),
        ("?tab=train", "train"),
        ("?colour=split&tab=train", "train"),
        ("?tab=map", "map"),
        ("?tab=kitchen", "map"),
        ("?tab=%ff%22%3E", "map"),
        ("?tab=", "map"),
    ],
)
def test_the_wished_tab_is_the_one_that_is_selected(client, query: str, expected: str) -> None:
    answer = client.get(f"/{query}")
    assert answer.status_code == 200
    assert opened(answer.text) == expected
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_nothing_else_is_rewritten(client: TestClient) -> None:
    assert client.get("/config?tab=train").json() == client.get("/config").json()
