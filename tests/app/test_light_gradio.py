"""Gradio imported for a server: whole, and without touching its stub files."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
stubs = set()
sys.addaudithook(
    lambda event, given: event == "open" and str(given[0]).endswith(".pyi") and stubs.add(given[0])
)
{first}
import gradio
from gradio.component_meta import ComponentMeta, create_or_modify_pyi as writer
print(json.dumps([len(stubs), writer.__module__, len(dir(gradio)), type(gradio.Image).__name__]))
"""


def imported(first: str) -> list:
    """Stub files opened, the writer's module, names in gradio, and the class of a component."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_no_stub_file_is_opened_and_gradio_is_whole() -> None:
    light = imported("from app.light_gradio import import_gradio; import_gradio()")
    plain = imported("pass")
    assert light[0] == 0
    assert plain[0] > 0, "Gradio writes no stub files any more: app/light_gradio.py can go"
    assert light[1:] == plain[1:] == ["gradio.component_meta", *plain[2:]]


@pytest.mark.parametrize("name", ["create_or_modify_pyi", "gone"])
def test_a_package_without_the_writer_is_imported_as_it_is(tmp_path, name: str) -> None:
    package = tmp_path / "gradio"
    package.mkdir()
    (package / "__init__.py").write_text("from gradio import component_meta as meta\n")
    (package / "component_meta.py").write_text(f"def {name}(*a): return 'real'\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from app.light_gradio import import_gradio\n"
        f"print(import_gradio().meta.{name}(), len(sys.meta_path))\n"
        f"print(import_gradio().meta.{name}(), len(sys.meta_path))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, again = done.stdout.splitlines()
    assert first == again
    assert first.startswith("real ")
