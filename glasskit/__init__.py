"""Glass Kit: see how a vision-language model learns abstract concepts.

- `io`, `data`, `losses`, `models`: files, grouped data sets, objectives, dual encoders
- `grouping`, `training`, `evaluation`, `analysis`, `plots`: what is done with them
- `course`: helpers of the notebooks; the app is the package `glasskit_app`
- `cli`, `cli_data`, `cli_measure`, `cli_vectors`, `cli_options`: the command line
- `fields`, `flags`: settings classes and their flags; `errors`; `notices`: what is logged
- `offline`: no statistics and no news

Names load when they are first used, so that ``import glasskit`` and ``import glasskit.losses`` stay
light: torch, open_clip and the rest come in only with what needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glasskit.offline import set_switches

if TYPE_CHECKING:
    from glasskit.analysis import Probe as Probe
    from glasskit.data import GroupedDataset as GroupedDataset
    from glasskit.data import load_dataset as load_dataset
    from glasskit.models import GlassModel as GlassModel
    from glasskit.models import load_model as load_model
    from glasskit.models import save_model as save_model

__version__ = "0.1.0"

set_switches()

_HOMES = {
    "GlassModel": "glasskit.models",
    "GroupedDataset": "glasskit.data",
    "InputError": "glasskit.errors",
    "Probe": "glasskit.analysis",
    "load_dataset": "glasskit.data",
    "load_model": "glasskit.models",
    "save_model": "glasskit.models",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'glasskit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
