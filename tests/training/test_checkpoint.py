"""A checkpoint is whole or not there, and one that cannot be used is refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from glasskit.data import GroupedDataset, write_magic
from glasskit.errors import InputError
from glasskit.training import train
from glasskit.training.checkpoint import checkpoints, read_checkpoint, save_checkpoint
from tests.training.toys import save_pictures, toy_config, toy_dataset, toy_model, toy_run

WEIGHT = "weight.model.image_head.map.weight"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    toy_run(out, epochs=2)
    return out


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A run directory with the last checkpoint of a finished run, and nothing else."""
    out = tmp_path / "copied"
    (out / "checkpoints").mkdir(parents=True)
    last = checkpoints(finished / "checkpoints")[-1]
    (out / "checkpoints" / last.name).write_bytes(last.read_bytes())
    return out


def refused(out: Path, **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        toy_run(out, epochs=2, resume=True, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_last_are_kept_and_hold_their_state(tmp_path):
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, step, {"a": torch.full((2,), step)}, {"step": step}, keep=2)
    names = [path.name for path in checkpoints(tmp_path)]
    assert names == ["step-00000002.safetensors", "step-00000010.safetensors"]
    tensors, state = read_checkpoint(checkpoints(tmp_path)[-1])
    assert torch.equal(tensors["a"], torch.tensor([10, 10]))
    assert state == {"step": 10}


def test_a_run_directory_has_its_parts_and_no_pickle(finished):
    names = {path.name for path in finished.iterdir()} - {".lock"}
    assert names == {"checkpoints", "config.json", "config.yaml", "log.jsonl", "model.safetensors"}
    config = json.loads((finished / "config.json").read_text())
    assert config["training"]["group_size"] == 3
    assert config["best"]["epoch"] in (1, 2)
    for file in finished.rglob("*"):
        assert not file.is_file() or b"\x80\x04" not in file.read_bytes()[:2], file
    with safe_open(checkpoints(finished / "checkpoints")[-1], "pt") as file:
        assert any(name.startswith("optimizer.") for name in file.keys())  # noqa: SIM118


def cut_at(share: float) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


def with_weight(weight: torch.Tensor | None) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        tensors, state = read_checkpoint(file)
        del tensors[WEIGHT]
        tensors |= {} if weight is None else {WEIGHT: weight}
        metadata = {"format": "glasskit-checkpoint/2", "state": json.dumps(state)}
        save_file(tensors, file, metadata=metadata)

    return change


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        *((cut_at(share), "not a whole checkpoint") for share in (0.0, 0.001, 0.5, 0.999)),
        (lambda file: torch.save({"a": torch.ones(2)}, file), "pickles are never loaded"),
        (lambda file: save_file({"a": torch.ones(2)}, file), "not a checkpoint of Glass Kit"),
        (with_weight(torch.ones(3, 4)), f"{WEIGHT!r} has shape (3, 4), not (12, 12)"),
        (with_weight(None), f"lacks the tensor {WEIGHT!r}"),
    ],
)
def test_what_is_no_checkpoint_of_this_run_is_refused(copied, spoil, line):
    spoil(checkpoints(copied / "checkpoints")[-1])
    assert line in refused(copied)


def test_other_settings_are_refused_but_not_what_moves_no_weight(copied):
    assert "another lr: it was 0.01, now 0.02" in refused(copied, lr=0.02)
    data = toy_dataset()
    tested = replace(data.records[0], key="new", split="test")
    data = replace(data, records=(*data.records, tested))
    toy_run(copied, epochs=2, resume=True, keep_last=5, log_every=3, dataset=data)


def edited(what: str) -> GroupedDataset:
    """The data with one thing changed in its first concept or record."""
    data = toy_dataset()
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
def test_whatever_of_the_data_moves_a_run_is_compared_and_named(copied, what):
    assert f"has changed since: {what}" in refused(copied, dataset=edited(what))


def test_another_model_of_the_same_name_is_refused(copied):
    model = toy_model()
    with torch.no_grad():
        model.clip.visual.gain.mul_(2)  # frozen in mode head, so in no checkpoint
    assert "has changed since: model;" in refused(copied, model=model)


@pytest.fixture
def project(tmp_path) -> Path:
    """A data set of files, and a run on it that was stopped, of towers and of cached features."""
    place = tmp_path / "project"
    toy = toy_dataset()
    save_pictures(toy, place / "pictures")
    write_magic(toy, place / "set.json")
    for mode in ("full", "head"):
        go(place, mode, stop=lambda: True)
    return place


def go(place: Path, mode: str, **more: Any) -> str:
    data, pictures = str(place / "set.json"), str(place / "pictures")
    config = toy_config(place / mode, mode=mode, dataset=data, images=pictures, epochs=2)
    return train(config.but(resume="stop" not in more), model=toy_model(), **more).status


@pytest.mark.parametrize("mode", ["full", "head"])
def test_a_moved_project_goes_on_and_one_with_another_picture_does_not(project, mode):
    moved = project.parent / "moved"
    shutil.copytree(project, moved, copy_function=shutil.copyfile)
    picture = project / "pictures" / "0-0.png"
    picture.write_bytes((project / "pictures" / "1-1.png").read_bytes())
    with pytest.raises(InputError, match="has changed since: pictures;"):
        go(project, mode)
    shutil.rmtree(project)
    assert go(moved, mode) == "finished"


def test_a_directory_is_one_runs_alone(tmp_path):
    """Also where the second begins before the first has written a checkpoint."""
    refusals = 0

    def begin_another(line: dict[str, Any]) -> None:
        nonlocal refusals
        for more in ({"resume": True}, {"overwrite": True}, *([] if line["step"] else [{}])):
            with pytest.raises(InputError, match="another process is training there"):
                toy_run(tmp_path / "run", epochs=2, **more)
            refusals += 1

    toy_run(tmp_path / "run", epochs=2, on_epoch=begin_another)
    assert refusals == 3 + 2 + 2  # before the first epoch and after each
    toy_run(tmp_path / "run", epochs=2, resume=True)


def test_a_run_that_fails_before_its_first_step_leaves_no_folder_and_what_was_there(tmp_path):
    def fail(line: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    (tmp_path / "there").mkdir()
    for out in (tmp_path / "new" / "run", tmp_path / "there"):
        with pytest.raises(KeyboardInterrupt):
            toy_run(out, tracker="tensorboard", on_epoch=fail)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "there").exists()


def test_a_directory_that_cannot_be_made_or_holds_a_run_is_one_line(tmp_path, finished):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/run: can't be written \(Not a dir"):
        toy_run(tmp_path / "file" / "run")
    with pytest.raises(InputError, match="holds a run; go on with resume"):
        toy_run(finished)


def test_overwrite_begins_anew(copied):
    before = checkpoints(copied / "checkpoints")[-1].read_bytes()
    toy_run(copied, epochs=2, overwrite=True, seed=1)
    assert checkpoints(copied / "checkpoints")[-1].read_bytes() != before
