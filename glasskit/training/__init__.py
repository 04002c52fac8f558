"""Training: heads on cached features, or whole models, in one process or several.

- `config`: TrainConfig, every setting with its default; `run`: `train`, from settings to a run
- `trainer`: the loop; `batches`, `loaders`: what a step reads; `encoders`: what is trained
- `optim`: AdamW, warm-up, averages; `gradcache`: a large batch in parts
- `checkpoint`: written, and restored with the optimizer; `fingerprints`: of its data
- `validation`: on records that are not trained on; `words`: vocabulary words as captions
- `run_folder`, `run_log`: the directory and what is shown; `stopping`: Ctrl-C and SIGTERM
- `distributed`: several processes

Names load when they are first used: ``glasskit train --help`` needs the settings and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glasskit.training.config import TrainConfig as TrainConfig
    from glasskit.training.run import train as train
    from glasskit.training.run_log import DivergedError as DivergedError
    from glasskit.training.run_log import read_log as read_log
    from glasskit.training.trainer import TrainResult as TrainResult

_HOMES = {
    "DivergedError": "run_log",
    "TrainConfig": "config",
    "TrainResult": "trainer",
    "read_log": "run_log",
    "train": "run",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'glasskit.training' has no attribute {name!r}")
    return getattr(import_module(f"glasskit.training.{_HOMES[name]}"), name)
