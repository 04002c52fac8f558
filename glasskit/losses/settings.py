"""Every setting that an objective can have, with its limits, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from glasskit.losses.base import check_share, check_weight
from glasskit.losses.joint import CAPTIONS
from glasskit.losses.vectors import check_choice, check_temperature
from glasskit.losses.views import VIEWS

INSTANCE = ("clip", "siglip", "semclip", "conclip", "c2lip")
GROUPED = (
    "grouped",
    "grouped-centroid",
    "grouped-leave-one-out",
    "grouped-cosine",
    "grouped-siglip",
    "unicl",
    "supcon",
    "polyview-geometric",
    "polyview-arithmetic",
    "mv-infonce",
    "mv-dhel",
)


def setting(default: Any, text: str, **limits: Any) -> Any:
    """A field whose help and limits the command line, the YAML and the app read from here."""
    return field(default=default, metadata={"help": text, **limits})


@dataclass(frozen=True, slots=True)
class ObjectiveSettings:
    """What an objective can be told; each takes what it knows and passes over the rest.

    Raises:
        ValueError: a setting out of range.
    """

    alpha: float = setting(
        0.7, "weight of the outer loss against the inner one", minimum=0.0, maximum=1.0
    )
    temperature: float = setting(0.1, "temperature of the logits, where none is learned", above=0.0)
    inner_temperature: float = setting(0.1, "temperature of the inner loss", above=0.0)
    logit_bias: float = setting(-10.0, "bias of the sigmoid objectives at the start")
    learn_bias: bool = setting(True, "learn the bias of the sigmoid objectives")
    views: str = setting(
        "group", "multi-view objectives: a group is a sample, or a pair is", choices=VIEWS
    )
    seed: int = setting(0, "seed of the random directions of semclip")
    npc_weight: float = setting(1.0, "c2lip: weight of the noun phrase loss", minimum=0.0)
    xac_weight: float = setting(
        0.01, "c2lip: weight of the patch attention loss; 0 asks for no patches", minimum=0.0
    )
    instance_weight: float = setting(
        0.2, "joint: weight of the instance objective", minimum=0.0, maximum=1.0
    )
    instance: str = setting("clip", "joint: the instance objective", choices=INSTANCE)
    grouped: str = setting("grouped", "joint: the grouped objective", choices=GROUPED)
    instance_caption: str = setting(
        "text", "joint: the captions that the instance objective reads", choices=CAPTIONS
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value, limits = getattr(self, item.name), item.metadata
            if "choices" in limits:
                check_choice(item.name, value, limits["choices"])
            elif "above" in limits:
                check_temperature(value, item.name)
            elif "maximum" in limits:
                check_share(item.name, value)
            elif "minimum" in limits:
                check_weight(item.name, value)
