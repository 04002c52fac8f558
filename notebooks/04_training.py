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
# # 4 · Training: the same start, two losses
#
# **What you will see.** Two models that begin as one, fed with the same pictures in the same order,
# and asked different things about them. You watch their curves grow, repeat both runs with other
# seeds, test the difference, and then try other values of alpha and temperature.
#
# **You will learn**
# - to write a training run down as a `TrainConfig`, and to follow it live;
# - which curves may be compared and which never;
# - how much of a difference the seed makes, and how to test what is left;
# - what alpha and temperature are, and why one short run of each does not rank them.
#
# **Before you start.** Notebooks 1 and 3.
#
# **Running time.** About 50 s on two cores, for ten short runs.
#
# (`# NBVAL_CHECK_OUTPUT` marks cells whose printed lines the tests compare with those stored here;
# an `assert` stops the notebook where something is not as the text says.)

# %%
import tempfile
from pathlib import Path

import numpy as np

from glasskit import InputError, load_dataset, load_model
from glasskit.evaluation import measure
from glasskit.evaluation.intervals import paired_difference
from glasskit.plots.losses import LiveCurves
from glasskit.plots.scores import Curve, Share, curves_figure, shares_figure, trade_figure
from glasskit.plots.style import SERIES, show
from glasskit.training import TrainConfig, train

SEED = 0
RUNS = tempfile.TemporaryDirectory(prefix="glasskit-")
scenes = load_dataset("scenes")
test = scenes.split("test")

# %% [markdown]
# ## A run, written down
#
# Everything that decides a run stands in one object, with limits on every field. Two runs with
# equal settings give equal weights.

# %%
# NBVAL_CHECK_OUTPUT
config = TrainConfig(
    dataset="scenes",
    groups_per_batch=16,
    group_size=4,
    epochs=8,
    seed=SEED,
    device="cpu",
    tracker="none",
    out=RUNS.name,
)
filled = config.resolved()
print(f"{config.groups_per_batch} groups of {config.group_size} pictures a step")
print(f"alpha {filled.alpha}, temperature {filled.temperature}, rate {filled.lr}")
try:
    config.but(alpha=1.2233)
except InputError as error:
    print(f"refused: {error}")

# %% [markdown]
# (1.2233 is the default of a published script. It makes the weight of the inner loss negative, so
# that groups are driven *apart from their own centres*. Limits on fields are cheap.)
#
# What is not given stays open until a run begins: `resolved` shows what it will be. One thing
# differs with the loss: a loss of single pairs reads only *literal* captions by default, for a
# caption that says what a picture is about cannot tell it from its neighbours.
#
# What is trained is small: a linear map behind each tower. To start every run from the same place
# we keep the weights of the start and put them back.

# %%
model = load_model("lite0-minilm")
start = {name: weight.detach().clone() for name, weight in model.head_state().items()}
live = LiveCurves("Two losses from one start")


def run(name, curves=None, **changes):
    for key, weight in model.head_state().items():
        weight.data.copy_(start[key])
    hooks = {} if curves is None else {"on_step": curves.on_step, "on_epoch": curves.on_epoch}
    if curves is not None:
        curves.begin(name)
    folder = str(Path(RUNS.name) / name.replace(" ", "-"))
    train(config.but(out=folder, **changes), dataset=scenes, model=model, **hooks)
    return measure(model, test, seed=SEED)


trained = sum(weight.numel() for weight in start.values())
print(f"{trained:,} numbers are trained, the towers stay as they are")

# %%
first = {name: run(name, live, objective=name) for name in ("grouped", "clip")}
assert len(live.scores["clip"]) == config.epochs + 1
assert live.scores["clip"][0] == live.scores["grouped"][0]

# %% [markdown]
# The left panel **must not be compared between losses**: they measure different things on different
# scales, and each falls by its own rules. Only the right panel asks both the same question, on
# pictures that neither was trained on. It jumps about: the six validation pictures of a concept
# show the same two things, so that 216 pictures hold little more than 36 answers.
#
# ## Seeds
#
# One run says little: another seed forms other groups in another order. Three seeds each:

# %%
runs = {name: [result] for name, result in first.items()}
for name, results in runs.items():
    results.append(run(f"{name} 1", objective=name, seed=1))

# %%
for name, results in runs.items():
    results.append(run(f"{name} 2", objective=name, seed=2))


def concepts(result):
    return result.concepts["level1"].correct


def captions(result):
    return result.retrieval.hits("image_to_text", 10)


assert all(len(results) == 3 for results in runs.values())

# %%
for way, score in (("concept top-1", concepts), ("caption R@10", captions)):
    rows = []
    for name in ("clip", "grouped"):
        values = [score(result).mean() for result in runs[name]]
        rows.append(Share(f"{name} loss", float(np.mean(values)), min(values), max(values)))
    bars = shares_figure(
        rows,
        unit=way,
        title=f"{way}: mean of three seeds, lines from the lowest to the highest",
        colours=(SERIES[2], SERIES[1]),
    )
    assert bars.data[0].y[0] > 0
    show(bars)

# %% [markdown]
# Is that more than chance? Both saw the same pictures, so we test the *difference per picture*. The
# eight test pictures of a concept show the same three things and are not independent: the test
# takes each concept as one (*cluster*). Notebook 6 explains it.


# %%
# NBVAL_CHECK_OUTPUT
def against(results, others, score):
    """What the paired test says of two lists of runs on the same pictures."""
    mine, theirs = (np.mean([score(one) for one in many], axis=0) for many in (results, others))
    gap = paired_difference(mine, theirs, clusters=test.clusters)
    if gap.p >= 0.05:
        return "no difference that the test bears"
    return "more" if gap.difference > 0 else "fewer"


print("concepts, grouped against CLIP:", against(runs["grouped"], runs["clip"], concepts))
print("own captions, grouped against CLIP:", against(runs["grouped"], runs["clip"], captions))

# %% [markdown]
# These are the weights of the *last step*. A run directory keeps the epoch that was best in
# validation, which other notebooks load; a choice by so noisy a curve is noisy too.
#
# Three seeds are few: the test is over concepts and says nothing of other seeds. `make bench`
# repeats both at full length.
#
# ## Alpha
#
# Alpha weighs the outer loss (groups apart) against the inner one (a group around its centre).

# %%
short = {"epochs": 2, "objective": "grouped"}
alphas = [0.0, 0.7, 1.0]
by_alpha = {alpha: run(f"alpha {alpha}", alpha=alpha, **short) for alpha in alphas}
curves = {
    "concept top-1": Curve(alphas, [100 * concepts(by_alpha[a]).mean() for a in alphas]),
    "caption R@10": Curve(alphas, [100 * captions(by_alpha[a]).mean() for a in alphas]),
}
figure = curves_figure(
    curves,
    x="alpha (0 the inner loss alone, 1 the outer alone)",
    y="share of test pictures",
    suffix="%",
    title="Three values of alpha, one short run each",
)
assert [len(trace.x) for trace in figure.data] == [3, 3]
show(figure)

# %% [markdown]
# ## Temperature
#
# At a low temperature only the hardest mistakes count, at a high one all count a little.

# %%
taus = [0.03, 0.1, 1.0]
by_tau = {0.1: by_alpha[0.7]}
for tau in (0.03, 1.0):
    by_tau[tau] = run(f"tau {tau}", temperature=tau, inner_temperature=tau, **short)
curves = {
    "concept top-1": Curve(taus, [100 * concepts(by_tau[t]).mean() for t in taus]),
    "caption R@10": Curve(taus, [100 * captions(by_tau[t]).mean() for t in taus]),
}
figure = curves_figure(
    curves,
    x="temperature (of both losses)",
    y="share of test pictures",
    suffix="%",
    logarithmic=True,
    title="Three temperatures, one short run each",
)
assert [len(trace.x) for trace in figure.data] == [3, 3]
show(figure)

