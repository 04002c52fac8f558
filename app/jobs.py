"""Training runs started in the app: one at a time, others wait; each can be watched and stopped."""

from __future__ import annotations

import re
import shutil
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_hex
from typing import Any

from pydantic import BaseModel, ValidationError

from glasskit.errors import InputError
from glasskit.models.cache import cache_folder

MOST_WAITING = 8
MOST_KEPT = 60
"""Runs that are kept; the app runs on other people's disks too."""

MOST_ENDED = 100
"""Jobs that are remembered after they have ended."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
FINISHED = "finished.json"
"""Written last: a run without it was cut off."""

UNDER_WAY = ("waiting", "training")


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
        key_hash: SHA-256 of the job's key; runs of older versions have none, and no owner.
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

    def belongs_to(self, key: object) -> bool:
        """Whether this is the key of the job that made the run."""
        return isinstance(key, str) and compare_digest(hash_of(key), self.key_hash)


def hash_of(key: str) -> str:
    """Hexadecimal SHA-256 of a job's key."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


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


@dataclass
class Job:
    """One run: what was asked for and what is seen of it so far.

    Attributes:
        key: its secret name; who has it may watch and stop, and later go on with or remove the run.
        dataset: name of the data set that it trains on.
        name: what it is kept as.
        settings: fields of TrainConfig.
        status: waiting, training, finished, stopped or failed.
        steps: (step, loss, {part of the loss: its value}) of every step.
        epoch: how many epochs are done.
        epochs: (epoch, top-1 share on the validation split) of every epoch, 0 the untrained model;
            none where the data set has no such split.
        frame: words and recognised pictures after the last epoch.
        message: what to say to the visitor.
    """

    dataset: str
    name: str
    settings: dict[str, Any]
    key: str = field(default_factory=lambda: token_hex(16))
    status: str = "waiting"
    steps: list[tuple[int, float, dict[str, float]]] = field(default_factory=list)
    epoch: int = 0
    epochs: list[tuple[int, float]] = field(default_factory=list)
    frame: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def seen(self, since: int, place: int) -> dict[str, Any]:
        """What a watcher who knows the first ``since`` steps is told."""
        return {
            "status": self.status,
            "place": place,
            "name": self.name,
            "steps": self.steps[since:],
            "epoch": self.epoch,
            "epochs": self.epochs,
            "total_epochs": self.settings["epochs"],
            "frame": self.frame,
            "message": self.message,
        }


