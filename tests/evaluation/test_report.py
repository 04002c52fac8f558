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

from glasskit.data.images import FolderImages
from glasskit.errors import InputError
from glasskit.evaluation import Evaluation, measure_embeddings, report_evaluations
from glasskit.evaluation.comparison import (
    compare,
    concept_changes,
    confusions,
    flips,
)
from glasskit.evaluation.report import short_names
from glasskit.evaluation.study_file import read_study
from glasskit.plots.report import (
    FORMS,
    check_report,
    report_html,
    report_markdown,
)

DATASET = made_up(each=12)
TARGET = DATASET.targets(1)
NASTY = "<b>run</b> | `x`"
Pair = tuple[Evaluation, Evaluation]


@pytest.fixture(scope="module")
def both() -> Pair:
    """A model that knows nothing, and one that knows every concept but has lost the captions."""
    vectors = random_embeddings(DATASET)
    knows = replace(vectors, picture=vectors.concept[TARGET])
    return measure_embeddings(vectors, DATASET), measure_embeddings(knows, DATASET)


def test_marks_and_changes(both: Pair) -> None:
    table = compare([("untrained", both[0]), ("trained", both[1])])
    cells = {measure.key: table.cell("trained", measure) for measure in table.measures}
    assert len(cells) == 9
    assert cells["top1"].mark == "better"
    assert cells["top1"].change is not None
    share = both[0].concepts["level1"].correct.mean()
    assert cells["top1"].change.difference == pytest.approx(1 - share)
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
    assert (len(gained), lost) == (8, [])
    assert all(flip.after == flip.concept for flip in gained)
    same = compare([("a", both[0]), ("b", both[0])])
    assert all(same.cell("b", m).p_holm == 1 and not same.cell("b", m).mark for m in same.measures)


def test_marks_and_words_follow_the_test_over_clusters() -> None:
    records = tuple(replace(r, cluster=f"of {r.concept}") for r in DATASET.records)
    dataset, vectors = replace(DATASET, records=records), random_embeddings(DATASET)
    # Two of twelve concepts are known with all of their pictures: of 144 pictures that is proof.
    known = np.isin(TARGET, [0, 1])
    better = replace(
        vectors, picture=np.where(known[:, None], vectors.concept[TARGET], vectors.picture)
    )
    for part, by, mark in ((DATASET, "144 pictures", "better"), (dataset, "12 clusters", "")):
        pair = [("a", measure_embeddings(vectors, part)), ("b", measure_embeddings(better, part))]
        report = report_evaluations(pair, part)
        assert report.as_dict()["models"]["b"]["top1"]["mark"] == mark
        for text in (report_markdown(report), report_html(report)):
            assert f"95% interval over {by}" in text
            assert f"sign-flip test over {by}" in text
            assert "Nothing that the test tells from chance at 5%" in text
    assert report.as_dict()["clusters"] == {"n": 12, "by": "concept"}


def test_answers_that_also_accepts_are_marked_and_are_no_confusions() -> None:
    vectors = random_embeddings(DATASET)
    other = DATASET.acceptable(1)
    other[np.arange(len(TARGET)), TARGET] = False
    answer = np.where(other.any(axis=1), other.argmax(axis=1), (TARGET + 5) % 12)
    wrong, right = (
        measure_embeddings(replace(vectors, picture=vectors.concept[chosen]), DATASET)
        for chosen in ((TARGET + 5) % 12, answer)
    )
    gained, lost = flips(wrong, right)
    assert gained
    assert not lost
    assert all(flip.also and flip.answers[1] == f"{flip.after} (also accepted)" for flip in gained)
    lost = flips(right, wrong)[1]
    assert all(flip.answers == (f"{flip.before} (also accepted)", flip.after) for flip in lost)
    accepted = {(record.concept, name) for record in DATASET.records for name in record.also}
    assert not accepted & {(own, name) for own, name, _ in confusions(right, 99)}
    report = report_evaluations([("a", wrong), ("b", right)], DATASET)
    assert "(also accepted)" in report_html(report)
    assert "(also accepted)" in report_markdown(report)


def test_the_most_frequent_confusions_come_first() -> None:
    vectors = random_embeddings(DATASET)
    images = np.where((TARGET < 2)[:, None], vectors.concept[7], vectors.concept[TARGET])
    images[TARGET == 1] = 0  # as near to all
    found = confusions(measure_embeddings(replace(vectors, picture=images), DATASET))
    assert found == [("concept 0", "concept 7", 12), ("concept 1", "a tie", 12)]


