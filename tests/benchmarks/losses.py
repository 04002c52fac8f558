"""Time and memory of the grouped loss, forward plus backward, against what it replaces.

Candidates, each on the same M N pairs and each normalising its inputs:

- glasskit: `GroupedContrastiveLoss` (pairwise outer and inner), eager; on a GPU compiled as well
- literal loops: one anchor, one group and one product at a time, from the formulas
- vectorised N^2 L: dense outer loss, all in-group products and their similarities held
- open_clip ClipLoss: the ungrouped loss, for scale

Time: candidates take turns, by wall clock (CPU) or CUDA events. Memory on a CPU: the largest sum of
live allocations beyond the inputs that torch's own profiler reports in a call of its own; it counts
every tensor and no allocator slack, and does not depend on the machine's load. Memory on a GPU:
torch.cuda.max_memory_allocated beyond what was there before.

Run: python -m tests.benchmarks losses (CPU) or gpu-losses
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import torch
from open_clip.loss import ClipLoss
from torch import Tensor
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from glasskit.losses import GroupedContrastiveLoss
from tests.benchmarks.own_process import asked
from tests.benchmarks.table import BenchRow, rows_in_turns, wall_seconds

SHAPES = {(16, 10, 512): 12, (64, 16, 512): 8}
"""Rounds by M x N x L."""
GPU_SHAPES = {(16, 10, 512): 20, (64, 16, 512): 20, (512, 16, 512): 10, (4096, 16, 512): 4}
LITERAL_PAIRS = 160  # 1,024 take three seconds a call
COMPILED_PAIRS = 8192  # more are done in chunks, 64 of which in one graph compile for minutes
TAU = 0.1
ALPHA = 0.7
OURS, COMPILED, LOOPS = "glasskit", "glasskit, compiled", "literal loops"
SUBJECT = "open_clip ClipLoss"


def literal_loops(image: Tensor, text: Tensor) -> Tensor:
    """Outer loss anchor by anchor, inner loss product by product (rows of N at a time)."""
    groups, members, width = image.shape
    u, v = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    outer = image.new_zeros(())
    for anchors, others in ((u, v), (v, u)):
        flat = others.reshape(-1, width)
        for a, anchor in enumerate(anchors.reshape(-1, width)):
            row = flat @ anchor / TAU
            first = a // members * members
            outer = outer + row.logsumexp(0) - row[first : first + members].logsumexp(0)
    outer = outer / (2 * groups * members)
    products = [
        [F.normalize(u[g, i] * v[g], dim=-1) for i in range(members)] for g in range(groups)
    ]
    centres = F.normalize(torch.stack([torch.cat(rows).mean(0) for rows in products]), dim=-1)
    inner = image.new_zeros(())
    for g in range(groups):
        for row in products[g]:
            logits = row @ centres.T / TAU
            inner = inner + (logits.logsumexp(1) - logits[:, g]).sum()
    return ALPHA * outer + (1 - ALPHA) * inner / (groups * members**2)


def vectorised(image: Tensor, text: Tensor) -> Tensor:
    """The same with whole tensors: B x B similarities, M x N^2 x L products."""
    groups, members, width = image.shape
    u, v = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    s = u.reshape(-1, width) @ v.reshape(-1, width).T / TAU
    own = torch.arange(groups, device=s.device).repeat_interleave(members)
    in_group = own[:, None] == own
    inside = s.masked_fill(~in_group, -torch.inf)
    rows = s.logsumexp(1) - inside.logsumexp(1)
    columns = s.logsumexp(0) - inside.logsumexp(0)
    c = F.normalize(u[:, :, None] * v[:, None], dim=-1).flatten(1, 2)  # (M, N^2, L)
    centres = F.normalize(c.mean(1), dim=-1)
    logits = (c @ centres.T / TAU).flatten(0, 1)
    target = torch.arange(groups, device=s.device).repeat_interleave(members**2)
    inner = F.cross_entropy(logits, target)
    return ALPHA * (rows.mean() + columns.mean()) / 2 + (1 - ALPHA) * inner


def clip(image: Tensor, text: Tensor) -> Tensor:
    """open_clip's ClipLoss of the same pairs."""
    u, v = (F.normalize(x, dim=-1).flatten(0, 1) for x in (image, text))
    return ClipLoss()(u, v, u.new_full((), 1 / TAU))


