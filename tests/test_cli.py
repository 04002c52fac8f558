"""The command line: what it writes, and one line with exit code 2 for bad input."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import glasskit
from glasskit.cli import app
from glasskit.data import write_magic


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five concepts of scenes as a MAGIC file with its pictures: what a user would bring."""
    folder = tmp_path_factory.mktemp("small")
    scenes = glasskit.load_dataset("scenes")
    names = [concept.name for concept in scenes.concepts[:5]]
    rows: list[int] = []
    for name in names:
        members = [i for i, r in enumerate(scenes.records) if r.concept == name]
        for split, count in (("train", 6), ("test", 3)):
            rows += [i for i in members if scenes.records[i].split == split][:count]
    part = scenes.select(rows)
    for i, record in enumerate(part.records):
        part.image(i).save(folder / f"{record.key}.jpg")
    write_magic(part, folder / "mine.json")
    return folder


@pytest.fixture(scope="session")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    done = CliRunner().invoke(
        app,
        f"train {small / 'mine.json'} --images {small} --out {out} --epochs 2 --tracker none",
    )
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="session")
def vectors(trained: Path, small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run that was named by a short path has embedded."""
    folder = tmp_path_factory.mktemp("vectors")
    shutil.copytree(trained, folder / "project/run")
    with contextlib.chdir(folder / "project"):
        done = CliRunner().invoke(app, f"embed run {small} --out {folder / 'vectors'}")
    assert done.exit_code == 0, done.output
    return folder / "vectors"


def test_train_writes_a_run_that_loads_and_is_exported(glass, trained: Path) -> None:
    assert {"model.safetensors", "config.json", "config.yaml", "log.jsonl"} <= names_in(trained)
    assert glasskit.load_model(trained).encode_texts(["a dog"]).shape == (1, 384)
    hub = trained.parent / "hub"
    code, out, _ = glass("export", trained, "--to", hub)
    assert code == 0
    assert "README.md" in out
    wanted = {"open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json"}
    assert wanted <= names_in(hub)


def test_evaluate_writes_the_json_of_the_design(glass, trained: Path, small: Path) -> None:
    file = trained.parent / "result.json"
    code, out, _ = glass(
        "evaluate", trained, small / "mine.json", "--images", small, "--json", file
    )
    assert code == 0
    assert "level1 top-1" in out
    result = json.loads(file.read_text())
    assert result["n"] == 15
    for level in ("level1", "level2", "level3", "level4"):
        scores = result["concepts"][level]
        assert {"top1", "acceptable_top1", "top5", "chance", "ci95"} <= scores.keys()
        low, high = scores["ci95"]
        assert 0 <= low <= scores["top1"] <= high <= 1
    assert {"image_to_text_r10", "text_to_image_r10"} <= result["retrieval"].keys()
    assert 0 <= result["negation"]["caption_over_negation"] <= 1
    assert {"k", "image_to_text", "text_to_image"} <= result["hard_negative"].keys()


def test_evaluate_prints_what_was_asked_and_what_was_not_read(
    glass, small: Path, tmp_path: Path
) -> None:
    pictures = [path.stem for path in sorted(small.glob("*.jpg"))[:6]]
    captions = ["a skier", "a skier", "a skier", "dog " * 63, "a \u732b", "a storm"]
    entries = [
        {"image": picture, "old_captions": [caption]}
        for picture, caption in zip(pictures, captions, strict=True)
    ]
    data = [
        {"concept": "joy", "test_images": entries[:3]},
        {"concept": "grief", "note": "mine", "test_images": entries[3:]},
    ]
    (tmp_path / "two.json").write_text(json.dumps(data))
    code, out, err = glass("evaluate", "lite0-minilm", tmp_path / "two.json", "--images", small)
    assert code == 0, err
    # One other concept; three pictures of it.
    for asked, chance in (("1 of 2, image to text", "0.500"), ("1 of 4, text to image", "0.250")):
        row = next(line for line in out.splitlines() if asked in line)
        assert row.split()[-4] == chance
    assert "3 captions have the text of another picture's" in " ".join(out.split())
    assert err.splitlines() == [
        f"glasskit: {tmp_path / 'two.json'}: left out are keys that the layout does not have: "
        "'note' 1 time",
        "glasskit: 1 of 4 captions is longer than the 62 word pieces that lite0-minilm reads; the "
        "rest is not read; lite0-minilm reads English; 1 of 69 words of captions is unknown to it",
    ]


def test_probe_answers_no_phrase_of_unknown_words(
    glass, refused, small: Path, tmp_path: Path
) -> None:
    picture, file = next(small.glob("*.jpg")), tmp_path / "probe.json"
    line = refused("probe", "lite0-minilm", picture, "--concepts", "joy, \U0001f389")
    assert line == (
        "glasskit: lite0-minilm reads English; 1 of 1 word of '\U0001f389' is unknown to it\n"
    )
    asked = ("--concepts", '"dogs, cats", Joy, joy ,, \u732b cat', "--json", file)
    code, out, err = glass("probe", "lite0-minilm", picture, *asked)
    assert code == 0
    assert err.count("1 of 2 words of '\u732b cat' is unknown to it") == 1
    assert "among 3 given" in out, "of names that look the same one is asked for"
    (scores,) = json.loads(file.read_text()).values()
    assert {score["concept"] for score in scores} == {"dogs, cats", "Joy", "\u732b cat"}
    assert scores[0]["score"] >= scores[1]["score"] >= scores[2]["score"]


def test_a_report_may_end_in_capitals(glass, trained: Path, small: Path, tmp_path: Path) -> None:
    data = (small / "mine.json", "--images", small)
    assert glass("report", trained, "--dataset", *data, "--out", tmp_path / "x.HTML")[0] == 0
    assert names_in(tmp_path) == {"x.HTML", "x.md", "x.json"}


def test_search_finds_an_embedded_picture_by_itself_and_by_a_phrase(
    glass, vectors: Path, small: Path, tmp_path: Path
) -> None:
    picture, file = sorted(small.glob("*.jpg"))[7], tmp_path / "found.json"
    code, out, _ = glass("search", vectors, picture, "--k", 3, "--json", file)
    assert code == 0
    found = json.loads(file.read_text())["found"]
    assert len(found) == 3
    assert found[0]["name"] == picture.name
    assert found[0]["score"] > 0.999 > found[1]["score"]
    assert picture.name in out
    assert glass("search", vectors, "a quiet evening")[0] == 0


def test_a_phrase_stays_a_phrase(glass, vectors: Path, small: Path, tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    picture, file = sorted(small.glob("*.jpg"))[7], Path("found.json")
    shutil.copy(picture, "dog")  # a file of that name is here

    def scores(*asked: object) -> list[float]:
        assert glass("search", vectors, *asked, "--k", 3, "--json", file)[0] == 0
        return [hit["score"] for hit in json.loads(file.read_text())["found"]]

    assert scores("--image", "dog")[0] > 0.999
    assert scores("dog")[0] < 0.999
    assert scores("a sign that says [/x] and dog.jpg")[0] < 0.999


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("missing.jpg",), "missing.jpg: there is no such picture"),
        (("--image", "x" * 300), "File name too long"),
        ((), "either a phrase"),
        (("a dog", "--image", "a.jpg"), "either a phrase"),
        (("x" * 501,), "more than the limit of 500"),
        (("a dog", "--model", "no-such-run"), "no model 'no-such-run'"),
        (("a dog", "--model", "lite0-minilm"), "with --model, or embed again"),
    ],
)
def test_what_cannot_be_searched_for_is_one_line(refused, vectors: Path, asked, says: str) -> None:
    assert says in refused("search", vectors, *asked)


def test_vectors_find_their_model_from_anywhere(glass, refused, vectors: Path, monkeypatch) -> None:
    monkeypatch.chdir("/")
    assert glass("search", vectors, "a dog")[0] == 0
    run = vectors.parent / "project/run"
    moved = run.rename(vectors.parent / "moved")
    line = refused("search", vectors, "a dog")
    assert str(run) in line
    assert "--model" in line
    assert glass("search", vectors, "a dog", "--model", moved)[0] == 0
    moved.rename(run)


def test_probe_names_the_concepts_that_a_run_was_trained_on(
    glass, trained: Path, small: Path, tmp_path: Path
) -> None:
    pictures, file = sorted(small.glob("*.jpg"))[:2], tmp_path / "probe.json"
    code, out, _ = glass("probe", trained, *pictures, "--k", 9, "--json", file)
    assert code == 0
    assert "among 36 of mine" in out
    own = {entry["level1"] for entry in json.loads((small / "taxonomy.json").read_text())}
    found = json.loads(file.read_text())
    assert list(found) == [str(picture) for picture in pictures]
    assert {score["concept"] for score in found[str(pictures[0])]} <= own
    assert all(str(picture) in out for picture in pictures)  # not cut, though it is long
    _, out, _ = glass("probe", trained, pictures[0], "--dataset", "scenes")
    assert "among 36 of scenes" in out
    _, out, _ = glass("probe", "lite0-minilm", pictures[0])
    assert "among 132 of coco-ideas" in out


def test_standard_scores_are_over_the_train_pictures_of_the_run(
    glass, trained: Path, small: Path, tmp_path: Path
) -> None:
    picture, file = next(small.glob("*.jpg")), tmp_path / "probe.json"
    asked = ("probe", trained, picture, "--concepts", "joy, a dog", "--json", file)
    for more, by in (
        (("--scores", "standard"), f"{trained}"),
        (("--blend", "lite0-minilm"), f"lite0-minilm and {trained}"),
    ):
        code, out, err = glass(*asked, *more)
        assert (code, err) == (0, "")
        assert f"Highest standard scores by {by}, among 2 given" in " ".join(out.split())
        scores = [row["score"] for row in json.loads(file.read_text())[str(picture)]]
        assert [out.count(f" {score:+.2f} sd ") for score in scores] == [1, 1]
    data = ("evaluate", "lite0-minilm", small / "mine.json", "--images", small, "--json", file)
    code, out, _ = glass(*data, "--scores", "standard")
    assert code == 0
    assert "levels by standard score over 30 train pictures" in " ".join(out.split())
    assert json.loads(file.read_text())["settings"]["reference"] == 30
    for wrong in (data, asked):
        code, _, err = glass(*wrong, "--scores", "z")
        assert (code, err) == (2, "glasskit: scores 'z': choose cosine or standard\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train", "no-such-data", "--out", "x"), "no data set 'no-such-data'"),
        (("train", "scenes", "--config", "missing.yaml", "--out", "x"), "missing.yaml"),
        (("evaluate", "no-such-model", "scenes"), "no model 'no-such-model'"),
        (
            ("evaluate", "lite0-minilm", "scenes", "--split", "al"),
            "split 'al': choose one of train, val, test, all",
        ),
        (("embed", "lite0-minilm", ".", "--out", "x", "--dtype", "int8"), "float32 or float16"),
        (("probe", "lite0-minilm", "."), ".: is a folder; give a picture file"),
        (
            ("build", "x.csv", "--out", "x", "--concepts", "0"),
            "concepts: 0 is not allowed; give 2 or more",
        ),
        (("search", "no-such-folder", "a dog"), "no vectors.npy with meta.json"),
        (("probe", "--k", "0", "a", "b"), "--help"),
        (("probe", "lite0-minilm", "a.jpg", "--concepts", " , "), "--concepts names no concept"),
        (("nosuch",), "--help"),
        (("app", "--models", "lite0-minilm"), "two or more"),
        (("study", "scenes", "--transfer", "scenes"), "transfer: give it with --unseen"),
        (("study", "scenes", "--unseen", "--transfer", "scenes"), "under a label of its own"),
        (("study", "scenes", "--unseen", "--folds", "1"), "folds: 1 is not allowed"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    refused, tmp_path: Path, monkeypatch, arguments, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refused(*arguments)


def test_a_missing_extra_is_named_with_how_to_get_it(glass, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    code, _, err = glass("app")
    needs = 'glasskit: gradio is missing; this needs pip install "glasskit[app]"\n'
    assert (code, err) == (2, needs)


COMES_IN = """
import sys
before = set(sys.modules)
import glasskit
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - sys.stdlib_module_names))
"""


def test_the_kit_brings_in_nothing_else() -> None:
    command = [sys.executable, "-c", COMES_IN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["glasskit"]


def test_one_report_of_several_benchmarks_and_models(
    small: Path, trained: Path, tmp_path: Path, glass, refused
) -> None:
    for number, name in enumerate(("one", "two", "two", "one")):
        (tmp_path / name).mkdir(exist_ok=True)
        source = sorted(small.glob("*.jpg"))[number]
        shutil.copy(source, tmp_path / name / source.name)
    words = [f"folder={tmp_path}", f"labels={small / 'mine.json'}", f"long={small / 'mine.json'}"]
    words += ["--images", f"labels={small}", "--images", f"long={small}"]
    words += ["--model", "lite0-minilm", "--model", f"{trained},{trained}"]
    report, found = tmp_path / "r.md", tmp_path / "r.json"
    code, said, error = glass("benchmark", *words, "--out", report, "--json", found)
    assert code == 0, error
    folder, labels, long = json.loads(found.read_text())["benchmarks"]
    both = ["lite0-minilm", "run, mean of 2 runs"]
    assert [row["model"] for row in folder["rows"][:2]] == both
    models = {row["model"] for row in labels["rows"]}
    assert models == {*both, "lite0-minilm, names shifted"}
    assert [set(row) >= {"difference", "p_holm"} for row in long["rows"]] == [False, True]
    assert any("trained on 30 of the 45 pictures" in note for note in long["notes"])
    assert report.read_text().count("\n## ") == 3
    assert "names shifted: weight" in said
    code, _, error = glass("benchmark", *words[2:], "--unseen", "--json", found)
    assert code == 0, error
    (long,) = json.loads(found.read_text())["benchmarks"]
    assert {row["n"] for row in long["rows"]} == {15}
    assert "NAME=DATA" in refused("benchmark", "folder=", f"long={small / 'mine.json'}")
    assert "no benchmark 'x'" in refused("benchmark", f"x={tmp_path}", words[0])
    twice = ["--model", "lite0-minilm", "--model", "lite0-minilm"]
    assert "comes twice" in refused("benchmark", "folder", tmp_path, *twice)
