"""CLEAR GLASS written out from its formulas, one anchor, member and product at a time.

Slow on purpose: the oracle of the tests and the baseline of the benchmark.
Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def outer_pairwise(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    groups, members, width = image.shape
    u, v = unit(image).reshape(-1, width), unit(text).reshape(-1, width)
    losses = []
    for anchors, others in ((u, v), (v, u)):
        for a in range(groups * members):
            row = others @ anchors[a] / temperature
            first = a // members * members
            own = row[first : first + members]
            losses.append(torch.logsumexp(row, 0) - torch.logsumexp(own, 0))
    return torch.stack(losses).mean()


def products(image: Tensor, text: Tensor) -> list[list[list[Tensor]]]:
    groups, members, _ = image.shape
    u, v = unit(image), unit(text)
    return [
        [[unit(u[g, i] * v[g, j]) for j in range(members)] for i in range(members)]
        for g in range(groups)
    ]


def product_centroids(c: list[list[list[Tensor]]]) -> list[Tensor]:
    return [unit(sum(sum(row) for row in group)) for group in c]


def rest_centroid(group: list[list[Tensor]], i: int, j: int) -> Tensor:
    kept = [group[k][m] for k in range(len(group)) for m in range(len(group)) if k != i and m != j]
    return unit(torch.stack(kept).sum(0))


def inner_pairwise(
    image: Tensor, text: Tensor, temperature: float, leave_one_out: bool = False
) -> Tensor:
    groups, members, _ = image.shape
    c = products(image, text)
    mu = product_centroids(c)
    losses = []
    for g in range(groups):
        for i in range(members):
            for j in range(members):
                centres = list(mu)
                if leave_one_out:
                    centres[g] = rest_centroid(c[g], i, j)
                logits = torch.stack([c[g][i][j] @ centre for centre in centres]) / temperature
                losses.append(torch.logsumexp(logits, 0) - logits[g])
    return torch.stack(losses).mean()


def inner_cosine(image: Tensor, text: Tensor, leave_one_out: bool = False) -> Tensor:
    groups, members, _ = image.shape
    c = products(image, text)
    mu = product_centroids(c)
    losses = []
    for g in range(groups):
        for i in range(members):
            for j in range(members):
                centre = rest_centroid(c[g], i, j) if leave_one_out else mu[g]
                losses.append(1 - c[g][i][j] @ centre)
    return torch.stack(losses).mean()


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
