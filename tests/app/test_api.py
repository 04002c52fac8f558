"""Named endpoints, as a program calls them."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
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


def test_only_named_endpoints_are_told_of(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/probe", "/search", "/map"}


def test_probe(client: Client, picture: dict) -> None:
    answer = client.predict(picture, NAME, "", 3, api_name="/probe")
    for side in ("before", "after"):
        assert len(answer[side]) == 3
        scores = [row["score"] for row in answer[side]]
        assert scores == sorted(scores, reverse=True)
    answer = client.predict(picture, NAME, "a cat, a 猫", 5, api_name="/probe")
    assert {row["name"] for row in answer["before"]} == {"a cat", "a 猫"}
    assert "1 of 4 words of concepts is unknown" in answer["note"]
    answer = client.predict(picture, NAME, "", 8, "standard", api_name="/probe")
    assert answer["after"][0]["score"] > 1, "more than a cosine can be"


def test_search_and_map(client: Client) -> None:
    answer = client.predict("a 猫 in the rain", NAME, 4, api_name="/search")
    assert len(answer["after"]) == 4
    assert set(answer["after"][0]) == {"index", "key", "score"}
    assert "1 of 5 words of “a 猫 in the rain” is unknown" in answer["note"]
    answer = client.predict(NAME, api_name="/map")
    assert answer["n"] == len(answer["caption"]) == COUNT
    for view in answer["views"].values():
        assert len(view["picture"]) == 2 * COUNT == 2 * len(view["rank"])


BAD = [
    ("search", ("", NAME, 4), "the phrase is empty"),
    ("search", ("x" * 501, NAME, 4), "more than the limit of 500"),
    ("search", (None, NAME, 4), "phrase: send a text, not NoneType"),
    ("search", ("music", "no-such", 4), "is not shown"),
    *(
        ("search", ("music", NAME, k), "choose 1 to 100, a whole number")
        for k in ("five", None, 2.5, 0, 10**400, True, [5])
    ),
    ("map", ("../../etc",), "is not shown"),
    ("map", (["a", 1],), "is not shown"),
    ("probe", (None, NAME, "", 4), "send a picture"),
    ("probe", ({"path": 5}, NAME, "", 4), "the picture: upload a file"),
    ("probe", (Image.radial_gradient("L"), NAME, ",", 3), "no name is there"),
    ("probe", (Image.radial_gradient("L"), NAME, ["a", "b"], 3), "send a text, not list"),
    ("probe", (Image.radial_gradient("L"), NAME, ",".join(map(str, range(61))), 3), "61 concepts"),
    ("probe", (Image.radial_gradient("L"), NAME, "", 3, "z"), "choose cosine or standard"),
    ("probe", (Image.radial_gradient("L"), NAME, "", 3, None), "scores: send a text"),
    ("probe", (Image.new("1", (14_000, 14_000)), NAME, "", 3), "14000 x 14000 pixels is more than"),
    ("probe", (b"not a picture", NAME, "", 3), "not a readable picture"),
]


@pytest.mark.parametrize(("name", "values", "message"), BAD)
def test_bad_questions_get_one_clear_line(
    client: Client, app_log: Path, name: str, values: tuple, message: str, tmp_path: Path
) -> None:
    before, file, sent = len(app_log.read_text()), tmp_path / "mine.png", values[0]
    if isinstance(sent, Image.Image):
        sent.save(file)
    if isinstance(sent, bytes):
        file.write_bytes(sent)
    if file.is_file():
        values = (handle_file(file), *values[1:])
    with pytest.raises(AppError, match=message) as told:
        client.predict(*values, api_name=f"/{name}")
    assert "\n" not in str(told.value)
    logged = app_log.read_text()[before:]
    assert "Traceback" not in logged
    assert "music" not in logged, "what visitors ask stands in no log"


def raw(app: str, name: str, data: str) -> str:
    """What the server says to JSON that its own client would not send."""
    body = f'{{"data": {data}}}'.encode()
    address, kind = f"{app}/gradio_api/call/{name}", {"Content-Type": "application/json"}
    asked = httpx.post(address, content=body, headers=kind).json()["event_id"]
    return httpx.get(f"{address}/{asked}", timeout=60).text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (f'["music", "{NAME}", NaN, "", ""]', "k = nan: choose 1 to 100"),
        (f'["music", "{NAME}", -Infinity, "", ""]', "k = -inf: choose 1 to 100"),
        (f'["\\ud83d", "{NAME}", 4, "", ""]', "half a character"),
    ],
)
def test_json_of_other_clients(app: str, values: str, message: str) -> None:
    assert message in raw(app, "search", values)


@pytest.mark.parametrize("meta", [True, False])
def test_no_file_of_the_server_is_opened(app: str, tmp_path: Path, meta: bool) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (40, 40), "red").save(secret)
    sent: dict = {"path": str(secret)} | ({"meta": {"_type": "gradio.FileData"}} if meta else {})
    answer = raw(app, "probe", json.dumps([sent, NAME, "", 1, "cosine", "", ""]))
    assert answer.startswith("event: error")
    assert meta or "paths of this machine are not opened" in answer
