# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Your GPU, your data
#
# **What you will see.** The whole way of a real run, from settings to a checkpoint that others load
# with plain open_clip: launch, kill, resume bit for bit, export, and what it will cost. Here a
# tiny vision transformer does all of it on the CPU in seconds; one switch makes it a ViT-B-32 on
# photographs.
#
# **You will learn**
# - to fine-tune a *whole* open_clip model on groups, on one GPU or several;
# - to estimate time before you pay for it, and to see what will be the bottleneck;
# - why a batch that does not fit must not simply be cut into smaller ones;
# - to stop and resume without losing a bit, and to check that it is so;
# - to hand the result to people who have never heard of Glass Kit.
#
# **Before you start.** Notebooks 4 and 6. Terms are in the [glossary](glossary.md). For the full
# form: a CUDA GPU with 16 GB, and COCO val2014.
#
# **Running time.** About 30 s on two cores in the tiny form.

# %%
# Where Glass Kit is missing, as on Colab, this installs it. SOURCE is what pip takes: the folder of
# a checkout, or the address of its repository: "glasskit[notebooks] @ git+https://...".
import importlib.util
import subprocess
import sys

SOURCE = "..[notebooks]"
if importlib.util.find_spec("glasskit") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", SOURCE], check=True)

# %%
import json
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import plotly.graph_objects as go
import torch
from safetensors.torch import load_file

from glasskit import load_dataset, load_model, save_model
from glasskit.course import Board, check, predict
from glasskit.evaluation import measure
from glasskit.evaluation.intervals import interval
from glasskit.models.embedding import embed
from glasskit.models.export import export_open_clip
from glasskit.plots.losses import LiveCurves
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import SERIES, calm, show
from glasskit.training import TrainConfig, read_log, train

# %%
SEED = 0
FULL = False  # True: ViT-B-32 on COCO photographs, on a GPU
PHOTOGRAPHS = "coco/val2014"  # your folder of COCO val2014, for the full form
RUNS = tempfile.TemporaryDirectory(prefix="glasskit-")
logging.getLogger().setLevel(logging.ERROR)  # random weights are meant, no need to be warned

# %% [markdown]
# ## One switch, two sizes
#
# Both forms go through the same code. In *mode full* the towers themselves are trained, so nothing
# can be cached and every step reads pictures. (Other modes: `head` as in all notebooks before,
# `image` or `text` for one tower, `lora` for low-rank changes of the linear layers, by the library
# peft (`pip install "glasskit[lora]"`): small checkpoints and a small optimizer.)

# %%
architecture = Path(RUNS.name) / "tiny-vit.json"  # open_clip takes a model from such a file
vision = {"image_size": 64, "patch_size": 8, "width": 128, "head_width": 32, "layers": 3}
text = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 3}
architecture.write_text(json.dumps({"embed_dim": 128, "vision_cfg": vision, "text_cfg": text}))
open_clip.add_model_config(architecture)
start = Path(RUNS.name) / "start"  # random weights, kept so that every run begins with the same
save_model(load_model("tiny-vit/random", device="cpu"), start)

# %%
# NBVAL_CHECK_OUTPUT
tiny = TrainConfig(
    model=str(start),
    mode="full",
    epochs=2,
    groups_per_batch=4,
    group_size=2,
    lr=1e-4,
    workers=0,
    device="cpu",
    tracker="none",
    seed=SEED,
    out=str(Path(RUNS.name) / "run"),
)
full = tiny.but(dataset="coco-concepts", images=PHOTOGRAPHS, model="ViT-B-32/openai", epochs=10)
full = full.but(groups_per_batch=16, group_size=8, lr=1e-5, precision="bf16", workers=8)
full = full.but(device="auto", tracker="tensorboard", out="runs/vit-b-32")
config = full if FULL else tiny
changed = [name for name, value in full.as_dict().items() if value != tiny.as_dict()[name]]
print("changed for the full form:", ", ".join(changed))

# %%
if FULL:
    data = load_dataset(config.dataset, images=config.images)
else:
    scenes = load_dataset("scenes")
    names = ("celebration", "grief", "depth", "speed")
    few = [i for name in names for i in scenes.groups()[name] if int(scenes.key(i)[-2:]) < 4]
    records = tuple(replace(scenes.records[i], also=()) for i in few)  # four concepts are all
    data = replace(scenes, concepts=tuple(map(scenes.by_name.get, names)), records=records)
