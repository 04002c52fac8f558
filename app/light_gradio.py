"""Gradio without the stub files for editors that it writes whenever it is imported.

At every import Gradio renders the events of each component into a ``.pyi`` file in its own folder,
and parses both versions to see whether anything changed: more than a third of the time that the
import takes. A server has no editor; it leaves the files as they are.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

MODULE, WRITER = "gradio.component_meta", "create_or_modify_pyi"


def import_gradio() -> ModuleType:
    """The package ``gradio``, whole; its writer of stub files rests while it is imported.

    A version of Gradio that has no such writer is imported as it is.
    """
    if "gradio" in sys.modules:
        return sys.modules["gradio"]
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module("gradio")
    finally:
        sys.meta_path.remove(finder)
        if finder.writer is not None:  # for components that others define later
            setattr(sys.modules[MODULE], WRITER, finder.writer)


class _Finder(MetaPathFinder):
    """Finds one module as Python does; once loaded, a writer that writes nothing stands in it.

    Attributes:
        writer: the module's own, from then on.
    """

    def __init__(self) -> None:
        self.writer: Any = None

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == MODULE else None
        if spec is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                self.writer = getattr(module, WRITER, None)
                if self.writer is not None:
                    setattr(module, WRITER, lambda *arguments: None)

            spec.loader.exec_module = exec_module
        return spec
