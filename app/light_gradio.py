"""Gradio without the stub files for editors that it writes whenever it is imported.

At every import Gradio renders the events of each component into a ``.pyi`` file in its own folder,
and parses both versions to see whether anything changed: more than a third of the time that the
import takes. A server has no editor; it leaves the files as they are.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
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
        finder.give_back()


class _Finder(MetaPathFinder):
    """Finds one module as Python does, and has it loaded by a `_Loader`."""

    def __init__(self) -> None:
        self.loader: _Loader | None = None

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = self.loader = _Loader(spec.loader)
        return spec

    def give_back(self) -> None:
        """Put the real writer in its place: for components that others define later."""
        if self.loader is not None and self.loader.real is not None:
            setattr(sys.modules[MODULE], WRITER, self.loader.real)


class _Loader(Loader):
    """Loads a module and puts a writer that writes nothing in the place of its own."""

    def __init__(self, own: Any) -> None:
        self.own = own
        self.real: Any = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self.own
        self.own.exec_module(module)
        self.real = getattr(module, WRITER, None)
        if self.real is not None:
            setattr(module, WRITER, lambda *arguments: None)
