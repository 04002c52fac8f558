"""SupCon against an implementation of others."""

from __future__ import annotations

import pytest
import torch
from pytorch_metric_learning.losses import SupConLoss
from pytorch_metric_learning.reducers import MeanReducer

from glasskit.losses.supcon import supcon_loss
from glasskit.losses.vectors import unit


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
@pytest.mark.parametrize(("samples", "views"), [(3, 4), (5, 2), (2, 8)])
def test_equals_pytorch_metric_learning(samples: int, views: int, temperature: float) -> None:
    z = torch.randn(samples, views, 7, dtype=torch.float64).requires_grad_()
    label = torch.arange(samples).repeat_interleave(views)
    # Its default reducer leaves zero rows out of the mean.
    oracle = SupConLoss(temperature=temperature, reducer=MeanReducer())
    theirs = oracle(z.flatten(0, 1), label)
    ours = supcon_loss(unit(z), 1 / temperature)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
    (expected,) = torch.autograd.grad(theirs, z)
    (found,) = torch.autograd.grad(ours, z)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
