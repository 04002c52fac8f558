"""Training runs started in the app: one at a time, others wait; each can be watched and stopped."""

from __future__ import annotations

import re
import shutil
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from glasskit.errors import InputError
from glasskit.io.places import cache_folder

MAX_WAITING = 8
MAX_KEPT = 60
"""Runs of a data set that are kept; the app runs on other people's disks too."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
FINISHED = "finished.json"
"""Written last: a run without it was cut off."""


class Summary(BaseModel):
    """What ``finished.json`` tells of a run that was finished or stopped.

    Attributes:
        name: what it is kept as.
        settings: fields of TrainConfig.
        status: finished or stopped.
        epoch: how many epochs are done.
        epochs: (epoch, top-1 share on the validation split) of every epoch.
        right: pictures that the kept model recognises,
        of: of so many,
        split: of this split.
        key_hash: SHA-256 of the owner's key; "" where nobody owns the run.
    """

    name: str
    settings: dict[str, Any]
    status: str
    epoch: int
    epochs: list[tuple[int, float]]
    right: int
    of: int
    split: str
    key_hash: str = ""


def hash_of(owner: str) -> str:
    """Hexadecimal SHA-256 of an owner's key."""
    return sha256(owner.encode("utf-8", "replace")).hexdigest()


def read_summary(run: Path) -> Summary:
    """What is kept of a run in this folder.

    Raises:
        InputError: there is no such run, or its finished.json is broken.
    """
    try:
        summary = Summary.model_validate_json((run / FINISHED).read_bytes())
    except FileNotFoundError:
        raise InputError(f"no run named {run.name!r} is kept") from None
    except (OSError, ValidationError):
        raise InputError(f"run {run.name!r}: its {FINISHED} can't be read") from None
    return summary.model_copy(update={"name": run.name})


@dataclass(eq=False)
class Job:
    """One run: what was asked for and what is seen of it so far.

    Attributes:
        dataset: name of the data set that it trains on.
        name: what it is kept as.
        settings: fields of TrainConfig.
        owner: secret key of the browser that started it, which alone may go on with the run or
            remove it.
        status: waiting, training, finished, stopped or failed.
        steps: (step, loss, {part of the loss: its value}) of every step.
        epoch: how many epochs are done.
        epochs: (epoch, top-1 share on the validation split) of every epoch, 0 the untrained model;
            none where the data set has no such split.
        frame: words and recognised pictures after the last epoch.
        message: what to say to the visitor.
        stop: set when the run shall end after its current step.
    """

    dataset: str
    name: str
    settings: dict[str, Any]
    owner: str
    status: str = "waiting"
    steps: list[tuple[int, float, dict[str, float]]] = field(default_factory=list)
    epoch: int = 0
    epochs: list[tuple[int, float]] = field(default_factory=list)
    frame: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def under_way(self) -> bool:
        """Whether it still trains or waits."""
        return self.status in ("waiting", "training")


