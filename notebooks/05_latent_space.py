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
# # 5 · Inside the latent space
#
# **What you will see.** The same 288 pictures before and after training: first as a heap, then in
# islands that have names. You will see islands that a map makes of *nothing*, the same vectors
# mapped again with another seed, and measures in the full space, which no map changes.
#
# **You will learn**
# - to draw maps with UMAP, and to know what seeds, neighbourhoods and distances on them mean;
# - to measure groups in the full space of 384 dimensions: cohesion, margin, alignment, uniformity;
# - what the *modality gap* is, and what it is not;
# - to find the direction of a concept, and to test it on pictures that show other things.
#
# **Before you start.** Notebooks 1 and 3. A mean and a cosine are all the mathematics. Terms are in
# the [glossary](glossary.md).
#
# **Running time.** About 35 s on two cores, the first time up to a minute: UMAP compiles.

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
import tempfile
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components

from glasskit import load_dataset, load_model
from glasskit.analysis import embed, nearest
from glasskit.analysis.geometry import (
    alignment_uniformity,
    direction,
    group_geometry,
    neighbourhood_preservation,
    pairwise,
    precision_at_k,
)
from glasskit.analysis.maps import project
from glasskit.course import Board, check, predict
from glasskit.evaluation.intervals import interval, paired_difference
from glasskit.models.vectors import unit

# %%
from glasskit.plots import map_widget
from glasskit.plots.losses import matrix_figure
from glasskit.plots.maps import map_figure
from glasskit.plots.scores import Change, change_figure
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import show
from glasskit.training import TrainConfig, train

SEED = 0
RUNS = tempfile.TemporaryDirectory(prefix="glasskit-")

# %% [markdown]
# ## Two models, one set of pictures
#
# Only *test* pictures are looked at here: their things were in no training picture. So if
# pictures of one concept lie together here, that is not because they were trained on.

# %%
# NBVAL_CHECK_OUTPUT
scenes = load_dataset("scenes")
test = scenes.split("test")
folder = Path(RUNS.name) / "grouped"
train(
    TrainConfig(epochs=8, seed=SEED, out=str(folder), device="cpu", tracker="none"),
    dataset=scenes,
)
before, after = (embed(load_model(name), test) for name in ("lite0-minilm", folder))
print("pictures", before.picture.shape, "captions", before.caption.shape, end=" ")
print("concepts", before.concept.shape)

# %% [markdown]
# ## Maps
#
# UMAP draws 384 dimensions on two: it asks each picture for its nearest 15 and tries to keep them
# near. The second map starts from the first, so that the eye can follow. Nothing but pictures was
# mapped: no caption, no name.

# %%
flat_before = project(before.picture, seed=SEED)
flat_after = project(after.picture, start=flat_before, seed=SEED)
groups = test.groups()
assert flat_before.shape == flat_after.shape == (len(test), 2)
widget = map_widget(test, models={"before training": "lite0-minilm", "after training": folder})
widget

# %% [markdown]
# Where a kernel runs, these maps are alive: point at a picture to see it, type a phrase, turn one
# map into the other. Press *Lasso* and draw round some pictures: `widget.selected` then is a
# DataFrame of them. (A web page shows a still picture here.) `widget.rows` sets the selection from
# Python.

# %%
# NBVAL_CHECK_OUTPUT
widget.rows = groups["celebration"].tolist()
print(widget.selected.labels.value_counts())

# %%
middles = np.array([np.median(flat_after[rows], axis=0) for rows in groups.values()])
named = map_figure(
    test,
    [("after training", flat_after, middles)],
    height=760,
    title="After training: each name stands amid the pictures of its group",
)
assert sorted(named.data[-1].text) == sorted(test.labels(1))
show(named)

# %% [markdown]
# ## Islands of nothing
#
# Islands that have names look convincing. What does UMAP make of vectors in which there is
# *nothing*? Here are 288 random directions. No two have anything in common. UMAP asks each for its
# two nearest. We count as an *island* at least five points that hang together: each has another one
# near, within five times the usual distance to the nearest.

# %%
island_guess = predict("How many islands does the map of noise have?", None, example=0)
island_guess

# %%
noise = unit(np.random.default_rng(SEED).normal(size=(288, 384)).astype(np.float32))
flat_noise = project(noise, neighbours=2, seed=SEED)


