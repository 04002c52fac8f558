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
# # 1 · First light
#
# **What you will see.** A model that knows *a church* and *a castle* is asked about a photograph of
# an old street, and for a word that no caption ever told it: *heritage*. You guess how often it is
# right before training and after, fall for a score that says nothing, and train a model yourself.
#
# **You will learn**
# - what an abstract idea is to a *dual encoder*: a direction in a space, nothing more;
# - how a picture is *probed*: which name is nearest?
# - why the height of a cosine tells nothing, and the order of cosines does;
# - to read a result against chance, with an interval, on pictures held back.
#
# **Before you start.** You can read Python. The other notebooks build on this one. How a notebook
# works (guesses, checkers, `assert`), and what the terms mean: see the [glossary](glossary.md).
#
# **Running time.** About 35 s on two cores.

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

import numpy as np

from glasskit import Probe, load_dataset, load_model
from glasskit.course import Board, check, predict
from glasskit.evaluation import measure
from glasskit.evaluation.intervals import paired_difference
from glasskit.models.vectors import unit
from glasskit.plots.scores import Change, Share, change_figure, shares_figure, within_figure
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import show
from glasskit.training import TrainConfig, train

SEED = 0
RUN = tempfile.TemporaryDirectory(prefix="glasskit-")

# %% [markdown]
# ## Photographs and ideas
#
# `coco-ideas` has 750 photographs of MS-COCO. Each carries several of 132 abstract *ideas*. The
# photographs belong to their authors and do not come with Glass Kit. What the image tower makes of
# them does: 1,280 numbers each, its *features*. So you read here what a photograph shows. (Ideas
# and captions were written by a multimodal model that looked at each photograph, not by people.)

# %%
# NBVAL_CHECK_OUTPUT
ideas = load_dataset("coco-ideas")
seen, photos = ideas.split("train"), ideas.split("test")
street = next(row for row, record in enumerate(photos.records) if record.key == "276720")
record = photos.records[street]
print(len(seen), "photographs to learn from,", len(photos), "held back for the test")
print("caption:", record.literal[0])
print("ideas:  ", ", ".join(record.labels))

# %% [markdown]
# The captions say what is there, not which idea that is (notebook 2 counts the few that slip). The
# model gets photographs and captions.
# If it learns *heritage*, it learns it from what photographs of heritage and their captions share.
#
# ## Two towers, one space
#
# `lite0-minilm` is a *dual encoder*. Its image tower turns a picture into a *vector* of 384
# numbers. Its text tower turns a text into 384 numbers too. Both lie in one space. The *cosine* of
# the angle between two vectors says how near they are: 1 for the same direction, 0 for nothing in
# common.

# %%
# NBVAL_CHECK_OUTPUT
untrained = load_model("lite0-minilm")
before = Probe(untrained, photos)
picture = before.picture_vectors[street]
words = untrained.encode_texts(["an old street of stone houses", "a plate of noodles"]).numpy()
print("the photograph:", picture.shape, "  two texts:", words.shape)
near, far = words @ picture
assert near > far
print("the text about a street is nearer than the one about noodles")

# %% [markdown]
# ## Probing: which idea is nearest?
#
# To *probe* a picture, compare its vector with those of all 132 names. The names go through the
# text tower like any sentence. `lite0-glass` is the same model after training on other photographs
# and their captions.


# %%
def print_nearest(model, row):
    probe = Probe(model, photos)
    for name, score in probe.concepts(probe.picture_vectors[row], k=5):
        print(f"    {name:<14} {score:.2f}{'  carried' * (name in photos.records[row].labels)}")


trained = load_model("lite0-glass")
for name, model in (("lite0-minilm, untrained", untrained), ("lite0-glass, trained", trained)):
    print(name)
    print_nearest(model, street)

# %% [markdown]
# One photograph, picked because it shows the change well. How is it on all 132? An answer is right
# here when the nearest of the 132 names is *one of* those that the photograph carries, and is
# *alone* in first place. That share is called *acceptable top-1*. By chance it is 5%. Write down
# what you expect.

# %%
first_guess = predict(
    "Untrained: for how many percent of the photographs is the nearest name one of theirs?",
    None,  # your number here
    example=10,
    unit="%",
)
first_guess

