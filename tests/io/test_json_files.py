"""JSON that people hand in: what is wrong is one line that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from glasskit.errors import InputError
from glasskit.io.json_files import read_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_every_encoding_of_unicode_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes('{"idea": ["décadence 🎉"]}'.encode(encoding))
    assert read_json(file) == {"idea": ["décadence 🎉"]}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" \n", r"a\.json: not readable JSON \(the file is empty\)"),
        (b'[{"a": 1},\n{"a": [2], "b": 1, "a": 3}]', "the key 'a' comes twice in one object"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b'{"a": [-Infinity]}', "-Infinity is no number of JSON"),
        (b"[1,\n 2, ]", r"a comma before the closing \] in line 2, column 5"),
        (b'{"a": 1,}', "a comma before the closing }"),
        (b'{"a": 1}\n{"a": 2}\n', "it is JSON Lines, a value a line"),
        (b"{'a': 1}", r"line 1 column 2"),
        (b'{"a":\n"caf\xe9"}', r"line 2 is not utf-8; if it is in Windows-1252 or Latin-1, save"),
        (b"\xff\xfe\xff", r"a\.json: not readable JSON"),
        (b"[" * 100_000, r"a\.json: not readable JSON"),
    ],
)
def test_what_is_no_json_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read_json(file)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: there is no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"not readable JSON \(Is a directory\)"):
        read_json(tmp_path)
