"""Several processes on CPUs: they train as one, refuse as one, and none waits for a dead one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from PIL import Image
from typer.testing import CliRunner

from glasskit.analysis.write_vectors import embed_source
from glasskit.cli import app
from glasskit.errors import InputError
from glasskit.training.batches import Batches
from glasskit.training.distributed import start_accelerator
from glasskit.training.encoders import HeadEncoder
from glasskit.training.loaders import table_loader
from tests.training.test_resume import same_curve, wait_for_lines
from tests.training.toys import WIDTH, toy_config, toy_dataset, toy_model, toy_run
from tests.training.workers import finish, run_and_tell, start_world


@pytest.mark.slow
def test_torchrun_needs_no_flag_and_gives_the_run_of_one_process(tmp_path: Path):
    """The default recipe, whose features are dropped at random, by the command line."""
    one, two, told = tmp_path / "one", tmp_path / "two", tmp_path / "told.json"
    command = ["train", "scenes", "--epochs", "1", "--tracker", "none"]
    assert CliRunner().invoke(app, [*command, "--out", str(one)]).exit_code == 0
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    several += ["-m", "glasskit.cli", *command, "--out", two, "--json", told]
    done = subprocess.run([sys.executable, *several], capture_output=True, text=True, check=True)
    assert done.stdout.count("finished after") == 1
    assert json.loads(told.read_text())["status"] == "finished"
    same_curve(one, two)
    assert {file.name for file in two.iterdir()} == {file.name for file in one.iterdir()}


def test_what_is_dropped_depends_on_a_rows_place_and_not_on_the_processes(tmp_path: Path):
    pytest.importorskip("textblob")
    needs = ("paraphrase", "negation", "negative_image", "phrases")
    config, data = toy_config(tmp_path).resolved(), toy_dataset()
    encoder = HeadEncoder(toy_model(), dropout=0.5)

    def dropped(rank: int, world: int) -> tuple[torch.Tensor, torch.Tensor]:
        batches = Batches(data, config, needs, groups=4, members=3, rank=rank, world=world)
        ones = torch.ones(len(data), WIDTH), torch.ones(len(batches.texts), WIDTH)
        torch.manual_seed(5)
        step = encoder.dropped(next(table_loader(batches, *ones).epoch(0)))
        images, texts = (
            torch.zeros(step.rows.whole[0], WIDTH),
            torch.zeros(step.rows.whole[1], WIDTH),
        )
        images[step.rows.image_places], texts[step.rows.text_places] = step.images, step.texts
        return images, texts

    whole = dropped(0, 1)
    parts = zip(*(dropped(rank, 2) for rank in range(2)), strict=True)
    for alone, shared in zip(whole, parts, strict=True):
        assert set(alone.unique().tolist()) == {0.0, 2.0}
        assert torch.equal(sum(shared), alone)


@pytest.mark.parametrize(
    ("odd", "line"),
    [
        ("lr", "lr: process 1 has 0.02, process 0 has 0.01; start every process with the same"),
        ("negation", "negations: process 1 has "),
        ("pictures", "picture '0-1' is not here: it was moved"),
    ],
)
def test_what_one_process_refuses_all_refuse_and_no_folder_stays(tmp_path: Path, odd, line):
    out = tmp_path / "run"
    finish(*start_world(2, out, run_and_tell, odd=odd))
    assert not out.exists()
    for rank in range(2):
        said = (tmp_path / f"said{rank}.txt").read_text()
        assert said.startswith(line)
        assert "\n" not in said


def test_where_a_process_dies_the_other_ends_with_one_line(tmp_path: Path):
    out = tmp_path / "run"
    first, second = start_world(2, out, run_and_tell, epochs=500)
    wait_for_lines(out, 5)
    second.kill()
    finish(first)
    assert (tmp_path / "said0.txt").read_text().startswith("another process of this run has ended")


def test_a_launcher_that_accelerate_does_not_see_is_refused(tmp_path: Path, monkeypatch):
    told = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**told, "MASTER_PORT": "29511"}.items():
        monkeypatch.setenv(name, value)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        with pytest.raises(InputError, match=r"^2 processes were launched .*has 1, Accelerate 1;"):
            start_accelerator(toy_config(tmp_path))
    finally:
        dist.destroy_process_group()


COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]


@pytest.mark.parametrize("command", sorted({*COMMANDS, "data"} - {"train", "embed"}))
def test_a_command_for_one_process_refuses_several(command, monkeypatch, refused):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert refused(command, "a", "b").startswith(
        f"glasskit: {command}: runs in one process, and 2 were launched"
    )


def test_what_is_no_stream_is_embedded_by_the_first_process_alone(tmp_path: Path, monkeypatch):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, rows in (("1", 0), ("0", 1)):
        monkeypatch.setenv("RANK", rank)
        assert embed_source(toy_model(), tmp_path, tmp_path / "out").pictures == rows
        assert (tmp_path / "out").exists() == bool(rows)


def test_groups_are_rounded_to_the_processes_and_that_is_said_once(tmp_path: Path):
    out = tmp_path / "run"
    finish(*start_world(2, out, run_and_tell, odd="five", groups_per_batch=None, epochs=1))
    assert "groups_per_batch: 4\n" in (out / "config.yaml").read_text()
    said = (tmp_path / "said0.txt").read_text()
    assert said == "groups_per_batch: 4 and not 5, so that each process has as many groups"
    assert not (tmp_path / "said1.txt").exists()


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two', which is no number of processes"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "WORLD_SIZE is 2, but LOCAL_RANK, MASTER_PORT not set"),
    ],
)
def test_half_a_launcher_is_one_line(tmp_path: Path, monkeypatch, refused, environment, line):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert line in refused("train", "scenes", "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_full_memory_of_a_device_is_one_line(tmp_path: Path):
    def full(line: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    with pytest.raises(InputError, match="the memory of the device is full; raise accumulate"):
        toy_run(tmp_path, on_step=full)