def islands(flat):
    apart = np.linalg.norm(flat[:, None] - flat, axis=-1)
    nearest_one = np.where(apart > 0, apart, np.inf).min(axis=1)
    _, island = connected_components(apart < 5 * np.median(nearest_one))
    return (np.bincount(island) >= 5).sum()


assert islands(flat_noise) >= 8
island_guess.reveal(islands(flat_noise))

# %%
figure = map_figure(
    test,
    [("288 random directions, 2 neighbours", flat_noise, np.zeros((36, 2)))],
    names=False,
    title="A map of noise (colours mean nothing here)",
)
assert len(figure.data) > 1
show(figure)

# %% [markdown]
# There is no group in these data, and there are islands on the map. UMAP *has* to keep each point
# near to its two nearest, whoever they are. So it draws chains and lumps. With the usual 15
# neighbours noise becomes one round heap (try it). **An island is a question, not an answer.** The
# answer is in the full space: are these pictures nearer to each other than to all others?

# %%
# NBVAL_CHECK_OUTPUT
chance_target = test.targets(1)
for name, vectors in (("noise", noise), ("after training", after.picture)):
    own = precision_at_k(vectors, chance_target)
    print(f"{name}: {'hardly any' if own < 0.1 else 'a good part'} of the nearest are of the group")

# %% [markdown]
# ## What a map may not tell you
#
# The same vectors, four maps: another seed, fewer neighbours, more neighbours. There are islands in
# each, but *where* they lie, how large they are and which one is beside which changes.

# %%
others = {
    "seed 0, 15 neighbours": flat_after,
    "seed 1, 15 neighbours": project(after.picture, seed=1),
    "seed 0, 4 neighbours": project(after.picture, neighbours=4, seed=SEED),
    "seed 0, 60 neighbours": project(after.picture, neighbours=60, seed=SEED),
}
for two in (list(others)[:2], list(others)[2:]):
    drawn = [(name, others[name], np.zeros((36, 2))) for name in two]
    figure = map_figure(
        test, drawn, names=False, title="The same vectors, mapped again", height=440
    )
    assert len(figure.layout.annotations) == 2
    show(figure)

# %%
# NBVAL_CHECK_OUTPUT
kept = {name: neighbourhood_preservation(flat, after.picture) for name, flat in others.items()}
assert all(0.15 < share < 0.95 for share in kept.values())
print("every map keeps some of the ten true neighbours and loses others")
apart = [np.linalg.norm(flat[:, None] - flat, axis=-1).ravel() for flat in others.values()]
agreement = np.corrcoef(apart[0], apart[1])[0, 1]
assert agreement < 0.99  # 1 would be the same distances up to scale
print("the distances on the maps of two seeds are not the same")

# %% [markdown]
# So: **near on a map is a hint, far on a map is nothing, and size is nothing at all.** A map is for
# finding questions. The answers come from the full space.
#
# ## Groups, measured in the full space
#
# *Cohesion* of a group is the mean cosine of two of its members.

# %%
cohesion_guess = predict(
    "What does training on groups do to the mean cohesion?",
    None,
    example="it rises",
    among=("it rises", "it stays", "it falls"),
)
cohesion_guess

# %%
# NBVAL_CHECK_OUTPUT
target = test.targets(1)
models = {"before": before, "after": after}
geometry = {name: group_geometry(seen.picture, groups) for name, seen in models.items()}
for name, seen in models.items():
    tight = np.mean([one.cohesion for one in geometry[name]])
    apart = np.mean([one.margin > 0 for one in geometry[name]])
    own = precision_at_k(seen.picture, target)
    print(f"{name:<7} cohesion {tight:.1f}, margin above 0: {apart:.1f}, own neighbours {own:.1f}")

# %%
tight = [np.mean([one.cohesion for one in geometry[name]]) for name in models]
assert tight[1] < 0.9 * tight[0]
cohesion_guess.reveal("it falls")

# %% [markdown]
# Cohesion alone proves nothing. A model that maps everything to one point has cohesion 1. Here it
# *falls*, for all pictures have moved apart.
# The *margin* asks whether a picture is nearer to the centre of the others of its group than to any
# other centre; the number is the share of groups that are, on average. That is easier here than it
# sounds: the eight test pictures of a group show the same three things. But they did so before
# training too. *Own neighbours* is the share of a picture's five nearest that are of its group.

