"""Log-sum-exp of every pair's similarities to the other groups, without the B x B matrix.

Letters: M groups, N members a group, L embedding width, B = M N.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CPU_TILE = 1 << 20  # numbers a tile: 4 MiB of float32 stay in the cache of a processor
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
        row = a.new_empty(groups, members)
        columns = a.new_full((groups * members,), -torch.inf)
        buffer = a.new_empty(step * members, groups * members)
        for start in range(0, groups, step):
            own = slice(start, min(start + step, groups))
            z = _tile(a[own], flat, own, buffer)
            row[own] = z.logsumexp(dim=1).view_as(row[own])
            columns = torch.logaddexp(columns, z.logsumexp(dim=0))
        column = columns.view(groups, members)
        ctx.save_for_backward(a, v, row, column)
        ctx.step = step
        return row, column

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_row: Tensor, grad_column: Tensor) -> tuple[Tensor, Tensor, None]:
        a, v, row, column = ctx.saved_tensors
        groups, members, width = a.shape
        flat = v.reshape(-1, width)
        grad_a = torch.empty_like(a)
        grad_v = torch.zeros_like(flat)
        buffer = a.new_empty(ctx.step * members, groups * members)
        spare = torch.empty_like(buffer)
        with torch.autocast(a.device.type, enabled=False):
            for start in range(0, groups, ctx.step):
                own = slice(start, min(start + ctx.step, groups))
                z = _tile(a[own], flat, own, buffer)
                d = torch.sub(z, row[own].reshape(-1, 1), out=spare[: z.shape[0]]).exp_()
                d.mul_(grad_row[own].reshape(-1, 1))
                d.addcmul_(z.sub_(column.reshape(1, -1)).exp_(), grad_column.reshape(1, -1))
                grad_a[own] = (d @ flat).view_as(grad_a[own])
                grad_v.addmm_(d.T, a[own].reshape(-1, width))
        return grad_a, grad_v.view_as(v), None


def _tile(rows: Tensor, flat: Tensor, own: slice, buffer: Tensor) -> Tensor:
    """Similarities of the groups `own` to all pairs, -inf inside each group, in the buffer."""
    count, members, width = rows.shape
    z = buffer[: count * members]
    torch.mm(rows.reshape(-1, width), flat.T, out=z)  # (t N, B)
    blocks = z.view(count, members, -1, members)
    blocks.diagonal(offset=own.start, dim1=0, dim2=2).fill_(-torch.inf)
    return z
