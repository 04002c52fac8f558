"""The values and gradients of the public CLEAR GLASS implementation.

The file holds what that code computes, and two of its habits are not ours: it adds 1e-8 inside
its logarithms, which bends every row whose loss is large, and it averages features that are not
normalised into centroids. Both are put around our terms here, so that the comparison stays at
1e-5 in every case: what differs from the public code is these two and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from glasskit.losses import GroupedContrastiveLoss, inner_loss, outer_loss
from glasskit.losses.functional import centroids, inner_centroid, outer_centroid, pair_losses
from glasskit.losses.vectors import unit

pytestmark = pytest.mark.filterwarnings("ignore:[MN] = 1")
CASES = ((2, 10, 64), (4, 3, 16), (8, 6, 32), (1, 4, 8), (3, 1, 8))


def features(case: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The inputs that the file describes in its field "input"."""
    a = case["a"]
    g = torch.arange(case["M"], dtype=torch.float64)[:, None, None]
    i = torch.arange(case["N"], dtype=torch.float64)[None, :, None]
    n = torch.arange(case["L"], dtype=torch.float64)
    wave = (0.9 + 0.1 * a) * (g + 1) * (n + 1) * 0.37
    image = torch.sin(wave + 0.71 * i + a) + 0.35 * torch.cos(
        1.7 * (i + 1) * (n + 2) * 0.23 + g * a
    )
    text = torch.sin(wave + 0.29 * i - a) + 0.35 * torch.sin(2.1 * (i + 1) * (n + 3) * 0.19 - g * a)
    return image.requires_grad_(), text.requires_grad_()


def floored_outer(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    """Our outer loss of each pair, with the public code's 1e-8 inside the logarithm."""
    losses = torch.cat(pair_losses(unit(image), unit(text), temperature))
    return -torch.log((-losses).exp() + 1e-8).mean()


def raw_outer_centroid(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    return outer_centroid(centroids(image), centroids(text), temperature)


def raw_inner_centroid(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    terms = [inner_centroid(unit(x), centroids(x), temperature) for x in (image, text)]
    return (terms[0] + terms[1]) / 2


def losses_of(case: dict[str, Any]) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    tau, inner_tau, alpha = case["temperature"], case["inner_temperature"], case["alpha"]
    return {
        "outer_pairwise": lambda i, t: floored_outer(i, t, tau),
        "inner_pairwise_scaled": lambda i, t: inner_loss(i, t, inner_tau),
        "inner_pairwise_cosine": lambda i, t: inner_loss(i, t, variant="cosine"),
        "outer_centroid": lambda i, t: raw_outer_centroid(i, t, tau),
        "inner_centroid": lambda i, t: raw_inner_centroid(i, t, inner_tau),
        "grouped_pairwise": lambda i, t: (
            alpha * floored_outer(i, t, tau) + (1 - alpha) * inner_loss(i, t, inner_tau)
        ),
        "grouped_centroid": lambda i, t: (
            alpha * raw_outer_centroid(i, t, tau)
            + (1 - alpha) * raw_inner_centroid(i, t, inner_tau)
        ),
    }


def compare(loss: Tensor, image: Tensor, text: Tensor, want: dict[str, float]) -> None:
    grad_image, grad_text = torch.autograd.grad(loss, (image, text))
    got = {
        "loss": loss.item(),
        "grad_image_norm": grad_image.norm().item(),
        "grad_text_norm": grad_text.norm().item(),
        "grad_image_0_0_0": grad_image[0, 0, 0].item(),
    }
    # Where the truth is 0 (M = 1) the file holds the public code's floors, below 2e-6.
    floor = 2e-6 if image.shape[0] == 1 else 1e-12
    assert got == pytest.approx(want, rel=1e-5, abs=floor)


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[tuple[int, int, int], dict[str, Any]]:
    path = shared / "data" / "parity" / "clear_glass_losses.json"
    listed = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return {(case["M"], case["N"], case["L"]): case for case in listed}


@pytest.mark.parametrize("shape", CASES)
def test_all_terms_match(shape: tuple[int, int, int], cases: dict[Any, dict[str, Any]]) -> None:
    case = cases[shape]
    for name, loss in losses_of(case).items():
        image, text = features(case)
        compare(loss(image, text), image, text, case[name])


@pytest.mark.parametrize("shape", [(2, 10, 64), (1, 4, 8), (3, 1, 8)])
def test_the_objective_matches_as_it_is_used(
    shape: tuple[int, int, int], cases: dict[Any, dict[str, Any]]
) -> None:
    # No row of these cases is near the floor: nothing has to be put around the loss.
    case = cases[shape]
    image, text = features(case)
    tau = case["temperature"]
    loss = GroupedContrastiveLoss(case["alpha"], tau, case["inner_temperature"])
    compare(loss(image, text).total, image, text, case["grouped_pairwise"])
    compare(outer_loss(image, text, tau), image, text, case["outer_pairwise"])
