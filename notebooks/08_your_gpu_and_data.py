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
# - to stop and resume without losing a bit, and to check that it is so;
# - to hand the result to people who have never heard of Glass Kit.
#
# **Before you start.** Notebook 4. For the full form: a CUDA GPU with 16 GB, and COCO val2014.
#
# **Running time.** About 25 s on two cores in the tiny form.
#
# (`# NBVAL_CHECK_OUTPUT` marks cells whose printed lines the tests compare with those stored here;
# an `assert` stops the notebook where something is not as the text says.)

# %%
import json
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import open_clip
import plotly.graph_objects as go
import torch
from safetensors.torch import load_file

from glasskit import load_dataset, load_model, save_model
from glasskit.models.export import export_open_clip
from glasskit.plots.losses import LiveCurves
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import SERIES, calm, show
from glasskit.training import TrainConfig, read_log, train

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
# NBVAL_CHECK_OUTPUT
if not FULL:
    steps = iter(range(1, 100))
    cut = config.but(out=str(Path(RUNS.name) / "cut"))
    half = train(cut, dataset=data, stop=lambda: next(steps) >= 1)
    print(half.status, "after", half.step, "steps")
    whole = train(cut.but(resume=True), dataset=data)
    print(whole.status, "after", whole.step, "steps")
    a, b = (load_file(Path(run.out) / "model.safetensors") for run in (result, whole))
    same = a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    assert same
    print("every weight is equal, bit for bit")

# %% [markdown]
# ## What will it cost?
#
# Two things take time: arithmetic and reading JPEGs. A pair costs a ViT-B-32 about 14.8 GFLOP
# forward (open_clip's own count) and twice that backward. We assume that a third of a GPU's nominal
# speed is reached. That a CPU core decodes and resizes 170 photographs a second is measured: JPEGs
# of 80 kB, by Pillow. Put in your own numbers.

# %%
# NBVAL_CHECK_OUTPUT
pairs, epochs = 118_287, 10  # COCO train2017
nominal = {"T4": 65e12, "L4": 121e12, "A100": 312e12, "H100": 989e12}  # operations a second
minutes = {gpu: pairs * epochs * 14.8e9 * 3 / (speed / 3) / 60 for gpu, speed in nominal.items()}
reading = {cores: pairs * epochs / (170 * cores) / 60 for cores in (2, 8, 32)}
for name, value in minutes.items():
    print(f"arithmetic on one {name:<5} {value:5.1f} minutes")
for cores, value in reading.items():
    print(f"reading with {cores:>2} cores    {value:5.1f} minutes")

# %%
bars = {f"one {name}": value for name, value in minutes.items()}
bars |= {f"{cores} cores": value for cores, value in reading.items()}
figure = go.Figure(
    go.Bar(
        x=list(bars),
        y=list(bars.values()),
        marker_color=[SERIES[1]] * len(minutes) + [SERIES[2]] * len(reading),
        text=[f"{value:.0f}" if value >= 2 else f"{value:.1f}" for value in bars.values()],
        textposition="outside",
        cliponaxis=False,
    )
)
figure.update_yaxes(title={"text": "minutes"})
calm(figure, 420, "Ten epochs of COCO: arithmetic (green) against reading JPEGs (orange)")
assert len(figure.data[0].x) == 7
show(figure)

# %% [markdown]
# The two run side by side, so the *longer* one counts: on a fast GPU that is reading. Buy cores
# before you buy a faster GPU, or store smaller pictures. Multiply by your price an hour. Then check
# the estimate against the log after a minute, before you leave it running overnight:

# %%
log = [line for line in read_log(Path(result.out) / "log.jsonl") if "loss" in line]
speed = sorted(line["pairs_per_second"] for line in log)[len(log) // 2]
print(f"this machine: {speed:.0f} pairs a second, {len(log)} steps logged")
print(f"ten epochs of COCO would take it {pairs * epochs / speed / 3600:.0f} hours")
assert speed > 0

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
# ## Exercises
#
# 1. Your GPU has 8 GB and a batch of 128 pairs does not fit. What do you change, and what not?
#
# <details><summary>Solution</summary>
#
# ```python
# small = full.but(accumulate=4, gradient_checkpointing=True)
# print(small.groups_per_batch * small.group_size // small.accumulate, "pairs encoded at a time")
# ```
# Not the number of groups: they are the negatives. `accumulate` encodes the batch in parts and
# keeps the loss and the gradients of the whole.
# </details>
#
# 2. Train low-rank changes (`mode="lora"`) in the tiny form. How many numbers are trained?
#
# <details><summary>Solution</summary>
#
# ```python
# lora = config.but(mode="lora", lora_rank=4, lr=1e-3, out=str(Path(RUNS.name) / "lora"))
# print(train(lora, dataset=data).best)
# ```
# A few hundred thousand instead of some seven million; the saved model has them merged in.
# </details>
#
# 3. How many minutes does the estimate give for four A100, and what has to grow with them?
#
# <details><summary>Solution</summary>
#
# ```python
# print(minutes["A100"] / 4, "minutes of arithmetic;", reading[32], "minutes with 32 cores")
# ```
# The readers: without more cores four GPUs wait as long as one.
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
