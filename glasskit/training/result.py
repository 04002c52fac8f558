"""How a run ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from glasskit.errors import InputError


class DivergedError(InputError):
    """The loss or a weight is no number any more; the line names the step and what is kept."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended.

    Args:
        out: the run directory.
        status: "finished" or "stopped".
        step: steps done.
        epoch: epochs finished.
        best: scores of the kept model, with its epoch; None without validation.
        signal: the signal that stopped it, or None.
        repeats: places an epoch in which a photograph came again in its group.
    """

    out: Path
    status: str
    step: int
    epoch: int
    best: dict[str, float] | None
    signal: int | None
    repeats: int

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal: 130 after Ctrl-C, 143 after SIGTERM."""
        return 0 if self.signal is None else 128 + self.signal
