"""The registry of objectives: every loss that the kit compares, by name, on the same batch.

    objective = build_objective("grouped", temperature=0.07)
    total, parts = objective(batch)

`objective.needs` names the optional fields of the batch that it asks for. Some objectives have a
parameter (the bias of the sigmoid ones): a trainer optimises `objective.parameters()` beside the
model's, without weight decay, and keeps `objective.state_dict()` in its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from glasskit.losses.base import Objective
from glasskit.losses.c2lip import C2Lip
from glasskit.losses.clear_glass import ClearGlass
from glasskit.losses.clip import Clip
from glasskit.losses.entailment import Entailment, EuclideanEntailment
from glasskit.losses.joint import Joint
from glasskit.losses.multiview import MvDhel, MvInfoNce, PolyView
from glasskit.losses.negation import ConClip, NegClip, SemClip
from glasskit.losses.siglip import GroupedSigLip, SigLip
from glasskit.losses.supervised import SupCon, UniCl
from glasskit.losses.vectors import check_choice


@dataclass(frozen=True, slots=True)
class ObjectiveSpec:
    """One entry of the registry.

    Args:
        summary: one line on what it asks of the embedding space.
        source: arXiv number of its paper.
        build: makes it; its parameters are the objective's settings.
        single_pairs: whether it pairs a picture with its own caption, which should then say what
            is seen there.
    """

    summary: str
    source: str
    build: Callable[..., Objective]
    single_pairs: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Optional fields of the batch that it asks for at the default settings."""
        return getattr(self.build, "needs", ())


def _joint(
    instance: str = "clip",
    grouped: str = "grouped",
    instance_weight: float = 0.2,
    instance_caption: str = "text",
    **settings: Any,
) -> Joint:
    """The settings of the two objectives go to those of them that have them."""
    first, second = (
        build_objective(name, **{n: v for n, v in settings.items() if n in settings_of(name)})
        for name in (instance, grouped)
    )
    return Joint(first, second, instance_weight, instance_caption)


OBJECTIVES: dict[str, ObjectiveSpec] = {
    "clip": ObjectiveSpec(
        "each image picks its own caption, and the reverse", "2103.00020", Clip, single_pairs=True
    ),
    "siglip": ObjectiveSpec(
        "each image-text pair is a yes-or-no question", "2303.15343", SigLip, single_pairs=True
    ),
    "grouped": ObjectiveSpec(
        "CLEAR GLASS, pairwise: groups apart, each image-text product near its group's centre",
        "2509.12771",
        partial(ClearGlass, variant="pairwise", centroid="inclusive"),
    ),
    "grouped-centroid": ObjectiveSpec(
        "CLEAR GLASS, centroids: group means apart, members near their group's mean",
        "2509.12771",
        partial(ClearGlass, variant="centroid", centroid="inclusive"),
    ),
    "grouped-leave-one-out": ObjectiveSpec(
        "CLEAR GLASS, centroids that leave out the member compared with them",
        "2509.12771",
        partial(ClearGlass, variant="centroid", centroid="leave_one_out"),
    ),
    "grouped-cosine": ObjectiveSpec(
        "CLEAR GLASS, pairwise, with cosine distances to the group's centre inside",
        "2509.12771",  # cosine distances have no temperature
        partial(ClearGlass, variant="cosine", centroid="inclusive", inner_temperature=0.1),
    ),
    "grouped-siglip": ObjectiveSpec(
        "SigLIP with every pair of a group as a yes", "2303.15343", GroupedSigLip
    ),
    "unicl": ObjectiveSpec(
        "each image meets all captions of its group, and the reverse", "2204.03610", UniCl
    ),
    "supcon": ObjectiveSpec("images and captions of a group are one class", "2004.11362", SupCon),
    "polyview-geometric": ObjectiveSpec(
        "each view of a group matches each other one: mean of logs",
        "2403.05490",
        partial(PolyView, mean="geometric"),
    ),
    "polyview-arithmetic": ObjectiveSpec(
        "each view of a group matches each other one: log of the mean",
        "2403.05490",
        partial(PolyView, mean="arithmetic"),
    ),
    "mv-infonce": ObjectiveSpec(
        "all views of a group in one InfoNCE term", "2507.06979", MvInfoNce
    ),
    "mv-dhel": ObjectiveSpec(
        "views of a group together, each view spread on its own", "2507.06979", MvDhel
    ),
    "semclip": ObjectiveSpec(
        "CLIP, paraphrases near their captions, negations off them",
        "2511.16527",
        SemClip,
        single_pairs=True,
    ),
    "conclip": ObjectiveSpec(
        "CLIP against negated captions and the pictures they are true of",
        "2403.20312",
        ConClip,
        single_pairs=True,
    ),
    "negclip": ObjectiveSpec(
        "CLIP against captions with words swapped, replaced or negated by rule",
        "2210.01936",
        NegClip,
        single_pairs=True,
    ),
    "c2lip": ObjectiveSpec(
        "SigLIP, and each noun phrase of a caption belongs to its picture and to its patches",
        "2603.25722",
        C2Lip,
        single_pairs=True,
    ),
    "entailment": ObjectiveSpec(
        "general sentence, caption and picture each in the cone of the one before, hyperbolic",
        "2304.09172",
        Entailment,
        single_pairs=True,
    ),
    "entailment-euclidean": ObjectiveSpec(
        "the same chain of cones in flat space",
        "2409.13079",
        EuclideanEntailment,
        single_pairs=True,
    ),
    "joint": ObjectiveSpec(
        "a weighted sum of an instance and a grouped objective", "2509.12771", _joint
    ),
}


INSTANCE = tuple(name for name, spec in OBJECTIVES.items() if spec.single_pairs)
GROUPED = tuple(name for name in OBJECTIVES if name not in (*INSTANCE, "joint"))
"""What `joint` is made of."""


def settings_of(
    name: str, instance: str | None = None, grouped: str | None = None
) -> dict[str, Any]:
    """The settings that an objective takes, with their defaults.

    Args:
        name: a key of OBJECTIVES.
        instance, grouped: of joint, which takes the settings of both; None is its default.

    Raises:
        ValueError: an unknown name.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"unknown objective {name!r}: choose one of {', '.join(OBJECTIVES)}")
    build = OBJECTIVES[name].build
    fixed = build.keywords if isinstance(build, partial) else {}
    own = {
        p.name: p.default
        for p in signature(build).parameters.values()
        if p.name not in fixed and p.kind is not p.VAR_KEYWORD
    }
    if name != "joint":
        return own
    instance, grouped = instance or own["instance"], grouped or own["grouped"]
    check_choice("instance", instance, INSTANCE)
    check_choice("grouped", grouped, GROUPED)
    return settings_of(instance) | settings_of(grouped) | own


def build_objective(name: str, **settings: Any) -> Objective:
    """The objective of this name.

    Args:
        name: a key of OBJECTIVES.
        settings: what `settings_of` says that it takes.

    Raises:
        ValueError: an unknown name, a setting that the objective does not take, or one out of
            range.
    """
    known = settings_of(name, settings.get("instance"), settings.get("grouped"))
    unknown = [key for key in settings if key not in known]
    if unknown:
        raise ValueError(
            f"objective {name!r} has no setting {unknown[0]!r}: choose among {', '.join(known)}"
        )
    objective = OBJECTIVES[name].build(**settings)
    objective.name = name
    return objective
