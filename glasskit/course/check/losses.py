"""The checker of losses that the reader writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from glasskit.course.check.steps import OPEN, Checked, Help, ask
from glasskit.errors import InputError
from glasskit.losses import inner_loss, outer_loss

Loss = Callable[[Tensor, Tensor], Tensor]
"""(M, N, L) image and text vectors of length 1 -> () loss."""

TAU = 0.1
"""The temperature of every exercise."""

CLOSE = 1e-4


def loss(own: Loss, which: str = "outer") -> Checked:
    """Is this the "outer" or the "inner" loss of CLEAR GLASS or "unicl", at temperature 0.1?

    Args:
        own: (M, N, L) image and text vectors of length 1 -> () loss.
        which: what it should be.

    Raises:
        InputError: ``which`` is another name.
    """
    if which not in _WANTED:
        raise InputError(f"check.loss: {which!r} is none of {', '.join(_WANTED)}")
    right, wrong = _WANTED[which], _MISTAKES[which]
    image, text = _vectors(0), _vectors(1)

    def shape() -> Help:
        found = own(image, text)
        if found is None:
            return OPEN
        if not isinstance(found, Tensor):
            return f"it returns a {type(found).__name__}; return a tensor, or no gradient can pass"
        if found.ndim:
            return f"it returns a tensor of shape {tuple(found.shape)}; a loss is one number"
        return None if found.isfinite() else f"it returns {found.item()}"

    def symmetry() -> Help:
        turned = [own(image, text), own(text, image), own(image.flip(0), text.flip(0))]
        first, swapped, reordered = (one.item() for one in turned)
        if not math.isclose(first, swapped, rel_tol=CLOSE):
            return "images and texts in each other's place give another value: ask both ways"
        if not math.isclose(first, reordered, rel_tol=CLOSE):
            return "another order of the groups gives another value"
        return None

    def value() -> Help:
        found, wanted = own(image, text).item(), right(image, text).item()
        if math.isclose(found, wanted, rel_tol=CLOSE):
            return None
        for help_text, mistake in wrong.items():
            if math.isclose(found, mistake(image, text).item(), rel_tol=CLOSE):
                return help_text
        way = "high" if found > wanted else "low"
        return f"three groups of four random pairs give {found:.4f}, which is too {way}"

    def gradient() -> Help:
        leaf = image.clone().requires_grad_()
        total = own(leaf, text)
        if not total.requires_grad:
            return "no gradient reaches the images: is there a detach(), item() or no_grad()?"
        found = _turn(torch.autograd.grad(total, leaf)[0], image)
        wanted = _turn(torch.autograd.grad(right(leaf, text), leaf)[0], image)
        if torch.allclose(found, wanted, atol=CLOSE):
            return None
        return "the value is right and its slope is not: is a part of it detached?"

    steps = [("one number", shape), ("both ways, any order", symmetry)]
    steps += [("value on an example", value), ("gradient", gradient)]
    return ask(f"The {which} loss", steps)


def _vectors(seed: int) -> Tensor:
    """(3, 4, 8) vectors of length 1."""
    drawn = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


def _turn(slope: Tensor, vectors: Tensor) -> Tensor:
    """What of a gradient turns its vectors: their length is free where a loss normalises."""
    return slope - (slope * vectors).sum(-1, keepdim=True) * vectors


def _similarities(u: Tensor, v: Tensor, tau: float = TAU) -> tuple[Tensor, Tensor]:
    """(B, B) logits, and which of them lie inside a group."""
    own = torch.arange(len(u)).repeat_interleave(u.shape[1])
    return u.flatten(0, 1) @ v.flatten(0, 1).T / tau, own[:, None] == own


def _one_way(u: Tensor, v: Tensor, tau: float = TAU) -> Tensor:
    """(B,) the outer loss of each image."""
    s, own = _similarities(u, v, tau)
    return s.logsumexp(1) - s.masked_fill(~own, -torch.inf).logsumexp(1)


def _both(one_way: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    return lambda u, v: (one_way(u, v).mean() + one_way(v, u).mean()) / 2


def _clip(u: Tensor, v: Tensor) -> Tensor:
    return -_similarities(u, v)[0].log_softmax(1).diagonal()


def _unicl(u: Tensor, v: Tensor) -> Tensor:
    s, own = _similarities(u, v)
    return -s.log_softmax(1)[own].reshape(len(s), -1).mean(1)


def _softmax_inside(u: Tensor, v: Tensor) -> Tensor:
    """The softmax over strangers and the group's sum, without the group in the denominator."""
    s, own = _similarities(u, v)
    outside = s.masked_fill(own, -torch.inf).logsumexp(1)
    return outside - s.masked_fill(~own, -torch.inf).logsumexp(1)