class TrainingQueue:
    """The jobs under way and the runs that were kept.

    Args:
        work: does one job, in the queue's own thread, reports by filling in the job, and returns
            "finished" or "stopped".
        folder: where runs are kept; one folder a data set, one in it a run.
    """

    def __init__(self, work: Callable[[Job, Path], str], folder: Path | None = None) -> None:
        self.folder = folder or cache_folder("app-runs")
        self._work = work
        self._jobs: list[Job] = []  # the first one trains, the others wait
        self._changed = threading.Condition()  # the one lock; waits for a job, or for none
        threading.Thread(target=self._run, name="training", daemon=True).start()

    def start(self, dataset: str, name: str, settings: dict[str, Any], owner: str) -> Job:
        """Queue a new run.

        Raises:
            InputError: a bad or used name, too many waiting, or too many kept.
        """
        path = self.path(dataset, name)
        with self._changed:
            self._check_idle(dataset, name)
            if (path / FINISHED).exists():
                raise InputError(f"a run named {name!r} is there already; choose another name")
            if len(self.kept(dataset)) >= MAX_KEPT:
                raise InputError(f"{MAX_KEPT} runs are kept; remove one first")
            if path.exists():
                # Cut off with the app, or failed: nobody can see it, and its name is free again.
                _delete(path)
            return self._add(Job(dataset, name, settings, owner))

    def go_on(self, dataset: str, name: str, owner: str) -> Job:
        """Queue a run that was stopped, with the settings that it began with.

        Raises:
            InputError: there is no such run, it is another visitor's or under way or finished, or
                too many are waiting.
        """
        path = self.path(dataset, name)
        with self._changed:
            self._check_idle(dataset, name)
            run = _owned(path, owner)
            if run.status != "stopped":
                raise InputError(f"run {name!r} is finished; there is nothing to go on with")
            return self._add(Job(dataset, name, run.settings | {"resume": True}, owner))

    def under_way(self, owner: str) -> Job | None:
        """The run of this owner that trains or waits, the newest where there are several."""
        with self._changed:
            return next((job for job in reversed(self._jobs) if job.owner == owner), None)

    def place(self, job: Job) -> int:
        """How many runs come before this one; 0 for one that is not waiting."""
        with self._changed:
            return self._jobs.index(job) if job in self._jobs else 0

    def halt(self, job: Job) -> None:
        """Ask a job to stop after its current step, or take it out of the queue."""
        with self._changed:
            job.stop.set()
            if job.status == "waiting":
                self._jobs.remove(job)
                job.status, job.message = "stopped", "taken out of the queue"

    def close(self, seconds: float) -> None:
        """Stop all jobs and wait this long for the one that trains: a stopped run can go on later.

        One that takes longer is cut off: a new run is lost, and one that went on is as at its last
        stop.
        """
        with self._changed:
            for job in list(self._jobs):
                self.halt(job)
            self._changed.wait_for(lambda: not self._jobs, seconds)

    def path(self, dataset: str, name: str) -> Path:
        """The folder of a run; raises InputError for a name that is no plain word."""
        if not NAME.fullmatch(name):
            raise InputError("name: up to 40 small letters, digits and hyphens, such as alpha-05")
        return self.folder / dataset / name

    def kept(self, dataset: str) -> list[Summary]:
        """What is known of each run of a data set that was finished or stopped, by name."""
        found = []
        for file in sorted((self.folder / dataset).glob(f"*/{FINISHED}")):
            # One that is broken or was removed meanwhile is as good as not there.
            with suppress(InputError):
                found.append(read_summary(file.parent))
        return found

    def remove(self, dataset: str, name: str, owner: str) -> None:
        """Delete a kept run.

        Raises:
            InputError: there is no such run, or it is another visitor's or under way.
        """
        path = self.path(dataset, name)
        with self._changed:
            self._check_idle(dataset, name)
            _owned(path, owner)
            _delete(path)

    def _check_idle(self, dataset: str, name: str) -> None:
        if any((job.dataset, job.name) == (dataset, name) for job in self._jobs):
            raise InputError(f"a run named {name!r} is under way; stop it first")

    def _add(self, job: Job) -> Job:
        if sum(other.status == "waiting" for other in self._jobs) >= MAX_WAITING:
            raise InputError(f"{MAX_WAITING} runs are waiting already; try again later")
        self._jobs.append(job)
        self._changed.notify_all()
        return job

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs)
                job = self._jobs[0]
                job.status = "training"
            status = self._outcome(job)
            with self._changed:
                job.status = status
                self._jobs.remove(job)
                self._changed.notify_all()

    def _outcome(self, job: Job) -> str:
        try:
            return self._work(job, self.path(job.dataset, job.name))
        except InputError as error:
            job.message = str(error)
        except OSError as error:  # a full disk, or the folder was removed by hand
            why = error.strerror or type(error).__name__
            job.message = f"the run's files can't be read or written ({why})"
        except Exception as error:  # noqa: BLE001 (the queue must outlive a run that breaks)
            job.message = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        return "failed"


def _owned(path: Path, owner: str) -> Summary:
    run = read_summary(path)
    if not compare_digest(hash_of(owner), run.key_hash):
        raise InputError(
            f"run {path.name!r}: only the browser that started it may remove it or go on"
        )
    return run


def _delete(run: Path) -> None:
    try:
        # First, so that nobody takes a half removed run for a whole one.
        (run / FINISHED).unlink(missing_ok=True)
        shutil.rmtree(run)
    except OSError as error:
        raise InputError(f"run {run.name!r} can't be removed ({error.strerror})") from None
