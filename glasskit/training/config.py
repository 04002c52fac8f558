"""TrainConfig: everything that decides a training run, in one place.

Letters: M groups a batch, N members a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from glasskit.errors import InputError
from glasskit.training.fields import check, read, setting

MODES = ("head", "full", "image", "text", "lora")
PRECISIONS = ("fp32", "bf16", "fp16")
TRACKERS = ("none", "tensorboard", "wandb")
SELECTIONS = ("acceptable_top1", "top1", "loss")
DEFAULT_GROUPS, DEFAULT_MEMBERS = 16, 4
"""M and N of the recipe that the study in README.md chose, where the data reaches that far."""

LEARNING_RATES = {"head": 4e-3, "full": 1e-5, "image": 1e-5, "text": 1e-5, "lora": 1e-4}
"""Peak learning rate of each mode: heads on features of length 1, or towers that know much."""

SINGLE_PAIRS = ("clip", "siglip", "semclip", "conclip", "c2lip")
"""Objectives that pair a picture with its own caption: it should say what is seen there."""

RUNTIME = (
    "out",
    "resume",
    "overwrite",
    "dataset",
    "images",
    "model",
    "device",
    "workers",
    "tracker",
    "log_every",
    "checkpoint_every",
    "keep_last",
)
"""Fields that may differ between a run and its continuation: they change no weight.

