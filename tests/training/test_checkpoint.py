"""A checkpoint is whole or not there, and one that cannot be used is refused in one line."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from glasskit.data import GroupedDataset, write_magic
from glasskit.data.images import MissingImages
from glasskit.errors import InputError
from glasskit.io.places import scratch_of
from glasskit.models import save_model
from glasskit.models.bundled import write_bundled
from glasskit.training import train
from glasskit.training.checkpoint import (
    checkpoints,
    read_checkpoint,
    save_checkpoint,
)
from tests.training.toys import toy_config, toy_dataset, toy_features, toy_model


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    run(out)
    return out


def run(out: Path, **changes) -> None:
    config = toy_config(out, epochs=2, **changes)
    train(config, dataset=toy_dataset(), model=toy_model(), features=toy_features())


def test_the_last_are_kept_and_hold_their_state(tmp_path):
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, step, {"a": torch.full((2,), step)}, {"step": step}, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == [
        "step-00000002.safetensors",
        "step-00000010.safetensors",
    ]
    tensors, state = read_checkpoint(checkpoints(tmp_path)[-1])
    assert torch.equal(tensors["a"], torch.tensor([10, 10]))
    assert state == {"step": 10}


def test_a_disk_that_is_full_is_one_line_and_nothing_is_lost(tmp_path):
    resource = pytest.importorskip("resource", reason="limits of a process are POSIX")
    save_checkpoint(tmp_path, 1, {"a": torch.ones(2)}, {"step": 1}, keep=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # no file grows beyond this
    try:
        with pytest.raises(InputError, match=r"can't be written .*; step 1 is kept; make room"):
            save_checkpoint(tmp_path, 2, {"a": torch.ones(5000)}, {"step": 2}, keep=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    assert read_checkpoint(checkpoints(tmp_path)[0])[1] == {"step": 1}


@pytest.mark.parametrize("what", ["checkpoint", "model"])
def test_file_and_folder_reach_the_disk_around_the_new_name(tmp_path, monkeypatch, what):
    """The file before it gets its name, or the name could stand for half of it; then the folder."""
    events = []
    flush, rename = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        flush(handle)

    def replace(scratch: Path, target: Path) -> Path:
        events.append("name")
        return rename(scratch, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    if what == "checkpoint":
        save_checkpoint(tmp_path, 1, {"a": torch.ones(2)}, {}, keep=1)
    else:
        save_model(toy_model(), tmp_path)
    files = {"checkpoint": 1, "model": 2}[what]  # the weights and their config.json
    assert events == ["file", "name", "folder"] * files


def test_a_run_directory_has_its_parts(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {"checkpoints", "config.json", "config.yaml", "log.jsonl", "model.safetensors"}
    config = json.loads((finished / "config.json").read_text())
    assert config["training"]["group_size"] == 3
    assert config["best"]["epoch"] in (1, 2)


def test_nothing_is_pickled(finished):
    for file in finished.rglob("*"):
        if file.is_file():
            assert b"\x80\x04" not in file.read_bytes()[:2], file
    with safe_open(checkpoints(finished / "checkpoints")[-1], "pt") as file:
        names = list(file.keys())
    assert any(name.startswith("optimizer.") for name in names)


def copy(finished: Path, out: Path) -> Path:
    (out / "checkpoints").mkdir(parents=True)
    last = checkpoints(finished / "checkpoints")[-1]
    target = out / "checkpoints" / last.name
    target.write_bytes(last.read_bytes())
    return target


def refused(out: Path, **changes) -> str:
    with pytest.raises(InputError) as caught:
        run(out, resume=True, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(finished, tmp_path, share):
    file = copy(finished, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    assert "not a whole checkpoint" in refused(tmp_path)


def test_a_pickle_is_refused_and_never_loaded(finished, tmp_path):
    file = copy(finished, tmp_path)
    torch.save({"weights": torch.ones(2)}, file)
    assert "pickles are never loaded" in refused(tmp_path)


def test_another_architecture_is_refused(finished, tmp_path):
    file = copy(finished, tmp_path)
    tensors, state = read_checkpoint(file)
    metadata = {"format": "glasskit-checkpoint/2", "state": json.dumps(state)}
    name = "weight.model.image_head.map.weight"
    save_file(tensors | {name: torch.ones(3, 4)}, file, metadata=metadata)
    assert f"tensor {name!r} has shape (3, 4), here it is (12, 12)" in refused(tmp_path)
    del tensors[name]
    save_file(tensors, file, metadata=metadata)
    assert f"lacks tensor {name!r}" in refused(tmp_path)
    save_file(tensors, file)
    assert "not a checkpoint of Glass Kit" in refused(tmp_path)


def test_other_settings_or_data_are_refused_and_other_paths_are_not(finished, tmp_path):
    copy(finished, tmp_path)
    assert "another lr: it was 0.01, now 0.02" in refused(tmp_path, lr=0.02)
    run(tmp_path, resume=True, keep_last=5, log_every=3)
    with pytest.raises(InputError, match="has changed since: records, captions, negations"):
        train(
            toy_config(tmp_path, epochs=2, resume=True),
            dataset=toy_dataset(train=9),
            model=toy_model(),
            features=toy_features(),
        )


def edited(data: GroupedDataset, what: str) -> GroupedDataset:
    """The data with one thing changed in its first concept or record."""
    first, concept = data.records[0], data.concepts[0]
    if what == "hard negatives":
        concept = replace(concept, hard_negatives=(data.concepts[2].name,))
    changes = {
        "also": {"also": ()},
        "negations": {"negation": "nothing"},
        "captions": {"literal": first.captions[:1], "theme": first.captions[1:]},  # the border
        "records": {"key": "0-99"},
    }
    return replace(
        data,
        concepts=(concept, *data.concepts[1:]),
        records=(replace(first, **changes.get(what, {})), *data.records[1:]),
    )


@pytest.mark.parametrize("what", ["hard negatives", "also", "negations", "captions", "records"])
def test_whatever_of_the_data_moves_a_run_is_compared_and_named(finished, tmp_path, what):
    copy(finished, tmp_path)
    config = toy_config(tmp_path, epochs=2, resume=True)
    data, model = edited(toy_dataset(), what), toy_model()
    with pytest.raises(InputError, match=f"has changed since: {what};"):
        train(config, dataset=data, model=model, features=toy_features())


def test_what_is_only_tested_may_change(finished, tmp_path):
    copy(finished, tmp_path)
    data = toy_dataset()
    record = replace(data.records[0], key="new", split="test")
    data = replace(data, records=(*data.records, record))
    config = toy_config(tmp_path, epochs=2, resume=True)
    train(config, dataset=data, model=toy_model(), features=toy_features())


def test_another_model_of_the_same_name_is_refused(finished, tmp_path):
    copy(finished, tmp_path)
    model = toy_model()
    with torch.no_grad():
        model.clip.visual.gain.mul_(2)  # frozen in mode head, so in no checkpoint
    config = toy_config(tmp_path, epochs=2, resume=True)
    with pytest.raises(InputError, match="has changed since: model;"):
        train(config, dataset=toy_dataset(), model=model, features=toy_features())


@pytest.fixture
def project(tmp_path) -> Path:
    """A data set of files, and a run on it that was stopped, of towers and of cached features."""
    place = tmp_path / "project"
    toy = toy_dataset()
    images = place / "pictures"
    images.mkdir(parents=True)
    for index, record in enumerate(toy.records):
        toy.image(index).save(images / f"{record.key}.png")
    write_magic(toy, place / "set.json")
    for mode in ("full", "head"):
        go(place, mode, stop=lambda: True)
    return place


def go(place: Path, mode: str, **more: Any) -> str:
    config = toy_config(
        place / mode,
        mode=mode,
        dataset=str(place / "set.json"),
        images=str(place / "pictures"),
        epochs=2,
        resume="stop" not in more,
    )
    return train(config, model=toy_model(), **more).status


@pytest.mark.parametrize("mode", ["full", "head"])
def test_a_moved_project_goes_on(project, mode):
    shutil.copytree(project, project.parent / "moved", copy_function=shutil.copyfile)
    shutil.rmtree(project)
    assert go(project.parent / "moved", mode) == "finished"


@pytest.mark.parametrize("mode", ["full", "head"])
def test_another_picture_of_the_same_name_is_refused(project, mode):
    picture = project / "pictures" / "0-0.png"
    picture.write_bytes((project / "pictures" / "1-1.png").read_bytes())
    with pytest.raises(InputError, match="has changed since: pictures;"):
        go(project, mode)


def test_other_bundled_features_are_refused_and_pictures_are_not_looked_at(tmp_path):
    data, model = toy_dataset(), toy_model()
    data = replace(data, images=MissingImages("they are not needed"))
    keys = [record.key for record in data.records]
    for number, rows in enumerate((torch.ones(len(keys), 12), torch.zeros(len(keys), 12))):
        file = tmp_path / f"{number}.safetensors"
        write_bundled(file, model.tower_hash, keys, rows)
        bundle = replace(data, features=file)
        config = toy_config(tmp_path / "run", epochs=1, resume=True)
        if number == 0:
            train(config, dataset=bundle, model=model, stop=lambda: True)
            assert train(config, dataset=bundle, model=toy_model()).status == "finished"
        else:
            with pytest.raises(InputError, match="changed since: bundled features of pictures;"):
                train(config, dataset=bundle, model=toy_model())


def test_what_killed_processes_left_is_removed_and_what_living_ones_write_is_not(tmp_path):
    run(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    parent = os.getppid()  # any process that lives

    def scratch(name: str, process: int) -> Path:
        file = scratch_of(tmp_path / name)
        return file.with_name(file.name.replace(f"-{os.getpid()}-", f"-{process}-"))

    left = [scratch(n, dead.pid) for n in ("model.safetensors", "config.yaml", "checkpoints/step")]
    lives = scratch("model.safetensors", parent)
    for file in (*left, lives):
        file.write_bytes(b"half")
    run(tmp_path, resume=True)
    assert list(tmp_path.rglob("*.part")) == [lives]


def test_a_directory_is_one_runs_alone(tmp_path):
    """Also where the second begins before the first has written a checkpoint."""
    lines: list[str] = []

    def begin_another(line: dict[str, Any]) -> None:
        for more in ({"resume": True}, {"overwrite": True}, *([] if line["step"] else [{}])):
            with pytest.raises(InputError, match="another process is training there") as error:
                run(tmp_path / "run", **more)
            lines.append(str(error.value))

    config = toy_config(tmp_path / "run", epochs=2)
    data, features = toy_dataset(), toy_features()
    train(config, dataset=data, model=toy_model(), features=features, on_epoch=begin_another)
    assert len(lines) == 3 + 2 + 2  # before the first epoch and after each
    run(tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    "settings",
    [{"group_size": 9}, {"objective": "c2lip"}, {"objective": "nonsense"}, {"dataset": "nowhere"}],
    ids=lambda settings: next(iter(settings)),
)
def test_a_refused_run_leaves_no_folder(tmp_path, settings):
    config = toy_config(tmp_path / "new" / "run", tracker="tensorboard", **settings)
    data = None if "dataset" in settings else toy_dataset()
    with pytest.raises(InputError):
        train(config, dataset=data, model=toy_model(), features=toy_features())
    assert not (tmp_path / "new").exists()


def test_a_run_that_fails_before_its_first_step_leaves_no_folder_and_what_was_there(tmp_path):
    def fail(line: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    (tmp_path / "there").mkdir()
    for out in (tmp_path / "new" / "run", tmp_path / "there"):
        with pytest.raises(KeyboardInterrupt):
            train(
                toy_config(out, tracker="tensorboard"),
                dataset=toy_dataset(),
                model=toy_model(),
                features=toy_features(),
                on_epoch=fail,
            )
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "there").exists()


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/run: the run directory cannot be made \(Not a dir"):
        run(tmp_path / "file" / "run")


def test_a_directory_with_a_run_is_not_overwritten_unasked(finished):
    with pytest.raises(InputError, match="holds a run; go on with resume"):
        run(finished)


def test_overwrite_begins_anew(tmp_path):
    run(tmp_path)
    before = checkpoints(tmp_path / "checkpoints")[-1].read_bytes()
    run(tmp_path, overwrite=True, seed=1)
    assert checkpoints(tmp_path / "checkpoints")[-1].read_bytes() != before
