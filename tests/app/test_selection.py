"""What leaves the map as a file, and what comes in as a colour."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit.errors import InputError
from glasskit_app.main import _read
from glasskit_app.map_tab import MapApi
from glasskit_app.selection import selection_file
from glasskit_app.state import DatasetMaps
from glasskit_app.table import table_colourings
from tests.app.toys import made_up, state_of


@pytest.fixture(scope="module")
def maps() -> DatasetMaps:
    return made_up(200, models=3)


def test_csv_and_json_say_the_same(maps: DatasetMaps) -> None:
    rows = [7, 3]
    files = (selection_file(maps, rows, form, "", "concept 4") for form in ("csv", "json"))
    table, found = next(files), json.loads(next(files))
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [line["id"] for line in lines] == [maps.dataset.records[row].key for row in rows]
    assert found["models"] == ["lite0-minilm", "third"]
    for line, one, row in zip(lines, found["pictures"], rows, strict=True):
        assert one["labels"] == [line["labels"]] == [maps.dataset.records[row].concept]
        for name, side in zip(maps.pair, (maps.before, maps.after), strict=True):
            cosines = side.embedding.picture[row] @ side.embedding.concept.T
            assert float(line[f"cosine ({name})"]) == pytest.approx(cosines.max(), abs=1e-4)
            assert line[f"concept ({name})"] == maps.dataset.labels(1)[cosines.argmax()]
            assert float(line[f"phrase ({name})"]) == pytest.approx(cosines[4], abs=1e-4)


def test_python_loads_the_same_pictures(maps: DatasetMaps) -> None:
    said = MapApi(state_of(maps)).take("many", [5, 2], "py")
    assert said["file"] == "many-2-pictures.py"
    assert said["text"].endswith(
        "rows = [\n5, 2\n]\ndata = glasskit.load_dataset('many').select(rows)\n"
    )


@pytest.mark.parametrize("rows", [[], [200], [-1], [True], ["3"], {}, [0] * 201])
def test_only_pictures_that_are_there(maps: DatasetMaps, rows: object) -> None:
    with pytest.raises(InputError):
        selection_file(maps, rows, "csv", "")


def test_a_table_is_matched_by_the_column_that_names_pictures(maps: DatasetMaps) -> None:
    keys = [record.key for record in maps.dataset.records]
    lines = ["grade;file;kind", f"2;COCO_val2014_{keys[9]}.jpg;b", f"4.5;{int(keys[0])};a"]
    found = table_colourings(maps.dataset, "\n".join([*lines, "3;77777;c"]))
    grade, kind = found["table:grade"], found["table:kind"]
    assert list(found) == ["table:grade", "table:kind"]
    assert (grade["of"][9], grade["of"][0], grade["range"]) == (0, 255, "2 to 4.5")
    assert [kind["labels"][kind["of"][i]] for i in (9, 0)] == ["b", "a"]
    assert np.flatnonzero(np.array(kind["of"]) >= 0).tolist() == [0, 9]


@pytest.mark.parametrize("text", ["", "a,b", "id,x\nnobody,1", "\x00", "id\n0", 3])
def test_a_table_of_others_is_refused(maps: DatasetMaps, text: object) -> None:
    with pytest.raises(InputError):
        table_colourings(maps.dataset, text)


def test_any_two_models(maps: DatasetMaps) -> None:
    state = state_of(maps)
    chosen = state.maps("many", ["third", "lite0-glass"])
    assert (chosen.before, chosen.after) == (maps.after, maps.models[1].projection)
    assert chosen.sides == {"before": "third", "after": "lite0-glass"}
    assert "third" in chosen.map["colourings"]["correct"]["labels"][2]
    usual = state.maps("many", ["lite0-minilm", "lite0-glass"])
    assert usual.sides == {"before": "before training", "after": "after training"}
    for pair in (["third"], ["third", "none"], "third", 3, [[], {}], ["third"] * 3):
        with pytest.raises(InputError):
            state.maps("many", pair)


def test_visitors_from_elsewhere_see_no_folder_of_this_machine(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert _read(str(tmp_path), None, local=True)[0].count(str(tmp_path)) == 1
    assert str(tmp_path.parent) not in _read(str(tmp_path), None, local=False)[0]
