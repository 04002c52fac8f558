"""Published benchmarks: their layouts, and measures by hand and by other means."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_cases import unit
from PIL import Image
from scipy.stats import kendalltau, spearmanr

from glasskit.errors import InputError
from glasskit.evaluation import benchmarks, caption_benchmarks, class_benchmarks
from glasskit.evaluation.benchmarks import run_benchmark
from glasskit.evaluation.caption_benchmarks import (
    crepe_scores,
    read_hierarcaps,
    read_hl,
    read_sugarcrepe,
    score_chains,
)
from glasskit.evaluation.class_benchmarks import ROOT, Task, read_superclasses
from glasskit.evaluation.label_benchmark import choose_shift, shifted
from glasskit.evaluation.monotonicity import monotonicity
from glasskit.evaluation.score import Score

WORDS = ("red", "blue", "green", "a", "thing", "other")


class WordModel:
    """Sees the words of a text, and in a picture of one colour the name of that colour."""

    def texts(self, texts: list[str]) -> torch.Tensor:
        words = [{word if word in WORDS else "other" for word in text.split()} for text in texts]
        rows = [[float(word in row) for word in WORDS] for row in words]
        return torch.nn.functional.normalize(torch.tensor(rows), dim=1)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> WordModel:
    """Whose towers are asked in place of a real model's."""
    model = WordModel()

    def images(model: WordModel, pictures: benchmarks._Pictures, progress: object) -> torch.Tensor:
        colours = {(254, 0, 0): "red", (0, 0, 254): "blue", (0, 255, 1): "green"}
        seen = [pictures.image(i).getpixel((0, 0)) for i in range(len(pictures))]
        return model.texts([colours[pixel] for pixel in seen])

    monkeypatch.setattr(benchmarks, "embed_dataset_images", images)
    monkeypatch.setattr(caption_benchmarks, "embed_texts", WordModel.texts)
    monkeypatch.setattr(class_benchmarks, "concept_vectors", WordModel.texts)
    return model


def measured(name: str, model: WordModel, data: Path, images: Path | None = None) -> dict:
    scores = run_benchmark(name, model, data, images)  # type: ignore[arg-type]
    return {measure: score.as_dict() for measure, score in scores.items()}


def draw(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), {"green": "lime"}.get(colour, colour)).save(path, quality=95)


def by_colour(root: Path, folders: dict[str, list[str]]) -> None:
    for folder, colours in folders.items():
        for number, colour in enumerate(colours):
            draw(root / folder / f"{number}.jpg", colour)


