"""Leave-concepts-out: nothing of a held-out concept is trained on, every picture is tested once."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import made_up, random_embeddings, unit

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation import leave_concepts_out, unseen, unseen_folds
from glasskit.models.embedding import Embedding
from tests.tools import unseen_concepts

DATASET = made_up()


def test_folds_are_clean_and_complete() -> None:
    tested: list[str] = []
    held: list[str] = []
    for fold in unseen_folds(DATASET, k=4, seed=1):
        for record in fold.train.records:
            assert record.concept not in fold.held_out
            assert not set(record.also) & set(fold.held_out)
        assert {record.concept for record in fold.test.records} == set(fold.held_out)
        assert fold.train.concepts == fold.test.concepts == DATASET.concepts
        tested += [record.key for record in fold.test.records]
        held += fold.held_out
    assert sorted(tested) == sorted(record.key for record in DATASET.records)
    assert sorted(held) == sorted(DATASET.labels(1))


def test_folds_are_seeded_and_checked() -> None:
    one, two, other = ([f.held_out for f in unseen_folds(DATASET, 3, s)] for s in (0, 0, 1))
    assert one == two != other
    with pytest.raises(InputError, match="k must be 2 to 12"):
        list(unseen_folds(DATASET, 13))


def test_the_protocol_trains_each_fold_and_measures_the_gain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = random_embeddings(DATASET, width=32)
    place = {record.key: i for i, record in enumerate(DATASET.records)}
    own = vectors.concept[DATASET.targets(1)]

    def seen_by(model: str, dataset: GroupedDataset) -> Embedding:
        rows = [place[record.key] for record in dataset.records]
        images = own if model == "trained" else vectors.picture
        return Embedding(images[rows], vectors.caption[rows], vectors.concept)

    monkeypatch.setattr(unseen, "embed", seen_by)
    asked: list[int] = []

    def train(dataset: GroupedDataset, fold: int) -> str:
        asked.append(fold)
        return "trained"

    out = leave_concepts_out(DATASET, train, baseline="before", k=3)  # type: ignore[arg-type]
    assert asked == [0, 1, 2]
    assert out["unseen"]["top1"] == 1
    assert out["unseen"]["n"] == len(DATASET)
    gain = out["gain"]["top1"]
    assert gain["difference"] == pytest.approx(1 - out["baseline"]["top1"])
    assert leave_concepts_out(DATASET, train, k=3)["gain"] is None
    assert unseen.recognise_level1("trained", DATASET).correct.all()  # type: ignore[arg-type]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_pull_to_trained_concepts_is_told_from_a_loss(
    monkeypatch: pytest.MonkeyPatch, sign: int
) -> None:
    """Each picture is 1 of a trained concept, 0.5 of its own, 0.5 of an axis of its caption."""
    fold = next(unseen_folds(DATASET, k=4))
    test, labels = fold.test, DATASET.labels(1)
    eye = np.eye(len(labels) + len(test), dtype=np.float32)
    images = np.zeros((len(test), len(eye)), dtype=np.float32)
    for i, record in enumerate(test.records):
        taken = {record.concept, *record.also, *fold.held_out}
        pulled = next(name for name in labels if name not in taken)
        images[i] = eye[labels.index(pulled)] + eye[labels.index(record.concept)] / 2
        images[i] += eye[len(labels) + i] / 2
    vectors = Embedding(unit(images), sign * eye[len(labels) :], eye[: len(labels)])
    monkeypatch.setattr(unseen_concepts, "embed", lambda model, dataset: vectors)
    found = unseen_concepts.measured(None, fold)
    assert not found[unseen_concepts.ALL].any()
    assert found[unseen_concepts.OWN].all()
    assert np.all(found[unseen_concepts.CAPTION] == (sign == 1))  # of 18, the own first or last
