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
# # 2 · Groups that share an idea
#
# **What you will see.** Photographs under several ideas at once, so that their groups overlap. How
# a batch is drawn from them, and what the loss does wrong if nobody takes care. Then a change of
# captions that looks like a triumph, and is none. At the end you build a data set of your own.
#
# **You will learn**
# - what a record of a grouped data set holds, and what each field is for;
# - why a picture must not be a *negative* of an idea that it carries;
# - what a caption may not say, what a *leak* is worth, and how to find one;
# - how to write, read and check a data set of your own pictures.
#
# **Before you start.** Notebook 1. Terms are in the [glossary](glossary.md).
#
# **Running time.** About 40 s on two cores, for three small trainings.

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
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from glasskit import InputError, load_dataset, load_model
from glasskit.analysis.gradients import negative_gradient, on_circle
from glasskit.course import Board, check, predict
from glasskit.data.captions import CaptionTable
from glasskit.data.leaks import leaked_words
from glasskit.data.sampler import GroupSampler
from glasskit.evaluation import measure
from glasskit.evaluation.intervals import paired_difference
from glasskit.evaluation.study import train_recipe
from glasskit.losses import outer_loss
from glasskit.losses.overlap import shared_labels
from glasskit.plots.losses import gradient_figure
from glasskit.plots.maps import plan_figure, taxonomy_figure
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import show

# %%
SEED = 0
FOLDER = tempfile.TemporaryDirectory(prefix="glasskit-")
ideas, scenes = load_dataset("coco-ideas"), load_dataset("scenes")
seen, held_back = ideas.split("train"), ideas.split("test")

# %% [markdown]
# ## One record
#
# A *record* is a picture and everything that is said about it. *Literal* captions say what is
# there: the first one is *the* caption, the others are paraphrases. *Theme* captions say what it is
# about: a general one, and one for each of the three strongest ideas. The *negation* is false of
# the picture. *Near misses* are ideas that do not apply, though one might think so.

# %%
# NBVAL_CHECK_OUTPUT
record = next(one for one in ideas.records if one.key == "39956")
print("ideas      ", ", ".join(record.labels))
print("literal    ", "\n             ".join(record.literal))
print("general    ", *record.theme)
for name, sentences in record.label_themes.items():
    print(f"{name:<12}", *sentences)
print("negation   ", record.negation)
print("near misses", ", ".join(record.not_labels))

# %% [markdown]
# In `scenes` each picture has one idea, and you can look at the pictures. Eight of one group:

# %%
rows = scenes.groups()["grief"][8:16]
sheet = sheet_figure(
    scenes,
    rows,
    [scenes.records[row].captions[0] for row in rows],
    title="Eight members of one group, with their captions. What is the word?",
)
assert {scenes.records[row].concept for row in rows} == {"grief"}
show(sheet)

# %% [markdown]
# (*Grief.*) Names stand on four levels, from specific (level 1) to general (level 4). This is the
# *taxonomy*. A model that takes *grief* for *affection* is wrong at level 1 and right at level 2.

# %%
rings = taxonomy_figure(scenes, title="scenes: 36 concepts on four levels")
assert len(rings.data[0].labels) == sum(len(scenes.labels(level)) for level in (1, 2, 3, 4))
show(rings)

# %% [markdown]
# ## Groups overlap
#
# A photograph of `coco-ideas` carries 5 to 9 ideas, and so it stands in 5 to 9 groups.

# %%
# NBVAL_CHECK_OUTPUT
sizes = {name: len(rows) for name, rows in seen.groups().items()}
largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
print(f"{np.mean([len(one.labels) for one in seen.records]):.1f} ideas a photograph")
print("largest groups:", ", ".join(f"{name} {sizes[name]}" for name in largest))
carried = seen.carried(1)
both = (carried[:, None] & carried[None]).any(2).mean()
print(f"two photographs have an idea in common: {100 * both:.0f}% of all pairs")

# %% [markdown]
# Training takes *batches*. A batch holds M groups of N members. A contrastive loss draws a picture
# to the captions of its own group and pushes it away from the captions of the others, its
# *negatives*. Now draw a batch without thinking: 16 ideas at random, 4 photographs of each.