def candidates() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Losses by name."""
    loss = GroupedContrastiveLoss(ALPHA, TAU, TAU)
    # One compilation a shape: a dynamic graph would be measured instead from the second on.
    compiled = torch.compile(loss, fullgraph=True, dynamic=False)
    return {
        SUBJECT: clip,
        OURS: lambda image, text: loss(image, text).total,
        COMPILED: lambda image, text: compiled(image, text).total,
        "vectorised N^2 L": vectorised,
        LOOPS: literal_loops,
    }


def inputs(
    shape: tuple[int, int, int], device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Random features that require a gradient."""
    generator = torch.Generator().manual_seed(0)
    image, text = torch.randn(2, *shape, generator=generator).to(device, dtype)
    return image.requires_grad_(), text.requires_grad_()


def cuda_seconds(call: Callable[[], object]) -> float:
    """Time of one call between two CUDA events."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def peak_memory(call: Callable[[], object], device: torch.device) -> int:
    """Largest sum of live bytes beyond those before the call."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watch:
        call()
    live = peak = 0
    for event in watch.profiler.kineto_results.events():
        if event.name() == "[memory]" and event.device_type() == torch.autograd.DeviceType.CPU:
            live += event.nbytes()
            peak = max(peak, live)
    return peak


def fits(call: Callable[[], object]) -> bool:
    """Whether a call has enough memory."""
    try:
        call()
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return False
    return True


def measure(
    shape: tuple[int, int, int],
    device: torch.device,
    rounds: int,
    dtype: torch.dtype = torch.float32,
) -> list[BenchRow]:
    """One row a candidate at one shape; the memory takes one more call of each."""
    image, text = inputs(shape, device, dtype)
    pairs = shape[0] * shape[1]
    size = " x ".join(map(str, shape))
    kind = f"{device.type}, {str(dtype).removeprefix('torch.')}"
    section = f"loss, {size}, {kind}"

    def step(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(loss(image, text), (image, text))

    calls = {name: step(loss) for name, loss in candidates().items()}
    if pairs > LITERAL_PAIRS:
        del calls[LOOPS]
    if device.type == "cpu" or pairs > COMPILED_PAIRS or dtype != torch.float32:
        del calls[COMPILED]
    short = [name for name, call in calls.items() if not fits(call)]
    skipped = [BenchRow(section, name, note="not run: out of memory") for name in short]
    for name in short:
        del calls[name]
    clock = cuda_seconds if device.type == "cuda" else wall_seconds
    subject = SUBJECT if SUBJECT in calls else OURS
    rows = rows_in_turns(section, calls, rounds, subject, clock=clock)
    # The profiler takes longer over the loops than all else here.
    rows = [
        row if row.name == LOOPS else replace(row, memory=peak_memory(calls[row.name], device))
        for row in rows
    ]
    return rows + skipped


def all_shapes() -> list[dict[str, Any]]:
    """Fields of all rows on the CPU."""
    cpu = torch.device("cpu")
    return [asdict(row) for shape, rounds in SHAPES.items() for row in measure(shape, cpu, rounds)]


def rows() -> list[BenchRow]:
    """All rows, from a process of its own.

    In one that had trained models before, PyTorch's large tensors came twice as fast: that would
    tell more of the sections before than of the losses.
    """
    return [BenchRow.of(row) for row in asked(__name__, "all_shapes")]


def gpu_rows() -> Iterator[BenchRow]:
    """Rows of a GPU, size by size."""
    for dtype in (torch.float32, torch.bfloat16):
        for shape, rounds in GPU_SHAPES.items():
            yield from measure(shape, torch.device("cuda"), rounds, dtype)
