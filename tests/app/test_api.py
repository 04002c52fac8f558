"""Named endpoints, as a program calls them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.app.conftest import CONCEPTS, EACH, NAME

pytestmark = pytest.mark.slow

COUNT = CONCEPTS * sum(EACH.values())


@pytest.fixture(scope="module")
def client(app: str) -> Client:
    return Client(app, verbose=False)


@pytest.fixture
def picture(tmp_path: Path) -> dict:
    path = tmp_path / "mine.png"
    Image.radial_gradient("L").convert("RGB").save(path)
    return handle_file(path)


def test_probe(client: Client, picture: dict) -> None:
    answer = client.predict(picture, NAME, "", 3, api_name="/probe")
    for side in ("before", "after"):
        assert len(answer[side]) == 3
        scores = [row["score"] for row in answer[side]]
        assert scores == sorted(scores, reverse=True)
    answer = client.predict(picture, NAME, "a ball, a stone", 5, api_name="/probe")
    assert {row["name"] for row in answer["before"]} == {"a ball", "a stone"}


def test_eight_visitors_at_once(app: str, picture: dict) -> None:
    clients = [Client(app, verbose=False) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(c.predict, picture, NAME, "", 3, api_name="/probe") for c in clients]
        answers = [one.result() for one in asked]
    assert all(answer == answers[0] for answer in answers)


def test_search(client: Client) -> None:
    answer = client.predict("music", NAME, 4, api_name="/search")
    assert len(answer["after"]) == 4
    assert set(answer["after"][0]) == {"index", "key", "score"}


def test_map(client: Client) -> None:
    answer = client.predict(NAME, api_name="/map")
    assert answer["n"] == len(answer["caption"]) == COUNT
    for view in answer["views"].values():
        assert np.isfinite(view["picture"]).all()
        assert len(view["picture"]) == 2 * COUNT
        assert len(view["rank"]) == COUNT


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        (("", NAME, 4), "/search", "the phrase is empty"),
        (("x" * 501, NAME, 4), "/search", "limit is 500"),
        (("music", "no-such", 4), "/search", "is not shown"),
        (("music", NAME, 1000), "/search", "choose 1 to 100"),
        (("../../etc",), "/map", "is not shown"),
    ],
)
def test_bad_questions_get_one_clear_line(client: Client, values, name: str, message: str) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(*values, api_name=name)


def test_endpoints_are_documented_and_the_rest_is_private(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/probe", "/search", "/map"}


def test_a_picture_that_is_none(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "not.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(AppError, match="not a readable JPEG, PNG or WebP picture"):
        client.predict(handle_file(path), NAME, "", 3, api_name="/probe")
