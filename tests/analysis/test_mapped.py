"""Exact search among mapped vectors against a plain product, ties and damage included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasskit.analysis import mapped
from glasskit.analysis.mapped import nearest_mapped
from glasskit.models.vectors import unit


def bank_of(vectors: np.ndarray, file: Path, dtype: str, before: int = 0) -> np.ndarray:
    """The vectors as a mapped file, ``before`` bytes into it."""
    file.write_bytes(bytes(before) + vectors.astype(dtype).tobytes())
    return np.memmap(file, dtype=dtype, mode="c", offset=before, shape=vectors.shape)


def oracle(query: np.ndarray, bank: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """In float64, sorted whole: the best first, of equals the lower row."""
    scores = bank.astype(np.float64) @ (query.astype(np.float64) / np.linalg.norm(query))
    order = np.lexsort((np.arange(len(scores)), -scores))[:k]
    return order, scores[order]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("before", [0, 88, 5000])
def test_matches_a_plain_product(tmp_path: Path, monkeypatch, dtype: str, before: int) -> None:
    monkeypatch.setattr(mapped, "BYTES_AT_A_TIME", 30_000)
    draw = np.random.default_rng(before)
    bank = bank_of(unit(draw.normal(size=(2000, 48))), tmp_path / "bank", dtype, before)
    for query in draw.normal(size=(8, 48)):
        found = nearest_mapped(query, bank, 10)
        order, scores = oracle(query, bank, 10)
        assert found.index[0].tolist() == order.tolist()
        np.testing.assert_allclose(found.score[0], scores, atol=1e-6)


def test_vectors_that_are_almost_alike_are_told_apart(tmp_path: Path) -> None:
    # Cosines between 0.97 and 1, closer together than float16 can say: the second pass decides.
    draw = np.random.default_rng(1)
    middle = unit(draw.normal(size=64))
    vectors = unit(middle + 0.02 * draw.normal(size=(3000, 64)))
    bank = bank_of(vectors, tmp_path / "bank", "float16")
    found = nearest_mapped(middle, bank, 25)
    order, scores = oracle(middle, bank, 25)
    assert len(np.unique(scores.astype(np.float16))) < 15
    assert found.index[0].tolist() == order.tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_of_equal_scores_the_lower_row_comes_first(tmp_path: Path, dtype: str) -> None:
    vectors = np.repeat(np.eye(4)[[2, 0, 1, 3]], 50, axis=0)[
        np.random.default_rng(2).permutation(200)
    ]
    bank = bank_of(vectors, tmp_path / "bank", dtype)
    found = nearest_mapped(np.array([1.0, 0, 0, 0]), bank, 70)
    order, _ = oracle(np.array([1.0, 0, 0, 0]), bank, 70)
    assert found.index[0].tolist() == order.tolist()


def test_rows_that_are_no_numbers_come_last(tmp_path: Path) -> None:
    vectors = np.eye(3)[[0, 1, 2]]
    vectors[1] = np.nan
    bank = bank_of(vectors, tmp_path / "bank", "float16")
    found = nearest_mapped(np.array([1.0, 1.0, 0.5]), bank, 9)
    assert found.index[0].tolist() == [0, 2, 1]
    assert found.score[0][2] == -np.inf
    assert nearest_mapped(np.ones(3), np.empty((0, 3), np.float16), 5).index.shape == (1, 0)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="reads Linux's /proc")
def test_a_search_leaves_the_map_out_of_this_process(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mapped, "BYTES_AT_A_TIME", 2**19)
    vectors = np.zeros((2**17, 64), dtype=np.float16)  # 16 MB
    vectors[:, 0] = 1
    bank = bank_of(vectors, tmp_path / "bank", "float16")
    nearest_mapped(np.ones(64), bank[:64], 1)

    def resident() -> int:
        text = Path("/proc/self/smaps").read_text().split(str(tmp_path / "bank"), 1)[1]
        return int(text.split("Rss:", 1)[1].split()[0])

    assert bank[::32].sum() == 2**12  # every page was looked at
    whole = resident()
    assert whole > 15_000
    for query in (np.eye(64)[0], np.eye(64)[1]):  # all rows are equally near, which is the worst
        nearest_mapped(query, bank, 1)
        assert resident() < whole / 8