# %%
results = {
    "untrained": measure(untrained, photos, seed=SEED, train=seen),
    "lite0-glass": measure(trained, photos, seed=SEED, train=seen),
}
scores = {name: one.as_dict()["multilabel"]["level1"] for name, one in results.items()}
chance = scores["untrained"]["chance_acceptable_top1"]
assert round(100 * chance) == 5
assert round(scores["untrained"]["acceptable_top1"] / chance) == 8
first_guess.reveal(100 * scores["untrained"]["acceptable_top1"])

# %% [markdown]
# Eight times chance, and nobody trained it for that: names of ideas lie near things that often go
# with them. Now after training.

# %%
second_guess = predict("And with lite0-glass?", None, example=90, unit="%")
second_guess

# %%
second_guess.reveal(100 * scores["lite0-glass"]["acceptable_top1"])

# %%
# NBVAL_CHECK_OUTPUT
tested = [results[name].multilabel["level1"] for name in ("lite0-glass", "untrained")]
top1 = paired_difference(*(one.acceptable for one in tested))
known = ~np.isnan(tested[0].average_precision)
ranked = paired_difference(*(one.average_precision[known] for one in tested))
for what, gain in (("acceptable top-1", top1), ("average precision", ranked)):
    print(f"{what}: {100 * gain.difference:+.0f} points,", end=" ")
    print("more than chance" if gain.p < 0.05 else "which chance may have made")

# %% [markdown]
# The share went up, yet a *paired test* on 132 photographs cannot tell it from chance. A second
# measure looks at more than the first place. *Average precision* takes an idea, puts all
# photographs in the order of their cosine with its name, and asks how far up the right ones are.
# Its mean over the ideas went up by more than chance. So: some gain, and it is small. Whether the
# *groups* brought it or the *captions*, notebook 4 asks.

# %%
bars = shares_figure(
    [Share(name, one["map"], *one["map_ci95"]) for name, one in scores.items()],
    chance=scores["untrained"]["chance_map"],
    unit="mean average precision",
    title="Photographs put in order by the name of an idea",
)
assert bars.data[0].y[1] > bars.data[0].y[0]
show(bars)

# %% [markdown]
# ## A score that only moved its scale
#
# In the list above all cosines are higher after training. Is that the gain? Here are two models, A
# and B. We look at the mean cosine of a photograph with the ideas that it carries.

# %%
# NBVAL_CHECK_OUTPUT
names = before.concept_vectors
carried = photos.carried(1)


def moved(vectors):
    return unit(np.hstack([vectors, np.ones((len(vectors), 1))]))


models = {"A": (before.picture_vectors, names)}
models["B"] = (moved(before.picture_vectors), moved(names))
cosines = {name: pictures @ texts.T for name, (pictures, texts) in models.items()}
for name, cosine in cosines.items():
    print(f"model {name}: mean cosine with the own ideas {cosine[carried].mean():.2f}")

# %%
better = predict(
    "Which model has the right idea in first place more often?",
    None,  # "A", "B" or "equal"
    example="B",
    among=("A", "B", "equal"),
)
better


# %%
def named_right(cosine):
    return carried[np.arange(len(cosine)), cosine.argmax(axis=1)].mean()


shares = {name: named_right(cosine) for name, cosine in cosines.items()}
assert shares["A"] == shares["B"]
assert np.allclose(cosines["B"], (1 + cosines["A"]) / 2, atol=1e-6)
assert round(cosines["B"][carried].mean() / cosines["A"][carried].mean()) == 10
better.reveal("equal")

# %% [markdown]
# B is A with one more number in every vector, the same in all: `moved` does nothing else. Each
# cosine becomes (1 + cosine) / 2, so the score is ten times as high, and *every* order is as it
# was. **Never say "its own cosine went up".** Ask what it did beside the others.

# %%
# NBVAL_CHECK_OUTPUT
after = Probe(trained, photos)
rows = {}
for name, one in (("untrained", before), ("lite0-glass", after)):
    cosine = one.picture_vectors @ one.concept_vectors.T
    rows[name] = own, other, spread = cosine[carried].mean(), cosine[~carried].mean(), cosine.std()
    print(f"{name:<12} cosine with own ideas {own:.2f}, with others {abs(other):.1f}", end=", ")
    print(f"ahead by {(own - other) / spread:.1f} spreads")
