"""The Probe and Map tabs' answers: what they say, one pass of a tower each, and what is escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.data.schema import Record
from glasskit.errors import InputError
from glasskit.models import GlassModel, load_model
from glasskit_app.cache import open_maps
from glasskit_app.examples import teaching
from glasskit_app.groups_tab import _group, _shared
from glasskit_app.map_tab import MapApi
from glasskit_app.probe_tab import answer_page
from glasskit_app.probe_why import reasons
from glasskit_app.state import MODEL, AppState
from glasskit_app.tree_fold import branch_page, tree_of
from tests.app.toys import made_up, painted, state_of

PICTURE = Image.radial_gradient("L").convert("RGB")
SIGN = "picture and phrase"


@pytest.fixture(scope="module")
def state() -> AppState:
    start = load_model(MODEL)
    names = ("scenes", "coco-ideas")
    return AppState([open_maps(load_dataset(name), start) for name in names], start)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each tower is passed."""
    counts: Counter = Counter()

    for name in ("image_tower", "text_tower", "patch_features"):
        whole = getattr(GlassModel, name)

        def call(*given: object, name: str = name, whole: Callable = whole, **more: object):
            counts[name] += 1
            return whole(*given, **more)

        monkeypatch.setattr(GlassModel, name, call)
    return counts


def test_one_pass_an_answer_and_the_grid_on_demand(state: AppState, passes: Counter) -> None:
    page = answer_page(state, PICTURE, "scenes", "in the rain", SIGN, "")
    assert passes == {"image_tower": 1, "text_tower": 1}
    assert page.count("Its place on the map") == 2
    why = reasons(state.maps("scenes"), PICTURE)
    answer_page(state, PICTURE, "scenes", "", SIGN, "", "standard")
    assert passes == {"image_tower": 1, "text_tower": 1, "patch_features": 1}
    for text in ("Nearest training groups", "lit where it is nearest", "The sum of these 10 words"):
        assert why.count(text) == 2


def test_a_picture_of_the_data_set_is_known(state: AppState) -> None:
    maps = state.maps("scenes")
    index, kind = teaching(maps)[0]
    page = answer_page(state, maps.dataset.image(index), "scenes", "", SIGN, "")
    own = maps.dataset.records[index].concept
    assert kind == "learned"
    assert f"This picture is filed under <b>{own}</b>; training never saw it." in page
    assert f'class="gk-own"><span>{own}</span>' in page
    assert f'data-index="{index}"' not in page, "it is not its own neighbour"


def test_an_example_answers_where_nothing_was_asked_and_captions_stand_for_photographs(
    state: AppState, passes: Counter
) -> None:
    maps = state.maps("coco-ideas")
    example = teaching(maps)[0].row
    for given, intro in ((None, "Nothing asked yet"), (7, "Picked")):
        page = answer_page(state, None, "coco-ideas", shown=given)
        index = example if given is None else given
        record = maps.dataset.records[index]
        ideas = ", ".join(f"<b>{label}</b>" for label in record.labels)
        assert intro in page
        assert f"carries {len(record.labels)} of 132 ideas: {ideas}" in page
        ranks = [maps.projection(side).recognised.rank[index] for side in ("before", "after")]
        assert f"its own is number {ranks[0]} before and {ranks[1]} after" in page
        assert f"<q>{record.captions[0]}</q>" in page
        assert "<img" not in page
    assert "<img" in answer_page(state, None, "scenes")
    assert not passes, "what is shown unasked takes no pass"


def test_a_group_and_its_rivals_share_no_picture(state: AppState) -> None:
    maps = state.maps("coco-ideas")
    carried = maps.dataset.carried(1)
    for number, name in enumerate(maps.dataset.labels(1)):
        if not carried[:, number].any():
            continue
        group = _group(maps, name)
        rows = np.concatenate([group.groups[rival] for rival in group.rivals])
        assert not carried[rows, number].any()
        assert set(group.strangers) <= set(rows.tolist())
        assert len(set(group.strangers)) == len(group.strangers)
        for index in group.members:
            also = set(maps.dataset.records[index].labels) & set(group.rivals)
            assert set(_shared(group, index)) == also


def test_a_branch_of_the_tree_shows_pictures_of_its_ideas(state: AppState) -> None:
    maps = state.maps("coco-ideas")
    tree = tree_of(maps.comparison.after)
    node = next(n for n in range(132, tree.root) if tree.members[n].sum() == 3)
    page = branch_page(maps, "after", node)
    held = [tree.labels[leaf] for leaf in tree.leaves(node)]
    count = maps.dataset.carried(1)[:, tree.members[node]].any(axis=1).sum()
    assert f"{count} pictures with one of these ideas" in page
    titles = re.findall(r'pin=(\w+)" title="([^:]*):', page)
    assert len(titles) == min(count, 24)
    assert all(set(held) & set(labels.split(", ")) for _, labels in titles)
    for side, at, line in (("left", 0, "side 'left'"), ("after", tree.root, "is not in the tree")):
        with pytest.raises(InputError, match=line):
            branch_page(maps, side, at)


