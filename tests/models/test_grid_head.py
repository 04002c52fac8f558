"""Pools over tokens: means where nothing is learned or merged, and the formula place by place."""

from __future__ import annotations

import math

import pytest
import torch

from glasskit.errors import InputError
from glasskit.models import load_model
from glasskit.models.grid_head import AttentionPool, HierarchyPool, MeanPool, word_features
from glasskit.models.hierarchy import grid_affinity, grid_prior, neighbour_affinity

GRID = (2, 3)
X = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
THERE = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])


def drawn(pool: AttentionPool) -> AttentionPool:
    """The pool with weights that matter."""
    generator = torch.Generator().manual_seed(1)
    for weight in pool.parameters():
        torch.nn.init.normal_(weight, generator=generator)
    return pool


def test_mean_of_what_is_there() -> None:
    expected = torch.stack([X[0].mean(0), X[1, :4].mean(0)])
    torch.testing.assert_close(MeanPool()(X, THERE), expected)
    torch.testing.assert_close(AttentionPool(8)(X, THERE), expected)  # queries begin at 0


@torch.no_grad()
@pytest.mark.parametrize("grid", [GRID, None])
def test_weights_are_the_formula_place_by_place(grid: tuple[int, int] | None) -> None:
    pool = drawn(HierarchyPool(8, grid))
    x = X / X.square().mean(-1, keepdim=True).sqrt()
    queries, keys = pool.beside_query(x), pool.beside_key(x)
    for row in range(2):
        tokens = range(6 if grid else int(THERE[row].sum()))
        if grid:
            edges = grid_affinity(queries.unflatten(1, grid), None, keys.unflatten(1, grid))
            prior = grid_prior(*edges)[row]
        else:  # a walk from word to word; marks at both ends are open
            words = slice(1, len(tokens) - 1)
            steps = neighbour_affinity(
                queries[row : row + 1, words], None, keys[row : row + 1, words]
            )
            prior = torch.ones(len(tokens), len(tokens))
            for i in tokens[words]:
                for j in tokens[words]:
                    prior[i, j] = steps[0, min(i, j) - 1 : max(i, j) - 1].sum().exp()
        weights = torch.zeros(6)
        for i in tokens:
            scores = [float(pool.query(x[row, i]) @ pool.key(x[row, j])) / 8 for j in tokens]
            total = sum(map(math.exp, scores))
            for j in tokens:
                weights[j] += math.exp(scores[j]) / total * float(prior[i, j])
        there = torch.ones_like(THERE) if grid else THERE
        torch.testing.assert_close(pool.weights(X, there)[row], weights / weights.sum())


def test_all_merged_is_attention_and_nothing_merged_is_each_token_alone() -> None:
    class Given(AttentionPool):
        log_c = torch.zeros(6, 6)

        def log_prior(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
            return self.log_c.expand(len(x), -1, -1)

    pool, plain = drawn(Given(8)), drawn(AttentionPool(8))
    torch.testing.assert_close(pool.weights(X, THERE), plain.weights(X, THERE))
    pool.log_c = torch.eye(6).log()
    torch.nn.init.zeros_(pool.query.weight)  # each token attends to itself as much as any other
    torch.testing.assert_close(pool(X, THERE), MeanPool()(X, THERE))


def test_gradients_are_finite_where_all_tokens_are_equal_or_one_is_there() -> None:
    there = torch.tensor([[True] * 6, [True] + [False] * 5])
    for grid in (GRID, None):
        pool = HierarchyPool(8, grid)
        there_here = torch.ones_like(there) if grid else there
        pool(torch.ones(2, 6, 8), there_here).square().sum().backward()
        assert all(weight.grad.isfinite().all() for weight in pool.parameters())


def test_words_of_the_built_in_text_tower() -> None:
    model = load_model("lite0-minilm")
    texts = ["two cups", "a red dog sleeps on the grass"]
    x, there = word_features(model, model.tokens(texts))
    assert there.sum(1).tolist() == [4, 9]
    torch.testing.assert_close(MeanPool()(x, there), model.text_tower(texts), atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="no word tokens"):
        word_features(load_model("hiclip-small"), model.tokens(texts))
