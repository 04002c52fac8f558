"""Every checker takes the right function, and says of wrong ones what to look at."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from glasskit.course import check
from glasskit.course.check.steps import OPEN
from glasskit.errors import InputError
from glasskit.losses import inner_loss, outer_loss


def one_way(u, v, tau=0.1, clip=False, logs_apart=False):
    """The outer loss of images, and two losses that it is not, written as a student would."""
    groups = len(u)
    s = torch.einsum("gid,hjd->gihj", u, v) / tau
    total = s.logsumexp((2, 3))
    same = torch.stack([s[g, :, g] for g in range(groups)])  # (M, N, N)
    if clip:
        return (total - same.diagonal(dim1=1, dim2=2)).mean()
    if logs_apart:
        return (total - same.mean(2)).mean()
    return (total - same.logsumexp(2)).mean()


def both(**change: Any) -> Callable:
    return lambda u, v: (one_way(u, v, **change) + one_way(v, u, **change)) / 2


def products(u, v, unit=True, centre=True, reduce="mean"):
    c = (u[:, :, None] * v[:, None]).flatten(1, 2)
    c = functional.normalize(c, dim=-1) if unit else c
    m = c.mean(1)
    m = functional.normalize(m, dim=-1) if centre else m
    logits = (c @ m.T / 0.1).flatten(0, 1)
    target = torch.arange(len(u)).repeat_interleave(c.shape[1])
    return functional.cross_entropy(logits, target, reduction=reduce)


RIGHT = both()
LOSSES = [
    ("outer", lambda u, v: outer_loss(u, v, temperature=0.1), None),
    ("outer", RIGHT, None),
    ("outer", lambda u, v: float(RIGHT(u, v)), "return a tensor"),
    ("outer", lambda u, v: RIGHT(u, v)[None], r"shape \(1,\)"),
    ("outer", one_way, "ask both ways"),
    ("outer", lambda u, v: RIGHT(u[:2], v[:2]), "order of the groups"),
    ("outer", both(clip=True), "CLIP loss"),
    ("outer", both(logs_apart=True), "UniCL"),
    ("outer", both(tau=1.0), "temperature"),
    ("outer", lambda u, v: 12 * RIGHT(u, v), "sum over the anchors"),
    ("outer", lambda u, v: 2 * RIGHT(u, v), "half of the sum"),
    ("outer", lambda u, v: RIGHT(u, v) + 0.1, "too high"),
    ("outer", lambda u, v: RIGHT(u, v).detach(), "no gradient"),
    ("outer", lambda u, v: RIGHT(u.detach(), v) + 0 * u.sum(), "slope is not"),
    ("outer", lambda u, v: torch.zeros(2) @ u, "raises RuntimeError"),
    ("inner", lambda u, v: inner_loss(u, v, temperature=0.1), None),
    ("inner", products, None),
    ("inner", lambda u, v: products(u, v, unit=False), "products are not brought to length 1"),
    ("inner", lambda u, v: products(u, v, centre=False), "centres are not brought"),
    ("inner", lambda u, v: products(u, v, reduce="sum"), "grows with the batch"),
    ("inner", lambda u, v: products(u[:, :1], v[:, :1]), "too"),
    ("inner", lambda u, v: (_ for _ in ()).throw(NotImplementedError), OPEN),
    ("unicl", both(logs_apart=True), None),
    ("unicl", RIGHT, "inside the logarithm"),
    ("unicl", both(clip=True), "CLIP loss"),
    ("unicl", lambda u, v: 4 * both(logs_apart=True)(u, v), "texts of a group"),
    ("unicl", lambda u, v: 2 * both(logs_apart=True)(u, v), "half of the sum"),
    ("unicl", lambda u, v: 12 * both(logs_apart=True)(u, v), "sum over the anchors"),
]


@pytest.mark.parametrize(("which", "own", "message"), LOSSES)
def test_losses(which: str, own: Any, message: str | None) -> None:
    refused_with(check.loss(own, which), message)


def refused_with(found: check.Checked, message: str | None) -> None:
    """The result has this help, or none where the function is right."""
    if message is None:
        assert found.solved, found
        assert ": solved" in repr(found)
        return
    assert not found.solved
    assert found.wrong is not None
    assert re.search(message, found.wrong[1]), found
    assert "✗" in found._repr_html_()


def top1(pictures, concepts, target, ties=False):
    s = pictures @ concepts.T
    own = s[np.arange(len(s)), target].copy()
    if ties:
        return float((own >= s.max(1) - 1e-9).mean())
    s[np.arange(len(s)), target] = -np.inf
    return float((own > s.max(1) + 1e-9).mean())


def ap(scores, right):
    ordered = right[np.argsort(-scores)]
    return float((np.cumsum(ordered) / np.arange(1, len(right) + 1))[ordered].mean())


def spread(z, power=2, factor=2.0, own=False, log=True):
    d = np.linalg.norm(z[:, None] - z[None], axis=-1) ** power
    found = np.exp(-factor * d[np.triu_indices(len(z), 0 if own else 1)]).mean()
    return float(np.log(found) if log else found)


def bootstrap(values, clusters, whole=True, ends=(2.5, 97.5)):
    rng, names = np.random.default_rng(1), np.unique(clusters)
    if whole:
        means = np.array([values[clusters == name].mean() for name in names])
        drawn = means[rng.integers(len(means), size=(1000, len(means)))].mean(1)
    else:
        drawn = values[rng.integers(len(values), size=(1000, len(values)))].mean(1)
    return np.percentile(drawn, ends)


MEASURES = [
    (check.recognised, top1, None),
    (check.recognised, lambda p, c, t: (p @ c.T).argmax(1) == t, "an array of shape"),
    (check.recognised, lambda p, c, t: len(p) * top1(p, c, t), "a share is the mean"),
    (check.recognised, lambda p, c, t: top1(p, c, t, ties=True), "a tie is not right"),
    (check.recognised, lambda p, c, t: 1 - top1(p, c, t), "too low"),
    (check.recognised, lambda p, c, t: (c @ p).argmax(), "raises ValueError"),
    (check.average_precision, ap, None),
    (check.average_precision, lambda s, r: r.mean(), "share of right pictures"),
    (check.average_precision, lambda s, r: ap(s, r) * r.sum() / len(r), "not of all"),
    (check.average_precision, lambda s, r: ap(-np.arange(len(s)), r), "order of their scores"),
    (check.average_precision, lambda s, r: math.nan, "returns nan"),
    (check.average_precision, lambda s, r: ap(s, r) ** 2, "too low"),
    (check.uniformity, spread, None),
    (check.uniformity, lambda z: spread(z, own=True), "paired with itself"),
    (check.uniformity, lambda z: spread(z, power=1), "not squared"),
    (check.uniformity, lambda z: spread(z, factor=4), "factor"),
    (check.uniformity, lambda z: spread(z, log=False), "logarithm is missing"),
    (check.uniformity, lambda z: -spread(z), "too high"),
    (check.interval, bootstrap, None),
    (check.interval, lambda v, c: bootstrap(v, c, whole=False), "draw clusters, not pictures"),
    (check.interval, lambda v, c: (0.0, 1.0), "far too wide"),
    (check.interval, lambda v, c: (0.9, 0.95), "not between its ends"),
    (check.interval, lambda v, c: bootstrap(v, c)[::-1], "lower end first"),
    (check.interval, lambda v, c: None, OPEN),
]


def own_neighbours(v, group, k, itself=False):
    s = v @ v.T - (0 if itself else 9 * np.eye(len(v)))
    return float((group[np.argsort(-s, axis=1)[:, :k]] == group[:, None]).mean())


def both_kinds(scores, carried, left, rivals="wrong"):
    found = []
    for kind in (~left, left):
        asked = carried & kind
        other = {"wrong": ~carried, "others": ~asked, "of its kind": ~carried & kind}[rivals]
        own, best = (np.where(one, scores, -np.inf).max(1) for one in (asked, other))
        found.append(float((own > best)[asked.any(1)].mean()))
    return found


def flipped(d, clusters, one_way=False):
    sums = np.array([d[clusters == name].sum() for name in np.unique(clusters)])
    signs = np.array(list(product([1, -1], repeat=len(sums)))) @ sums
    hits = signs >= d.sum() if one_way else abs(signs) >= abs(d.sum())
    return float(hits.mean())


def stepped(p, monotone=True, order=True):
    place = np.argsort(p)
    steps = np.minimum(1, np.array(p)[place] * np.arange(len(p), 0, -1))
    steps = np.maximum.accumulate(steps) if monotone else steps
    return steps[np.argsort(place)] if order else steps


def a_fifth(groups, things):
    kept = {things[groups == group].min() for group in set(groups)}
    return np.isin(things, list(kept))


MEASURES += [
    (check.neighbours, own_neighbours, None),
    (check.neighbours, lambda v, g, k: None, OPEN),
    (check.neighbours, lambda v, g, k: own_neighbours(v, g, k, itself=True), "its own nearest"),
    (check.neighbours, lambda v, g, k: 6 * own_neighbours(v, g, k), "a share is the mean"),
    (check.neighbours, lambda v, g, k: k * own_neighbours(v, g, k), "divide by k"),
    (check.neighbours, lambda v, g, k: own_neighbours(-v, g, k) - 0.1, "too low"),
    (check.seen_unseen, both_kinds, None),
    (check.seen_unseen, lambda s, c, u: both_kinds(s, c, u)[0], "return two shares"),
    (check.seen_unseen, lambda s, c, u: both_kinds(s, c, u, "of its kind"), "are rivals too"),
    (check.seen_unseen, lambda s, c, u: both_kinds(s, c, u, "others"), "are no rivals"),
    (check.seen_unseen, lambda s, c, u: both_kinds(s, c, u)[::-1], "each other's place"),
    (check.seen_unseen, lambda s, c, u: (0.75, 1 / 3), "a tie is not ahead"),
    (check.sign_flip, flipped, None),
    (check.sign_flip, lambda d, c: -1, "from 0 to 1"),
    (check.sign_flip, lambda d, c: flipped(d, c, one_way=True), "one direction alone"),
    (check.sign_flip, lambda d, c: flipped(d[::3], np.arange(10)), "change sign together"),
    (check.sign_flip, lambda d, c: 2 * flipped(d, c) / 2**0.5, "too high"),
    (check.sign_flip, lambda d, c: 0.7 * flipped(d, c), "too low"),
    (check.holm, stepped, None),
    (check.holm, min, "three corrected ones"),
    (check.holm, lambda p: np.minimum(1, np.array(p) * len(p)), "Bonferroni"),
    (check.holm, lambda p: stepped(p, monotone=False), "never corrected to a smaller"),
    (check.holm, lambda p: stepped(p, order=False), "order in which they came"),
    (check.holm, lambda p: [9.0] * len(p), "never above 1"),
    (check.hours, lambda n, gpu, read, cores: n / min(gpu, read * cores) / 3600, None),
    (check.hours, lambda *given: None, OPEN),
    (check.hours, lambda n, gpu, read, cores: n / min(gpu, read * cores), "seconds"),
    (check.hours, lambda n, gpu, read, cores: n / max(gpu, read * cores) / 3600, "waits"),
    (check.hours, lambda n, gpu, read, cores: n / read / 3600, "all cores read"),
    (
        check.hours,
        lambda n, gpu, read, cores: n / gpu / 3600 + n / read / cores / 3600,
        "do not add up",
    ),
    (check.held_back, a_fifth, None),
    (check.held_back, lambda g, t: a_fifth(g, t)[:9], r"not \(80,\)"),
    (check.held_back, lambda g, t: a_fifth(g, t).astype(int), "True and False"),
    (check.held_back, lambda g, t: np.arange(80) % 5 == 0, "on both sides"),
    (check.held_back, lambda g, t: g == 0, "on one side alone"),
    (check.held_back, lambda g, t: ~a_fifth(g, t), "take about a fifth"),
]


@pytest.mark.parametrize(("checker", "own", "message"), MEASURES)
def test_measures(checker: Any, own: Any, message: str | None) -> None:
    refused_with(checker(own), message)


def drawn(ideas, groups, members):
    taken: set[int] = set()
    out: list[list[int]] = []
    for pictures in ideas.values():
        banned = {
            p for idea in ideas.values() if any(set(o) <= set(idea) for o in out) for p in idea
        }
        free = [p for p in pictures if p not in banned]
        if len(free) >= members and len(out) < groups and not taken & set(pictures):
            out.append(free[:members])
            taken |= set(free[:members])
    return out


def summed(loss, inputs, weights, rows):
    """Gradients of the vectors first, then of the tower, a part at a time."""
    vectors = (inputs @ weights).requires_grad_()
    slopes = torch.autograd.grad(loss(vectors), vectors)[0]
    total = torch.zeros_like(weights)
    for part, slope in zip(inputs.split(rows), slopes.split(rows), strict=True):
        total += part.T @ slope
    return total


def apart(loss, inputs, weights, rows, share=1):
    leaf = weights.requires_grad_()
    parts = [torch.autograd.grad(loss(part @ leaf), leaf)[0] for part in inputs.split(rows)]
    return sum(parts) / (len(parts) if share else 1)


BATCHES = [
    (check.batch, drawn, None),
    (check.batch, lambda ideas, m, n: drawn(ideas, m, n)[:1], "1 groups, asked for were 3"),
    (check.batch, lambda ideas, m, n: [[0, 1], [6, 7], [12]], "groups have"),
    (check.batch, lambda ideas, m, n: [[0, 0], [6, 7], [12, 13]], "stands twice"),
    (check.batch, lambda ideas, m, n: [[0, 12], [6, 7], [9, 10]], "share no idea"),
    (check.batch, lambda ideas, m, n: [[0, 1], [2, 4], [6, 7]], "carries its idea too"),
    (check.accumulated, summed, None),
    (check.accumulated, apart, "needs the vectors of the whole batch"),
    (check.accumulated, lambda *given: apart(*given, share=0), "whole batch"),
    (check.accumulated, lambda *given: summed(*given) * given[3] / 8, "averaged"),
    (check.accumulated, lambda *given: summed(*given).T, "has the shape"),
    (check.accumulated, lambda *given: -summed(*given), "not the plain gradient"),
]


def in_common(carried):
    found = (carried[:, None] & carried[None]).any(2)
    return found & ~torch.eye(len(found), dtype=torch.bool)


BATCHES += [
    (check.shared, in_common, None),
    (check.shared, lambda carried: carried, r"not \(5, 5\)"),
    (check.shared, lambda carried: in_common(carried).float(), "not of torch.bool"),
    (check.shared, lambda carried: (carried[:, None] == carried[None]).all(2), "have none"),
    (check.shared, lambda carried: torch.ones(5, 5, dtype=torch.bool), "that they have one"),
    (check.shared, lambda carried: (carried[:, None] & carried[None]).any(2), "the diagonal"),
]


def found_words(caption, names, whole=True, stems=True, small=("of",), lower=True):
    words = re.findall(r"\w+", caption.lower() if lower else caption)
    secret = {word for name in names for word in name.split() if word not in small}
    short = (lambda word: word[:7]) if stems else (lambda word: word)
    if not whole:
        return [word for word in words if any(one in word for one in secret)]
    return [word for word in words if short(word) in {short(one) for one in secret}]


def fair(**changes: Any) -> Callable:
    same = {"objective": "clip", "paraphrase_weight": 1.0, "theme_weight": 1.0, "word_weight": 1.0}
    return lambda: {**same, **changes}


CAPTIONS = [
    (check.leaks, found_words, None),
    (check.leaks, lambda caption, names: True, "a list of words"),
    (check.leaks, lambda *given: found_words(*given, lower=False), "capitals"),
    (check.leaks, lambda *given: found_words(*given, stems=False), "stems"),
    (check.leaks, lambda *given: found_words(*given, small=()), "give nothing away"),
    (check.leaks, lambda *given: found_words(*given) + found_words(*given, whole=False), "gives"),
    (check.leaks, lambda caption, names: caption.split(), "each word of the name"),
    (check.baseline, fair(), None),
    (check.baseline, lambda: "clip", "return a dict"),
    (check.baseline, fair(objective="grouped"), "not clip"),
    (check.baseline, lambda: {"objective": "clip"}, "paraphrase_weight is 0"),
    (check.baseline, fair(word_weight=0.0), "word_weight is 0"),
    (check.baseline, fair(epochs=40), "epochs is changed too"),
    (check.baseline, lambda: {"objektive": "clip"}, "InputError"),
]


def merged(log_a):
    place = np.concatenate([[0], np.cumsum(log_a)])
    return np.exp(-abs(place[:, None] - place))


def weakest(log_a):
    ways = range(len(log_a) + 1)
    return np.exp([[min(log_a[min(i, j) : max(i, j)], default=0) for j in ways] for i in ways])


def divided(log_a):
    running = np.concatenate([[1], np.cumprod(np.exp(log_a))])
    with np.errstate(all="ignore"):
        return np.minimum(running[:, None] / running, running / running[:, None])


def opened(x, y, share=0.5, at_origin=False, clip=False):
    """An exterior angle by arccos less a share of the aperture."""
    way = y if at_origin else y - x
    cosine = (x * way).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(way, axis=1)
    angle = np.arccos(np.clip(cosine, -1, 1))
    found = angle - 2 * share * np.arcsin(0.2 / np.linalg.norm(x, axis=1))
    return np.maximum(found, 0) if clip else found


HIERARCHIES = [
    (check.prior, merged, None),
    (check.prior, lambda log_a: merged(log_a[1:]), r"not \(3, 3\)"),
    (check.prior, lambda log_a: np.log(merged(log_a)), "look like logs"),
    (check.prior, lambda log_a: merged(log_a) - np.eye(len(log_a) + 1), "sees itself in full"),
    (check.prior, lambda log_a: np.triu(merged(log_a)), "symmetric"),
    (check.prior, lambda log_a: merged(log_a[::-1]), "one place off"),
    (check.prior, weakest, "weakest"),
    (check.prior, divided, "running sums of logs"),
    (check.outside, opened, None),
    (check.outside, lambda x, y: opened(x, y).mean(), "six numbers"),
    (check.outside, lambda x, y: opened(x, y, share=0), "not taken off"),
    (check.outside, lambda x, y: opened(x, y, share=1), "whole aperture"),
    (check.outside, lambda x, y: opened(x, y, at_origin=True), "measured at the origin"),
    (check.outside, lambda x, y: opened(x, y, clip=True), "cut at 0"),
    (check.outside, lambda x, y: opened(y, x), "changed places"),
    (check.outside, lambda x, y: opened(x, y) + 0.1, "0.100 off"),
]


@pytest.mark.parametrize(("checker", "own", "message"), [*BATCHES, *CAPTIONS, *HIERARCHIES])
def test_batches_captions_and_hierarchies(checker: Any, own: Any, message: str | None) -> None:
    refused_with(checker(own), message)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(InputError, match="none of outer, inner, unicl"):
        check.loss(RIGHT, "clip")