# %%
overlap_guess = predict(
    "How many percent of the photographs also carry the idea of another group of their batch?",
    None,
    example=10,
    unit="%",
)
overlap_guess


# %%
def crossing(records, concepts):
    """Share of members that carry the idea of another group of their batch."""
    found = [
        seen.carries(group, np.delete(labels, place)).any(axis=1)
        for groups, labels in zip(records, concepts, strict=True)
        for place, group in enumerate(groups)
    ]
    return float(np.mean(found))


rng = np.random.default_rng(SEED)
large = np.flatnonzero(carried.sum(0) >= 4)
concepts = np.array([rng.choice(large, 16, replace=False) for _ in range(10)])
records = [
    [rng.choice(np.flatnonzero(carried[:, label]), 4, replace=False) for label in batch]
    for batch in concepts
]
overlap_guess.reveal(100 * crossing(np.array(records), concepts))

# %% [markdown]
# More than half. What does the loss do with such a photograph? Two groups on a circle: *feast* and
# *family*. The second image of *feast* shows a family at a table. It carries both ideas.

# %%
turn_guess = predict(
    "Which way does the plain outer loss turn it, seen from the captions of family?",
    None,  # "towards", "away" or "not at all"
    example="not at all",
    among=("towards", "away", "not at all"),
)
turn_guess

# %%
image, text = on_circle([[60, 105], [150, 175]]), on_circle([[70, 95], [140, 165]])
labels = torch.tensor([[[1, 0], [1, 1]], [[0, 1], [0, 1]]]).bool()  # groups, members, ideas
plain = negative_gradient(image, text, lambda u, v: outer_loss(u, v))
aware = negative_gradient(image, text, lambda u, v: outer_loss(u, v, shared=shared_labels(labels)))
towards = text[1].mean(0) - image[0, 1]
ways = [float(one.image_step[0, 1] @ towards) for one in (plain, aware)]
assert ways[0] < 0
assert abs(ways[1]) < abs(ways[0])
turn_guess.reveal("away")

# %%
arrows = gradient_figure(
    {"plain: both groups push each other": plain, "pairs with an idea in common left out": aware},
    names=["feast", "family"],
    title="Where the outer loss turns a photograph that carries both ideas",
)
assert aware.image_step[0, 1].norm() < plain.image_step[0, 1].norm()
show(arrows)

# %% [markdown]
# The plain loss drives the photograph away from an idea that it carries. Such a pair is a *false
# negative*. Glass Kit does two things. The *sampler* fills a group with photographs that carry none
# of the other ideas of the batch, as far as there are any. Where a pair still has an idea in
# common, the loss leaves it out (`shared_labels`): neither drawn together nor pushed apart.

# %%
# NBVAL_CHECK_OUTPUT
captions = CaptionTable(seen)
sampler = GroupSampler(seen, 16, 4, captions, seed=SEED)
plan = sampler.plan(epoch=0)
print("steps, groups, members:", plan.records.shape)
share = 100 * crossing(plan.records, plan.concepts)
print(f"photographs that carry an idea of another group: {share:.0f}%")
again = GroupSampler(seen, 16, 4, captions, seed=SEED).plan(epoch=0)
assert (plan.records == again.records).all()
print("planned again with this seed, an epoch has the same groups")

# %%
grid = plan_figure(seen, plan, title="An epoch of coco-ideas: a column a batch, a square a group")
assert sum(len(trace.x) for trace in grid.data) == len(plan) * 16
show(grid)

# %% [markdown]
# ## Hard negatives
#
# *Grief* and *speed* look different. *Grief* and *affection* look alike: there are hearts in both.
# Each concept of `scenes` names others that are easily taken for it. Such *hard negatives* can be
# put into the same batch (`hard_negative_share`).

# %%
part = scenes.split("train")
near = scenes.by_name["grief"].hard_negatives
names = ["grief", *near][:4]
chosen = [part.groups()[name][k] for k in (2, 5) for name in names]
sheet = sheet_figure(
    part,
    chosen,
    [f"*{name}\n{scenes.by_name[name].guide}" for _ in range(2) for name in names],
    title="Grief, to the left, and three concepts that are easily taken for it",
)
assert len(sheet.layout.images) == 8
show(sheet)

