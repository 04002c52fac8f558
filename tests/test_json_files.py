"""JSON that people hand in: what is wrong is one line that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from glasskit.errors import InputError
from glasskit.json_files import parse_json, read_json


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"idea": ["Zerfall, décadence"]}', encoding="utf-8")
    assert read_json(file) == {"idea": ["Zerfall, décadence"]}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[", r"a\.json: not readable JSON"),
        (b"", r"a\.json: not readable JSON"),
        (b"\xff\xfe\xff", r"a\.json: not readable JSON"),
        (b"[" * 100_000, r"a\.json: not readable JSON"),
    ],
)
def test_what_is_no_json_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read_json(file)
    with pytest.raises(InputError, match=said):
        parse_json(data, "a.json")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: there is no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"not readable JSON \(Is a directory\)"):
        read_json(tmp_path)
