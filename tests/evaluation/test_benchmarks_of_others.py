"""SugarCrepe and HierarCaps: readers and measures by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import unit
from scipy.stats import kendalltau

from glasskit.errors import InputError
from glasskit.evaluation.hierarcaps import HierarchyScores, read_hierarcaps, score_chains
from glasskit.evaluation.sugarcrepe import read_sugarcrepe, score_items


def test_sugarcrepe_reads_the_official_layouts(tmp_path: Path) -> None:
    row = {"filename": "1.jpg", "caption": "a dog ", "negative_caption": "a cat"}
    (tmp_path / "add_att.json").write_text(json.dumps([row]))
    (tmp_path / "swap_obj.json").write_text(json.dumps({"0": row, "7": row}))
    items = read_sugarcrepe(tmp_path)
    assert [item.kind for item in items] == ["add_att", "swap_obj", "swap_obj"]
    assert items[0].caption == "a dog"


def test_sugarcrepe_by_type() -> None:
    wins, blind = np.array([True, False, True]), np.array([False, False, True])
    out = score_items(["a", "a", "b"], wins, blind)
    assert out["types"]["a"]["accuracy"] == 0.5
    assert out["all"]["accuracy"] == pytest.approx(2 / 3)
    assert out["macro"] == 0.75
    assert out["macro_blind"] == 0.5


def test_items_and_chains_of_one_picture_are_one_cluster() -> None:
    wins = np.repeat([True, False, True, True, False, False], 5)
    apart, together = np.arange(30), np.repeat(np.arange(6), 5)
    width = {}
    for name, images in (("apart", apart), ("together", together)):
        low, high = score_items(["a"] * 30, wins, wins, images)["all"]["ci95"]
        width[name] = high - low
        scores = HierarchyScores(wins / 1.0, wins / 1.0, wins / 1.0, images)
        low, high = scores.summary()["recall_ci95"]
        assert high - low == width[name]
        none = HierarchyScores(wins * 0.0, wins / 1.0, wins / 1.0, images)
        # Three pictures changed: by themselves that is no proof, as fifteen pictures it would be.
        assert (scores.against(none)["precision"]["p"] < 0.05) == (name == "apart")
    assert width["together"] > 1.8 * width["apart"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable JSON"),
        ("7", "must be an object or a list"),
        ('[{"caption": 1}]', "item 0: 'filename' must be a text"),
        ("[]", "none of"),
    ],
)
def test_sugarcrepe_bad_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "add_att.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_sugarcrepe(tmp_path)


def test_the_shared_files_are_read(shared: Path) -> None:
    items = read_sugarcrepe(shared / "data/sugarcrepe")
    assert len(items) == 1544
    assert len({item.kind for item in items}) == 7
    chains = read_hierarcaps(shared / "data/hierarcaps/hierarcaps_test.csv")
    assert len(chains) == 1000
    assert all(
        (shared / f"data/coco-concepts/images/{int(c.image):012d}.jpg").is_file() for c in chains
    )


def ray(angle: float, radius_order: float) -> list[float]:
    """A vector whose distance to the root (0, 0, 1) grows with radius_order, in direction angle."""
    return [
        np.sin(radius_order) * np.cos(angle),
        np.sin(radius_order) * np.sin(angle),
        np.cos(radius_order),
    ]


def test_hierarcaps_by_hand() -> None:
    # Two chains on two rays around the root; picture 0 lies far out on the first ray, so walking
    # outwards it picks the chain's texts one by one.
    texts = np.array(
        [ray(0, r) for r in (0.2, 0.5, 0.9, 1.4)] + [ray(2, r) for r in (0.3, 0.6, 1, 1.5)]
    )
    images = np.array([ray(0, 1.5), ray(2, 1.5)])
    chains = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    scores = score_chains(images, texts, np.array([0, 0, 1.0]), chains)
    assert scores.tau.tolist() == [1.0, 1.0]
    # Picture 0 sees only its own ray; picture 1 must take text 0 first, as nothing else is inside.
    assert scores.recall.tolist() == [1.0, 1.0]
    assert scores.precision.tolist() == [1.0, pytest.approx(4 / 5)]
    out = scores.summary()
    assert out["d_corr"] == 1.0
    assert out["d_corr_ci95"][1] == 1.0
    assert scores.against(scores)["recall"]["p"] == 1.0


def test_hierarcaps_agrees_with_a_plain_loop_and_scipy() -> None:
    rng = np.random.default_rng(0)
    texts, images = unit(rng.normal(size=(40, 6))), unit(rng.normal(size=(9, 6)))
    root = unit(rng.normal(size=(1, 6)))[0]
    chains = np.array([rng.choice(40, 4, replace=False) for _ in range(9)])
    got = score_chains(images, texts, root, chains)
    radii = np.linalg.norm(texts - root, axis=1)
    for i in range(9):
        picks: list[int] = []
        for limit in np.linspace(radii.min(), radii.max(), 50):
            inside = np.flatnonzero(radii <= limit + 1e-6)
            best = int(inside[(texts[inside] @ images[i]).argmax()])
            if not picks or picks[-1] != best:
                picks.append(best)
        truth = set(chains[i].tolist())
        assert got.precision[i] == pytest.approx(len(set(picks) & truth) / len(set(picks)))
        assert got.recall[i] == pytest.approx(len(truth & set(picks)) / 4)
        assert got.tau[i] == pytest.approx(kendalltau(radii[chains[i]], [1, 2, 3, 4]).statistic)


def test_hierarcaps_constant_model_scores_zero() -> None:
    same = np.ones((8, 4))
    scores = score_chains(same[:2], same, np.ones(4), np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))
    assert scores.precision.tolist() == scores.recall.tolist() == scores.tau.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,captions\n", "the column 'image_url' is missing"),
        ("captions,image_url\na => b,http://x/1.jpg\n", "line 2 is no chain of 4"),
        ("captions,image_url\n", "no chains"),
    ],
)
def test_hierarcaps_bad_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "chains.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_hierarcaps(path)