# %% [markdown]
# ## What better captions can do
#
# Somebody rewrites the theme sentences of `coco-ideas`: shorter ones, for every idea of a
# photograph. Everything else stays. We train on the old and on the new sentences, with the same
# settings, and test on the same 132 photographs, by the names of ideas (notebook 1).

# %%
rewrite_guess = predict(
    "By how many points does the share change of photographs whose nearest name is one of theirs?",
    None,
    example=1,
    unit=" points",
)
rewrite_guess


# %%
def rewritten(record):
    themes = {name: (f"this picture is about {name}",) for name in record.labels}
    return replace(record, label_themes=themes)


base = load_model("lite0-minilm")


def trained_on(data, **changes):
    settings = {"epochs": 12, "theme_weight": 3.0, "word_weight": 1.0, "device": "cpu"}
    model = train_recipe(data, base, settings | {"seed": SEED} | changes)
    return measure(model, held_back, train=seen).multilabel["level1"]


def precisions(one):
    return one.average_precision[~np.isnan(one.average_precision)]


# %%
short = replace(ideas, records=tuple(rewritten(one) for one in ideas.records))
untrained = measure(base, held_back, train=seen).multilabel["level1"]
results = {"old sentences": trained_on(ideas), "new sentences": trained_on(short)}
old, new = results.values()
gain = paired_difference(new.acceptable, old.acceptable)
rewrite_guess.reveal(100 * gain.difference)

# %% [markdown]
# Success? The paired tests say that it is no chance, and that the new sentences bring about as much
# again as the whole training on the old ones:

# %%
# NBVAL_CHECK_OUTPUT
honest = paired_difference(precisions(old), precisions(untrained))
leak = paired_difference(precisions(new), precisions(old))
tests = {
    "share, new sentences against old": gain,
    "mean average precision, old against untrained": honest,
    "mean average precision, new against old": leak,
}
for what, one in tests.items():
    print(f"{what}: {'more' if one.difference > 0 else 'less'},", end=" ")
    print("p below 0.05" if one.p < 0.05 else "chance may have made it")
assert leak.difference > 0.75 * honest.difference

# %% [markdown]
# Not so fast. Read the new sentences again: *this picture is about comfort*. They **say the word
# that the test asks for**. The model did not learn an idea. It learned which word is written under
# which photographs. This is a *leak*.
#
# ## Looking for leaks
#
# A caption leaks when it has a word of the idea's name, or one *derived* from it: not *celebrate*,
# not *celebratory*. `leaked_words` compares word *stems*.

# %%
# NBVAL_CHECK_OUTPUT
print(leaked_words("They celebrate with cakes.", ["celebration"]))
kinds = {
    "literal captions, any idea that is carried": [(r.literal, r.labels) for r in ideas.records],
    "general sentences, any idea that is carried": [(r.theme, r.labels) for r in ideas.records],
    "sentences of an idea, that idea": [
        (texts, [name]) for r in ideas.records for name, texts in r.label_themes.items()
    ],
}
for kind, pairs in kinds.items():
    found = [bool(leaked_words(text, names)) for texts, names in pairs for text in texts]
    print(f"{kind}: {sum(found)} of {len(found)} leak")

# %% [markdown]
# `coco-ideas` itself is not clean. No sentence of an idea says that idea. But nearly a quarter of
# the general sentences has a word of some idea that its photograph carries. How much of the honest
# gain is that? We take these captions out and train once more.


# %%
def without_leaks(record):
    def keep(texts):
        return tuple(text for text in texts if not leaked_words(text, record.labels))

    themes = {name: keep(texts) for name, texts in record.label_themes.items()}
    literal = keep(record.literal) or record.literal[:1]
    return replace(record, literal=literal, theme=keep(record.theme), label_themes=themes)


clean = replace(ideas, records=tuple(without_leaks(one) for one in ideas.records))
results["without leaks"] = trained_on(clean)

# %%
# NBVAL_CHECK_OUTPUT
loss = paired_difference(precisions(results["without leaks"]), precisions(old))
share = paired_difference(results["without leaks"].acceptable, old.acceptable)
for what, one in (("mean average precision", loss), ("share", share)):
    verdict = "no difference that the test bears" if one.p >= 0.05 else "a difference"
    print(f"{what}, without leaks against as it is: {verdict}")