first = [rows[0] for rows in list(data.groups().values())[:4]]
sheet = sheet_figure(
    data, first, [f"*{data.records[i].concept}" for i in first], title="What this run learns from"
)
assert len(sheet.layout.images) == 4
show(sheet)

# %% [markdown]
# ## Launch
#
# In a notebook, `train(config)`. On a machine with GPUs, write the settings to a file and launch
# one process a GPU; the grouped losses see the groups of *all* processes as negatives:
#
# ```bash
# glasskit train coco-concepts --config gpu.yaml                        # one GPU
# accelerate launch --multi_gpu --num_processes 4 \
#     -m glasskit.cli train coco-concepts --config gpu.yaml             # four
# ```

# %%
# NBVAL_CHECK_OUTPUT
settings = Path(RUNS.name) / "gpu.yaml"
settings.write_text(full.to_yaml())
kept = ("model", "mode", "objective", "epochs", "groups_per_batch", "group_size", "precision", "lr")
print(*(line for line in full.to_yaml().splitlines() if line.split(":")[0] in kept), sep="\n")
assert TrainConfig.load(settings) == full

# %%
live = LiveCurves("A whole model, fine-tuned")
live.begin("grouped")
result = train(config, dataset=data, on_step=live.on_step, on_epoch=live.on_epoch)
assert result.status == "finished"
assert len(live.scores["grouped"]) == config.epochs + 1

# %% [markdown]
# An untrained transformer cannot learn much from sixteen pictograms: this run shows that every step
# works, not how good a result is.
#
# ## Killed and resumed
#
# Machines are taken away. A run that is stopped after its first step and resumed has to give *the
# same weights, bit for bit*, as one that was never stopped: same groups, same optimiser, same
# random numbers.

# %%
resumed_guess = predict(
    "Stopped and resumed: how many numbers differ from those of the run without a stop?",
    None,
    example=1000,
)
resumed_guess

# %%
# NBVAL_CHECK_OUTPUT
if not FULL:
    steps = iter(range(1, 100))
    cut = config.but(out=str(Path(RUNS.name) / "cut"))
    half = train(cut, dataset=data, stop=lambda: next(steps) >= 1)
    print(half.status, "after", half.step, "steps")
    whole = train(cut.but(resume=True), dataset=data)
    print(whole.status, "after", whole.step, "steps")
    a, b = (load_file(Path(run.out) / "model.safetensors") for run in (result, whole))
    differ = sum(int((a[key] != b[key]).sum()) for key in a)
    assert a.keys() == b.keys()
    print(f"{differ} of", "several million" if sum(map(torch.numel, a.values())) > 2e6 else "few")

# %%
resumed_guess.reveal(0 if FULL else differ)

# %% [markdown]
# ## What will it cost?
#
# Two things take time: arithmetic and reading JPEGs. The kit's own measurements on an H200
# (`tests/benchmarks/results/gpu.md`): ViT-B-32 in bf16 with batches of 512 pairs trains on 4,292.6
# pairs a second when the pictures lie on the GPU. On that machine 16 threads read, decode and
# resize 631.6 pictures a second.

# %%
GPU, READING, THREADS = 4292.6, 631.6, 16  # pairs a second, measured
rate_guess = predict(
    "Now both at once, from JPEG files: how many pairs a second does training reach?",
    None,
    example=4000,
)
rate_guess

# %%
BOTH = 540.3  # measured on the same machine
assert BOTH < READING < GPU
rate_guess.reveal(BOTH)

# %% [markdown]
# The GPU waits. Reading and arithmetic run side by side, so the *slower* one counts, and here it is
# reading. How many cores would keep this GPU busy? And your GPU? For others we scale by nominal
# speed, which is a guess: check it on your machine.

# %%
# NBVAL_CHECK_OUTPUT
pairs, epochs = 118_287, 10  # COCO train2017
nominal = {"T4": 65, "L4": 121, "A100": 312, "H200": 989}  # 10^12 operations a second
minutes = {name: pairs * epochs / (GPU * speed / 989) / 60 for name, speed in nominal.items()}
reading = {cores: pairs * epochs / (READING / THREADS * cores) / 60 for cores in (2, 8, 32, 128)}
print(f"cores that keep an H200 busy: {GPU / (READING / THREADS):.0f}")
for name, value in minutes.items():
    print(f"arithmetic on one {name:<5} {value:5.0f} minutes")
