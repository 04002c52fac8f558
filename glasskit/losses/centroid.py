"""The centroid forms of CLEAR GLASS (arXiv 2509.12771): one vector a group and modality.

Letters: M groups, N members a group, L embedding width, B = M N.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from glasskit.losses.vectors import scaled, unit_sum


def centroids(x: Tensor) -> Tensor:
    """m_g = normalise(sum_i x_{g,i}) of unit vectors: (M, N, L) -> (M, L)."""
    return unit_sum(x.sum(dim=1), x.shape[1])


def outer_centroid(image: Tensor, text: Tensor, temperature: float | Tensor) -> Tensor:
    """Symmetric cross entropy of the image centroids against the text centroids.

    1/2 [ CE(m^I m^T' / tau, g) + CE(m^T m^I' / tau, g) ], unit centroids (M, L) in, () out.
    """
    logits = scaled(image, temperature) @ text.T
    target = torch.arange(logits.shape[0], device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def inner_centroid(members: Tensor, centres: Tensor, temperature: float | Tensor) -> Tensor:
    """Mean over the members of CE( (u_{g,i} . m_h / tau)_h , g ), each in its own centroid.

    Unit members (M, N, L) and unit centroids (M, L) of one modality in, () out.
    """
    groups, count, width = members.shape
    logits = members.reshape(-1, width) @ scaled(centres, temperature).T  # (B, M)
    target = torch.arange(groups, device=members.device).repeat_interleave(count)
    return F.cross_entropy(logits, target)


def inner_leave_one_out(members: Tensor, temperature: float | Tensor) -> Tensor:
    """As inner_centroid, with the own centroid normalise(sum_g - u_{g,i}).

    A member does not score by being in the centroid that it must find. O(B L) beyond the
    logits. Unit members (M, N, L), N >= 2, of one modality in, () out.
    """
    groups, count, width = members.shape
    total = members.sum(dim=1, keepdim=True)
    rest = unit_sum(total - members, count)
    own = scaled((members * rest).sum(dim=-1, keepdim=True), temperature)  # (M, N, 1)
    centres = scaled(unit_sum(total.squeeze(1), count), temperature)
    logits = (members.reshape(-1, width) @ centres.T).view(groups, count, -1)
    in_group = torch.eye(groups, dtype=torch.bool, device=members.device).unsqueeze(1)
    logits = torch.where(in_group, own, logits)  # (M, N, M)
    return (logits.logsumexp(dim=-1) - own.squeeze(-1)).mean()
