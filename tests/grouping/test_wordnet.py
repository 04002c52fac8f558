"""Levels from hypernyms, on a WordNet of a few nouns in the file format of WordNet 3."""

from __future__ import annotations

import shutil
from pathlib import Path

import nltk.data
import pytest

from glasskit.data.schema import Concept
from glasskit.errors import InputError
from glasskit.grouping.wordnet import WordNet, find_wordnet

CHAIN = ("entity", "abstraction", "attribute", "state", "feeling", "emotion", "grief")
"""From the top down; each is a kind of the one before it."""


def _write(folder: Path) -> Path:
    """The files of a WordNet whose only words are the nouns of CHAIN."""
    folder.mkdir(parents=True)
    licence = "  1 the licence is set in by blanks  \n"
    for kind in ("noun", "verb", "adj", "adv"):
        for name in (f"index.{kind}", f"data.{kind}"):
            (folder / name).write_text(licence)
        (folder / f"{kind}.exc").write_text("")
    (folder / "lexnames").write_text("00 adj.all 3\n01 adj.pert 3\n02 adv.all 4\n03 noun.Tops 1\n")
    data, lines, above = licence, [], "000"
    for word in CHAIN:
        offset = len(data)
        data += f"{offset:08d} 03 n 01 {word} 0 {above} | what {word} is  \n"
        lines.append(f"{word} n 1 1 @ 1 0 {offset:08d}  \n")
        above = f"001 @ {offset:08d} n 0000"
    (folder / "data.noun").write_text(data)
    (folder / "index.noun").write_text(licence + "".join(sorted(lines)))
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


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_the_wordnet_of_nltk_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert find_wordnet() is None
    with pytest.raises(InputError, match=r"WordNet: no folder with .*nltk\.downloader wordnet"):
        WordNet()
    _write(tmp_path / "corpora" / "wordnet")
    if packed:
        shutil.make_archive(f"{tmp_path}/corpora/wordnet", "zip", tmp_path / "corpora", "wordnet")
        shutil.rmtree(tmp_path / "corpora" / "wordnet")
    assert _place(WordNet(), "grief") == ("grief", "emotion", "state", "attribute")


def test_a_folder_without_wordnet_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no folder with the files"):
        WordNet(tmp_path / "none")
    broken = _write(tmp_path / "broken")
    (broken / "index.noun").write_text("broken\n")
    with pytest.raises(InputError, match="no folder with the files"):
        WordNet(broken)
