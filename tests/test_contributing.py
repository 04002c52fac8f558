"""CONTRIBUTING.md says where things are: each file and name exists, each package is listed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ANSWER = re.compile(r"^\| (.+\?) \| `([\w/.]+\.\w+)`: `([\w.]+)` \|$", re.MULTILINE)
ANSWERS = ANSWER.findall(TEXT)
INITS = [ROOT / "app/__init__.py", ROOT / "glasskit/__init__.py"]
INITS += sorted((ROOT / "glasskit").glob("*/__init__.py"))


def defined(tree: ast.Module, name: str) -> bool:
    """Whether a module defines a class, function or constant; with a dot, one of a class."""
    owner, _, inner = name.partition(".")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == owner:
            return not inner or defined(ast.Module(node.body, []), inner)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == owner for target in targets):
            return not inner
    return False


def test_there_are_thirty_answers_and_each_line_of_the_table_is_one() -> None:
    table = TEXT.split("## Where is what")[1].split("\n## ")[0]
    assert len(re.findall(r"^\|", table, re.MULTILINE)) - 2 == len(ANSWERS) >= 30


@pytest.mark.parametrize(("question", "file", "name"), ANSWERS)
def test_what_an_answer_names_exists(question: str, file: str, name: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    if file.endswith(".py"):
        assert defined(ast.parse(text), name), question
    else:
        assert re.search(rf"\b(function|class|const) {re.escape(name)}\b", text), question


def test_every_package_has_its_line() -> None:
    packages = TEXT.split("## The house")[1].split("\n## ")[0]
    folders = [ROOT / "app", ROOT / "notebooks", ROOT / "tests"]
    folders += [file.parent for file in (ROOT / "glasskit").glob("*/__init__.py")]
    for folder in folders:
        assert f"`{folder.relative_to(ROOT)}/`" in packages, folder


@pytest.mark.parametrize("init", INITS, ids=lambda init: init.parent.name)
def test_a_package_lists_its_modules(init: Path) -> None:
    said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))
    listed = re.findall(r"`(\w+)`", said or "")
    inside = {path.stem for path in init.parent.glob("*.py") if path.stem != "__init__"}
    assert not inside.difference(listed), f"{init}: say in its docstring what these are"


def test_the_check_finds_a_name_that_is_not_there() -> None:
    tree = ast.parse("X: int = 1\nclass A:\n    def b(self): ...\n")
    assert defined(tree, "X")
    assert defined(tree, "A.b")
    assert not any(defined(tree, name) for name in ("b", "A.c", "A.b.c", "Y"))
