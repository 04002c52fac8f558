"""What a run takes from the process that it runs in, and gives back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

STATES = (PartialState, AcceleratorState, GradientState)
"""Accelerate has one of each in a process; a run needs its own device and precision."""


@contextmanager
def left_alone() -> Iterator[None]:
    """Give back torch's generators and, but between several processes, Accelerate's state."""
    before = [dict(state._shared_state) for state in STATES]
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            if not torch.distributed.is_initialized():
                for state, values in zip(STATES, before, strict=True):
                    state._shared_state.clear()
                    state._shared_state.update(values)
