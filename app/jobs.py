"""Training runs started in the app: one at a time, others wait; each can be watched and stopped."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from glasskit.errors import InputError
from glasskit.models.cache import cache_folder

MOST_WAITING = 8
MOST_KEPT = 60
"""Runs that are kept; the app runs on other people's disks too."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
FINISHED = "finished.json"
"""Written last: a run without it was cut off."""


@dataclass
class Job:
    """One run: what was asked for and what is seen of it so far.

    Attributes:
        key: its secret name; who has it may watch and stop.
        dataset: name of the data set that it trains on.
        name: what it is kept as.
        settings: fields of TrainConfig.
        status: waiting, training, finished, stopped or failed.
        steps: (step, loss, outer or NaN, inner or NaN) of every step.
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


class Workshop:
    """The queue of jobs and the runs that were kept.

    Args:
        work: does one job, in the workshop's own thread; reports by filling in the job.
        folder: where runs are kept; one folder a data set, one in it a run.
    """

    def __init__(self, work: Callable[[Job, Path], None], folder: Path | None = None) -> None:
        self.folder = folder or cache_folder("app-runs")
        self._work = work
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, dataset: str, name: str, settings: dict[str, Any]) -> Job:
        """Queue a run.

        Raises:
            InputError: a bad or used name, too many waiting, or too many kept.
        """
        path = self.path(dataset, name)
        with self._changed:
            if len(self._queue) >= MOST_WAITING:
                raise InputError(f"{MOST_WAITING} runs are waiting already; try again later")
            same = [j for j in self._jobs.values() if (j.dataset, j.name) == (dataset, name)]
            if any(job.status in ("waiting", "training") for job in same):
                raise InputError(f"a run named {name!r} is under way; choose another name")
            if (path / FINISHED).is_file():
                if not settings.get("resume"):
                    raise InputError(f"a run named {name!r} is there already; choose another name")
            elif path.exists():
                # Cut off with the app, or failed: nobody can see it, and its name is free again.
                shutil.rmtree(path)
            if len(self.kept(dataset)) >= MOST_KEPT:
                raise InputError(f"{MOST_KEPT} runs are kept; remove one first")
            job = Job(dataset, name, settings)
            self._jobs[job.key] = job
            self._queue.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="training", daemon=True)
                self._thread.start()
            self._changed.notify()
        return job

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

    def path(self, dataset: str, name: str) -> Path:
        """The folder of a run; raises InputError for a name that is no plain word."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise InputError("name: up to 40 small letters, digits and hyphens, such as alpha-05")
        return self.folder / dataset / name

    def kept(self, dataset: str) -> list[dict[str, Any]]:
        """What is known of each run of a data set that was finished or stopped, by name."""
        found = []
        for file in sorted((self.folder / dataset).glob(f"*/{FINISHED}")):
            try:
                found.append(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                continue  # half written or removed meanwhile: as good as not there
        return found

    def remove(self, dataset: str, name: str) -> None:
        """Delete a kept run; raises InputError where there is none."""
        path = self.path(dataset, name)
        if not (path / FINISHED).is_file():
            raise InputError(f"no run named {name!r} is kept")
        shutil.rmtree(path)

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
                self._work(job, self.path(job.dataset, job.name))
                job.status = "stopped" if job.stop.is_set() else "finished"
            except InputError as error:
                job.status, job.message = "failed", str(error)
            except Exception as error:  # noqa: BLE001 (the queue must outlive a run that breaks)
                job.status, job.message = "failed", f"{type(error).__name__}: {error}"
                import traceback

                traceback.print_exc()
