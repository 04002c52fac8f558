"""The Probe tab's answers: one pass of a tower each, and no visitor's words in the log."""

from __future__ import annotations

from collections import Counter

import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.errors import InputError
from glasskit.models import GlassModel, load_model
from glasskit_app.cache import open_maps
from glasskit_app.dataset_maps import MODEL
from glasskit_app.map_tab import Questions
from glasskit_app.probe_tab import _answer, chosen_names
from glasskit_app.probe_why import reasons
from glasskit_app.state import AppState

PICTURE = Image.radial_gradient("L").convert("RGB")
SIGN = "picture and phrase"


@pytest.fixture(scope="module")
def state() -> AppState:
    start = load_model(MODEL)
    state = AppState([open_maps(load_dataset("scenes"), start)], start)
    state.warm()
    return state


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each tower is passed."""
    counts: Counter = Counter()

    def counted(name: str) -> None:
        whole = getattr(GlassModel, name)

        def call(self: GlassModel, *given: object, **more: object) -> object:
            counts[name] += 1
            return whole(self, *given, **more)

        monkeypatch.setattr(GlassModel, name, call)

    for name in ("image_tower", "text_tower", "patch_features"):
        counted(name)
    return counts


def test_one_pass_an_answer_and_the_grid_on_demand(state: AppState, passes: Counter) -> None:
    page, asked = _answer(state, PICTURE, "scenes", "in the rain", SIGN, "")
    assert passes == {"image_tower": 1, "text_tower": 1}
    assert "Nearest pictures: picture and phrase" in page
    why = reasons(state, asked)
    assert passes == {"image_tower": 1, "text_tower": 1, "patch_features": 1}
    for text in ("in ImageNet words", "Nearest training groups before", "lit where it is nearest"):
        assert text in why


def test_without_a_picture_there_is_nothing_to_explain(state: AppState, passes: Counter) -> None:
    for phrase in ("", "a quiet evening"):
        assert _answer(state, None, "scenes", phrase, SIGN, "")[1] is None
    assert passes == {"text_tower": 1}
    assert reasons(state, None) == ""


def test_what_is_read_in_part_is_told_on_the_page_alone(
    state: AppState, caplog: pytest.LogCaptureFixture
) -> None:
    page, _ = _answer(state, PICTURE, "scenes", "a 猫 & a secret", SIGN, "a secret 猫, a dog")
    assert "1 of 4 words of “a 猫 &amp; a secret” is unknown to it." in page
    assert "1 of 5 words of your concepts is unknown to it." in page
    told = Questions(state).search("scenes", "a  猫 and a secret")["note"]
    assert "1 of 5 words of “a 猫 and a secret” is unknown" in told
    assert Questions(state).search("scenes", "a dog")["note"] == ""
    long, _ = _answer(state, None, "scenes", "dog " * 100, SIGN, "")
    assert "is longer than the 62 word pieces" in long
    assert "secret" not in caplog.text
    assert not caplog.records


def test_commas_without_a_name_are_refused() -> None:
    assert chosen_names(" a, b\nc,, ") == ["a", "b", "c"]
    assert chosen_names(None) is chosen_names("  \n") is None
    for text in (",", " , \n,"):
        with pytest.raises(InputError, match="no name is there"):
            chosen_names(text)