def test_html_is_one_safe_file(both: Pair) -> None:
    html = report_html(report_evaluations([("untrained", both[0]), (NASTY, both[1])], DATASET))
    assert NASTY not in html
    assert "&lt;b&gt;run&lt;/b&gt;" in html
    outside = re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    assert not re.search(r'(src|href)="(?!data:)', outside)
    assert html.count("plotly.js v") == 1
    assert "made up in a test" in html  # why there are no pictures
    figures = re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.S)
    assert len(figures) == 11
    assert all("data" in json.loads(text) for text in figures)


def test_pictures_are_inside_where_they_are_here(both: Pair, tmp_path: Path) -> None:
    for record in DATASET.records:
        Image.fromarray(np.full((40, 60, 3), 99, np.uint8)).save(tmp_path / f"{record.key}.png")
    dataset = replace(DATASET, images=FolderImages(tmp_path))
    report = report_evaluations([("a", both[0]), ("b", both[1])], dataset)
    assert report.picture_note == ""
    assert report_html(report).count("data:image/jpeg;base64,") == 8


def test_markdown_and_json_say_the_same(both: Pair) -> None:
    report = report_evaluations([("untrained", both[0]), (NASTY, both[1])], DATASET)
    data, text = json.loads(FORMS[".json"](report)), report_markdown(report)
    top1 = data["models"][NASTY]["top1"]
    assert top1["mark"] == "better"
    assert f"{100 * top1['value']:.1f} ▲" in text
    assert "\\<b\\>run" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:4]} == {11}


def test_a_run_is_shown_by_the_last_part_of_its_path_if_that_tells_it_apart(tmp_path: Path) -> None:
    for name in ("a/clip", "a/grouped", "b/clip"):
        (tmp_path / name).mkdir(parents=True)
    given = ["lite0-minilm", *(str(tmp_path / name) for name in ("a/clip", "a/grouped", "b/clip"))]
    assert short_names(given) == ["lite0-minilm", given[1], "grouped", given[3]]


def test_bad_entries(both: Pair, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        compare([])
    with pytest.raises(InputError, match="different name"):
        compare([("a", both[0]), ("a", both[1])])
    with pytest.raises(InputError, match="same pictures"):
        report_evaluations([("a", both[0])], DATASET.split("test"))
    with pytest.raises(InputError, match=r"\.html or \.md or \.json"):
        check_report(tmp_path / "r.txt")


def studied(share: float, gain: float, p: float) -> dict[str, dict[str, object]]:
    """Values of one recipe, as ``study.as_dict`` writes them."""
    found = {"difference": gain, "low": gain - 0.01, "high": gain + 0.01, "p": p}
    against = {} if p == 1 else {"untrained": found | {"p_holm": 2 * p}}
    return {"AP, {x}": {"share": share, "ci95": [0.1, 0.3], "gain": found, "against": against}}


def test_seen_and_unseen_labels_of_a_study_stand_in_all_three_forms(
    both: Pair, tmp_path: Path
) -> None:
    recipes = {
        "untrained": studied(0.2, 0, 1),
        "grouped": studied(0.28, 0.08, 0.01),
        NASTY: studied(0.22, 0.02, 0.03),
    }
    note = "Two folds.\n\n- AP, {x}: mean <precision>\n\nChance of AP: 0.090."
    section = {"title": "Never grouped: made up", "note": note, "recipes": recipes}
    file = tmp_path / "unseen.json"
    file.write_text(json.dumps({"never grouped": section}))
    report = report_evaluations([("a", both[0]), ("b", both[1])], DATASET, read_study(file))
    html, text = report_html(report), report_markdown(report)
    for form, bold in ((html, "<b>28.0</b>"), (text, "28.0 ▲ (10.0 to 30.0)")):
        assert "Never grouped: made up" in form
        assert bold in form
        assert "22.0 ▲" not in form  # p after Holm is .06
    assert "+8.0 points (+7.0 to +9.0), p 0.0200" in html
    assert NASTY not in html
    assert "mean &lt;precision&gt;" in html
    assert json.loads(FORMS[".json"](report))["unseen"][0]["recipes"]["grouped"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "not what `glasskit study DATASET --unseen --json FILE` writes"),
        ('{"a": {"title": "t", "note": ""}}', r"a\.recipes: Field required"),
        ('{"a": {"title": "t", "note": "", "recipes": {}}}', "a: it has no untrained model"),
    ],
)
def test_files_that_are_no_study_are_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "unseen.json"
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        read_study(file)