# %%
changes = [
    Change(old.concept, old.margin, new.margin)
    for old, new in zip(geometry["before"], geometry["after"], strict=True)
]
changes.sort(key=lambda one: one.after, reverse=True)
rows = change_figure(
    changes,
    names=("before", "after"),
    title="Right of 0 a group is nearer to its own centre than to any other",
    axis="margin (cosine to the own centre minus the nearest other)",
)
rows.add_vline(x=0, line={"color": "#24221f", "width": 1.5})
gain = paired_difference(*([getattr(c, when) for c in changes] for when in ("after", "before")))
assert gain.difference > 0
assert gain.p < 0.01  # a sign-flip test over the 36 groups
show(rows)

# %%
four = ["celebration", "grief", "speed", "coldness"]
members = np.concatenate([groups[name] for name in four])
blocks = matrix_figure(
    {f"{name} training": pairwise(seen.picture[members]) for name, seen in models.items()},
    groups={name: len(groups[name]) for name in four},
    low=0,
    title="Cosines within and between four groups",
)
assert blocks.data[0].z.shape == (32, 32)
show(blocks)

# %% [markdown]
# ## Alignment, uniformity, and the gap
#
# *Alignment*: how far is a picture from its own caption? *Uniformity*: how evenly do pictures fill
# the sphere? *Gap*: how far is the mean picture from the mean caption? In dual encoders pictures
# and captions often lie in two separate cones.

# %%
# NBVAL_CHECK_OUTPUT
numbers = {name: alignment_uniformity(seen.picture, seen.caption) for name, seen in models.items()}
for name, one in numbers.items():
    print(f"{name:<7} alignment {one.alignment:.1f}, ", end="")
    print(f"uniformity {one.uniformity:.0f}, gap {one.gap:.1f}")
shifted = after.picture - after.picture.mean(0) + after.caption.mean(0)
closed = alignment_uniformity(shifted, after.caption)
print(f"after all pictures are shifted alike: gap {closed.gap:.1f}")

# %% [markdown]
# Is the gap bad? A vector that is added to all pictures alike gives a caption the same bonus for
# every picture: which picture a caption finds first hardly depends on it. Which caption a
# picture finds does depend on it a little, for the vector adds more to the cosine with one caption
# than with another. The gap is a fact about the geometry, not a fault by itself; arXiv
# 2203.02053 traces it to the start of training.
#
# ## The direction of a concept
#
# From the mean of everything else to the mean of *celebration*: does this direction mean the
# concept? That needs a test on pictures that had no part in it. To take the direction from one half
# of the test pictures and to test it on the other half is no such test: both halves show
# the same three things of a concept. Training pictures share no thing with test pictures. So take
# it from those, and ask for each of the 36 directions: is the test picture that lies furthest along
# it one of the concept?

# %%
hit_guess = predict(
    "After training, how many of 36 directions find their concept on other things?",
    None,
    example=30,
)
hit_guess


# %%
def hits(made_of, its_groups, tested, concepts):
    arrows = {name: direction(made_of, its_groups, name) for name in groups}
    return np.array([concepts[(tested @ arrow).argmax()] == name for name, arrow in arrows.items()])


training = scenes.split("train")
concepts = np.array([record.concept for record in test.records])
half, rest = np.arange(0, len(test), 2), np.arange(1, len(test), 2)
same, other = {}, {}
for name, model in (("before", "lite0-minilm"), ("after", folder)):
    seen = models[name].picture
    same[name] = hits(seen[half], test.select(half).groups(), seen[rest], concepts[rest])
    learned = embed(load_model(model), training).picture
    other[name] = hits(learned, training.groups(), seen, concepts)
    print(f"{name:<7} the same things {same[name].sum()} of 36, other things {other[name].sum()}")
assert all(other[name].sum() < same[name].sum() for name in models)
hit_guess.reveal(int(other["after"].sum()))

# %%
# NBVAL_CHECK_OUTPUT
gain = paired_difference(other["after"], other["before"])
assert gain.p < 0.01
print("training adds to it on other things too: sign-flip test, p below 0.01")

# %% [markdown]
# Tested on the other half, both models look better than they are: one half of the pictures shows
# what the other half shows. On other things fewer directions of the untrained model find their
# concept, and training adds to them by the test (each concept is one pair of answers, before and
# after; notebook 6 explains it).

