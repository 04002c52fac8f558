"""umap-learn without waiting for pynndescent, which it imports and our maps never call.

pynndescent, umap-learn's search for approximate neighbours, compiles itself when it is imported:
24 of the 40 seconds that a first map took. ``fitting`` hands UMAP its neighbours, so that here
umap-learn is imported with stand-ins in pynndescent's place. Whoever uses ``umap`` in the same
process beside us gets the real functions: a stand-in that is used puts them there first.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

NAMES = {
    "pynndescent": "NNDescent",
    "pynndescent.distances": "named_distances",
    "pynndescent.sparse": "sparse_named_distances",
}
"""What ``umap.umap_`` takes from where."""

KNOWN = ("cosine", "euclidean")
"""Metrics that pynndescent has in every version: being asked for them is no use of it."""


def import_umap() -> ModuleType:
    """The package ``umap``; the plain one where it or pynndescent has been imported before."""
    if "umap" not in sys.modules and "pynndescent" not in sys.modules:
        stand_ins = {name: ModuleType(name) for name in NAMES}
        stand_ins["pynndescent"].__path__ = []  # a package, as its two modules need
        stand_ins["pynndescent"].NNDescent = _Index
        stand_ins["pynndescent.distances"].named_distances = _Metrics("pynndescent.distances")
        stand_ins["pynndescent.sparse"].sparse_named_distances = _Metrics("pynndescent.sparse")
        sys.modules.update(stand_ins)
        try:
            importlib.import_module("umap")
        except (ImportError, AttributeError):  # a version that takes more from it
            for name in [name for name in sys.modules if name.partition(".")[0] == "umap"]:
                del sys.modules[name]
        finally:
            for name in NAMES:
                del sys.modules[name]
    return importlib.import_module("umap")


def _real(module: str) -> Any:
    """What ``umap.umap_`` takes from a module of pynndescent, put there for all of them."""
    from umap import umap_

    found = {name: getattr(importlib.import_module(name), what) for name, what in NAMES.items()}
    umap_.NNDescent = found["pynndescent"]
    umap_.pynn_named_distances = found["pynndescent.distances"]
    umap_.pynn_sparse_named_distances = found["pynndescent.sparse"]
    return found[module]


class _Imports(type):
    def __instancecheck__(cls, instance: object) -> bool:
        # Before it is imported there is none of them.
        return "pynndescent" in sys.modules and isinstance(instance, _real("pynndescent"))


class _Index(metaclass=_Imports):
    """Stands for NNDescent."""

    def __new__(cls, *arguments: Any, **settings: Any) -> Any:
        return _real("pynndescent")(*arguments, **settings)


class _Metrics(Mapping):
    """Stands for a table of metrics by name."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __contains__(self, name: object) -> bool:
        return name in KNOWN or name in _real(self._module)

    def __getitem__(self, name: str) -> Any:
        return _real(self._module)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_real(self._module))

    def __len__(self) -> int:
        return len(_real(self._module))
