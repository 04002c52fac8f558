"""Training: from a laptop's minute on cached features to a night on GPUs."""

from __future__ import annotations

from glasskit.training.config import TrainConfig
from glasskit.training.log import read_log
from glasskit.training.run import train
from glasskit.training.trainer import DivergedError, TrainResult

__all__ = ["DivergedError", "TrainConfig", "TrainResult", "read_log", "train"]
