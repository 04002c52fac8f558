"""Checkers of batches that the reader draws, and of gradients added up in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from glasskit.course.check.steps import OPEN, Checked, Help, Step, ask

IDEAS: Mapping[str, Sequence[int]] = {
    "feast": [0, 1, 2, 3],
    "home": [2, 3, 4, 5],
    "sea": [6, 7, 8],
    "waiting": [8, 9, 10, 11],
    "work": [12, 13, 14],
    "haste": [15],
}
"""Pictures by idea; 2, 3 and 8 carry two ideas, and haste has one picture alone."""


def batch(own: Callable[[Mapping[str, Sequence[int]], int, int], list[list[int]]]) -> Checked:
    """A batch of M groups of N pictures, in which no picture carries the idea of another group.

    Args:
        own: pictures by idea, M, N -> M lists of N pictures, each of one idea.
    """
    groups, members = 3, 2

    def shape() -> Help:
        drawn = own(IDEAS, groups, members)
        if drawn is None:
            return OPEN
        if len(drawn) != groups:
            return f"there are {len(drawn)} groups, asked for were {groups}"
        sizes = {len(group) for group in drawn}
        return None if sizes == {members} else f"groups have {sizes} pictures, not {members}"

    def shared() -> Help:
        for group in own(IDEAS, groups, members):
            if len(set(group)) < members:
                return f"a picture stands twice in the group {group}"
            if not any(set(group) <= set(pictures) for pictures in IDEAS.values()):
                return f"the pictures {group} share no idea"
        return None

    def apart() -> Help:
        for _ in range(50):  # chance may hide it once
            drawn = own(IDEAS, groups, members)
            for one in drawn:
                ideas = [set(p) for p in IDEAS.values() if set(one) <= set(p)]
                strangers = {picture for other in drawn if other is not one for picture in other}
                for picture in sorted(strangers):
                    if all(picture in idea for idea in ideas):
                        return (
                            f"picture {picture} stands in another group than {one} and carries its "
                            "idea too: the loss would push it away from its own"
                        )
        return None

    steps: list[Step] = [("M groups of N", shape), ("one idea a group", shared)]
    return ask("A batch of overlapping groups", [*steps, ("no false negatives", apart)])


def shared(own: Callable[[Tensor], Tensor]) -> Checked:
    """Which pairs of a batch have a label in common, and so are no negatives of each other.

    Args:
        own: (B, C) bool, the labels of each pair -> (B, B) bool, False between a pair and itself.
    """
    carried = torch.zeros(5, 4, dtype=torch.bool)
    for pair, labels in enumerate([[0], [0, 1], [1], [2, 3], [3, 2]]):
        carried[pair, labels] = True
    itself = torch.eye(5, dtype=torch.bool)
    right = (carried[:, None] & carried[None]).any(2) & ~itself

    def shape() -> Help:
        found = own(carried)
        if found is None:
            return OPEN
        if not isinstance(found, Tensor) or found.shape != right.shape:
            return f"five pairs give {getattr(found, 'shape', type(found).__name__)}, not (5, 5)"
        return None if found.dtype == torch.bool else f"it is of {found.dtype}, not of torch.bool"

    def pairs() -> Help:
        found = own(carried) & ~itself
        if missing := (right & ~found).nonzero().tolist():
            return f"pairs {missing[0]} have a label in common, and it says that they have none"
        if extra := (found & ~right).nonzero().tolist():
            return f"pairs {extra[0]} have no label in common, and it says that they have one"
        return None

    def itself_out() -> Help:
        found = (own(carried) & itself).any()
        return "a pair is its own positive: leave out the diagonal" if found else None

    steps: list[Step] = [("(B, B) of bool", shape), ("labels in common", pairs)]
    return ask("Pairs that are no negatives", [*steps, ("the diagonal", itself_out)])


def accumulated(
    own: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, int], Tensor],
) -> Checked:
    """The gradient of a loss of all vectors of a batch, computed from parts of the batch.

    Args:
        own: loss of (B, L) vectors, (B, F) inputs, (F, L) weights of a linear tower, rows of a
            part -> (F, L) gradient of the loss of the whole batch, loss(inputs @ weights).
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(8, 5, generator=generator)
    weights = torch.randn(5, 4, generator=generator)

    def contrast(vectors: Tensor) -> Tensor:
        return -(vectors @ vectors.T).log_softmax(1).diagonal().mean()

    def whole(rows: Tensor) -> Tensor:
        leaf = weights.clone().requires_grad_()
        return torch.autograd.grad(contrast(rows @ leaf), leaf)[0]

    def found(rows: int) -> Tensor:
        return own(contrast, inputs, weights.clone(), rows)

    def shape() -> Help:
        gradient = found(8)
        if gradient is None:
            return OPEN
        same = gradient.shape == weights.shape
        return None if same else f"the gradient has the shape {tuple(gradient.shape)}"

    def at_once() -> Help:
        close = torch.allclose(found(8), whole(inputs), atol=1e-5)
        return None if close else "with all rows in one part it is not the plain gradient"

    def parts() -> Help:
        gradient, right = found(2), whole(inputs)
        if torch.allclose(gradient, right, atol=1e-5):
            return None
        alone = sum((whole(part) for part in inputs.split(2)), torch.zeros_like(weights))
        for share in (1, 4):
            if torch.allclose(gradient, alone / share, atol=1e-5):
                return (
                    "each part has a loss of its own, with four times fewer negatives: the loss "
                    "needs the vectors of the whole batch"
                )
        if torch.allclose(4 * gradient, right, atol=1e-5):
            return "the parts are averaged: their gradients add up"
        return "four parts of two rows give another gradient than the whole batch"

    return ask(
        "A gradient from parts",
        [("shape", shape), ("one part", at_once), ("four parts", parts)],
    )
