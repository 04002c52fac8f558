"""Priors of hierarchy-aware attention against products along every way, and what stays as it is."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from glasskit.models.hierarchy import (
    constituent_prior,
    grid_affinity,
    grid_prior,
    merge,
    neighbour_affinity,
    with_class_token,
)


def logs(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64).log()


def test_a_prior_of_tokens_is_the_product_of_the_affinities_between_them() -> None:
    log_a = logs(2, 6)
    prior = constituent_prior(log_a)
    for b in range(2):
        for i in range(7):
            for j in range(7):
                between = log_a[b, min(i, j) : max(i, j)].exp().tolist()
                assert prior[b, i, j].item() == pytest.approx(math.prod(between), rel=1e-12)


def walk(right: Tensor, down: Tensor, start: tuple[int, int], way: list[tuple[int, int]]) -> float:
    """The product of the affinities over the steps of a way through a grid."""
    product, (row, column) = 1.0, start
    for r, c in way:
        edge = right[row, min(column, c)] if r == row else down[min(row, r), column]
        product *= edge.exp().item()
        row, column = r, c
    return product


def steps(a: int, b: int) -> list[int]:
    return list(range(a + 1, b + 1)) if b > a else list(range(a - 1, b - 1, -1))


def test_a_prior_of_patches_is_the_better_of_the_two_l_shaped_ways() -> None:
    height, width = 3, 4
    right, down = logs(2, height, width - 1), logs(2, height - 1, width, seed=1)
    prior = grid_prior(right, down)
    places = [(r, c) for r in range(height) for c in range(width)]  # raster order
    for b in range(2):
        for i, (r1, c1) in enumerate(places):
            for j, (r2, c2) in enumerate(places):
                row_first = [(r1, c) for c in steps(c1, c2)] + [(r, c2) for r in steps(r1, r2)]
                column_first = [(r, c1) for r in steps(r1, r2)] + [(r2, c) for c in steps(c1, c2)]
                ways = [walk(right[b], down[b], (r1, c1), w) for w in (row_first, column_first)]
                assert prior[b, i, j].item() == pytest.approx(max(ways), rel=1e-12)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (5, 1), (2, 3)])
def test_priors_are_symmetric_with_ones_on_the_diagonal(height: int, width: int) -> None:
    prior = grid_prior(logs(2, height, width - 1), logs(2, height - 1, width))
    torch.testing.assert_close(prior, prior.transpose(1, 2))
    assert (prior.diagonal(dim1=1, dim2=2) == 1).all()
    whole = with_class_token(prior)
    assert whole.shape == (2, height * width + 1, height * width + 1)
    assert (whole[:, 0] == 1).all()
    assert (whole[:, :, 0] == 1).all()
    if height == 1:
        line = constituent_prior(logs(2, 1, width - 1)[:, 0])
        torch.testing.assert_close(prior, line)


def test_the_end_of_a_row_is_no_neighbour_of_the_next_rows_start() -> None:
    right = torch.zeros(1, 2, 2)  # each row has merged, the two rows have nothing in common
    prior = grid_prior(right, torch.full((1, 1, 3), -math.inf))
    assert prior[0, :3, :3].eq(1).all()
    assert prior[0, 2, 3] < 1e-30
    x = torch.randn(1, 2, 3, 4)
    moved = x.clone()
    moved[0, 1, 0] += 3
    before, after = grid_affinity(x)[0], grid_affinity(moved)[0]
    # The last patch of row 0 shares out between left and below, neither of which has moved.
    assert before[0, 0, 1] == after[0, 0, 1]
    assert before[0, 1, 0] != after[0, 1, 0]


def test_affinity_by_hand() -> None:
    x = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]])
    # Scores over the width 2: tokens 0 and 1 have 1/2, tokens 1 and 2 have 2/2.
    to_left, to_right = (math.exp(s) / (math.exp(0.5) + math.exp(1.0)) for s in (0.5, 1.0))
    expected = torch.tensor([[math.sqrt(1 * to_left), math.sqrt(to_right * 1)]])
    torch.testing.assert_close(neighbour_affinity(x).exp(), expected)
    # Queries and keys of their own: token 1 alone decides, for the other two have one neighbour.
    keys = torch.tensor([[[4.0, 0.0], [9.0, 9.0], [0.0, 0.0]]])
    share = math.exp(2.0) / (math.exp(2.0) + 1)
    expected = torch.tensor([[math.sqrt(share), math.sqrt(1 - share)]])
    torch.testing.assert_close(neighbour_affinity(x, keys=keys).exp(), expected)


def test_equal_scores_merge_by_the_number_of_neighbours() -> None:
    line = neighbour_affinity(torch.ones(1, 5, 8)).exp()
    torch.testing.assert_close(line, torch.tensor([[0.5**0.5, 0.5, 0.5, 0.5**0.5]]))
    right, down = (log_a.exp() for log_a in grid_affinity(torch.ones(1, 4, 4, 8)))
    assert right[0, 1, 1].item() == pytest.approx(1 / 4)
    assert right[0, 0, 0].item() == pytest.approx(6**-0.5)  # a corner of 2, an edge of 3
    torch.testing.assert_close(right, down.transpose(1, 2))


def test_what_has_merged_stays_merged() -> None:
    a, b = logs(4, 9), logs(4, 9, seed=1)
    torch.testing.assert_close(merge(a, b).exp(), a.exp() + (1 - a.exp()) * b.exp())
    below = torch.full((4, 9), -math.inf)
    for layer in range(12):
        above = merge(below, logs(4, 9, seed=layer).float() * 4)
        assert (above >= below).all()
        assert (above <= 0).all()
        # Sums of float32 are rounded, so a prior that stays may fall in its last digits.
        assert (constituent_prior(above) >= constituent_prior(below) * (1 - 1e-5)).all()
        below = above


def test_merging_ends_are_exact() -> None:
    none, all_of_it = torch.full((1, 1), -math.inf), torch.zeros(1, 1)
    half = torch.full((1, 1), 0.5).log()
    assert torch.equal(merge(none, half), half)
    assert torch.equal(merge(all_of_it, half), all_of_it)
    assert torch.equal(merge(half, all_of_it), all_of_it)
    small = torch.full((1, 1), -25.0)  # float32 cannot hold 1 - e^-25
    torch.testing.assert_close(merge(small, small), small + math.log(2))


@pytest.mark.parametrize("before", [0, 1, 3])
def test_shift_by_padding_changes_nothing(before: int) -> None:
    x = torch.randn(2, 4, 8)
    padded = functional.pad(x, (0, 0, before, 4 - before), value=7.0)
    mask = torch.zeros(2, 8, dtype=torch.bool)
    mask[:, before : before + 4] = True
    log_a = neighbour_affinity(padded, mask)
    own = slice(before, before + 4)
    torch.testing.assert_close(constituent_prior(log_a)[:, own, own], _prior(x))
    grid = functional.pad(x.unflatten(1, (2, 2)), (0, 0, before, 1), value=7.0)  # (2, 2, ., 8)
    there = torch.zeros(grid.shape[:3], dtype=torch.bool)
    there[:, :, before : before + 2] = True
    right, _ = grid_affinity(grid, there)
    torch.testing.assert_close(
        right[:, :, before : before + 1], grid_affinity(x.unflatten(1, (2, 2)))[0]
    )


def _prior(x: Tensor) -> Tensor:
    return constituent_prior(neighbour_affinity(x))


EXTREMES = {
    "equal scores": torch.ones(2, 6, 8),
    "one token": torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0)),
    "duplicate captions": torch.arange(6.0)[None, :, None].expand(2, 6, 8),
    "large": 100 * torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("kind", EXTREMES)
def test_values_and_gradients_are_finite(kind: str, dtype: torch.dtype) -> None:
    x = EXTREMES[kind].to(dtype).clone().requires_grad_()
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    mask[1, 2:] = False
    once = neighbour_affinity(x, mask)
    prior = constituent_prior(merge(once, once))
    right, down = grid_affinity(x[:, None], mask[:, None])
    whole = grid_prior(merge(right, right), down)
    assert prior.dtype == whole.dtype == torch.float32
    (prior.square().sum() + whole.square().sum()).backward()
    assert prior.isfinite().all()
    assert x.grad.isfinite().all()


def test_gradients_are_those_of_finite_differences() -> None:
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64).requires_grad_()

    def layers(x: Tensor) -> Tensor:
        right, down = grid_affinity(x)
        return grid_prior(merge(right, right), merge(down, down))

    assert torch.autograd.gradcheck(layers, (x,))