assert round(rows["lite0-glass"][0] / rows["untrained"][0]) == 3

# %% [markdown]
# Training made the cosine with the own ideas three times as high. It also spread all cosines out.
# Measured in units of that spread (their *standard deviation*), the own ideas are a little further
# ahead than before. That is the gain which the measures above show.
#
# ## Pictograms: train it yourself
#
# `scenes` is a small world that comes with Glass Kit: pictograms on coloured grounds, each under
# *one* of 36 concepts. The things in a test picture (its *glyphs*) are in no training picture, so
# nothing can be learned by heart.

# %%
scenes = load_dataset("scenes")
test = scenes.split("test")
groups = test.groups()
shown = [(name, groups[name][0]) for name in ("heritage", "celebration", "companionship", "rhythm")]
captions = [f"*{name}\n{test.records[row].captions[0]}" for name, row in shown]
sheet = sheet_figure(
    test, [row for _, row in shown], captions, title="Four pictures with their literal captions"
)
assert len(sheet.layout.images) == 4
show(sheet)

# %% [markdown]
# `lite0-glass` was trained on photographs, and it has never seen a pictogram. Here every picture
# has one right name, and chance is 1 of 36, which is 2.8%.

# %%
third_guess = predict(
    "lite0-glass: how many percent of the pictograms get their own name?",
    None,
    example=40,
    unit="%",
)
third_guess

# %%
on_scenes = {"untrained": measure(untrained, test, seed=SEED)}
on_scenes["lite0-glass"] = measure(trained, test, seed=SEED)
third_guess.reveal(100 * on_scenes["lite0-glass"].concepts["level1"].correct.mean())

# %% [markdown]
# It does not carry over. So train on pictograms, and test both. Pictures come in *groups* that
# share a concept. The model is told **which pictures belong together, never what for**. The
# *grouped loss* draws pictures and captions of a group together and pushes groups apart (notebook
# 3).
# The towers stay as they are; a small linear map behind each of them is trained.


# %%
def trained_on_groups(**changes):
    settings = {"dataset": "scenes", "epochs": 8, "seed": SEED, "device": "cpu"} | changes
    train(TrainConfig(out=RUN.name, overwrite=True, tracker="none", **settings), dataset=scenes)
    return measure(load_model(RUN.name), test, seed=SEED)


on_scenes["trained on groups"] = trained_on_groups()
levels = {name: one.as_dict()["concepts"]["level1"] for name, one in on_scenes.items()}
assert levels["trained on groups"]["top1"] < 0.4

# %%
# NBVAL_CHECK_OUTPUT
correct = {name: one.concepts["level1"].correct for name, one in on_scenes.items()}
for name in ("lite0-glass", "trained on groups"):
    gain = paired_difference(correct[name], correct["untrained"], clusters=test.clusters)
    found = "more than chance (p below 0.05)" if gain.p < 0.05 else "not told from chance"
    print(f"{name} against untrained: {found}")

# %%
bars = shares_figure(
    [Share(name, one["top1"], *one["ci95"]) for name, one in levels.items()],
    chance=levels["untrained"]["chance"],
    unit="own concept alone in first place",
    title="Pictograms named right; things never seen in training",
)
assert len(bars.data[0].y) == 3
show(bars)

# %% [markdown]
# The intervals are wide: the eight test pictures of a concept show the same three things, so 288
# pictures tell hardly more than 36 do (notebook 6).
#
# ## Not only the first place
#
# A near miss and a far miss are both misses. The curve shows the share of pictures that have their
# own concept among their first *k*.

# %%
compared = ("untrained", "trained on groups")
ranks = {name: on_scenes[name].concepts["level1"].rank for name in compared}
curve = within_figure(ranks, choices=len(scenes.concepts), title="How near is the own concept?")
assert curve.data[0].y[-1] == curve.data[1].y[-1] == 100
show(curve)

# %% [markdown]
# A mean over all concepts hides that they differ. The *reciprocal rank* of a picture is 1 when its
# own concept comes first, 1/2 when it comes second, and so on.