class TrainingQueue:
    """The queue of jobs and the runs that were kept.

    Args:
        work: does one job, in the queue's own thread, reports by filling in the job, and returns
            "finished" or "stopped".
        folder: where runs are kept; one folder a data set, one in it a run.
    """

    def __init__(self, work: Callable[[Job, Path], str], folder: Path | None = None) -> None:
        self.folder = folder or cache_folder("app-runs")
        self._work = work
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, dataset: str, name: str, settings: dict[str, Any]) -> Job:
        """Queue a new run.

        Raises:
            InputError: a bad or used name, too many waiting, or too many kept.
        """
        path = self.path(dataset, name)
        with self._changed:
            self._check_idle(dataset, name)
            if (path / FINISHED).exists():
                raise InputError(f"a run named {name!r} is there already; choose another name")
            if len(self.kept(dataset)) >= MOST_KEPT:
                raise InputError(f"{MOST_KEPT} runs are kept; remove one first")
            self._check_waiting()
            if path.exists():
                # Cut off with the app, or failed: nobody can see it, and its name is free again.
                _delete(path)
            return self._add(Job(dataset, name, settings))

    def go_on(self, dataset: str, name: str, key: object) -> Job:
        """Queue a run that was stopped, with the settings that it began with.

        Raises:
            InputError: there is no such run, it is another visitor's or under way or finished, or
                too many are waiting.
        """
        path = self.path(dataset, name)
        with self._changed:
            self._check_idle(dataset, name)
            run = self._owned(path, key)
            if run.status != "stopped":
                raise InputError(f"run {name!r} is finished; there is nothing to go on with")
            self._check_waiting()
            return self._add(Job(dataset, name, run.settings | {"resume": True}, key=str(key)))

    def watch(self, key: object, since: object = 0) -> dict[str, Any]:
        """What has happened to a job; raises InputError where there is none."""
        job = self._job(key)
        if type(since) is not int or since < 0:
            raise InputError("since: send the number of steps that you have seen")
        with self._changed:
            place = self._queue.index(job) + 1 if job in self._queue else 0
        return job.seen(since, place)

    def halt(self, key: object) -> None:
        """Ask a job to stop after its current step, or take it out of the queue."""
        job = self._job(key)
        with self._changed:
            job.stop.set()
            if job in self._queue:
                self._queue.remove(job)
                job.status, job.message = "stopped", "taken out of the queue"

    def close(self, seconds: float) -> None:
        """Stop all jobs and wait this long for the one that trains: a stopped run can go on later.

        One that takes longer is cut off: a new run is lost, and one that went on is as at its last
        stop.
        """
        for job in list(self._jobs.values()):
            if job.status in UNDER_WAY:
                self.halt(job.key)
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(j.status in UNDER_WAY for j in self._jobs.values()):
            time.sleep(0.02)

    def path(self, dataset: str, name: str) -> Path:
        """The folder of a run; raises InputError for a name that is no plain word."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
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

    def remove(self, dataset: str, name: str, key: object) -> None:
        """Delete a kept run.

        Raises:
            InputError: there is no such run, or it is another visitor's or under way.
        """
        path = self.path(dataset, name)
        with self._changed:
            self._check_idle(dataset, name)
            self._owned(path, key)
            _delete(path)

    def _check_idle(self, dataset: str, name: str) -> None:
        for job in self._jobs.values():
            if (job.dataset, job.name) == (dataset, name) and job.status in UNDER_WAY:
                raise InputError(f"a run named {name!r} is under way; stop it first")

    def _check_waiting(self) -> None:
        if len(self._queue) >= MOST_WAITING:
            raise InputError(f"{MOST_WAITING} runs are waiting already; try again later")

    @staticmethod
    def _owned(path: Path, key: object) -> Summary:
        run = read_summary(path)
        if not run.belongs_to(key):
            raise InputError(
                f"run {path.name!r}: only the browser that started it may remove it or go on"
            )
        return run

    def _add(self, job: Job) -> Job:
        self._jobs.pop(job.key, None)  # of a run that goes on: it counts as new
        self._jobs[job.key] = job
        ended = [key for key, j in self._jobs.items() if j.status not in UNDER_WAY]
        for key in ended[:-MOST_ENDED]:
            del self._jobs[key]
        self._queue.append(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="training", daemon=True)
            self._thread.start()
        self._changed.notify()
        return job

    def _job(self, key: object) -> Job:
        if not isinstance(key, str) or key not in self._jobs:
            raise InputError("this run is not known any more; the app was started again since")
        return self._jobs[key]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                job = self._queue.pop(0)
                job.status = "training"
            try:
                status = self._work(job, self.path(job.dataset, job.name))
            except InputError as error:
                status, job.message = "failed", str(error)
            except OSError as error:  # a full disk, or the folder was removed by hand
                why = error.strerror or type(error).__name__
                status, job.message = "failed", f"the run's files can't be read or written ({why})"
            except Exception as error:  # noqa: BLE001 (the queue must outlive a run that breaks)
                status, job.message = "failed", f"{type(error).__name__}: {error}"
                traceback.print_exc()
            job.status = status


def _delete(run: Path) -> None:
    try:
        # First, so that nobody takes a half removed run for a whole one.
        (run / FINISHED).unlink(missing_ok=True)
        shutil.rmtree(run)
    except OSError as error:
        raise InputError(f"run {run.name!r} can't be removed ({error.strerror})") from None
