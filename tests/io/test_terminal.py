"""What the commands print: people's own text as it is, on any terminal and in any pipe."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from glasskit import cli
from glasskit.errors import InputError
from glasskit.io import terminal
from glasskit.notices import notices

TEXTS = ["photo [small].jpg", "a [/x]", "[red]b[/red]", ":smile:", "{0} %s", "猫 👨‍👩‍👧", "x" * 300]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_shown_as_it_was_typed(text: str, capsys: pytest.CaptureFixture) -> None:
    terminal.show_table(f"nearest to {text}", ("picture", text), [(text, "0.5")])
    terminal.say(text)
    terminal.complain(text)
    out, err = capsys.readouterr()
    assert out.count(text) == 4
    assert err == f"glasskit: {text}\n"


def test_control_characters_are_shown_not_obeyed(capsys: pytest.CaptureFixture) -> None:
    name = "a\x1b[31m\nb\x07\x9b\u2028\u202egpj\udce9"
    terminal.show_table(name, ("picture",), [(name,)])
    terminal.complain(name)
    out, err = capsys.readouterr()
    assert out.count("a%1B[31m%0Ab%07%9B%u2028%u202Egpj%E9") == 2
    assert err.count("\n") == 1
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out + err)


PRINTS = """
import sys
from glasskit import cli
from glasskit.io import terminal

def app(standalone_mode):
    for _ in range({times}):
        terminal.show_table("größe 猫", ("picture",), [("größe 猫.jpg",)])

cli.app = app
cli.main()
"""


def test_a_terminal_without_the_characters_gets_escapes() -> None:
    command = [sys.executable, "-c", PRINTS.format(times=1)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"gr\xf6\xdfe \u732b" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = [sys.executable, "-c", PRINTS.format(times=5000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (InputError("a [/x] is\nbad"), 2, "a [/x] is%0Abad"),
        (FileNotFoundError(2, "No such file or directory", "x.json"), 2, "x.json: No such file"),
        (MemoryError(), 2, "not enough memory"),
        (EOFError(), 2, "input ended"),
        (KeyboardInterrupt(), 130, "interrupt"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(error, code, says, monkeypatch, glass) -> None:
    def ends(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("glasskit.data.scenes.load_scenes", ends)
    exit_code, _, line = glass("evaluate", "lite0-minilm", "scenes")
    assert (exit_code, line.strip().count("\n")) == (code, 0)
    assert line.lstrip("\n").startswith("glasskit: ")
    assert says in line


def test_a_warning_of_the_library_is_a_line_and_those_of_others_stay(capsys) -> None:
    def warn() -> None:
        place = f"{Path(cli.__file__).parent}/losses/x.py"
        warnings.warn_explicit("N = 1", UserWarning, place, 1)
        warnings.warn_explicit("old", UserWarning, "/other/package.py", 1)

    with pytest.warns(UserWarning, match="old") as outside:
        notices()(warn)()
    assert len(outside) == 1
    assert capsys.readouterr().err == "glasskit: N = 1\n"
