"""Searching what was embedded: the whole way from files, exact and by a graph."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from glasskit.analysis.approximate import ApproximateLibrary
from glasskit.analysis.export import embed_source
from glasskit.analysis.library import Library, mapped_tensor, query_vector
from glasskit.errors import InputError
from tests.analysis.test_export import FileModel


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """Thirty one-coloured pictures, embedded in float32."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(30):
        colour = [(8 * i, 30, 200 - 6 * i), (20, 8 * i, 40), (90, 3 * i, 8 * i)][i % 3]
        Image.new("RGB", (8, 8), colour).save(folder / f"größe {i:02}.png")
    embed_source(FileModel(), folder, tmp_path / "out", dtype="float32")
    return tmp_path / "out"


def test_the_nearest_by_name(embedded: Path) -> None:
    library = Library(embedded)
    assert len(library) == 30
    vectors = load_file(embedded / "vectors.safetensors")["pictures"]
    names = [row["file"] for row in json.loads((embedded / "index.json").read_text())["pictures"]]
    np.testing.assert_array_equal(library.vectors, vectors)
    query = query_vector(FileModel(), "green green blue")
    scores = vectors @ query
    order = np.argsort(-scores, kind="stable")[:7]
    found = library.nearest(query, 7)
    assert [hit.name for hit in found] == [names[i] for i in order]
    assert [hit.score for hit in found] == pytest.approx(scores[order], abs=1e-6)
    picture = embedded.parent / "in" / "größe 07.png"
    assert library.nearest(query_vector(FileModel(), str(picture)), 1)[0].name == picture.name


def test_vectors_of_another_model_are_refused(embedded: Path) -> None:
    other = FileModel()
    Library(embedded).check(other)
    other.model_hash = "2" * 64
    with pytest.raises(InputError, match="embed again"):
        Library(embedded).check(other)


def test_what_is_no_library_says_what_to_do(embedded: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"glasskit embed MODEL FOLDER --out"):
        Library(tmp_path)
    index = embedded / "index.json"
    lines = index.read_text().splitlines(keepends=True)
    index.write_text("".join(lines[:4] + lines[5:]))
    with pytest.raises(InputError, match="30 vectors and 29 names"):
        Library(embedded)
    index.write_text(json.dumps({"pictures": []}))
    with pytest.raises(InputError, match="not an index"):
        Library(embedded)


def test_a_damaged_vector_file_is_refused(embedded: Path) -> None:
    file = embedded / "vectors.safetensors"
    whole = file.read_bytes()
    for left in (0, 5, 40, len(whole) - 1):
        file.write_bytes(whole[:left])
        with pytest.raises(InputError, match="not a safetensors file"):
            mapped_tensor(file, "pictures")
    file.write_bytes(whole)
    with pytest.raises(InputError, match="'captions'"):
        mapped_tensor(file, "captions")


def test_half_precision_finds_the_same(embedded: Path, tmp_path: Path) -> None:
    embed_source(FileModel(), tmp_path / "in", tmp_path / "half", dtype="float16")
    half, full = Library(tmp_path / "half"), Library(embedded)
    assert (half.vectors.dtype, full.vectors.dtype) == (np.float16, np.float32)
    np.testing.assert_array_equal(half.vectors, full.vectors.astype(np.float16))
    query = np.array([1.0, 0.2, 0.1])
    found, expected = half.nearest(query, 5), full.nearest(query, 5)
    assert [hit.name for hit in found] == [hit.name for hit in expected]
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=5e-4)


def test_a_graph_finds_the_same_and_is_kept(embedded: Path) -> None:
    pytest.importorskip("usearch")
    query, told = np.array([0.3, 1.0, 0.2]), []
    exact = Library(embedded).nearest(query, 6)
    graph = ApproximateLibrary(embedded, lambda *seen: told.append(seen))
    assert [hit.name for hit in graph.nearest(query, 6)] == [hit.name for hit in exact]
    scores = [hit.score for hit in graph.nearest(query, 6)]
    assert scores == pytest.approx([hit.score for hit in exact], abs=2e-3)
    assert told == [(30, 30)]
    again = ApproximateLibrary(embedded, lambda *seen: told.append(seen))
    assert again.nearest(query, 40) == graph.nearest(query, 40)
    assert len(told) == 1, "a graph that is kept is not built again"
    (file,) = embedded.glob("*.usearch")
    file.write_bytes(file.read_bytes()[:100])
    ApproximateLibrary(embedded, lambda *seen: told.append(seen))
    assert len(told) == 2, "a damaged graph is built again"
    assert not list(embedded.glob(".*"))


def test_without_usearch_one_line_says_what_to_install(embedded: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(InputError, match=r"pip install 'glasskit\[search\]'"):
        ApproximateLibrary(embedded)