``dataset``, ``images`` and ``model`` are names and places; what they stand for is compared by its
content (`glasskit.training.fingerprints`).
"""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run; each field carries its help, unit and limits (`fields.limits`).

    Raises:
        InputError: a field is of the wrong type or outside its limits; names the field.
    """

    dataset: str = setting("scenes", "scenes, coco-concepts, or a MAGIC-layout JSON file")
    images: str | None = setting(None, "folder with the pictures of the data set")
    model: str = setting("lite0-minilm", "lite0-minilm, a run directory, or ARCH/TAG of open_clip")
    objective: str = setting("grouped", "name of the objective to train with")
    out: str = setting("runs/latest", "directory that the run is written to")
    mode: str = setting(
        "head", "what is trained: head on cached features, or towers of the model", choices=MODES
    )

    epochs: int = setting(20, "passes over the data", unit="epochs", low=1)
    groups_per_batch: int | None = setting(
        None, "M, groups in a batch over all processes; 16, or all concepts if fewer", low=2
    )
    group_size: int | None = setting(
        None, "N, distinct photographs in a group; 4, or the largest concept", unit="pairs", low=1
    )
    hard_negative_share: float = setting(
        0.0, "share of a batch's groups that are hard negatives of its first", low=0, high=1
    )
    literal_weight: float = setting(1.0, "weight of literal captions in the draw", low=0)
    paraphrase_weight: float | None = setting(
        None, "weight of paraphrased captions; 1, or 0 for objectives of single pairs", low=0
    )
    theme_weight: float | None = setting(
        None, "weight of theme captions; 1, or 0 for objectives of single pairs", low=0
    )

    alpha: float = setting(0.7, "weight of the outer loss; the inner has 1 - alpha", low=0, high=1)
    temperature: float = setting(0.1, "temperature of the similarities", above=0)
    inner_temperature: float = setting(0.1, "temperature of the inner loss", above=0)
    instance_weight: float = setting(0.2, "joint: weight of the instance objective", low=0, high=1)
    instance: str = setting("clip", "joint: name of the instance objective")
    grouped: str = setting("grouped", "joint: name of the grouped objective")
    instance_caption: str = setting("text", "joint: the captions that the instance objective reads")
    views: str = setting("group", "multi-view objectives: a group is a sample, or a pair is")
    npc_weight: float = setting(1.0, "c2lip: weight of the noun phrase loss", low=0)
    xac_weight: float = setting(0.01, "c2lip: weight of the patch loss; 0 needs no patches", low=0)
    learn_bias: bool = setting(True, "learn the bias of the sigmoid objectives")
    learn_temperature: bool = setting(False, "learn the temperature, never below 1/100")

    lr: float | None = setting(
        None,
        "peak learning rate of the image side; 4e-3 in mode head, else 1e-5, lora 1e-4",
        above=0,
    )
    text_lr: float | None = setting(
        None, "peak learning rate of the text side; lr if not given, 1e-3 in mode head", low=0
    )
    weight_decay: float = setting(
        0.01,
        "decay of weight matrices of the image side; 5 in mode head keeps more of what the model "
        "knew of concepts that it is not trained on",
        low=0,
    )
    text_weight_decay: float | None = setting(
        None, "decay of weight matrices of the text side; weight_decay if not given", low=0
    )
    decay_to: str = setting(
        "auto",
        "where decay pulls: to zero, to the weights at the start, or auto (start for mode head)",
        choices=("auto", "zero", "start"),
    )
    feature_dropout: float | None = setting(
        None, "share of tower features dropped in a step; 0.3 in mode head", low=0, below=1
    )
    warmup: float = setting(0.1, "share of all steps in which the rate rises", low=0, high=1)
    final_lr: float = setting(
        0.0, "learning rate at the end, as a share of the peak", low=0, high=1
    )
    grad_clip: float = setting(1.0, "largest gradient norm; 0 for no clipping", low=0)
    ema: float = setting(
        0.0, "decay of an average of the weights that is kept instead; 0 for none", low=0, below=1
    )
    lora_rank: int = setting(8, "rank of the added matrices in mode lora", low=1)

    precision: str = setting("fp32", "arithmetic of the model", choices=PRECISIONS)
    accumulate: int = setting(
        1, "parts that a batch is encoded in; memory falls, gradients stay the same", low=1
    )
    gradient_checkpointing: bool = setting(False, "recompute towers in backward to save memory")
    compile: bool = setting(False, "compile the model with torch.compile")
    device: str = setting("auto", "where to train", choices=("auto", "cpu"))
    workers: int = setting(2, "threads that load pictures, where towers are trained", low=0)

    validation_share: float = setting(
        0.0, "share of train held out where the data set has no val split", low=0, below=1
    )
    select: str = setting(
        "acceptable_top1", "validation measure that the kept model is best by", choices=SELECTIONS
    )
    seed: int = setting(0, "seed of every draw", low=0)

    keep_last: int = setting(2, "checkpoints that are kept", low=1)
    checkpoint_every: int = setting(
        0, "steps between checkpoints; 0: each epoch", low=0, unit="steps"
    )
    log_every: int = setting(
        0, "steps between lines of the log; 0: each step, every 10 on a GPU", low=0, unit="steps"
    )
    tracker: str = setting("tensorboard", "where curves go besides log.jsonl", choices=TRACKERS)
    resume: bool = setting(False, "go on from the last checkpoint in the directory")
    overwrite: bool = setting(False, "begin anew in a directory that holds a run")

    def __post_init__(self) -> None:
        self._settle()
        check(self)
        if self.literal_weight + self.paraphrase_weight + self.theme_weight <= 0:
            raise InputError("theme_weight: all three caption weights are 0; raise one of them")
        if self.mode == "lora" and self.gradient_checkpointing:
            raise InputError("gradient_checkpointing: not with mode lora; turn it off")
        if self.feature_dropout and self.mode != "head":
            raise InputError("feature_dropout: only mode head works on features; set it to 0")

    def _settle(self) -> None:
        """Fill in what follows from the mode and the objective where it was not given."""
        head = self.mode == "head"
        pairs = 0.0 if self.objective in SINGLE_PAIRS else 1.0
        lr = self.lr if self.lr is not None else LEARNING_RATES.get(self.mode)
        settled = {
            "lr": lr,
            "text_lr": 1e-3 if head and self.lr is None else lr,
            "feature_dropout": 0.3 if head else 0.0,
            "paraphrase_weight": pairs,
            "theme_weight": pairs,
        }
        for name, value in settled.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @classmethod
    def load(cls, path: str | Path | None = None, /, **flags: Any) -> TrainConfig:
        """Settings from a YAML file, then from flags, which win.

        Args:
            path: a YAML mapping of field names, or None for defaults.
            flags: fields given by hand; all that are given count.

        Raises:
            InputError: the file is missing or no mapping, or a field is unknown or not allowed.
        """
        values = {} if path is None else _read_yaml(Path(path))
        return cls(**read(cls, {**values, **flags}))

    def fitted(self, concepts: int, largest: int, processes: int = 1) -> TrainConfig:
        """The same settings with M and N filled in where they were left to the data.

        Args:
            concepts: concepts that have a record to train on.
            largest: records of the largest of them.
            processes: each takes the same number of groups of a batch.
        """
        groups = min(DEFAULT_GROUPS, concepts) // processes * processes
        return self.but(
            groups_per_batch=self.groups_per_batch or max(groups, 2),
            group_size=self.group_size or min(DEFAULT_MEMBERS, largest),
        )

    def but(self, **changes: Any) -> TrainConfig:
        """The same settings with some changed and checked."""
        return replace(self, **read(type(self), changes))

    def as_dict(self) -> dict[str, Any]:
        """Field names and plain values."""
        return asdict(self)

    def kept(self) -> dict[str, Any]:
        """What a run writes down: the settings, less how this call began."""
        return self.but(resume=False, overwrite=False).as_dict()

    def to_yaml(self) -> str:
        """What a run writes down as YAML, in the order of the fields."""
        return yaml.safe_dump(self.kept(), sort_keys=False)

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Names of the fields that decide weights and differ from those of another run."""
        own = self.as_dict()
        return [n for n in own if n not in RUNTIME and own[n] != other.get(n, own[n])]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such settings file") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable YAML file ({line})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: a settings file is a mapping of names to values")
    return values
