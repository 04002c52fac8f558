"""From captions to a data set that the kit reads: whole runs on five subjects and on real words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

import glasskit.models
from glasskit.cli import app
from glasskit.data import load_dataset
from glasskit.data.leaks import leaked_words
from glasskit.errors import InputError
from glasskit.grouping.endpoint import Endpoint
from glasskit.grouping.pipeline import build_dataset
from glasskit.grouping.settings import FILES, BuildSettings
from glasskit.grouping.themes import Estimate
from glasskit.models.reading import Reading
from tests.grouping.test_endpoint import chat, question
from tests.grouping.toys import SUBJECTS, SubjectModel, captions, write_csv, write_vocabulary
from tests.web_stand_in import Answer, Asked, StandIn, serve

MODEL: Any = SubjectModel()


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    """A build of five concepts in a fresh directory."""
    return BuildSettings(
        source=write_csv(tmp_path / "captions.csv"),
        out=tmp_path / "built",
        vocabulary=write_vocabulary(tmp_path / "names.json"),
        concepts=5,
        hard_negatives=2,
    )


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_groups_names_and_splits_come_out_right_and_are_read_by_the_kit(
    settings: BuildSettings,
) -> None:
    built = build_dataset(settings, MODEL)
    assert set(built.dataset.by_name) == set(SUBJECTS)
    for record in built.dataset.records:
        assert record.key.startswith(record.concept)
        assert (len(record.literal), record.theme) == (2, ())
    value = asdict(built.report)
    assert value["agreement"] == {
        "labelled": 60,
        "labels": 5,
        "purity": 1.0,
        "nmi": 1.0,
        "ari": pytest.approx(1.0),
        "named": 1.0,
    }
    assert value["purity"]["within"] > 0.8 > 0.2 > value["purity"]["between"]
    assert value["splits"] == {"train": 45, "val": 5, "test": 10}
    assert value["themes"] == {"written": 0, "missing": 60}
    assert [group["photographs"] for group in value["groups"]] == [12] * 5

    assert set(_files(settings.out)) == set(FILES)
    pictures = settings.out / "images"
    pictures.mkdir()
    for record in built.dataset.records:
        Image.new("RGB", (4, 4)).save(pictures / record.key)
    data = load_dataset(settings.out / "annotations.json")
    assert data.concepts == built.dataset.concepts
    assert {r.key: r for r in data.records} == {r.key: r for r in built.dataset.records}
    assert data.by_name["feast"].levels == ("feast", "party", "doing", "life")
    assert all(len(concept.hard_negatives) == 2 for concept in data.concepts)


def test_the_same_seed_builds_the_same_files_and_none_is_overwritten(
    settings: BuildSettings, tmp_path: Path
) -> None:
    build_dataset(settings, MODEL)
    before = _files(settings.out)
    build_dataset(settings.but(out=tmp_path / "two" / "built"), MODEL)
    assert _files(tmp_path / "two" / "built") == before
    with pytest.raises(InputError, match=r"annotations\.json is there already; say --overwrite"):
        build_dataset(settings.but(seed=1), MODEL)
    assert _files(settings.out) == before
    build_dataset(settings.but(seed=1, overwrite=True), MODEL)
    assert _files(settings.out)["annotations.json"] != before["annotations.json"]


# --- leaks


LEAKING = [
    ("feast-0.png", "feasting on cake by candles", "feast"),
    ("voyage-0.png", "a ship on its voyage under sail", "voyage"),
    ("only.png", "wheat and a barn and two harvests", "harvest"),
]


def test_captions_that_name_the_concept_are_reported_or_dropped(settings: BuildSettings) -> None:
    write_csv(settings.source, captions() + LEAKING)
    built = build_dataset(settings, MODEL)
    assert {(leak.image, leak.words) for leak in built.report.leaks.list} == {
        ("feast-0.png", ("feasting",)),
        ("voyage-0.png", ("voyage",)),
        ("only.png", ("harvests",)),
    }
    assert len(built.dataset) == 61, "nothing is dropped without being told"
    text = (settings.out / "report.md").read_text()
    assert "3 captions use a word of their concept. A model trained on them" in text
    assert "| only.png | harvest | harvests | wheat and a barn and two harvests |" in text

    built = build_dataset(settings.but(fix_leaks=True, overwrite=True), MODEL)
    texts = [(text, r.concept) for r in built.dataset.records for text in r.literal]
    assert not any(leaked_words(text, (concept,)) for text, concept in texts)
    assert (len(built.dataset), built.report.leaks.photographs_dropped) == (60, 1)
    assert "They were dropped, and 1 photographs" in (settings.out / "report.md").read_text()


# --- pictures


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": "."}, "no picture for record 'feast-0.png'"),
        ({"images": "none"}, "no such folder of pictures"),
        ({"test": float("nan")}, "val 0.1, test nan: shares of 0 or more, together below 1"),
        ({"wordnet": Path("none")}, "none: no folder with the files of WordNet"),
        ({"leave_out": "nothing"}, "no concept here is named 'nothing'"),
        ({"min_cohesion": 1.0}, "0 of 5 concepts would be left"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: BuildSettings, change: dict[str, Any], says: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(says)):
        build_dataset(settings.but(**change), MODEL)
    assert not settings.out.exists()


def test_a_folder_is_its_own_folder_of_pictures(settings: BuildSettings, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for image, text, _ in captions():
        Image.new("RGB", (4, 4)).save(folder / image)
        with (folder / image).with_suffix(".txt").open("a") as file:
            file.write(text + "\n")
    built = build_dataset(settings.but(source=folder), MODEL)
    assert built.dataset.image(0).size == (4, 4)
    assert len(built.dataset) == 60
    assert built.report.agreement is None


# --- with an endpoint


@contextmanager
def _writer() -> Iterator[StandIn]:
    def answer(asked: Asked) -> Answer:
        concept = "Concept:" in question(asked)
        return chat('["kind", "sort", "being"]' if concept else "Something dear to people")

    with serve(answer) as server:
        yield server


def test_an_endpoint_writes_themes_and_the_levels_that_nobody_has(
    settings: BuildSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glasskit.grouping.pipeline.find_wordnet", lambda: None)
    names = tmp_path / "names.txt"
    names.write_text("\n".join(SUBJECTS))
    settings = settings.but(vocabulary=names)
    asked_for: list[Estimate] = []
    with _writer() as server:
        endpoint = Endpoint(server.address, "tiny")
        built = build_dataset(settings, MODEL, endpoint, asked_for.append)
        assert len(server.asked) == asked_for[0].questions == 60 + 5
    assert {record.theme for record in built.dataset.records} == {("Something dear to people",)}
    assert built.dataset.by_name["feast"].levels == ("feast", "kind", "sort", "being")
    assert "60 were written by tiny, 0 are left to you" in (settings.out / "report.md").read_text()


# --- the command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command line with the toy model in place of the built-in one."""
    monkeypatch.setattr(glasskit.models, "load_model", lambda name: MODEL)
    return lambda *words, text="": CliRunner().invoke(app, [str(w) for w in words], input=text)


