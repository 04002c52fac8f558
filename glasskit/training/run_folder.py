"""The directory of a run: made, kept for one run alone, and its settings written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from accelerate import Accelerator
from filelock import BaseFileLock, FileLock, Timeout

from glasskit.errors import InputError
from glasskit.io.places import check_folder, write_text, writing
from glasskit.training.checkpoint import checkpoints
from glasskit.training.config import TrainConfig
from glasskit.training.distributed import agreed
from glasskit.training.run_log import read_log


@contextmanager
def run_folder(config: TrainConfig, accelerator: Accelerator) -> Iterator[None]:
    """Make the run directory and keep it for this run alone while it goes on.

    Where no step is logged before a failure, what this made goes again.

    Raises:
        InputError: it cannot be made, another process trains in it, or it holds a run that is
            neither to go on nor to be overwritten.
    """
    out = Path(config.out)
    lock = FileLock(out / ".lock", timeout=0)
    made: list[Path] = []
    try:
        with agreed(accelerator):
            if accelerator.is_main_process:
                missing = [folder for folder in (out, *out.parents) if not folder.exists()]
                with writing(out):
                    out.mkdir(parents=True, exist_ok=True)
                    _acquire(lock, out)
                made = missing
                holds = checkpoints(out / "checkpoints") or (out / "model.safetensors").exists()
                if holds and not (config.resume or config.overwrite):
                    raise InputError(
                        f"{out}: holds a run; go on with resume, or choose another out directory"
                    )
        yield
    except BaseException:
        trained = any("loss" in line for line in read_log(out / "log.jsonl"))
        if out in made and out.exists() and not trained:
            shutil.rmtree(out)
            with suppress(OSError):  # another run may lie in it by now
                for folder in made[1:]:
                    folder.rmdir()
        raise
    finally:
        lock.release()


def _acquire(lock: BaseFileLock, out: Path) -> None:
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{out}: another process is training there; wait for it, or choose another out"
        ) from None


def begin_run(config: TrainConfig, fitted: TrainConfig) -> None:
    """Write the settings of a run, and remove what an earlier or a killed one left in its place.

    config.yaml says what was asked for, so that it can be given again with another mode or
    objective; config.json has what it came to.
    """
    out = Path(config.out)
    for folder in (out, out / "checkpoints"):
        check_folder(folder)
    if not config.resume:
        for file in (*checkpoints(out / "checkpoints"), out / "model.safetensors"):
            file.unlink(missing_ok=True)
        (out / "config.json").unlink(missing_ok=True)
    sizes = {name: getattr(fitted, name) for name in ("groups_per_batch", "group_size")}
    write_text(out / "config.yaml", config.but(**sizes).to_yaml())
