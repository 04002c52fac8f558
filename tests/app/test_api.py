"""Named endpoints, as a program calls them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
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
        (("x" * 501, NAME, 4), "/search", "more than the limit of 500"),
        (("music", "no-such", 4), "/search", "is not shown"),
        (("music", NAME, 1000), "/search", "choose 1 to 100"),
        (("../../etc",), "/map", "is not shown"),
        ((["a", 1],), "/map", "is not shown"),
        ((None,), "/map", "is not shown"),
        *(
            (("music", NAME, k), "/search", "choose 1 to 100, a whole number")
            for k in ("five", None, 2.5, 0, 10**400, True, [5], {"k": 5})
        ),
        ((None, NAME, 4), "/search", "phrase: send a text, not NoneType"),
        ((["music"], NAME, 4), "/search", "phrase: send a text, not list"),
        ((None, NAME, "", 4), "/probe", "send a picture"),
        (("x", NAME, "", 4), "/probe", "the picture: upload a file"),
        (({"path": 5}, NAME, "", 4), "/probe", "the picture: upload a file"),
    ],
)
def test_bad_questions_get_one_clear_line(client: Client, values, name: str, message: str) -> None:
    with pytest.raises(AppError, match=message) as told:
        client.predict(*values, api_name=name)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("concepts", "k", "message"),
    [
        ("", "five", "k = 'five': choose 1 to 100"),
        ("x" * 1500, 3, "a concept has 1500 characters, more than the limit of 500"),
        (",", 3, "no name is there"),
        (["a", "b"], 3, "concepts: send a text, not list"),
        (",".join(map(str, range(61))), 3, "61 concepts are more than the limit of 60"),
    ],
)
def test_bad_concepts_get_one_clear_line(
    client: Client, picture: dict, concepts, k, message: str
) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(picture, NAME, concepts, k, api_name="/probe")


def raw(app: str, name: str, data: str) -> str:
    """What the server says to JSON that its own client would not send."""
    body = f'{{"data": {data}}}'.encode()
    address, kind = f"{app}/gradio_api/call/{name}", {"Content-Type": "application/json"}
    asked = httpx.post(address, content=body, headers=kind).json()["event_id"]
    return httpx.get(f"{address}/{asked}", timeout=60).text


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("search", f'["music", "{NAME}", NaN]', "k = nan: choose 1 to 100"),
        ("search", f'["music", "{NAME}", -Infinity]', "k = -inf: choose 1 to 100"),
        ("search", f'["\\ud83d", "{NAME}", 4]', "half a character"),
    ],
)
def test_json_of_other_clients(app: str, name: str, data: str, message: str) -> None:
    assert message in raw(app, name, data)


@pytest.mark.parametrize("meta", [True, False])
def test_no_file_of_the_server_is_opened(app: str, tmp_path: Path, meta: bool) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (40, 40), "red").save(secret)
    sent: dict = {"path": str(secret)} | ({"meta": {"_type": "gradio.FileData"}} if meta else {})
    answer = raw(app, "probe", json.dumps([sent, NAME, "", 1]))
    assert answer.startswith("event: error")
    assert meta or "paths of this machine are not opened" in answer


def test_what_is_read_in_part_is_told(client: Client, picture: dict) -> None:
    answer = client.predict("a 猫 in the rain", NAME, 4, api_name="/search")
    assert "1 of 5 words of “a 猫 in the rain” is unknown" in answer["note"]
    answer = client.predict(picture, NAME, "a cat, a 猫", 3, api_name="/probe")
    assert "1 of 4 words of concepts is unknown" in answer["note"]


def test_nothing_of_this_stands_in_the_log(client: Client, app_log: Path) -> None:
    before = len(app_log.read_text())
    for phrase in ("a 猫 in the secret garden", "猫", "secret " * 200, 5):
        for k in (4, "five"):
            try:
                client.predict(phrase, NAME, k, api_name="/search")
            except AppError:
                continue
    for picture in ("x", {"path": 5}, [1]):
        with pytest.raises(AppError, match="upload a file"):
            client.predict(picture, NAME, "secret", 3, api_name="/probe")
    text = app_log.read_text()[before:]
    assert "Traceback" not in text
    assert "secret" not in text


def test_endpoints_are_documented_and_the_rest_is_private(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/probe", "/search", "/map"}


def test_a_picture_that_is_too_large(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (14_000, 14_000)).save(path)
    with pytest.raises(AppError, match=r"14000 x 14000 pixels is more than the limit"):
        client.predict(handle_file(path), NAME, "", 3, api_name="/probe")


def test_a_picture_that_is_none(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "not.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(AppError, match="not a readable picture"):
        client.predict(handle_file(path), NAME, "", 3, api_name="/probe")
