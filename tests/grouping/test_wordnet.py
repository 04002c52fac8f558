"""Levels from hypernyms, on a WordNet of a few nouns in the file format of WordNet 3."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from glasskit.data.schema import Concept
from glasskit.errors import InputError
from glasskit.grouping import wordnet
from glasskit.grouping.wordnet import WordNet, find_wordnet

CHAIN = ("entity", "abstraction", "attribute", "state", "feeling", "emotion", "grief")
"""From the top down; each is a kind of the one before it."""


def _files() -> dict[str, str]:
    """The two noun files of a WordNet whose nouns are CHAIN."""
    offsets: list[int] = []
    data = "  1 the licence is set in by blanks  \n"
    for place, word in enumerate(CHAIN):
        offsets.append(len(data))
        pointer = f"001 @ {offsets[place - 1]:08d} n 0000" if place else "000"
        data += f"{len(data):08d} 03 n 01 {word} 0 {pointer} | what {word} is  \n"
    lines = [
        f"{word} n 1 1 @ 1 0 {offset:08d}  \n"
        for word, offset in sorted(zip(CHAIN, offsets, strict=True))
    ]
    return {"data.noun": data, "index.noun": "  1 the licence  \n" + "".join(lines)}


def _write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, text in _files().items():
        (folder / name).write_text(text)
    return folder


def _place(net: WordNet, name: str) -> tuple[str | None, ...]:
    return net.place(Concept((name, None, None, None))).levels


def test_levels_go_up_the_hypernyms(tmp_path: Path) -> None:
    net = WordNet(_write(tmp_path / "wordnet"))
    assert _place(net, "grief") == ("grief", "emotion", "state", "attribute")
    assert _place(net, "deep grief") == ("deep grief", "grief", "feeling", "attribute")
    assert _place(net, "feeling") == ("feeling", "state", "attribute", None)
    assert _place(net, "state") == ("state", "attribute", None, None)
    assert _place(net, "attribute") == ("attribute", None, None, None)
    assert _place(net, "skyline") == ("skyline", None, None, None)


def test_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    folder = _write(tmp_path / "wordnet")
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert _place(WordNet(folder), "grief") == ("grief", "emotion", "state", "attribute")


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_the_wordnet_of_nltk_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(wordnet, "DEBIAN", tmp_path / "none")
    monkeypatch.setattr(wordnet, "NLTK", ())
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    assert find_wordnet() is None
    with pytest.raises(InputError, match="WordNet: no folder with"):
        WordNet()
    if packed:
        (tmp_path / "corpora").mkdir()
        with zipfile.ZipFile(tmp_path / "corpora" / "wordnet.zip", "w") as file:
            for name, text in _files().items():
                file.writestr(f"wordnet/{name}", text)
    else:
        _write(tmp_path / "corpora" / "wordnet")
    assert _place(WordNet(), "grief") == ("grief", "emotion", "state", "attribute")


def test_a_folder_without_wordnet_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no folder with index"):
        WordNet(tmp_path / "none")
    (tmp_path / "data.noun").write_text("")
    (tmp_path / "index.noun").write_text("broken\n")
    with pytest.raises(InputError, match="no folder with index"):
        WordNet(tmp_path)