# %% [markdown]
# Here the leaks can be taken out at no cost that shows. That had to be measured: before, nobody
# could know. A claim that captions "never name the idea" needs a search like the one above.
#
# ## Tell-tale words
#
# A second kind of leak is less plain. If the captions of a group share one *tell-tale word* (say
# *tomb* in every caption of *grief*), the model can learn that word alone. So count for each
# concept of `scenes` in which share of its records its most typical word stands.

# %%
LITTLE = {"a", "an", "and", "of", "the", "on", "in", "with", "to", "one", "it", "by", "its"}


def words_of(record):
    words = {word.strip(".,") for word in " ".join(record.literal).lower().split()}
    return words - LITTLE


everywhere = Counter(word for record in part.records for word in words_of(record))
rows = []
for name, members in part.groups().items():
    here = Counter(word for row in members for word in words_of(part.records[row]))
    word, count = max(sorted(here.items()), key=lambda item: item[1] ** 2 / everywhere[item[0]])
    rows.append((count / len(members), name, word))
for share, name, word in sorted(rows, reverse=True)[:4] + sorted(rows)[:2]:
    print(f"{name:<14} {word:<12} in {100 * share:.0f}% of its records")
shares = {name: share for share, name, _ in rows}
assert shares["punctuality"] > 0.8
assert shares["depth"] <= 0.5

# %% [markdown]
# Nearly every record of *punctuality* says *clock*, so its result proves less than that of *depth*,
# where no word is in more than half of the records. What keeps this from helping in the test is the
# *split*: test pictures have other glyphs altogether.

# %%
# NBVAL_CHECK_OUTPUT
glyphs = {
    split: {g.name for r in scenes.split(split).records for g in scenes.images.recipe(r.key).glyphs}
    for split in ("train", "val", "test")
}
print({split: len(names) for split, names in glyphs.items()}, "different glyphs")
print("in train and test:", len(glyphs["train"] & glyphs["test"]))

# %% [markdown]
# ## Build your own
#
# Your photographs need a folder and one JSON file. We pretend that six pictures of `scenes` are
# yours. The layout is that of MAGIC, a list of concepts with their pictures.

# %%
folder = Path(FOLDER.name)
(folder / "images").mkdir(exist_ok=True)
mine = [("calm", "serenity", 3), ("haste", "speed", 3)]
entries = []
for concept, source, count in mine:
    pictures = []
    for row in part.groups()[source][:count]:
        name = f"{concept}-{row}.jpg"
        part.image(row).save(folder / "images" / name)
        pictures.append({"image": name, "old_captions": list(part.records[row].literal)})
    other = next(name for name, _, _ in mine if name != concept)
    entries.append({"concept": concept, "hard_negative": [other], "train_images": pictures})
(folder / "mine.json").write_text(json.dumps(entries, indent=1))
own = load_dataset(folder / "mine.json")
notes = [f"*{record.concept}\n{record.key}" for record in own.records]
sheet = sheet_figure(own, range(6), notes, columns=3, title="A data set of one's own")
assert len(own) == 6
show(sheet)

# %% [markdown]
# `load_dataset` is strict, because a silent mistake in the data costs days. Every problem is one
# line that names the record:


# %%
# NBVAL_CHECK_OUTPUT
def complaint(change):
    broken = json.loads((folder / "mine.json").read_text())
    change(broken)
    (folder / "broken.json").write_text(json.dumps(broken))
    try:
        data = load_dataset(folder / "broken.json")
        data.image(0)
    except InputError as error:
        return str(error).replace(str(folder), "").replace("\\", "/").lstrip("/")
    return "no complaint"


picture = entries[0]["train_images"][0]
print(complaint(lambda d: d[0]["train_images"][0].pop("old_captions")))
print(complaint(lambda d: d[0]["hard_negative"].append("peace")))
print(complaint(lambda d: d[0]["train_images"].append(picture)))
print(complaint(lambda d: d[0]["train_images"][0].update(image="lost.jpg")))

# %% [markdown]
# A missing picture is an error, never a blank one (notebook 6 shows why). Where a picture carries
# several ideas it stands under each of them, or you write the *pictures layout* of the README.
#
# ## A small study (20 minutes)
#
# **Question.** Which captions carry the gain? The weights of the kinds say how often each is drawn:
# `literal_weight`, `paraphrase_weight`, `theme_weight`, `word_weight` (words of a vocabulary that
# are near to the captions and name no idea). Set one to 0, or raise one, and guess first.

