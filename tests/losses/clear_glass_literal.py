"""CLEAR GLASS written out from its formulas, one anchor, member and product at a time.

Slow on purpose: the oracle of the tests and the baseline of the benchmark.
Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def outer_pairwise(
    image: Tensor, text: Tensor, temperature: float, shared: Tensor | None = None
) -> Tensor:
    groups, members, width = image.shape
    u, v = unit(image).reshape(-1, width), unit(text).reshape(-1, width)
    losses = []
    for anchors, others in ((u, v), (v, u)):
        for a in range(groups * members):
            row = others @ anchors[a] / temperature
            first = a // members * members
            own = row[first : first + members]
            kept = [
                b
                for b in range(groups * members)
                if b // members == a // members or shared is None or not shared[a, b]
            ]
            losses.append(torch.logsumexp(row[kept], 0) - torch.logsumexp(own, 0))
    return torch.stack(losses).mean()


def similarities(
    image: Tensor, text: Tensor, leave_one_out: bool
) -> Iterator[tuple[int, int, int, Tensor]]:
    """(g, i, j, (M,) similarities to all centroids) of every in-group product."""
    groups, members, _ = image.shape
    u, v = unit(image), unit(text)
    pairs = list(product(range(members), repeat=2))
    c = [{(i, j): unit(u[g, i] * v[g, j]) for i, j in pairs} for g in range(groups)]
    mu = [unit(torch.stack(list(group.values())).sum(0)) for group in c]
    for g in range(groups):
        for i, j in pairs:
            centres = list(mu)
            if leave_one_out:
                rest = [c[g][k, m] for k, m in pairs if k != i and m != j]
                centres[g] = unit(torch.stack(rest).sum(0))
            yield g, i, j, torch.stack([c[g][i, j] @ centre for centre in centres])


def inner_pairwise(
    image: Tensor,
    text: Tensor,
    temperature: float,
    leave_one_out: bool = False,
    shared: Tensor | None = None,
) -> Tensor:
    groups, members, _ = image.shape
    losses = []
    for g, i, j, row in similarities(image, text, leave_one_out):
        logits = row / temperature
        kept = [
            h
            for h in range(groups)
            if h == g
            or shared is None
            or not any(
                shared[g * members + own, h * members + k]
                for own, k in product((i, j), range(members))
            )
        ]
        losses.append(torch.logsumexp(logits[kept], 0) - logits[g])
    return torch.stack(losses).mean()


def inner_cosine(image: Tensor, text: Tensor, leave_one_out: bool = False) -> Tensor:
    found = similarities(image, text, leave_one_out)
    return torch.stack([1 - row[g] for g, _, _, row in found]).mean()


def outer_centroid(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    m_image, m_text = unit(unit(image).mean(1)), unit(unit(text).mean(1))
    losses = []
    for anchors, others in ((m_image, m_text), (m_text, m_image)):
        for g in range(len(image)):
            logits = others @ anchors[g] / temperature
            losses.append(torch.logsumexp(logits, 0) - logits[g])
    return torch.stack(losses).mean()


def inner_centroid(
    image: Tensor, text: Tensor, temperature: float, leave_one_out: bool = False
) -> Tensor:
    losses = []
    for x in (unit(image), unit(text)):
        centres = unit(x.mean(1))
        for g in range(x.shape[0]):
            for i in range(x.shape[1]):
                own = unit(x[g].sum(0) - x[g, i]) if leave_one_out else centres[g]
                logits = torch.stack(
                    [x[g, i] @ (own if h == g else centres[h]) for h in range(len(x))]
                )
                logits = logits / temperature
                losses.append(torch.logsumexp(logits, 0) - logits[g])
    return torch.stack(losses).mean()
