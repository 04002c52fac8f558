"""The comparison and the report: marks, escaping, one file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import made_up, random_embeddings
from PIL import Image

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.errors import InputError
from glasskit.evaluation import Evaluation, measure_embeddings, report_evaluations
from glasskit.evaluation.comparison import (
    ConceptChange,
    compare,
    concept_changes,
    confusions,
    flips,
)
from glasskit.evaluation.report import Changed, _names
from glasskit.evaluation.report_figures import concept_figure, trade_figure

DATASET = made_up(each=12)
NASTY = "<b>run</b> | `x`"


def evaluations() -> tuple[Evaluation, Evaluation]:
    """A model that knows nothing, and one that knows every concept but has lost the captions."""
    vectors = random_embeddings(DATASET)
    knows = replace(vectors, picture=vectors.labels[1][DATASET.targets(1)])
    return tuple(measure_embeddings(v, DATASET) for v in (vectors, knows))


@pytest.fixture(scope="module")
def both() -> tuple[Evaluation, Evaluation]:
    return evaluations()


def test_marks_and_changes(both: tuple[Evaluation, Evaluation]) -> None:
    table = compare([("untrained", both[0]), ("trained", both[1])])
    cells = {measure.key: table.cell("trained", measure) for measure in table.measures}
    assert cells["top1"].mark == "better"
    assert cells["top1"].change is not None
    assert cells["top1"].change.difference == pytest.approx(
        1 - both[0].concepts["level1"].correct.mean()
    )
    assert cells["caption_over_negation"].mark == ""
    assert table.cell("untrained", table.measures[0]).change is None
    # Its pictures of one concept are all alike, so a caption cannot find its own: that got worse.
    assert [measure.key for measure in table.worse("trained")] == ["text_to_image_r10"]
    back = compare([("trained", both[1]), ("untrained", both[0])])
    assert "top1" in [measure.key for measure in back.worse("untrained")]
    changes = concept_changes(*both)
    assert len(changes) == 12
    assert [c.pictures for c in changes] == sorted((c.pictures for c in changes), reverse=True)
    gained, lost = flips(*both)
    assert len(gained) == 8
    assert lost == []
    assert all(flip.after == flip.concept for flip in gained)


def of_concepts() -> GroupedDataset:
    """The data set with every concept as one cluster."""
    return replace(
        DATASET, records=tuple(replace(r, cluster=f"of {r.concept}") for r in DATASET.records)
    )


def test_marks_and_words_follow_the_test_over_clusters() -> None:
    dataset, vectors = of_concepts(), random_embeddings(DATASET)
    # Two of twelve concepts are known with all of their pictures: of 144 pictures that is proof.
    known = np.isin(DATASET.targets(1), [0, 1])
    images = vectors.picture.copy()
    images[known] = vectors.labels[1][DATASET.targets(1)][known]
    better = replace(vectors, picture=images)
    for part, by, mark in ((DATASET, "144 pictures", "better"), (dataset, "12 clusters", "")):
        pair = [("a", measure_embeddings(vectors, part)), ("b", measure_embeddings(better, part))]
        report = report_evaluations(pair, part)
        assert report.as_dict()["models"]["b"]["top1"]["mark"] == mark
        for text in (report.markdown(), report.html()):
            assert f"95% interval over {by}" in text
            assert f"sign-flip test over {by}" in text
            assert "Nothing that the test tells from chance at 5%" in text
            assert "significant" not in text
    assert report.as_dict()["clusters"] == {"n": 12, "by": "concept"}


def test_one_cluster_has_no_intervals_and_the_report_says_why() -> None:
    one = replace(DATASET, records=tuple(replace(r, cluster="all") for r in DATASET.records))
    first = measure_embeddings(random_embeddings(DATASET), one)
    other = measure_embeddings(random_embeddings(DATASET, seed=1), one)
    report = report_evaluations([("a", first), ("b", other)], one)
    assert report.as_dict()["models"]["b"]["top1"]["ci95"] is None
    for text in (report.markdown(), report.html()):
        assert "no 95% interval: all pictures are of one cluster" in text
        assert "nan" not in re.sub(r"<script>.*?</script>", "", text, flags=re.S).lower()


def test_answers_that_also_accepts_are_marked_and_are_no_confusions() -> None:
    labels = random_embeddings(DATASET).labels[1]
    target = DATASET.targets(1)
    other = DATASET.acceptable(1)
    other[np.arange(len(target)), target] = False
    said = np.where(other.any(axis=1), other.argmax(axis=1), (target + 5) % 12)
    wrong = replace(random_embeddings(DATASET), picture=labels[(target + 5) % 12])
    pair = [measure_embeddings(v, DATASET) for v in (wrong, replace(wrong, picture=labels[said]))]
    gained, lost = flips(*pair)
    assert gained
    assert not lost
    assert all(flip.also and flip.said[1] == f"{flip.after} (also accepted)" for flip in gained)
    lost = flips(pair[1], pair[0])[1]
    assert all(flip.said == (f"{flip.before} (also accepted)", flip.after) for flip in lost)
    accepted = {(record.concept, name) for record in DATASET.records for name in record.also}
    assert not accepted & {(own, name) for own, name, _ in confusions(pair[1], 99)}
    report = report_evaluations([("a", pair[0]), ("b", pair[1])], DATASET)
    assert "(also accepted)" in report.html()
    assert "(also accepted)" in report.markdown()


@pytest.mark.parametrize("counts", [[1], [-2, 1], [3, 13], [-40, 60], [1000]])
def test_axes_of_counts_have_whole_ticks(counts: list[int]) -> None:
    changes = [ConceptChange(f"c{i}", 2000, 0.5, 0.5 + n / 2000) for i, n in enumerate(counts)]
    axis = concept_figure(Changed("x", changes, [], [], [])).layout.xaxis
    assert axis.tick0 == 0
    assert axis.dtick == int(axis.dtick) >= 1
    assert (max([0, *counts]) - min([0, *counts])) / axis.dtick <= 8


def test_equal_models_differ_in_nothing(both: tuple[Evaluation, Evaluation]) -> None:
    table = compare([("a", both[0]), ("b", both[0])])
    assert all(
        table.cell("b", m).p_holm == 1 and not table.cell("b", m).mark for m in table.measures
    )


def test_html_is_one_safe_file(both: tuple[Evaluation, Evaluation]) -> None:
    report = report_evaluations([("untrained", both[0]), (NASTY, both[1])], DATASET)
    html = report.html()
    assert NASTY not in html
    assert "&lt;b&gt;run&lt;/b&gt;" in html
    outside = re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    assert not re.search(r'(src|href)="(?!data:)', outside)
    assert html.count("plotly.js v") == 1
    assert "made up in a test" in html  # why there are no pictures
    for text in re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.S):
        assert "data" in json.loads(text)


def test_pictures_are_inside_where_they_are_here(
    both: tuple[Evaluation, Evaluation], tmp_path: Path
) -> None:
    for record in DATASET.records:
        Image.fromarray(np.full((40, 60, 3), 99, np.uint8)).save(tmp_path / f"{record.key}.png")
    dataset: GroupedDataset = replace(DATASET, images=FolderImages(tmp_path))
    report = report_evaluations([("a", both[0]), ("b", both[1])], dataset)
    assert report.picture_note == ""
    assert report.html().count("data:image/jpeg;base64,") == 8


def test_markdown_and_json_say_the_same(
    both: tuple[Evaluation, Evaluation], tmp_path: Path
) -> None:
    report = report_evaluations([("untrained", both[0]), (NASTY, both[1])], DATASET)
    data = json.loads(report.write(tmp_path / "r.json").read_text())
    text = report.write(tmp_path / "r.md").read_text()
    assert report.write(tmp_path / "r.html").stat().st_size > 1_000_000
    top1 = data["models"][NASTY]["top1"]
    assert top1["mark"] == "better"
    assert f"{100 * top1['value']:.1f} ▲" in text
    assert "\\<b\\>run" in text
    with pytest.raises(InputError, match=r"\.html or \.md or \.json"):
        report.write(tmp_path / "r.txt")


def test_many_models_look_different_in_the_trade_figure(
    both: tuple[Evaluation, Evaluation],
) -> None:
    figure = trade_figure(compare([(f"model {i}", both[0]) for i in range(12)]))
    assert figure is not None
    looks = {(trace.marker.color, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == 12


def test_a_run_is_shown_by_the_last_part_of_its_path_if_that_tells_it_apart(tmp_path: Path) -> None:
    for name in ("a/clip", "a/grouped", "b/clip"):
        (tmp_path / name).mkdir(parents=True)
    given = ["lite0-minilm", *(str(tmp_path / name) for name in ("a/clip", "a/grouped", "b/clip"))]
    assert _names(given) == ["lite0-minilm", given[1], "grouped", given[3]]


def test_bad_entries(both: tuple[Evaluation, Evaluation]) -> None:
    with pytest.raises(InputError, match="at least one"):
        compare([])
    with pytest.raises(InputError, match="different name"):
        compare([("a", both[0]), ("a", both[1])])
    with pytest.raises(InputError, match="same pictures"):
        report_evaluations([("a", both[0])], DATASET.split("test"))