# %%
MY_WEIGHTS = None  # for example {"word_weight": 0.0}

board = Board("2 · coco-ideas without leaks, 12 epochs", "mean average precision")
for name, one in ({"untrained": untrained} | results).items():
    summary = one.summary(held_back.clusters)
    board.kit(name, summary["map"], summary["map_ci95"])
if MY_WEIGHTS is not None:
    mine = trained_on(clean, **MY_WEIGHTS)
    summary = mine.summary(held_back.clusters)
    board.add(str(MY_WEIGHTS), summary["map"], summary["map_ci95"])
board

# %% [markdown]
# ## Exercises
#
# ### 1 · Words that give away (●○○, 15 minutes)
#
# Return the words of a caption that give a concept away: words of one of its names, and words
# derived from them. Small words of a name, such as *of*, give nothing away.


# %%
def my_leaks(caption, names):
    return None


check.leaks(my_leaks)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Lower case, words by `re.findall`, and a stem: `SnowballStemmer("english").stem(word)` of
# `nltk.stem.snowball`. Cutting words after six letters goes a long way too.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# import re
#
# from nltk.stem.snowball import SnowballStemmer
#
#
# def my_leaks(caption, names):
#     stem = SnowballStemmer("english").stem
#     small = {"a", "an", "the", "of", "in", "on", "at", "and"}
#     secret = {stem(word) for name in names for word in name.lower().split() if word not in small}
#     words = re.findall(r"[a-z]+", caption.lower())
#     return [word for word in words if word not in small and stem(word) in secret]
# ```
# *Festive* under *celebration* passes. Where to stop is a choice; say which you made.
# </details>
#
# ### 2 · No negatives of each other (●○○, 10 minutes)
#
# `carried` is (B, C) of bool: which ideas each pair carries. Return (B, B) of bool: which pairs
# have an idea in common. A pair and itself have none.


# %%
def my_shared(carried):
    return None


check.shared(my_shared)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A product of matrices counts the ideas in common.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_shared(carried):
#     common = carried.float() @ carried.float().T
#     return (common > 0) & ~torch.eye(len(carried), dtype=torch.bool)
# ```
# This is `shared_labels` for a batch without its groups.
# </details>
#
# ### 3 · A batch of overlapping groups (●●●, 25 minutes)
#
# `pictures` maps each idea to the pictures that carry it. Draw M groups of N different pictures,
# each group of one idea. No picture may carry the idea of another group.


# %%
def my_batch(pictures, groups, members):
    return None


check.batch(my_batch)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Go through the ideas in random order. Keep two sets: pictures that are taken with all that carry a
# chosen idea, and pictures that are in a group. A new idea fits if none of its pictures is in a
# group already, and enough of them carry no chosen idea. If you end with too few groups, begin
# anew.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_batch(pictures, groups, members):
#     while True:
#         drawn, carrying = [], set()
#         for idea in np.random.permutation(list(pictures)):
#             free = [one for one in pictures[idea] if one not in carrying]
#             inside = {one for group in drawn for one in group}
#             if len(free) < members or inside & set(pictures[idea]) or len(drawn) == groups:
#                 continue
#             drawn.append([int(one) for one in np.random.permutation(free)[:members]])
#             carrying |= set(pictures[idea])
#         if len(drawn) == groups:
#             return drawn
# ```
# With 132 ideas and large groups that may never end. `OverlappingGroups` takes pictures that
# carry another idea last, and the loss leaves such pairs out.
# </details>
#
# ## Where to read on
#
# - [3 · The grouped loss, drawn](03_grouped_losses.ipynb): what is done with the groups.
# - CLEAR GLASS, section on MAGIC: [arXiv 2509.12771](https://arxiv.org/abs/2509.12771).
# - Where the photographs come from: [MS-COCO](https://cocodataset.org) and its paper,
#   [arXiv 1405.0312](https://arxiv.org/abs/1405.0312).
# - Data sets of the same spirit: HL, [arXiv 2302.12189](https://arxiv.org/abs/2302.12189).
#
# Pictograms: [OpenMoji](https://openmoji.org), CC BY-SA 4.0.
