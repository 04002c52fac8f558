"""Log-sum-exp of every pair's similarities to the other groups, without the B x B matrix.

Letters: M groups, N members a group, L embedding width, B = M N.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CPU_TILE = 1 << 18  # similarities a tile: 1 MiB of float32 stays in the cache of one core
GPU_TILE = 1 << 26  # 256 MiB: few launches, and nothing to tile at common batch sizes


def groups_a_tile(groups: int, cost: int, device: torch.device, tile: int | None) -> int:
    """How many groups one tile holds, at least 1 and at most all of them.

    Args:
        groups: M.
        cost: numbers that one group adds to a tile.
        device: where the tile lies; it sets the default size.
        tile: numbers a tile may hold; None takes the default of the device.
    """
    budget = tile or (CPU_TILE if device.type == "cpu" else GPU_TILE)
    return max(1, min(groups, budget // cost))


class CrossGroupLse(torch.autograd.Function):
    """(rows, columns): LSE of z_ab = a_a . v_b over the pairs b of other groups, both ways.

    Row tiles of whole groups: the row sums are complete within a tile, the column sums merge by
    logaddexp. The backward recomputes each tile: with d_ab = r_a exp(z_ab - rows_a) + c_b
    exp(z_ab - columns_b), r and c the gradients that arrive, the gradients are d v and d^T a.

    Shapes: a, v (M, N, L), M >= 2 -> (M, N), (M, N).
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, v: Tensor, step: int) -> tuple[Tensor, Tensor]:
        groups, members, width = a.shape
        flat = v.reshape(-1, width)
        rows = []
        columns = a.new_full((groups * members,), -torch.inf)
        for start in range(0, groups, step):
            z = _tile(a, flat, start, step)
            rows.append(z.logsumexp(dim=1))
            columns = torch.logaddexp(columns, z.logsumexp(dim=0))
        row = torch.cat(rows).view(groups, members)
        column = columns.view(groups, members)
        ctx.save_for_backward(a, v, row, column)
        ctx.step = step
        return row, column

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_row: Tensor, grad_column: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        a, v, row, column = ctx.saved_tensors
        step = ctx.step
        groups, members, width = a.shape
        flat = v.reshape(-1, width)
        grad_a = []
        grad_v = torch.zeros_like(flat)
        with torch.autocast(a.device.type, enabled=False):
            for start in range(0, groups, step):
                z = _tile(a, flat, start, step)
                own = slice(start, start + step)
                d = (z - row[own].reshape(-1, 1)).exp_().mul_(grad_row[own].reshape(-1, 1))
                d.addcmul_(z.sub_(column.reshape(1, -1)).exp_(), grad_column.reshape(1, -1))
                grad_a.append(d @ flat)
                grad_v.addmm_(d.T, a[own].reshape(-1, width))
        return torch.cat(grad_a).view_as(a), grad_v.view_as(v), None


def _tile(a: Tensor, flat: Tensor, start: int, step: int) -> Tensor:
    """Similarities of `step` groups to all pairs, -inf inside each group."""
    rows = a[start : start + step]
    count, members, width = rows.shape
    z = rows.reshape(-1, width) @ flat.T  # (count N, B)
    blocks = z.view(count, members, -1, members)
    blocks.diagonal(offset=start, dim1=0, dim2=2).fill_(-torch.inf)
    return z