def _words(settings: BuildSettings) -> list[Any]:
    return ["build", settings.source, "--out", settings.out, "--vocabulary", settings.vocabulary]


def test_the_command_builds_offline_tells_what_is_left_out_and_how_to_train(
    settings: BuildSettings, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = settings.source.read_text(encoding="utf-8") + "z.jpg,,\n"
    settings.source.write_bytes(table.replace(",", ";").encode("utf-16"))
    monkeypatch.setattr(
        SubjectModel, "reading", lambda model, texts: Reading("subjects", len(texts), 5, 2, 9, 3)
    )
    out = tmp_path / "my set"
    words = ["build", settings.source, "--out", out, "--concepts", 5, "--json", tmp_path / "r.json"]
    done = run(*words, "--vocabulary", settings.vocabulary)
    assert done.exit_code == 0, done.output
    assert "60 photographs in 5 concepts" in done.output
    assert "theme captions are left to you" in done.output
    assert f"glasskit train '{out}/annotations.json' --images DIR" in done.output
    notes = [
        "rows left out, which have no caption: 1, first line 122",
        "2 of 120 captions are longer than the 5 word pieces that subjects reads; the rest is not "
        "read; 3 of 9 words of captions are unknown to subjects",
    ]
    for note in notes:
        assert note in done.output
        assert f"- {note}\n" in (out / "report.md").read_text(encoding="utf-8")
    report = json.loads((out / "report.json").read_text())
    assert report["notes"][:2] == notes
    assert json.loads((tmp_path / "r.json").read_text()) == report


def test_the_command_prints_the_cost_and_asks_first(settings: BuildSettings, run: Any) -> None:
    with _writer() as server:
        words = [*_words(settings), "--concepts", 5, "--endpoint", server.address]
        words += ["--llm-model", "tiny", "--price-in", 1000, "--price-out", 1000]
        refused = run(*words, text="n\n")
        assert refused.exit_code == 1
        assert "60 questions to tiny, about " in refused.output
        assert " at your prices" in refused.output
        assert not server.asked
        assert not settings.out.exists()
        agreed = run(*words, "--yes")
        assert agreed.exit_code == 0, agreed.output
        assert len(server.asked) == 60
        again = run(*words, "--overwrite")
        assert again.exit_code == 0, "nothing is left to ask, so nothing has to be agreed"
        assert len(server.asked) == 60


# --- on real words


@pytest.mark.slow
def test_groups_of_coco_concepts_agree_with_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLASSKIT_CACHE")  # the built-in model keeps its own work for all tests
    data = load_dataset("coco-concepts")
    names = list(data.groups())[:8]
    rows = [(r.key, text, r.concept) for r in data.records for text in r.literal]
    vocabulary = tmp_path / "names.txt"
    vocabulary.write_text("\n".join(data.labels(1)))
    settings = BuildSettings(
        source=write_csv(tmp_path / "c.csv", [row for row in rows if row[2] in names]),
        out=tmp_path / "built",
        vocabulary=vocabulary,
        concepts=8,
    )
    model = glasskit.models.load_model("lite0-minilm")
    built = build_dataset(settings, model)
    same = built.report.agreement
    assert same is not None
    assert same.labels == 8
    assert same.purity > 0.6
    assert same.nmi > 0.6
    assert same.named > 0.2, "ten times chance among the 50 names"
    assert built.report.purity.within > 3 * built.report.purity.between
    overlapping = build_dataset(settings.but(out=tmp_path / "more", labels=2), model)
    again = load_dataset(tmp_path / "more" / "annotations.json", tmp_path)
    labels = {record.key: record.labels for record in overlapping.dataset.records}
    assert {record.key: record.labels for record in again.records} == labels
    assert max(map(len, labels.values())) == 2
    report = overlapping.report
    assert report.photographs < report.labels == sum(map(len, labels.values()))
    assert sum(group.photographs for group in report.groups) == report.labels


def test_a_group_of_leftovers_is_pointed_out_and_can_be_left_out(
    settings: BuildSettings, tmp_path: Path
) -> None:
    leftovers = [(f"other-{i}.png", f"{'xyz'[i % 3] * i} {7**i}", "other") for i in range(12)]
    source = write_csv(tmp_path / "more.csv", [*captions(), *leftovers])
    settings = settings.but(source=source, concepts=6)
    found = {g.concept: g for g in build_dataset(settings, MODEL).report.groups}
    (rest,) = set(found) - set(SUBJECTS)
    assert [name for name, group in found.items() if group.loose] == [rest]

    firm = build_dataset(settings.but(min_cohesion=0.3, overwrite=True), MODEL)
    assert set(firm.dataset.by_name) == set(SUBJECTS)
    assert firm.report.left_out == {"loose groups": 12}

    chosen = build_dataset(settings.but(leave_out=rest, overwrite=True), MODEL)
    assert {r.key for r in chosen.dataset.records} == {r.key for r in firm.dataset.records}
    assert chosen.report.left_out == {rest: 12}
    assert f"{rest} (12)" in (settings.out / "report.md").read_text()
    assert json.loads((settings.out / "report.json").read_text())["left_out"] == {rest: 12}
