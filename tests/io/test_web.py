"""A request against servers that misbehave: tried again, and one clear reason at the end."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from glasskit.io.web import WebError, fetch
from tests.web_stand_in import Answer, Asked, serve


def stalls(asked: Asked) -> Answer:
    time.sleep(0.6)
    return Answer(b"late")


@pytest.mark.parametrize(
    ("answer", "reason", "answered"),
    [
        (stalls, "timed out", False),
        (lambda asked: Answer(b"half", length=400), "the answer broke off", True),
        (lambda asked: Answer(b"<html>log in</html>"), "damaged or cut off", True),
        (lambda asked: Answer(b"x" * 2000), "damaged or cut off", True),
        (lambda asked: Answer(b"", 302, {"Location": "/round"}), "redirects", True),
    ],
    ids=["stalls", "dies half way", "sends a page", "too long", "leads in a circle"],
)
def test_a_server_that_misbehaves(
    answer: Callable[[Asked], Answer], reason: str, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pauses: list[float] = []
    with serve(answer) as server, pytest.raises(WebError, match=reason) as said:
        fetch(
            server.address,
            largest=1000,
            accept=lambda data: data.startswith(b"{"),
            timeout=0.2,
            pause=pauses.append,
        )
    assert said.value.answered == answered
    assert pauses == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("first", "waited"),
    [
        (Answer(b"busy", 503), 1.0),
        (Answer(b"slow down", 429), 1.0),
        (Answer(b"slow down", 429, {"Retry-After": "9"}), 9.0),
        (Answer(b"slow down", 429, {"Retry-After": "86400"}), 60.0),
        (Answer(b"no number", headers={"Content-Length": "many"}), 1.0),
    ],
)
def test_what_passes_is_asked_for_again_after_a_pause(
    first: Answer, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pauses: list[float] = []

    def answer(asked: Asked) -> Answer:
        return first if len(server.asked) == 1 else Answer(b"{well}")

    with serve(answer) as server:
        found = fetch(
            server.address,
            largest=1000,
            accept=lambda data: data.startswith(b"{") and data.endswith(b"}"),
            timeout=5,
            pause=pauses.append,
        )
    assert found == b"{well}"
    assert pauses == [waited]


def test_an_answer_that_drips_in_and_a_stop_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("glasskit.io.web.LONGEST_ANSWER", -1.0)
    with serve(lambda asked: Answer(b"{}")) as server:
        with pytest.raises(WebError, match="not whole after"):
            fetch(server.address, largest=9, accept=bool, pause=lambda seconds: seconds > 1)
        assert len(server.asked) == 2, "a pause that says True is the last"
