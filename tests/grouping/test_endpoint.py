"""The chat endpoint against a stand-in: retries, keys, broken answers, and nothing asked twice."""

from __future__ import annotations

import itertools
import json
import re
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError
from glasskit.grouping.endpoint import Endpoint
from glasskit.grouping.themes import estimate, write_levels, write_themes
from glasskit.io.web import fetch
from tests.web_stand_in import Answer, Asked, serve

FEAST = Concept(("feast", "party", "doing", "life"))
BARE = Concept(("frost", None, None, None))
RECORD = Record("1", ("feast",), ("a cake beside candles", "one sees the candles"))


def chat(text: str) -> Answer:
    """A chat completion."""
    return Answer(json.dumps({"choices": [{"message": {"content": text}}]}).encode())


def question(asked: Asked) -> str:
    """What the user message of a request says."""
    return str(json.loads(asked.body)["messages"][1]["content"])


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for, without waiting."""
    kept: list[float] = []
    monkeypatch.setattr("glasskit.grouping.endpoint.fetch", partial(fetch, pause=kept.append))
    return kept


def test_a_question_is_asked_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    with serve(lambda asked: chat(" people eat together ")) as server:
        Endpoint(server.address, "tiny").ask("s", "1", 5)
        monkeypatch.setenv("GLASSKIT_API_KEY", "first")
        endpoint = Endpoint(f"{server.address}/v1/", "tiny")
        assert endpoint.cached("be brief", "what?") is None
        for _ in range(2):
            assert endpoint.ask("be brief", "what?", 50) == "people eat together"
        assert Endpoint(f"{server.address}/v1", "tiny").cached("be brief", "what?")
    before, asked = server.asked
    assert before.headers["Authorization"] == "Bearer second"
    assert asked.headers["Authorization"] == "Bearer first"
    assert asked.path == "/v1/chat/completions"
    assert json.loads(asked.body) == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "what?"},
        ],
        "max_tokens": 50,
        "temperature": 0,
    }


def test_the_key_lies_nowhere_on_the_disk_and_follows_no_redirect(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "very-secret")
    with serve(lambda asked: chat("elsewhere")) as other:

        def answer(asked: Asked) -> Answer:
            return Answer(status=302, headers={"Location": f"{other.address}/away"})

        with serve(answer) as server:
            Endpoint(server.address, "tiny").ask("s", "u", 5)
        assert other.asked
        assert all("Authorization" not in asked.headers for asked in other.asked)
    assert not [p for p in cache.rglob("*") if p.is_file() and b"very-secret" in p.read_bytes()]


@pytest.mark.parametrize(
    ("answer", "key", "line", "times"),
    [
        (Answer(b"no", 401), "wrong", "refuses the key (HTTP 401); set GLASSKIT_API_KEY or", 1),
        (Answer(b"no", 403), "", "wants a key (HTTP 403); set GLASSKIT_API_KEY or", 1),
        (Answer(b"no", 404), "", "no such address or no model 'tiny' there (HTTP 404)", 1),
        (Answer(b"no", 429), "", "no answer (HTTP 429); what came before is kept", 4),
        (Answer(b"<html>"), "", "the answer is no chat completion", 4),
    ],
)
def test_what_stays_wrong_is_one_line(
    answer: Answer, key: str, line: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serve(lambda asked: answer) as server:
        with pytest.raises(InputError, match=re.escape(line)) as said:
            Endpoint(server.address, "tiny").ask("s", "u", 5)
        assert len(server.asked) == times
    assert "wrong" not in str(said.value)
    assert "\n" not in str(said.value)


def test_no_server_and_no_address_are_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(InputError, match="no answer"):
        Endpoint(url, "tiny").ask("s", "u", 5)
    with pytest.raises(InputError, match="must begin with http"):
        Endpoint("ftp://a.org", "tiny")


# --- theme captions


def _themes(say: Callable[[str], str], records: list[Record]) -> tuple[list[Record], list[str]]:
    with serve(lambda asked: chat(say(question(asked)))) as server:
        written = write_themes(Endpoint(server.address, "tiny"), [FEAST], records)
        return written, [question(asked) for asked in server.asked]


def test_a_theme_is_written_from_captions_and_forbidden_words() -> None:
    written, asked = _themes(lambda _: '"People share what is sweet"\nand more', [RECORD])
    assert written[0].theme == ("People share what is sweet",)
    assert written[0].literal == RECORD.literal
    assert "a cake beside candles" in asked[0]
    assert "Forbidden words: feast, party, doing, life" in asked[0]


def test_a_theme_that_gives_the_concept_away_is_asked_for_once_more() -> None:
    def say(text: str) -> str:
        return "People gather" if "Not like this" in text else "People feasting at parties"

    written, asked = _themes(say, [RECORD])
    assert written[0].theme == ("People gather",)
    assert "it uses feasting, parties: People feasting" in asked[1]
    for never, times in (("a feast", 2), ("word " * 100, 1)):
        written, asked = _themes(lambda _, never=never: never, [RECORD])
        assert (written[0].theme, len(asked)) == ((), times)


MANY = [Record(str(i), ("feast",), (f"cake {i}",)) for i in range(90)]


def test_a_refusal_stops_and_what_came_is_kept() -> None:
    allowed = 5
    turn = itertools.count(1)  # requests come at once, and server.asked may be ahead of an answer

    def answer(asked: Asked) -> Answer:
        return chat("People gather") if next(turn) <= allowed else Answer(b"no", 401)

    with serve(answer) as server:
        endpoint = Endpoint(server.address, "tiny")
        with pytest.raises(InputError, match="wants a key"):
            write_themes(endpoint, [FEAST], MANY)
        assert len(server.asked) < 90
        assert estimate(endpoint, [FEAST], MANY).questions == 90 - allowed
        allowed, before = 1000, len(server.asked)
        seen: list[tuple[int, int]] = []
        done = write_themes(endpoint, [FEAST], MANY, lambda *args: seen.append(args))
        assert len(server.asked) - before == 90 - 5
    assert [record.key for record in done] == [record.key for record in MANY]
    assert all(record.theme == ("People gather",) for record in done)
    assert seen == [(i, 90) for i in range(1, 91)]


def test_the_estimate_counts_questions_tokens_and_cost() -> None:
    endpoint = Endpoint("http://127.0.0.1:9", "tiny")
    one = estimate(endpoint, [FEAST], [RECORD])
    both = estimate(endpoint, [FEAST, BARE], [RECORD])
    assert (one.questions, both.questions) == (1, 2)
    assert 80 < one.tokens_in < both.tokens_in < 300
    assert (one.tokens_out, both.tokens_out) == (60, 120)
    assert one.cost(2.0, 8.0) == pytest.approx((one.tokens_in * 2 + 60 * 8) / 1e6)


# --- levels


def test_levels_come_from_a_list_of_three() -> None:
    said = 'Here: ["Cold weather", "season", "nature"]'
    with serve(lambda asked: chat(said)) as server:
        placed = write_levels(Endpoint(server.address, "tiny"), [FEAST, BARE])
    assert placed == (FEAST, Concept(("frost", "cold weather", "season", "nature")))
    assert [question(asked) for asked in server.asked] == ["Concept: frost"]


@pytest.mark.parametrize("said", ["none", "[1, 2, 3]", '["a", "b"]', '["a", "b", ""]'])
def test_an_answer_that_is_no_list_of_three_leaves_the_concept(said: str) -> None:
    with serve(lambda asked: chat(said)) as server:
        assert write_levels(Endpoint(server.address, "tiny"), [BARE]) == (BARE,)
