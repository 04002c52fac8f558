"""Labels left out of training: folds leak nothing, each picture and label is asked once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_cases import made_up

import glasskit
from glasskit.data import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.train_test_leaks import check_no_leak
from glasskit.evaluation.unseen import GROUPED, SHOWN, Fold, crossed_folds, deal_labels
from glasskit.evaluation.unseen_study import unseen_study


def several(each: int = 8) -> GroupedDataset:
    """Each picture under its concept and the next two, with a theme sentence for the first two."""
    data = made_up(each=each)
    names = data.labels(1)
    place = {name: i for i, name in enumerate(names)}

    def more(record: glasskit.data.Record) -> glasskit.data.Record:
        labels = tuple(names[(place[record.concept] + step) % len(names)] for step in range(3))
        themes = {name: (f"{record.key} is about {name}",) for name in labels[:2]}
        return replace(record, labels=labels, label_themes=themes, also=())

    return replace(data, records=tuple(map(more, data.records)))


@pytest.mark.parametrize(
    ("data", "reading"), [(several(), GROUPED), (several(), SHOWN), (made_up(), SHOWN)]
)
def test_every_label_is_left_out_on_every_picture(data: GroupedDataset, reading: str) -> None:
    folds = list(crossed_folds(data, reading, 3))
    asked = [(record.key, name) for f in folds for record in f.test.records for name in f.left]
    assert len(asked) == len(set(asked)) == len(data) * len(data.labels(1))
    for fold in folds:
        left = set(fold.left)
        assert not {r.key for r in fold.train.records} & {r.key for r in fold.test.records}
        whole = {record.key: record for record in data.records}
        for record in fold.train.records:
            assert not left & {*record.labels, *record.also, *record.label_themes}
            if reading == SHOWN:
                assert not left & {*whole[record.key].labels, *whole[record.key].also}
    assert any(set(f.left) & set(r.labels) for f in folds for r in f.test.records)


def test_never_grouped_keeps_the_pictures_and_never_shown_does_not() -> None:
    data = several()
    grouped, shown = (next(crossed_folds(data, reading, 3, 6)) for reading in (GROUPED, SHOWN))
    assert grouped.left == shown.left
    assert len(grouped.train) == len(data) - len(grouped.test) > len(shown.train)


def test_labels_are_dealt_once_and_frequent_ones_evenly() -> None:
    data = glasskit.load_dataset("coco-ideas")
    hands = deal_labels(data, 18)
    assert sorted(name for hand in hands for name in hand) == sorted(data.groups())
    sizes = [sum(len(data.groups()[name]) for name in hand) for hand in hands]
    assert max(sizes) < 1.5 * min(sizes)
    with pytest.raises(InputError, match="folds of labels: 133, but there are 132 labels"):
        deal_labels(data, 133)
    with pytest.raises(InputError, match="fewer than two labels are left"):
        next(crossed_folds(made_up(concepts=2), SHOWN, 2))


def first_fold() -> tuple[GroupedDataset, Fold]:
    data = several()
    return data, next(crossed_folds(data, GROUPED, 3))


def changed(fold: Fold, **changes: object) -> GroupedDataset:
    """The training records, the first of them changed."""
    first, *rest = fold.train.records
    return replace(fold.train, records=(replace(first, **changes), *rest))  # type: ignore[arg-type]


def test_a_left_out_theme_sentence_in_a_training_text_is_refused() -> None:
    data, fold = first_fold()
    check_no_leak(data, fold.train, fold.test, fold.left)
    owner = next(record for record in data.records if record.concept in fold.left)
    sentence = owner.label_themes[owner.concept][0]
    for text in (sentence, f"Here, {sentence.upper()}!"):
        leaky = changed(fold, literal=("some words", text))
        with pytest.raises(
            InputError, match=f"'{sentence}' is a theme sentence of a left-out label"
        ):
            check_no_leak(data, leaky, fold.test, fold.left)
    check_no_leak(data, changed(fold, literal=(f"x{sentence}",)), fold.test, fold.left)


def test_a_tested_picture_among_the_training_ones_is_refused(tmp_path) -> None:
    data, fold = first_fold()
    key = fold.test.key(0)
    with pytest.raises(InputError, match=f"picture '{key}' is both trained on and tested"):
        check_no_leak(data, changed(fold, key=key), fold.test, fold.left)
    folder = glasskit.data.images.FolderImages(tmp_path)
    for name in (key, fold.train.key(0)):
        (tmp_path / f"{name}.jpg").write_bytes(b"the same")
    with pytest.raises(InputError, match="their files are the same byte by byte"):
        check_no_leak(replace(data, images=folder), fold.train, fold.test, fold.left)


def test_a_study_of_both_readings_and_a_transfer() -> None:
    ideas = glasskit.load_dataset("coco-ideas")
    often = sorted(ideas.groups(), key=lambda name: -len(ideas.groups()[name]))
    ideas = ideas.without(often[6:]).select(range(120))
    seen: list[tuple[int, int]] = []
    found = unseen_study(
        ideas,
        {"grouped": {"objective": "grouped", "epochs": 1}},
        parts=2,
        shown_folds=3,
        transfer=glasskit.load_dataset("coco-concepts"),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert list(found) == ["never grouped", "transfer", "never shown"]
    assert seen[-1] == (7, 7)
    for reading in ("never grouped", "never shown"):
        section = found[reading]
        assert f"| | AP, grouped | AP, {reading} | acceptable top-1 |" in section.markdown()
        before, after = (section.outcomes[name].values for name in ("untrained", "grouped"))
        assert before.keys() == after.keys()
        for name, values in before.items():
            np.testing.assert_array_equal(np.isnan(values), np.isnan(after[name]))
            assert not np.array_equal(values, after[name], equal_nan=True), name
    moved = found["transfer"]
    names = set(glasskit.load_dataset("coco-concepts").labels(1)) - set(ideas.labels(1))
    assert f"{len(names)} labels of coco-concepts" in moved.note  # not those that may be grouped
    assert list(moved.outcomes["grouped"].values) == [
        "AP, never grouped",
        "acceptable top-1",
        "caption R@10",
    ]
