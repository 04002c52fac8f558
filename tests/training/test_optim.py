"""Rates, decay and averages against their formulas."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from glasskit.training.optim import EMA, L2SP, build_optimizer, rate_at
from tests.training.toys import toy_config, toy_model


def optimizer_of(config) -> torch.optim.AdamW:
    named = {f"model.{name}": p for name, p in toy_model().named_parameters()}
    return build_optimizer(named, config, torch.device("cpu"))


def test_gains_biases_and_temperature_never_decay_and_sides_have_their_own_rates(tmp_path):
    config = toy_config(tmp_path, mode="full", lr=0.1, text_lr=0.2, weight_decay=0.3).resolved()
    seen = {}
    for group in optimizer_of(config).param_groups:
        for name in group["names"]:
            seen[name] = (group["lr"], group["weight_decay"])
    assert seen["model.clip.visual.proj"] == (0.1, 0.3)
    assert seen["model.clip.visual.gain"] == (0.1, 0.0)
    assert seen["model.clip.visual.conv.bias"] == (0.1, 0.0)
    assert seen["model.clip.logit_scale"] == (0.1, 0.0)
    assert seen["model.image_head.map.weight"] == (0.1, 0.3)
    assert seen["model.clip.text_projection"] == (0.2, 0.3)
    assert seen["model.clip.token_embedding.weight"] == (0.2, 0.3)
    assert seen["model.text_head.map.weight"] == (0.2, 0.3)


def test_warm_up_is_linear_and_the_rest_a_cosine(tmp_path):
    config = toy_config(tmp_path, warmup=0.2, final_lr=0.1)
    rates = [rate_at(step, 100, config) for step in range(100)]
    assert rates[:20] == pytest.approx([(i + 1) / 20 for i in range(20)])
    assert rates[20] == 1
    assert rates[60] == pytest.approx(0.1 + 0.9 * 0.5)
    assert rates[99] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 79 / 80)))
    assert all(a >= b for a, b in pairwise(rates[20:]))


def test_decay_pulls_toward_the_start(tmp_path):
    config = toy_config(tmp_path, lr=0.1, weight_decay=0.5).resolved()  # head: to the start
    optimizer = optimizer_of(config)
    l2sp = L2SP(optimizer)
    weight = next(g for g in optimizer.param_groups if "model.clip.visual.proj" in g["names"])
    place = weight["names"].index("model.clip.visual.proj")
    parameter = weight["params"][place]
    begun = parameter.detach().clone()
    with torch.no_grad():
        parameter.add_(1)
    weight["lr"] = 0.05
    l2sp.step()
    torch.testing.assert_close(parameter, begun + 1 - 0.1 * 0.5 * 0.5)
    assert all(group["weight_decay"] == 0 for group in optimizer.param_groups)


def test_the_average_follows_its_formula_and_gives_back():
    weight = nn.Parameter(torch.zeros(2))
    average = EMA({"w": weight}, decay=0.5)
    expected = torch.zeros(2)
    for step in range(1, 6):
        weight.data += 1
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach()
    torch.testing.assert_close(average.weights["w"], expected)
    with average.applied():
        torch.testing.assert_close(weight.detach(), expected)
    torch.testing.assert_close(weight.detach(), torch.full((2,), 5.0))