# %%
target = on_scenes["untrained"].concepts["level1"].target
changes = [
    Change(name, *(float((1 / ranks[model][target == i]).mean()) for model in ranks))
    for i, name in enumerate(test.labels(1))
]
changes.sort(key=lambda one: one.after - one.before, reverse=True)
rows = change_figure(
    changes,
    title="Concept by concept: green lines are gains, pink ones losses",
    axis="mean reciprocal rank of the own concept (1 = always first)",
)
assert sum(one.after > one.before for one in changes) > len(changes) / 2
assert {"rhythm", "spectacle"} <= {one.name for one in changes[-4:]}
show(rows)

# %% [markdown]
# Most concepts gain and a few lose. *Rhythm* and *spectacle* are among those that lose most: the
# untrained model did well on them. With 8 pictures a concept a single row proves nothing.
#
# ## What has been learned, and what has not
#
# - The model was never told a name. Training moved pictures of a group together, and towards their
#   *captions*, whose words lie near the name.
# - What it learned on photographs did not help with pictograms.
# - More than half of all answers are still wrong.

# %% [markdown]
# ## A small study (20 minutes)
#
# **Question.** What helps more on pictograms: longer training, or larger groups? Change one thing
# at a time. Write it for `None`, for example `{"epochs": 16}` or `{"group_size": 8}`. Guess first,
# and run the cell for each. Your rows stay in `leader-board.csv` in this folder.

# %%
MY_RECIPE = None

board = Board("1 · pictograms named right", "top-1")
for name, one in levels.items():
    board.kit(name, one["top1"], one["ci95"])
if MY_RECIPE is not None:
    mine = trained_on_groups(**MY_RECIPE).as_dict()["concepts"]["level1"]
    board.add(str(MY_RECIPE), mine["top1"], mine["ci95"])
board

# %% [markdown]
# Two of your rows differ by less than their intervals? Then you cannot tell them apart this way.
# Another seed alone moves a row by some points: try `{"seed": 1}`.
#
# ## Exercises
#
# Dots mark difficulty. Write the function, run the cell, and read what the checker says.
#
# ### 1 · Top-1 (●○○, 10 minutes)
#
# `pictures` are (n, L) vectors of length 1, `names` (c, L); `target` holds the number of each
# picture's own name. Return the share of pictures whose own name is *alone* in first place.


# %%
def my_top1(pictures, names, target):
    return None


check.recognised(my_top1)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Take the own score of each picture out of the matrix before you look for the best of the others.
# Allow for rounding: 1e-9 nearer is not nearer.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_top1(pictures, names, target):
#     scores = pictures @ names.T
#     rows = np.arange(len(scores))
#     own = scores[rows, target].copy()
#     scores[rows, target] = -np.inf
#     return (own > scores.max(axis=1) + 1e-9).mean()
# ```
# `argmax` takes the first of equals, so a blank picture would be right by luck (notebook 6).
# </details>
#
# ### 2 · Average precision (●●○, 15 minutes)
#
# `scores` are the cosines of n pictures with one name, `right` says which carry it. Put the
# pictures in order. At each right one, take the share of right ones so far. Return the mean.


# %%
def my_average_precision(scores, right):
    return None


check.average_precision(my_average_precision)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `np.argsort(-scores)` is the order, and `np.cumsum` counts right ones on the way down.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_average_precision(scores, right):
#     ordered = right[np.argsort(-scores)]
#     precision = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
#     return precision[ordered].mean()
# ```
# It looks at places alone: A and B of above have the same average precision.
# </details>
#
# ## Where to read on
#
# - [2 · Groups that share an idea](02_grouped_data.ipynb): what is in the data, and what must not
#   be.
# - [3 · The grouped loss, drawn](03_grouped_losses.ipynb): who is pulled where.
# - CLEAR GLASS, the paper behind the grouped loss: [arXiv
#   2509.12771](https://arxiv.org/abs/2509.12771).
# - CLIP, the dual encoder that began it: [arXiv 2103.00020](https://arxiv.org/abs/2103.00020).
#
# Pictograms: [OpenMoji](https://openmoji.org), CC BY-SA 4.0. Photographs: MS-COCO, under the
# licences of their authors.
