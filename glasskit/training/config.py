"""TrainConfig: everything that decides a training run, in one place.

A field that is None is unset: `TrainConfig.resolved` fills it in from the mode and the objective,
`TrainConfig.fitted` also from the data, once for each run. Letters: M groups a batch, N members a
group.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from glasskit.errors import InputError
from glasskit.fields import Settings, plain

T = TypeVar("T")

DEFAULT_GROUPS, DEFAULT_MEMBERS = 16, 4
"""M and N where the data has so many; see tests/benchmarks/results/recipe.md."""

LEARNING_RATES = {"head": 4e-3, "full": 1e-5, "image": 1e-5, "text": 1e-5, "lora": 1e-4}
"""Peak learning rate of each mode: heads on features of length 1, or towers that know much."""

RUNTIME = (
    *("out", "resume", "overwrite", "dataset", "images", "model", "device", "workers"),
    *("tracker", "log_every", "checkpoint_every", "keep_last"),
)
"""Fields that may differ between a run and its continuation: they change no weight.

``dataset``, ``images`` and ``model`` are names and places; what they stand for is compared by its
content (`glasskit.training.fingerprints`).
"""


class TrainConfig(Settings):
    """Settings of one run; each field carries its help and its limits.

    Two configs are equal where the same was asked for, so that ``TrainConfig().but(**changes)`` is
    ``TrainConfig(**changes)``.

    Raises:
        InputError: a field is unknown, of the wrong type or outside its limits; names the field.
    """

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    dataset: str = "scenes"
    """scenes, coco-concepts, coco-ideas, or a JSON file in the MAGIC or pictures layout"""
    images: str | None = None
    """folder with the pictures of the data set"""
    model: str = "lite0-minilm"
    """lite0-minilm, lite0-glass, a run directory, or ARCH/TAG of open_clip"""
    objective: str = "grouped"
    """name of the objective to train with"""
    out: str = "runs/latest"
    """directory that the run is written to"""
    mode: Literal["head", "full", "image", "text", "lora"] = "head"
    """what is trained: head on cached features, or towers of the model"""

    epochs: int = Field(20, ge=1)
    """passes over the data"""
    groups_per_batch: int | None = Field(None, ge=2)
    """M, groups in a batch over all processes; default 16, or all concepts if fewer"""
    group_size: int | None = Field(None, ge=1)
    """N, distinct photographs in a group; default 4, or the largest concept"""
    hard_negative_share: float = Field(0.0, ge=0, le=1)
    """share of a batch's groups that are hard negatives of its first"""
    literal_weight: float = Field(1.0, ge=0)
    """weight of literal captions in the draw"""
    paraphrase_weight: float | None = Field(None, ge=0)
    """weight of paraphrases; default 1, or 0 for objectives of single pairs"""
    theme_weight: float | None = Field(None, ge=0)
    """weight of theme captions; default as of paraphrases"""
    word_weight: float | None = Field(None, ge=0)
    """weight of vocabulary words that a picture's captions are near to, none of a label's name;
    default as of theme captions in mode head where pictures have several labels, else 0"""

    alpha: float | None = Field(None, ge=0, le=1)
    """weight of the outer loss, the inner has 1 - alpha; default 0.7"""
    temperature: float | None = Field(None, gt=0)
    """temperature of the similarities; default 0.1"""
    inner_temperature: float | None = Field(None, gt=0)
    """temperature of the inner loss; default 0.1"""
    instance_weight: float | None = Field(None, ge=0, le=1)
    """joint: weight of the instance objective; default 0.2"""
    instance: str | None = None
    """joint: name of the instance objective; default clip"""
    grouped: str | None = None
    """joint: name of the grouped objective; default grouped"""
    instance_caption: Literal["text", "paraphrase"] | None = None
    """joint: the captions that the instance objective reads; default text"""
    views: Literal["group", "pair"] | None = None
    """multi-view objectives: a group is a sample, or a pair is; default group"""
    entailment_weight: float | None = Field(None, ge=0)
    """entailment objectives: weight of the cones beside the contrast; default 0.2"""
    npc_weight: float | None = Field(None, ge=0)
    """c2lip: weight of the noun phrase loss; default 1"""
    xac_weight: float | None = Field(None, ge=0)
    """c2lip: weight of the patch loss, 0 needs no patches; default 0.01"""
    learn_bias: bool | None = None
    """learn the bias of the sigmoid objectives; default true"""
    learn_temperature: bool = False
    """learn the temperature, never below 1/100"""

    lr: float | None = Field(None, gt=0)
    """peak learning rate of the image side; default 4e-3 in mode head, 1e-4 in lora, else 1e-5"""
    text_lr: float | None = Field(None, ge=0)
    """peak learning rate of the text side; default 1e-3 in mode head, else lr"""
    weight_decay: float = Field(0.01, ge=0)
    """decay of weight matrices of the image side; 5 in mode head keeps more of what the model knew
    of concepts that it is not trained on"""
    text_weight_decay: float | None = Field(None, ge=0)
    """decay of weight matrices of the text side; default that of the image side"""
    decay_to: Literal["auto", "zero", "start"] = "auto"
    """where decay leads: to zero, to the weights at the start, or auto: start in mode head, else
    zero"""
    feature_dropout: float | None = Field(None, ge=0, lt=1)
    """share of tower features dropped in a step, mode head; default 0.3"""
    warmup: float = Field(0.1, ge=0, le=1)
    """share of all steps in which the rate rises"""
    final_lr: float = Field(0.0, ge=0, le=1)
    """learning rate at the end, as a share of the peak"""
    grad_clip: float = Field(1.0, ge=0)
    """largest gradient norm; 0 for no clipping"""
    ema: float = Field(0.0, ge=0, lt=1)
    """decay of an average of the weights that is kept instead; 0 for none"""
    trained_share: float | None = Field(None, gt=0, le=1)
    """where the kept model stands on the way from the weights at the start to the trained ones;
    default 0.7 in mode head where pictures have several labels, else 1"""
    lora_rank: int | None = Field(None, ge=1)
    """rank of the added matrices in mode lora; default 8"""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """arithmetic of the model"""
    accumulate: int = Field(1, ge=1)
    """parts that a batch is encoded in; memory falls, gradients stay the same"""
    gradient_checkpointing: bool = False
    """recompute towers in backward to save memory"""
    compile: bool = False
    """compile the model with torch.compile"""
    device: Literal["auto", "cpu"] = "auto"
    """where to train"""
    workers: int | None = Field(None, ge=0)
    """threads that load pictures where towers are trained; default 2"""

    validation_share: float = Field(0.0, ge=0, lt=1)
    """share of train held out where the data set has no val split"""
    select: Literal["acceptable_top1", "top1", "loss"] = "acceptable_top1"
    """validation measure that the kept model is best by"""
    seed: int = Field(0, ge=0)
    """seed of every draw"""

    keep_last: int = Field(2, ge=1)
    """checkpoints that are kept"""
    checkpoint_every: int = Field(0, ge=0)
    """steps between checkpoints; 0: each epoch"""
    log_every: int = Field(0, ge=0)
    """steps between lines of the log; 0: each step, every 10 on a GPU"""
    tracker: Literal["none", "tensorboard", "wandb"] = "tensorboard"
    """where curves go besides log.jsonl"""
    resume: bool = False
    """go on from the last checkpoint in the directory"""
    overwrite: bool = False
    """begin anew in a directory that holds a run"""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        weights = (self.literal_weight, self.paraphrase_weight, self.theme_weight)
        if not any(weight is None or weight > 0 for weight in weights):
            raise InputError("theme_weight: all three caption weights are 0; raise one of them")
        if self.resume and self.overwrite:
            raise InputError("overwrite: not with resume; choose one of them")
        if self.feature_dropout and self.mode != "head":
            raise InputError("feature_dropout: only mode head works on features; set it to 0")

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Any:
        return plain(value, cls.model_fields[str(info.field_name)])

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
        return cls(**{**values, **flags})

    def unused(self) -> dict[str, str]:
        """Settings that were given and are not used, each with the mode or objective that is why.

        Raises:
            InputError: no such objective.
        """
        taken, objective, mode = self._taken(), f"objective {self.objective}", f"mode {self.mode}"
        why = {name: objective for name in objective_settings() if name not in taken}
        if self.mode == "head":
            why |= dict.fromkeys(("workers", "gradient_checkpointing"), mode)
        if self.mode != "lora":
            why["lora_rank"] = mode
        if self.mode == "image":
            why |= dict.fromkeys(("text_lr", "text_weight_decay"), mode)
        if self.mode == "text" and self.text_weight_decay not in (None, self.weight_decay):
            why["weight_decay"] = f"{mode} with text_weight_decay"
        of_image_side = self.learn_temperature or "learn_bias" in taken
        if self.mode == "text" and self.text_lr not in (None, self.lr) and not of_image_side:
            why["lr"] = f"{mode} with text_lr"
        default = type(self).model_fields
        return {n: text for n, text in why.items() if getattr(self, n) != default[n].default}

    def resolved(self) -> TrainConfig:
        """The same settings, with what the mode and the objective decide filled in.

        Settings that are not used (`unused`) become what they are where they are not given.

        Raises:
            InputError: no such objective, or a setting that it does not allow.
        """
        from glasskit.losses.objectives import OBJECTIVES

        unused, head = self.unused(), self.mode == "head"
        given = {n: v for n, v in self.as_dict().items() if v is not None and n not in unused}
        lr, texts = given.get("lr", LEARNING_RATES[self.mode]), self.mode != "image"
        beside_literal = 0.0 if OBJECTIVES[self.objective].single_pairs else 1.0
        decided = {
            "lr": lr,
            "text_lr": 1e-3 if head else lr if texts else None,
            "text_weight_decay": self.weight_decay if texts else None,
            "feature_dropout": 0.3 if head else 0.0,
            "paraphrase_weight": beside_literal,
            "theme_weight": beside_literal,
            "lora_rank": 8 if self.mode == "lora" else None,
            "workers": None if head else 2,
        }
        known = objective_settings()
        taken = {name: value for name, value in self._taken().items() if name in known}
        values = taken | decided | given
        if self.decay_to == "auto":
            values["decay_to"] = "start" if head else "zero"
        return type(self)(**values)

    def fitted(
        self, concepts: int, largest: int, processes: int = 1, *, several: bool = False
    ) -> TrainConfig:
        """The resolved settings, with M, N and the weight of words as the data want them.

        Args:
            concepts: concepts that have a record to train on.
            largest: records of the largest of them.
            processes: each takes the same number of groups of a batch.
            several: whether pictures have several labels.
        """
        resolved = self.resolved()
        gentle = several and self.mode == "head"  # see tests/benchmarks/results/recipe.md
        words, share = (filled(resolved.theme_weight), 0.7) if gentle else (0.0, 1.0)
        groups = min(DEFAULT_GROUPS, concepts) // processes * processes
        return resolved.but(
            groups_per_batch=self.groups_per_batch or max(groups, 2),
            group_size=self.group_size or min(DEFAULT_MEMBERS, largest),
            word_weight=words if self.word_weight is None else self.word_weight,
            trained_share=self.trained_share or share,
        )

    def kept(self) -> dict[str, Any]:
        """What a run writes down: the settings, less how this call began."""
        return self.but(resume=False, overwrite=False).as_dict()

    def to_yaml(self) -> str:
        """What a run writes down as YAML, in the order of the fields."""
        return yaml.safe_dump(self.kept(), sort_keys=False)

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Names of the fields that decide weights and differ from those of another run.

        Both are compared as they are resolved; what `other` does not have does not differ.
        """
        mine, known = self.resolved().as_dict(), type(self).model_fields
        theirs = type(self)(**{n: v for n, v in other.items() if n in known}).resolved().as_dict()
        names = [n for n in known if n in other and n not in RUNTIME]
        return [n for n in names if mine[n] != theirs[n]]

    def _taken(self) -> dict[str, Any]:
        # torch comes in here: the command line shows its help without it.
        from glasskit.losses.objectives import settings_of

        try:
            return settings_of(self.objective, instance=self.instance, grouped=self.grouped)
        except ValueError as error:
            raise InputError(f"objective {self.objective!r}: {error}") from error


def objective_settings() -> list[str]:
    """Fields that stay unset because the objective itself has their default."""
    from glasskit.losses.objectives import OBJECTIVES, settings_of

    taken = {name for objective in OBJECTIVES for name in settings_of(objective)}
    fields = TrainConfig.model_fields.items()
    return [name for name, field in fields if name in taken and field.default is None]


def filled(value: T | None) -> T:
    """A setting that `TrainConfig.resolved` or `TrainConfig.fitted` filled in."""
    if value is None:
        raise TypeError("a setting is None: the config is not resolved")
    return value


class _Loader(yaml.SafeLoader):
    """YAML in which a name stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise yaml.YAMLError(f"{twice[0]} stands there twice")
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such settings file") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable YAML file ({line})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: a settings file is a mapping of names to values")
    return {str(name): value for name, value in values.items()}