def test_standard_scores_have_their_unit_and_ranks_of_their_own(state: AppState) -> None:
    maps = state.maps("scenes")
    index, _ = teaching(maps)[0]
    picture, own = maps.dataset.image(index), maps.dataset.records[index].concept
    page = answer_page(state, picture, "scenes", "", SIGN, "", "standard")
    both = maps.comparison.concepts(picture, k=99, scores="standard")
    assert f"<em>{both.after[0].score:+.1f} sd</em>" in page
    before, after = ([item.name for item in side].index(own) + 1 for side in both)
    assert f"its own is number {before} before and {after} after" in page


def test_what_is_read_in_part_is_told_on_the_page_alone(
    state: AppState, caplog: pytest.LogCaptureFixture
) -> None:
    page = answer_page(state, PICTURE, "scenes", "a 猫 & a secret", SIGN, "a secret 猫, a dog")
    assert "1 of 4 words of “a 猫 &amp; a secret” is unknown to it." in page
    assert "1 of 5 words of your concepts is unknown to it." in page
    told = MapApi(state).search("scenes", "a  猫 and a secret")["html"]
    assert "1 of 5 words of “a 猫 and a secret” is unknown" in told
    assert "unknown" not in MapApi(state).search("scenes", "a dog")["html"]
    assert not caplog.records


def test_texts_of_data_sets_and_visitors_are_escaped(state: AppState, tmp_path: Path) -> None:
    maps = painted(tmp_path, 3)
    records = tuple(Record(r.key, ("joy",), ('<img src=x>"',)) for r in maps.dataset.records)
    api = MapApi(state_of(replace(maps, dataset=replace(maps.dataset, records=records))))
    around = [[-2, -2], [2, -2], [2, 2], [-2, 2]]
    for html in (api.pin("painted", 0)["html"], api.lasso("painted", "after", around)["html"]):
        assert "&lt;img src=x&gt;&#34;" in html
        assert "<img src=x>" not in html
    assert "“&lt;b&gt;”" in MapApi(state).search("scenes", "<b>")["html"]
    assert "<i>x</i>" not in answer_page(state, PICTURE, "scenes", "", SIGN, "<i>x</i>, a dog")


def test_the_lasso_holds_what_lies_inside() -> None:
    maps = made_up(300)
    answer = MapApi(state_of(maps)).lasso("many", "after", [[-9, -9], [0, -9], [0, 9], [-9, 9]])
    assert answer["rows"] == np.flatnonzero(maps.after.picture[:, 0] < 0).tolist()
    assert f"<h3>{len(answer['rows'])} pictures selected</h3>" in answer["html"]
    assert "Nothing inside" in MapApi(state_of(maps)).lasso("many", "before", [[8, 8]] * 3)["html"]


@pytest.mark.parametrize(
    ("question", "asked", "message"),
    [
        ("pin", ("many", 60), "there are 60"),
        ("pin", ("many", True), "there are 60"),
        ("pin", ("many", "0"), "there are 60"),
        ("pin", (["many"], 0), "is not shown"),
        ("lasso", ("many", "left", [[0, 0]] * 3), "choose before or after"),
        ("lasso", ("many", "after", [[0, 0]] * 2), "give 3 to 400 corners"),
        ("lasso", ("many", "after", [[0, float("nan")]] * 3), "finite"),
        ("lasso", ("many", "after", "everything"), "give 3 to 400 corners"),
    ],
)
def test_what_a_browser_should_not_send(question: str, asked: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        getattr(MapApi(state_of(made_up(60))), question)(*asked)


def test_examples_teach_and_failures_come_last() -> None:
    shown = made_up(3000)
    examples = teaching(shown)
    kinds = [kind for _, kind in examples]
    assert len(examples) == 12
    assert kinds == sorted(kinds, key=["learned", "known", "lost", "missed"].index)
    records = [shown.dataset.records[row] for row, _ in examples]
    assert {record.split for record in records} == {"test"}
    assert len({record.concept for record in records}) == len(records)
    right = {"learned": (0, 1), "known": (1, 1), "lost": (1, 0), "missed": (0, 0)}
    for row, kind in examples:
        ranks = shown.before.recognised.rank[row], shown.after.recognised.rank[row]
        assert right[kind] == tuple(rank == 1 for rank in ranks)
    nothing_learned = teaching(replace(shown, right=shown.left))
    assert len(nothing_learned) == 12
    assert "learned" not in [kind for _, kind in nothing_learned]
