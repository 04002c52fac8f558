"""Each exercise is open as it stands, and its folded solution satisfies its checker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from glasskit.course.check.steps import OPEN
from tests.notebooks.exercises import exercises, imports
from tests.notebooks.sources import read_source, sources

CASES = [
    pytest.param(path, exercise, id=f"{path.stem[:2]}-{exercise.title}")
    for path in sources()
    for exercise in exercises(read_source(path))
]


@pytest.mark.parametrize(("path", "exercise"), CASES)
def test_the_stub_is_open_and_the_solution_is_right(path: Path, exercise: Any) -> None:
    space: dict[str, Any] = {}
    exec(imports(read_source(path)), space)
    exec(exercise.stub, space)
    stub = eval(exercise.check, space)
    assert stub.wrong is not None
    assert stub.wrong[1] == OPEN
    exec(exercise.solution, space)
    solved = eval(exercise.check, space)
    assert solved.solved, solved
