"""What training teaches: recognition and what should stay intact, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import glasskit
from glasskit.study import RECIPES, Outcome, markdown, study

SEEDS = (0, 1, 2)


def report(folds: int = 0) -> str:
    """Tables for scenes (held-out glyphs) and coco-concepts (train to test), as Markdown.

    Args:
        folds: also cross-validate coco-concepts in so many parts; 0 leaves it out.
    """
    scenes = glasskit.load_dataset("scenes")
    parts = [_section("scenes, held-out glyphs, train to test", study(scenes, seeds=SEEDS))]
    coco = glasskit.load_dataset("coco-concepts")
    parts.append(_section("coco-concepts, train to test", study(coco, seeds=SEEDS)))
    if folds:
        title = f"coco-concepts, {folds}-fold over all {len(coco)} photographs"
        parts.append(_section(title, study(coco, folds=folds, seeds=SEEDS[:1])))
    return "\n\n".join(parts)


def _section(title: str, outcomes: Mapping[str, Outcome]) -> str:
    grouped = outcomes["grouped"]
    lines = [f"### {title}, mean of {len(SEEDS)} seeds", "", markdown(outcomes), ""]
    for other in ("untrained", *(name for name in RECIPES if name.startswith("clip"))):
        for measure in ("top-1", "acceptable top-1", "caption R@10"):
            gain = grouped.gain(outcomes[other], measure)
            lines.append(
                f"- grouped less {other}, {measure}: {100 * gain.difference:+.1f} points "
                f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}, p {gain.p:.4f})"
            )
    return "\n".join(lines)