# %%
arrow = direction(learned, training.groups(), "grief")  # of training pictures, after training
order = np.argsort(-(after.picture @ arrow))
ends = [*order[:4], *order[-4:]]
sheet = sheet_figure(
    test,
    ends,
    [f"*{test.records[row].concept}\n{after.picture[row] @ arrow:+.2f}" for row in ends],
    title="Furthest along the direction of grief (above), and least far (below)",
)
assert len(sheet.layout.images) == 8
show(sheet)

# %% [markdown]
# ## Neighbours
#
# The simplest question: for one picture, which are nearest, before and after? (Test pictures of one
# concept show the same three things, none of them ever trained on, and did so before training too.)

# %%
row = groups["celebration"][0]
found = [nearest(seen.picture[row], seen.picture, 5).index[0] for seen in models.values()]
notes = [
    f"*{test.records[i].concept}\n{test.records[i].captions[0]}" for i in np.concatenate(found)
]
sheet = sheet_figure(
    test,
    np.concatenate(found),
    notes,
    columns=5,
    title="A celebration and its four nearest pictures: before (above), after (below)",
)
assert found[0][0] == found[1][0] == row
show(sheet)

# %% [markdown]
# ## A small study (20 minutes)
#
# **Question.** Does a training that makes groups tighter also give better directions? Change one
# thing: `alpha` (0: only the inner loss, which asks for tight groups), `temperature`,
# `inner_temperature`, `epochs`. Guess first. The board counts directions of training pictures that
# find their concept among test pictures.

# %%
MY_RECIPE = None  # for example {"alpha": 0.3}


def directions(model):
    learned, tested = (embed(model, part).picture for part in (training, test))
    return hits(learned, training.groups(), tested, concepts)


board = Board("5 · directions of concepts on scenes", "find their concept")
for name in models:
    board.kit(name, other[name].mean(), interval(other[name].astype(float)))
if MY_RECIPE is not None:
    place = str(Path(RUNS.name) / "mine")
    settings = {"epochs": 8, "seed": SEED} | MY_RECIPE
    train(TrainConfig(**settings, out=place, device="cpu", overwrite=True), dataset=scenes)
    mine = directions(load_model(place)).astype(float)
    board.add(str(MY_RECIPE), mine.mean(), interval(mine))
board

# %% [markdown]
# ## Exercises
#
# ### 1 · Own neighbours (●○○, 10 minutes)
#
# `vectors` are (n, L) of length 1, `groups` the number of each one's group. Return the mean share
# of its k nearest *others* that are of its own group.


# %%
def my_neighbours(vectors, groups, k):
    return None


check.neighbours(my_neighbours)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Every picture is its own nearest. `np.fill_diagonal` takes it out of the cosines.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_neighbours(vectors, groups, k):
#     cosines = vectors @ vectors.T
#     np.fill_diagonal(cosines, -np.inf)
#     nearest_k = np.argsort(-cosines, axis=1)[:, :k]
#     return (groups[nearest_k] == groups[:, None]).mean()
# ```
# `precision_at_k` of the kit is this. No map is needed for it.
# </details>
#
# ### 2 · Uniformity (●●○, 15 minutes)
#
# Take all pairs of two different vectors, and d, the distance of a pair. Return the logarithm of
# the mean of exp(-2 d²). It is 0 where all vectors are one, and low where they fill the sphere.


# %%
def my_uniformity(vectors):
    return None


check.uniformity(my_uniformity)

# %% [markdown]
# <details><summary>Hint</summary>
#
# For vectors of length 1, d² = 2 - 2 cosine. `np.triu_indices(n, 1)` are the pairs, each once.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_uniformity(vectors):
#     squared = 2 - 2 * vectors @ vectors.T
#     pairs = np.triu_indices(len(vectors), 1)
#     return np.log(np.exp(-2 * squared[pairs]).mean())
# ```
# Compare it before and after training: `my_uniformity(before.picture)`.
# </details>
#
# ## Where to read on
#
# - [6 · Measuring](06_measuring.ipynb): tests in place of impressions.
# - UMAP: [arXiv 1802.03426](https://arxiv.org/abs/1802.03426); an interactive essay on its
#   pitfalls: [Understanding UMAP](https://pair-code.github.io/understanding-umap/).
# - Alignment and uniformity: [arXiv 2005.10242](https://arxiv.org/abs/2005.10242).
# - The modality gap: [arXiv 2203.02053](https://arxiv.org/abs/2203.02053).
#
# Pictograms: [OpenMoji](https://openmoji.org), CC BY-SA 4.0.
