"""The registry of objectives: every loss that the kit compares, by name, on the same batch.

    objective = build_objective("grouped", temperature=0.07)
    total, parts = objective(batch)

`objective.needs` names the optional fields of the batch that it asks for. Some objectives have a
parameter (the bias of the sigmoid ones): a trainer optimises `objective.parameters()` beside the
model's, without weight decay, and keeps `objective.state_dict()` in its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from glasskit.losses.base import Objective
from glasskit.losses.c2lip import C2Lip
from glasskit.losses.clear_glass import ClearGlass
from glasskit.losses.clip import Clip
from glasskit.losses.conclip import ConClip
from glasskit.losses.joint import Joint
from glasskit.losses.multi_positive import UniCl
from glasskit.losses.multiview import MvDhel, MvInfoNce
from glasskit.losses.polyview import PolyViewArithmetic, PolyViewGeometric
from glasskit.losses.semclip import SemClip
from glasskit.losses.settings import ObjectiveSettings
from glasskit.losses.siglip import GroupedSigLip, SigLip
from glasskit.losses.supcon import SupCon


@dataclass(frozen=True, slots=True)
class ObjectiveSpec:
    """One entry of the registry.

    Args:
        summary: one line on what it asks of the embedding space.
        source: arXiv number of its paper.
        build: makes it from settings.
        needs: optional fields of the batch that it asks for at the default settings.
    """

    summary: str
    source: str
    build: Callable[[ObjectiveSettings], Objective]
    needs: tuple[str, ...] = ()


def _clear_glass(
    name: str, variant: str, centroid: str = "inclusive"
) -> Callable[[ObjectiveSettings], Objective]:
    return lambda s: ClearGlass(
        name, s.alpha, s.temperature, s.inner_temperature, variant, centroid
    )


def _joint(s: ObjectiveSettings) -> Joint:
    instance, grouped = OBJECTIVES[s.instance].build(s), OBJECTIVES[s.grouped].build(s)
    return Joint(instance, grouped, s.instance_weight, s.instance_caption)


OBJECTIVES: dict[str, ObjectiveSpec] = {
    "clip": ObjectiveSpec(
        "each image picks its own caption, and the reverse",
        "2103.00020",
        lambda s: Clip(s.temperature),
    ),
    "siglip": ObjectiveSpec(
        "each image-text pair is a yes-or-no question",
        "2303.15343",
        lambda s: SigLip(s.temperature, s.logit_bias, s.learn_bias),
    ),
    "grouped": ObjectiveSpec(
        "CLEAR GLASS, pairwise: groups apart, each image-text product near its group's centre",
        "2509.12771",
        _clear_glass("grouped", "pairwise"),
    ),
    "grouped-centroid": ObjectiveSpec(
        "CLEAR GLASS, centroids: group means apart, members near their group's mean",
        "2509.12771",
        _clear_glass("grouped-centroid", "centroid"),
    ),
    "grouped-leave-one-out": ObjectiveSpec(
        "CLEAR GLASS, centroids that leave out the member compared with them",
        "2509.12771",
        _clear_glass("grouped-leave-one-out", "centroid", "leave_one_out"),
    ),
    "grouped-cosine": ObjectiveSpec(
        "CLEAR GLASS, pairwise, with cosine distances to the group's centre inside",
        "2509.12771",
        _clear_glass("grouped-cosine", "cosine"),
    ),
    "grouped-siglip": ObjectiveSpec(
        "SigLIP with every pair of a group as a yes",
        "2303.15343",
        lambda s: GroupedSigLip(s.temperature, s.logit_bias, s.learn_bias),
    ),
    "unicl": ObjectiveSpec(
        "each image meets all captions of its group, and the reverse",
        "2204.03610",
        lambda s: UniCl(s.temperature),
    ),
    "supcon": ObjectiveSpec(
        "images and captions of a group are one class",
        "2004.11362",
        lambda s: SupCon(s.temperature),
    ),
    "polyview-geometric": ObjectiveSpec(
        "each view of a group matches each other one: mean of logs",
        "2403.05490",
        lambda s: PolyViewGeometric(s.temperature, s.views),
    ),
    "polyview-arithmetic": ObjectiveSpec(
        "each view of a group matches each other one: log of the mean",
        "2403.05490",
        lambda s: PolyViewArithmetic(s.temperature, s.views),
    ),
    "mv-infonce": ObjectiveSpec(
        "all views of a group in one InfoNCE term",
        "2507.06979",
        lambda s: MvInfoNce(s.temperature, s.views),
    ),
    "mv-dhel": ObjectiveSpec(
        "views of a group together, each view spread on its own",
        "2507.06979",
        lambda s: MvDhel(s.temperature, s.views),
    ),
    "semclip": ObjectiveSpec(
        "CLIP, paraphrases near their captions, negations off them",
        "2511.16527",
        lambda s: SemClip(s.temperature, s.seed),
        ("paraphrase", "negation"),
    ),
    "conclip": ObjectiveSpec(
        "CLIP against negated captions and the pictures they are true of",
        "2403.20312",
        lambda s: ConClip(s.temperature),
        ("negation", "negative_image"),
    ),
    "c2lip": ObjectiveSpec(
        "SigLIP, with pictures and patches answering for noun phrases",
        "2603.25722",
        lambda s: C2Lip(s.temperature, s.logit_bias, s.learn_bias, s.npc_weight, s.xac_weight),
        ("phrases", "patches"),
    ),
    "joint": ObjectiveSpec(
        "a weighted sum of an instance and a grouped objective",
        "2509.12771",
        _joint,
    ),
}


def build_objective(name: str, **settings: Any) -> Objective:
    """The objective of this name.

    Args:
        name: a key of OBJECTIVES.
        settings: fields of ObjectiveSettings; those that the objective does not know are checked
            and passed over, so that one set of settings serves a comparison of many.

    Raises:
        ValueError: an unknown name or setting, or a setting out of range.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"unknown objective {name!r}: choose one of {', '.join(OBJECTIVES)}")
    known = [item.name for item in fields(ObjectiveSettings)]
    unknown = [key for key in settings if key not in known]
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}: choose among {', '.join(known)}")
    return OBJECTIVES[name].build(ObjectiveSettings(**settings))