def _inner(
    u: Tensor, v: Tensor, *, tau: float = TAU, unit: bool = True, centre_unit: bool = True
) -> Tensor:
    """(M N^2,) the inner loss of each product."""
    c = u[:, :, None] * v[:, None]
    c = functional.normalize(c, dim=-1) if unit else c
    centres = c.mean((1, 2))
    centres = functional.normalize(centres, dim=-1) if centre_unit else centres
    logits = c.flatten(0, 2) @ centres.T / tau
    target = torch.arange(len(u)).repeat_interleave(u.shape[1] ** 2)
    return functional.cross_entropy(logits, target, reduction="none")


def _own_pairs(u: Tensor, v: Tensor) -> Tensor:
    """The inner loss of the products of own pairs alone."""
    c = functional.normalize(u * v, dim=-1)
    logits = c.flatten(0, 1) @ functional.normalize(c.mean(1), dim=-1).T / TAU
    return functional.cross_entropy(logits, torch.arange(len(u)).repeat_interleave(u.shape[1]))


_WANTED: Mapping[str, Loss] = {
    "outer": lambda u, v: outer_loss(u, v, temperature=TAU),
    "inner": lambda u, v: inner_loss(u, v, temperature=TAU),
    "unicl": _both(_unicl),
}

_SUM = "it is a sum over the anchors: take their mean, or it grows with the batch"
_TAU = "the similarities are not divided by the temperature"

_MISTAKES: Mapping[str, Mapping[str, Loss]] = {
    "outer": {
        "this is the CLIP loss: the other texts of a group still count as wrong": _both(_clip),
        "this is UniCL: it takes the mean of logs; here the sum over the group stands inside the "
        "logarithm": _both(_unicl),
        "the denominator leaves the group out: its sum goes over all texts": _both(_softmax_inside),
        "both ways are added: take half of the sum": lambda u, v: 2 * _both(_one_way)(u, v),
        _SUM: lambda u, v: (_one_way(u, v).sum() + _one_way(v, u).sum()) / 2,
        _TAU: _both(lambda u, v: _one_way(u, v, 1.0)),
    },
    "inner": {
        "the products are not brought to length 1": lambda u, v: _inner(u, v, unit=False).mean(),
        "the centres are not brought to length 1": lambda u, v: _inner(
            u, v, centre_unit=False
        ).mean(),
        "only own pairs are multiplied: every image of a group meets every text of it": _own_pairs,
        _SUM: lambda u, v: _inner(u, v).sum(),
        _TAU: lambda u, v: _inner(u, v, tau=1.0).mean(),
    },
    "unicl": {
        "the sum stands inside the logarithm: that is the outer loss of CLEAR GLASS": _both(
            _one_way
        ),
        "this is the CLIP loss: the other texts of a group still count as wrong": _both(_clip),
        "both ways are added: take half of the sum": lambda u, v: 2 * _both(_unicl)(u, v),
        _SUM: lambda u, v: (_unicl(u, v).sum() + _unicl(v, u).sum()) / 2,
        "it is a sum over the texts of a group: take their mean": lambda u, v: (
            u.shape[1] * _both(_unicl)(u, v)
        ),
    },
}
"""Wrong losses that people write, by the sentence that says what to look at."""
