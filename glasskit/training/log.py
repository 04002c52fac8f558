"""What a run shows while it runs: a JSON line a step, curves, and a progress bar.

log.jsonl has a line {"step", "epoch", "loss", "parts", "lr", "temperature", "pairs_per_second",
"time"} for a training step and {"step", "epoch", "val": {"loss", "top1", "acceptable_top1"}} for a
validation; the one of epoch 0 is of the model that the run began with. Notebooks and the app read
it live.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from glasskit.io.places import write_text, writing


class JsonLog:
    """log.jsonl, one line at a time, each flushed so that a reader sees it at once.

    Args:
        path: the file.
        step: steps done. Lines of later steps, which a killed run wrote after its last checkpoint,
            are dropped, as is a last line that is cut off.
    """

    def __init__(self, path: Path, step: int | None = None) -> None:
        kept = [] if step is None else [x for x in read_log(path) if x["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_text(path, text)
        self._path, self._file = path, path.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        """Append a line; InputError where the disk is full."""
        with writing(self._path):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The whole lines of a log, also while a run writes it; none where there is no file."""
    path = Path(path)
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]  # what follows the last newline is not whole


class Bar:
    """A progress bar with the numbers of the last step; silent where it is not wanted.

    Args:
        total: steps of the run.
        done: steps done before.
        shown: whether to draw it.
    """

    def __init__(self, total: int, done: int, shown: bool) -> None:
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            disable=not shown,
        )
        self.shown = shown
        self.task = self.progress.add_task("train", total=total, completed=done, epoch=0, text="")
        self.validation = ""

    def __enter__(self) -> Bar:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def show(self, line: dict[str, Any]) -> None:
        """Show a line of the log."""
        if not self.shown:
            return
        if "val" in line:
            val = line["val"]
            self.validation = f"val {val['loss']:.3f} top-1 {val['acceptable_top1']:.1%}"
            return
        parts = " ".join(f"{name} {value:.3f}" for name, value in line["parts"].items())
        text = (
            f"loss {line['loss']:.3f} ({parts}) lr {line['lr']:.1e} "
            f"tau {line['temperature']:.3f} {line['pairs_per_second']:,.0f} pairs/s "
            f"{self.validation}"
        )
        self.progress.update(self.task, completed=line["step"], epoch=line["epoch"], text=text)


def flat(line: dict[str, Any]) -> dict[str, float]:
    """A line of the log as the flat numbers that trackers take."""
    if "val" in line:
        return {f"val/{name}": value for name, value in line["val"].items()}
    numbers = {f"train/{n}": line[n] for n in ("loss", "lr", "temperature", "pairs_per_second")}
    return numbers | {f"train/{name}": value for name, value in line["parts"].items()}