# %% [markdown]
# ## All runs on one map
#
# To the right: more own captions found. Up: more concepts named. The dotted lines show where all of
# them began.

# %%
untrained = measure(load_model("lite0-minilm"), test, seed=SEED)
named = {"untrained": untrained, "clip": first["clip"], "grouped": first["grouped"]}
named |= {f"alpha {alpha:g}": one for alpha, one in by_alpha.items() if alpha != 0.7}
named |= {f"τ {tau:g}": one for tau, one in by_tau.items() if tau != 0.1}
points = {name: (captions(one).mean(), concepts(one).mean()) for name, one in named.items()}
figure = trade_figure(
    points,
    x="caption R@10",
    y="concept top-1",
    start="untrained",
    title="Concepts against captions (alpha and τ: short runs)",
)
assert len(figure.data) == len(points)
show(figure)

# %%
# NBVAL_CHECK_OUTPUT
named["alpha 0.7"] = by_alpha[0.7]
for name in ("grouped", "alpha 0", "alpha 0.7", "alpha 1", "τ 0.03", "τ 1"):
    print(f"concepts, {name} against the start:", against([named[name]], [untrained], concepts))
both = [max(points, key=lambda name: points[name][axis]) for axis in (0, 1)]
print("one run on the map is best at both:", "yes" if both[0] == both[1] else "no")

# %% [markdown]
# By the test `grouped` with its eight epochs is above the start, and none of the runs of two epochs
# is, so that they rank neither alpha nor temperature. (Six tests, without a correction for their
# number: notebook 6.) What alpha 0 leaves out can be seen from the formula: the inner loss draws
# each group together and does not contrast its pictures with the *texts* of other groups; the outer
# loss does. The paper gives the inner one a share of 0.3.
#
# ## Exercises
#
# 1. Are the two losses really fed the same pictures? Compare the groups of two runs with equal
#    seeds.
#
# <details><summary>Solution</summary>
#
# ```python
# from glasskit.data.captions import CaptionTable
# from glasskit.data.sampler import GroupSampler
#
# part = scenes.split("train")
# plans = [GroupSampler(part, 8, 5, CaptionTable(part), seed=SEED).plan(0) for _ in range(2)]
# print((plans[0].records == plans[1].records).all())
# ```
# A plan depends on the seed and the epoch alone, not on the loss.
# </details>
#
# 2. Train with a sum of both losses: `objective="joint"` with `instance_weight` 0.2 and 0.5. Where
#    does it land on the last map?
#
# <details><summary>Solution</summary>
#
# ```python
# for weight in (0.2, 0.5):
#     one = run(f"joint {weight}", objective="joint", instance_weight=weight)
#     print(weight, f"{captions(one).mean():.2f} {concepts(one).mean():.2f}")
# ```
# Compare the two with `clip` and `grouped` on the map; notebook 7 compares all objectives.
# </details>
#
# 3. Let the temperature be learned. Where does it go, and is the result better?
#
# <details><summary>Solution</summary>
#
# ```python
# one = run("learned", objective="grouped", learn_temperature=True)
# print(f"temperature {np.exp(-model.logit_scale.item()):.3f}, top-1 {concepts(one).mean():.2f}")
# ```
# In so short a run it hardly moves: its gradient is small beside its size.
# </details>
#
# ## Where to read on
#
# - [5 · Inside the latent space](05_latent_space.ipynb): what the training did, looked at.
# - [8 · Your GPU, your data](08_your_gpu_and_data.ipynb): the same run, large.
# - Why seeds matter: [arXiv 2109.08203](https://arxiv.org/abs/2109.08203), *Torch.manual_seed(3407)
#   is all you need*, a serious joke.
# - What temperature does: [arXiv 2012.09740](https://arxiv.org/abs/2012.09740).
#
# Pictograms: [OpenMoji](https://openmoji.org), CC BY-SA 4.0.