def test_a_folder_a_class(model: WordModel, tmp_path: Path) -> None:
    by_colour(tmp_path, {"red": ["red", "red"], "blue": ["blue", "red"], "green": ["green"]})
    found = measured("folder", model, tmp_path)
    top1 = found["top1"]
    assert (top1["n"], top1["value"]) == (5, 4 / 5)
    assert top1["chance"] == pytest.approx(1 / 3)
    assert top1["blind"] == 2 / 5
    assert found["macro_top1"]["value"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert "top5" not in found
    # Two folders may be one class.
    (tmp_path / "names.json").write_text('{"red": "blue", "blue": "blue", "green": "green"}')
    assert measured("folder", model, tmp_path)["top1"]["blind"] == 4 / 5
    (tmp_path / "names.json").write_text('{"red": "red"}')
    with pytest.raises(InputError, match="a name a folder"):
        measured("folder", model, tmp_path)
    with pytest.raises(InputError, match="two or more folders"):
        measured("folder", model, tmp_path / "red")


def breeds(folder: Path) -> None:
    """root - (warm - (reds - r1, r2; odd - o), cold - blues - b1, b2); r1 also by a short way."""
    edges = f"{ROOT} warm\n{ROOT} cold\nwarm reds\nwarm odd\ncold blues\nreds r1\nreds r2\n"
    edges += "blues b1\nblues b2\nodd o\nwarm r1\n\n"
    (folder / "class_hierarchy.txt").write_text(edges)
    (folder / "node_names.txt").write_text("reds\tred, of many kinds\nblues\tblue\n")
    classes = [[i, name, name] for i, name in enumerate(("r1", "r2", "b1", "b2", "o"))]
    (folder / "dataset_class_info.json").write_text(json.dumps(classes))


def test_breeds(model: WordModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breeds(tmp_path)
    task = Task(2, ROOT, 2)
    assert read_superclasses(tmp_path, task) == {"blue": ["b1", "b2"], "red": ["r1", "r2"]}
    with pytest.raises(InputError, match="1 superclasses of this task"):
        read_superclasses(tmp_path, Task(2, "warm", 2))
    by_colour(tmp_path / "val", {"r1": ["red"], "r2": ["blue"], "b1": ["blue"], "o": ["red"]})
    run = partial(class_benchmarks.breeds, task)
    monkeypatch.setitem(benchmarks.BENCHMARKS, "living17", run)
    with pytest.raises(InputError, match="no pictures of b2, a class of 'blue'"):
        measured("living17", model, tmp_path, tmp_path / "val")
    by_colour(tmp_path / "val", {"b2": ["blue"]})
    found = measured("living17", model, tmp_path, tmp_path / "val")["top1"]
    assert (found["n"], found["value"]) == (4, 3 / 4)


def test_hl_by_axis(model: WordModel, tmp_path: Path) -> None:
    colours = ["red", "blue", "green"]
    for number, colour in enumerate(colours):
        draw(tmp_path / f"COCO_train2014_{number:012d}.jpg", colour)
    rows = [
        {
            "file_name": f"COCO_train2014_{number:012d}.jpg",
            "captions": {"scene": [f"a {colour} thing", "a red thing"], "action": ["what"]},
        }
        for number, colour in enumerate(colours)
    ]
    rows.append({"file_name": rows[0]["file_name"], "rationale": ["blue"]})
    lines = "\n".join(map(json.dumps, rows))
    (tmp_path / "test.jsonl").write_text(lines + "\n")
    found = measured("hl", model, tmp_path / "test.jsonl", tmp_path)
    # Each picture has a caption "a red thing", so that it is right for all.
    assert found["scene_image_to_text_r1"]["value"] == 1
    assert found["scene_image_to_text_r1"]["chance"] == pytest.approx((4 + 5 + 5) / 3 / 6)
    assert found["scene_text_to_image_r1"]["chance"] == 1 / 3
    assert found["action_image_to_text_r1"]["chance"] == 1  # all captions are alike
    assert found["action_text_to_image_r1"]["value"] == 0
    assert "rationale_image_to_text_r1" not in found  # one picture is no choice
    assert not any(name.startswith("object") or name.endswith("r5") for name in found)


def test_sugarcrepe_by_type(tmp_path: Path) -> None:
    row = {"filename": "1.jpg", "caption": "a dog ", "negative_caption": "a cat"}
    (tmp_path / "add_att.json").write_text(json.dumps([row]))
    (tmp_path / "swap_obj.json").write_text(json.dumps({"0": row, "7": row}))
    items = read_sugarcrepe(tmp_path)
    assert [kind for kind, *_ in items] == ["add_att", "swap_obj", "swap_obj"]
    assert items[0] == ("add_att", "1.jpg", "a dog", "a cat")
    wins, blind = np.array([True, False, True]), np.array([False, False, True])
    out = crepe_scores(np.array(["a", "a", "b"]), wins, blind, np.arange(3))
    found = {name: score.as_dict() for name, score in out.items()}
    assert found["a"]["value"] == 0.5
    assert found["all"]["value"] == pytest.approx(2 / 3)
    assert (found["macro"]["value"], found["macro"]["blind"]) == (0.75, 0.5)


def test_items_of_one_picture_are_one_cluster_and_values_may_be_negative() -> None:
    wins, together = np.repeat([1.0, 0, 1, 1, 0, 0], 5), np.repeat(np.arange(6), 5)
    ends = [Score(wins, of).as_dict()["ci95"] for of in (np.arange(30), together)]
    assert np.diff(ends[1]) > 1.8 * np.diff(ends[0])
    tau = Score(2 * wins - 1, together, lowest=-1).as_dict()
    assert tau["value"] == 2 * wins.mean() - 1
    assert tau["ci95"] == pytest.approx([2 * end - 1 for end in ends[1]])


@pytest.mark.parametrize(
    ("read", "file", "text", "message"),
    [
        (read_sugarcrepe, "add_att.json", "{", "not readable JSON"),
        (read_sugarcrepe, "add_att.json", "7", "must be an object or a list"),
        (read_sugarcrepe, "add_att.json", '[{"caption": 1}]', "item 0 needs the texts filename"),
        (read_sugarcrepe, "add_att.json", "[]", "none of"),
        (read_hierarcaps, "c.csv", "id,captions\n", "the column 'image_url' is missing"),
        (
            read_hierarcaps,
            "c.csv",
            "captions,image_url\na => b,http://x/1.jpg\n",
            "line 2 is no chain of 4",
        ),
        (read_hierarcaps, "c.csv", "captions,image_url\n", "no chains"),
        (read_hl, "t.jsonl", "{", "line 1: not readable JSON"),
        (read_hl, "t.jsonl", '{"file_name": "a", "scene": "text"}', "item 1 needs file_name"),
        (read_hl, "t.json", '[{"file_name": 1, "scene": ["text"]}]', "item 1 needs file_name"),
        (read_hl, "t.jsonl", "", "no pictures"),
    ],
)
def test_bad_files(tmp_path: Path, read: object, file: str, text: str, message: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path if read is read_sugarcrepe else tmp_path / file)  # type: ignore[operator]


def test_bad_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no benchmark 'magic'; choose one of hierarcaps, .*"):
        run_benchmark("magic", None, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="hl: give the folder of its pictures with --images"):
        run_benchmark("hl", None, tmp_path)  # type: ignore[arg-type]


def test_what_is_not_asked_is_left_out_and_a_mean_over_groups_is_compared_as_one() -> None:
    groups, one = np.array(["a", "a", "a", "b"]), np.arange(4)
    mine = Score(np.array([1, 1, np.nan, 0]), one, np.array([0, 0, 1, 1]), groups=groups)
    found = mine.as_dict()
    assert (found["n"], found["value"], found["chance"]) == (3, 0.5, 0.5)
    first = Score(np.array([1, 0, 1, 1]), one, groups=groups)
    assert mine.less(first).difference == pytest.approx((0.5 - 1) / 2)


def test_monotonicity_by_hand_and_by_scipy() -> None:
    texts = np.array([ray(0, r) for r in (1.5, 1, 0.5, 0)])
    image = np.array([ray(0, 0)])
    ways = [[0, 1, 2, 3], [3, 2, 1, 0], [0, 2, 1, 3], [1, 1, 1, 1]]
    found = [monotonicity(image, texts, np.array([way]))[0] for way in ways]
    assert found == pytest.approx([1, -1, 0.8, 0])  # 1 - 6 (1 + 1) / (4 (16 - 1))
    ties = np.array([[0, 1, 1, 3, 2]])
    cosines = (texts @ image[0])[ties[0]]
    assert monotonicity(image, texts, ties)[0] == pytest.approx(
        spearmanr(cosines, range(5)).statistic
    )


def test_names_move_towards_their_nearest_captions() -> None:
    names, captions = np.eye(3)[:1], np.array([[0.8, 0.6, 0], [0.6, 0, 0.8], [0, 1, 0]])
    assert shifted(names, captions, 1, 0).tolist() == names.tolist()
    assert shifted(names, captions, 1, 1)[0] == pytest.approx([0.8, 0.6, 0])
    assert shifted(names, captions, 1, 0.5)[0] == pytest.approx(np.array([1.8, 0.6, 0]) / 3.6**0.5)
    # Pictures of each of two ideas lie where its captions do; their names say nothing of it.
    own = np.repeat([0, 1], 20)
    names = unit(np.array([[1, 0, 0.1, 0], [0, 1, 0.1, 0]]))
    seen = unit(np.eye(4)[own + 2] + 0.2 * np.eye(4)[1 - own])
    told = unit(np.eye(4)[own] + np.eye(4)[own + 2])
    k, weight = choose_shift(names, told, seen, np.eye(2, dtype=bool)[own])
    assert (k, weight > 0.1) == (4, True)
    # Captions that lie elsewhere do not help: then names stay.
    assert choose_shift(names, -told, names[own], np.eye(2, dtype=bool)[own]) == (4, 0)


def ray(angle: float, radius_order: float) -> list[float]:
    """A vector whose distance to the root (0, 0, 1) grows with radius_order, in direction angle."""
    out = np.sin(radius_order)
    return [out * np.cos(angle), out * np.sin(angle), np.cos(radius_order)]


def test_hierarcaps_by_hand() -> None:
    # Two chains on two rays around the root; picture 0 lies far out on the first ray, so walking
    # outwards it picks the chain's texts one by one.
    texts = [ray(0, r) for r in (0.2, 0.5, 0.9, 1.4)] + [ray(2, r) for r in (0.3, 0.6, 1, 1.5)]
    images = np.array([ray(0, 1.5), ray(2, 1.5)])
    chains = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    scores = score_chains(images, np.array(texts), np.array([0, 0, 1.0]), chains)
    assert scores.tau.tolist() == [1.0, 1.0]
    # Picture 0 sees only its own ray; picture 1 must take text 0 first, as nothing else is inside.
    assert scores.recall.tolist() == [1.0, 1.0]
    assert scores.precision.tolist() == [1.0, pytest.approx(4 / 5)]
    same = np.ones((8, 4))
    constant = score_chains(same[:2], same, np.ones(4), chains)
    assert all(values.tolist() == [0, 0] for values in constant)


def test_hierarcaps_agrees_with_a_plain_loop_and_scipy() -> None:
    rng = np.random.default_rng(0)
    texts, images = unit(rng.normal(size=(40, 6))), unit(rng.normal(size=(9, 6)))
    root = unit(rng.normal(size=(1, 6)))[0]
    chains = np.array([rng.choice(40, 4, replace=False) for _ in range(9)])
    got = score_chains(images, texts, root, chains)
    radii = np.linalg.norm(texts - root, axis=1)
    for i in range(9):
        picks = set()
        for limit in np.linspace(radii.min(), radii.max(), 50):
            inside = np.flatnonzero(radii <= limit + 1e-6)
            picks.add(int(inside[(texts[inside] @ images[i]).argmax()]))
        truth = set(chains[i].tolist())
        assert got.precision[i] == pytest.approx(len(picks & truth) / len(picks))
        assert got.recall[i] == pytest.approx(len(truth & picks) / 4)
        assert got.tau[i] == pytest.approx(kendalltau(radii[chains[i]], [1, 2, 3, 4]).statistic)
