"""The leader board keeps the reader's rows, beside those that the notebook computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from glasskit.course import Board
from glasskit.errors import InputError


def test_rows_of_the_kit_and_of_the_reader_best_first(tmp_path: Path) -> None:
    file = tmp_path / "board.csv"
    board = Board("ideas", "top-1", file)
    board.kit("grouped", 0.5, (0.4, 0.6))
    board.kit("untrained", 0.25, None)
    board.add("mine, <b>", 0.505, (0.41, 0.61))
    assert [(row.name, row.own) for row in board.rows] == [
        ("mine, <b>", True),
        ("grouped", False),
        ("untrained", False),
    ]
    first, second, *_, note = repr(board).splitlines()
    assert first == "ideas: top-1, 95% interval"
    assert second == "mine, <b>   50.5%  (41.0 to 61.0)  yours"
    assert "paired test" in note
    assert "mine, &lt;b&gt;" in board._repr_html_()


def test_own_rows_stay_and_are_replaced_by_name(tmp_path: Path) -> None:
    file = tmp_path / "board.csv"
    for study in ("ideas", "scenes"):
        Board(study, "top-1", file).add("mine", 0.5, (0.4, 0.6))
    Board("ideas", "top-1", file).add("mine", 0.75, (0.7, 0.8))
    assert [row.value for row in Board("ideas", "top-1", file).rows] == [0.75]
    assert [row.value for row in Board("scenes", "top-1", file).rows] == [0.5]
    assert Board("ideas", "mean AP", file).rows == []


@pytest.mark.parametrize(
    ("name", "value", "ends", "message"),
    [
        ("mine", 50, (40, 60), "from 0 to 1"),
        ("mine", 0.5, (0.6, 0.7), "between the ends"),
        (" ", 0.5, (0.4, 0.7), "empty"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, name, value, ends, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        Board("ideas", "top-1", tmp_path / "board.csv").add(name, value, ends)
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_edited_wrongly_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "board.csv"
    Board("ideas", "top-1", file).add("mine", 0.5, (0.4, 0.6))
    file.write_text(file.read_text().replace("0.5", "half"))
    with pytest.raises(InputError, match=r"board\.csv: line 2: .*'half'"):
        Board("ideas", "top-1", file)