for cores, value in reading.items():
    print(f"reading with {cores:>3} cores   {value:5.0f} minutes")

# %%
bars = {f"one {name}": value for name, value in minutes.items()}
bars |= {f"{cores} cores": value for cores, value in reading.items()}
figure = go.Figure(
    go.Bar(
        x=list(bars),
        y=list(bars.values()),
        marker_color=[SERIES[1]] * len(minutes) + [SERIES[2]] * len(reading),
        text=[f"{value:.0f}" for value in bars.values()],
        textposition="outside",
        cliponaxis=False,
    )
)
figure.update_yaxes(title={"text": "minutes"})
calm(figure, 420, "Ten epochs of COCO: arithmetic (green) against reading JPEGs (orange)")
assert len(figure.data[0].x) == 8
show(figure)

# %% [markdown]
# Buy cores before you buy a faster GPU, or store smaller pictures. Multiply by your price an hour.
# Then check the estimate against the log after a minute, before you leave it running overnight:

# %%
log = [line for line in read_log(Path(result.out) / "log.jsonl") if "loss" in line]
speed = sorted(line["pairs_per_second"] for line in log)[len(log) // 2]
print(f"this machine: {speed:.0f} pairs a second, {len(log)} steps logged")
print(f"ten epochs of COCO would take it {pairs * epochs / speed / 3600:.0f} hours")
assert speed > 0

# %% [markdown]
# ## A loss that fell by itself
#
# A batch of 64 pairs does not fit on your GPU. A friend has a recipe from image classification: cut
# it into 8 parts of 8 pairs, take the CLIP loss of each part, and add up the gradients. You compute
# the loss of the whole batch. Nobody has trained yet.

# %%
photos = embed(load_model("lite0-minilm"), load_dataset("coco-ideas").select(np.arange(64)))
images, texts = torch.from_numpy(photos.picture), torch.from_numpy(photos.caption)


def clip_loss(rows, weights):
    logits = torch.nn.functional.normalize(images[rows] @ weights, dim=-1) @ texts[rows].T / 0.1
    target = torch.arange(len(logits))
    one_way = torch.nn.functional.cross_entropy
    return (one_way(logits, target) + one_way(logits.T, target)) / 2


def gradient(parts):
    weights = torch.eye(images.shape[1], requires_grad=True)
    loss = sum(clip_loss(rows, weights) for rows in parts) / len(parts)
    return loss.item(), torch.autograd.grad(loss, weights)[0].flatten()


whole_loss, whole = gradient([torch.arange(64)])
print(f"your loss: {whole_loss:.2f}")

# %%
parts_guess = predict("What is the loss of your friend, in parts of 8?", None, example=2.9)
parts_guess

# %%
parts_loss, parts = gradient(torch.arange(64).split(8))
assert parts_loss < 0.7 * whole_loss
parts_guess.reveal(parts_loss)

# %%
# NBVAL_CHECK_OUTPUT
cosine = torch.cosine_similarity(whole, parts, dim=0).item()
print(f"the two gradients: cosine {cosine:.1f}")
assert cosine < 0.95

# %% [markdown]
# Your friend's loss is far lower, and it is *the same model*. Each picture now chooses among 8
# captions, not among 64. That is an easier question: **a contrastive loss depends on how many
# negatives there are, so losses of different batches must not be compared.** The gradient points
# elsewhere too, for the near captions that teach most are mostly in other parts.
#
# For classification the recipe is right: there the loss of a batch is a mean over its pictures. A
# contrastive loss is not. `accumulate=8` encodes the batch in parts, but computes the loss and its
# gradient of the whole (exercise 2 of notebook 4). `gradient_checkpointing` saves more memory.
# Keep the number of groups: they are the negatives.

# %% [markdown]
# ## Hand it on
#
# The export is a folder with weights, tokenizer settings and a model card. Whoever gets it needs
# only open_clip:

# %%
# NBVAL_CHECK_OUTPUT
out = Path(RUNS.name) / "export"
export_open_clip(result.out, out)
print(sorted(path.name for path in out.iterdir()))
plain, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{out}")
with torch.inference_mode():
    pixels = preprocess(data.image(0)).unsqueeze(0)
    theirs = torch.nn.functional.normalize(plain.eval().encode_image(pixels), dim=-1)
ours = load_model(result.out, device="cpu").encode_images([data.image(0)])
assert torch.allclose(theirs, ours, atol=1e-4)
print("plain open_clip gives the same vector")

# %% [markdown]
# ## Your own photographs
#
# 1. Sort them into groups that share something which no caption says. Begin with ten groups of
#    about fifteen photographs.
# 2. Write captions of what is *seen*. Training and measuring refuse a data set with a missing
#    picture; the words of your concepts you have to keep out yourself (notebook 2 has a test).
# 3. Keep back a fifth of each group, with *other* things in it, as `test_images`.
# 4. `glasskit train mine.json --images photographs --out runs/mine` trains the head of the built-in
#    model on a laptop; with `--model ViT-B-32/openai --mode full` the whole of a CLIP on a GPU.
# 5. `glasskit report lite0-minilm runs/mine --dataset mine.json --out report.html` says what got
#    better and what got worse.

# %% [markdown]
# ## A small study (20 minutes)
#
# **Question.** Can the tiny model learn its sixteen pictures *by heart*? This is the first check of
# a new setup: a model that cannot do that has a fault somewhere. Change `epochs`, `lr`, or `mode`
# ("image", "text", "lora"). Guess first: how many epochs does it need?

# %%
MY_RECIPE = None  # for example {"epochs": 30, "lr": 1e-3}


def learned(place):
    correct = (
        measure(load_model(place, device="cpu"), data.split("train"), seed=SEED)
        .concepts["level1"]
        .correct
    )
    return correct.mean(), interval(correct)


board = Board("8 · a tiny transformer, its own training pictures", "top-1")
for name, place in (("untrained", config.model), (f"{config.epochs} epochs", result.out)):
    board.kit(name, *learned(place))
if MY_RECIPE is not None:
    mine = config.but(**MY_RECIPE, out=str(Path(RUNS.name) / "mine"), overwrite=True)
    board.add(str(MY_RECIPE), *learned(train(mine, dataset=data).out))
board

# %% [markdown]
# ## Exercises
#
# ### 1 · Hours (●○○, 5 minutes)
#
# `pairs` are all pairs of a run, `gpu` the pairs a second that the GPU trains on, `reading` the
# pictures a second that *one* core reads. Return the hours that the run takes with `cores` cores.


# %%
def my_hours(pairs, gpu, reading, cores):
    return None


check.hours(my_hours)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Both work at once. Which one waits?
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_hours(pairs, gpu, reading, cores):
#     return pairs / min(gpu, reading * cores) / 3600
# ```
# With four GPUs it is `4 * gpu`, and four times the cores.
# </details>
#
# ### 2 · What to hold back (●●○, 15 minutes)
#
# `groups` are the groups of n pictures, `things` what each shows: a person, a place, a burst of
# photographs. Return (n,) of bool: which pictures are kept for the test. About a fifth of each
# group, and *no thing on both sides*, or the test asks for what was learned by heart (notebook 6).


# %%
def my_test_pictures(groups, things):
    return None


check.held_back(my_test_pictures)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Deal out things, not pictures. For each group: which things are in it, and which fifth of them do
# you take? `np.isin(things, chosen)` marks their pictures.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_test_pictures(groups, things):
#     rng = np.random.default_rng(0)
#     kept = []
#     for group in np.unique(groups):
#         inside = rng.permutation(np.unique(things[groups == group]))
#         kept += inside[: max(1, round(len(inside) / 5))].tolist()
#     return np.isin(things, kept)
# ```
# A thing that is in two groups goes to the test with both. With few things count pictures, too.
# </details>
#
# ## Where to read on
#
# - [6 · Measuring](06_measuring.ipynb): what a result is worth.
# - open_clip: [github.com/mlfoundations/open_clip](https://github.com/mlfoundations/open_clip);
#   Accelerate: [huggingface.co/docs/accelerate](https://huggingface.co/docs/accelerate).
# - What fine-tuning can break: [arXiv 2109.01903](https://arxiv.org/abs/2109.01903), WiSE-FT.
# - COCO: [cocodataset.org](https://cocodataset.org).
#
# Pictograms: [OpenMoji](https://openmoji.org), CC BY-SA 4.0.
