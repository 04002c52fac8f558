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
# # 2 · Groups that share a concept
#
# **What you will see.** A data set in which the answer is nowhere written down: pictures in groups,
# captions that may say everything but the one word, and groups that are easily confused. At the
# end you build one of your own and let Glass Kit find the mistakes in it.
#
# **You will learn**
# - the layout of a grouped data set (MAGIC) and what each of its fields is for;
# - what a caption may not say, and how to test that it doesn't;
# - how batches are formed from groups, with hard negatives, anew in every epoch;
# - how to write, read and check a data set of your own pictures.
#
# **Before you start.** Notebook 1.
#
# **Running time.** About 10 s on two cores; no model is loaded.
#
# (`# NBVAL_CHECK_OUTPUT` marks cells whose printed lines the tests compare with those stored here;
# an `assert` stops the notebook where something is not as the text says.)

# %%
import json
import tempfile
from collections import Counter
from pathlib import Path

from glasskit import InputError, load_dataset
from glasskit.data import write_magic
from glasskit.data.captions import CaptionTable
from glasskit.data.sampler import GroupSampler
from glasskit.data.scenes.glyphs import stems
from glasskit.plots.maps import plan_figure, taxonomy_figure
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import show

SEED = 0
FOLDER = tempfile.TemporaryDirectory(prefix="glasskit-")
scenes = load_dataset("scenes")

# %% [markdown]
# ## One record
#
# A record is a picture and everything that is said about it. *Literal* captions say what is there
# (the first one is *the* caption of the picture, the others are paraphrases). *Theme* captions say
# what it is about without naming it. The *negation* is false of the picture. *Also* names other
# concepts that a careful viewer would accept.

# %%
# NBVAL_CHECK_OUTPUT
index = scenes.groups()["grief"][10]
record = scenes.records[index]
for field in ("key", "concept", "split", "also"):
    print(f"{field:<9} {getattr(record, field)}")
print("literal  ", *record.literal, sep="\n    ")
print("theme    ", *record.theme, sep="\n    ")
print(f"negation  {record.negation}")

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
# ## The taxonomy
#
# Concepts stand on four levels, from specific (level 1) to general (level 4). A model that takes
# *grief* for *affection* is wrong at level 1 and right at level 2: both are *sentiment*. The
# measures of notebook 6 ask at every level.

# %%
# NBVAL_CHECK_OUTPUT
photographs = load_dataset("coco-concepts")
for data in (scenes, photographs):
    sizes = [len(data.labels(level)) for level in (1, 2, 3, 4)]
    splits = Counter(record.split for record in data.records)
    print(f"{data.name}: {len(data)} pictures", dict(splits))
    print("    labels at level 1 to 4:", *sizes)

# %%
rings = taxonomy_figure(scenes, title="scenes: 36 concepts on four levels")
assert len(rings.data[0].labels) == sum(len(scenes.labels(level)) for level in (1, 2, 3, 4))
show(rings)

# %% [markdown]
# `coco-concepts` has the same layout: 750 photographs of MS-COCO under 50 concepts, labelled for
# this project. Its photographs are not in the package (their licences are their authors'), but the
# features of the built-in tower are, so that every notebook can train on it.
#
# ## What a caption may not say
#
# If the caption says *celebration*, the model can learn that word and need not learn the idea. So
# no caption may contain a concept's name at any level, or anything *derived* from it: not
# *celebrate*, not *celebratory*. Each name has a list of forbidden word beginnings:

# %%
# NBVAL_CHECK_OUTPUT
for name in ("celebration", "discovery", "freedom"):
    print(f"{name:<12} no word may begin with: {', '.join(stems()[name])}")


def leaks(record, beginnings):
    words = " ".join((*record.captions, record.negation or "")).lower().replace("-", " ").split()
    return [w for w in words if w.strip(".,'").startswith(tuple(beginnings))]


found = []
for record in scenes.records:
    names = [name for name in scenes.by_name[record.concept].levels if name]
    found += [(record.key, w) for name in names for w in leaks(record, stems()[name])]
print(f"{len(scenes)} records searched at four levels, leaks found: {len(found)}")

# %% [markdown]
# In `coco-concepts` no caption holds a word of its concept's name, but seven of 2,250 hold one that
# is derived from a name, such as *petted* under *pet companionship*: `glasskit data coco-concepts`
# lists them. They are known because the rule was tested.
#
# A second leak is less plain. If captions of a group shared one *tell-tale word* (say *tomb* in
# every caption of *grief*), the model could learn that word alone. So count, for each concept, in
# which share of its training captions its most typical word occurs:

# %%
LITTLE = {"a", "an", "and", "of", "the", "on", "in", "with", "to", "one", "it", "by", "its"}


def words_of(record):
    words = {word.strip(".,") for word in " ".join(record.literal).lower().split()}
    return words - LITTLE


train = scenes.split("train")
everywhere = Counter(word for record in train.records for word in words_of(record))
rows = []
for name, members in train.groups().items():
    here = Counter(word for row in members for word in words_of(train.records[row]))
    word, count = max(sorted(here.items()), key=lambda item: item[1] ** 2 / everywhere[item[0]])
    rows.append((count / len(members), name, word))
for share, name, word in sorted(rows, reverse=True)[:4] + sorted(rows)[:2]:
    print(f"{name:<14} {word:<12} in {100 * share:.0f}% of its records")
shares = {name: share for share, name, _ in rows}
assert shares["punctuality"] > 0.8
assert shares["depth"] <= 0.5

# %% [markdown]
# `scenes` has this fault too: nearly every record of *punctuality* says *clock*, so its result
# proves less than that of *depth*, where no word is in more than half of the records. What keeps
# this from helping in the test is the split: the test pictures have other glyphs altogether.

# %%
# NBVAL_CHECK_OUTPUT
glyphs = {
    split: {g.name for r in scenes.split(split).records for g in scenes.images.recipe(r.key).glyphs}
    for split in ("train", "val", "test")
}
print({split: len(names) for split, names in glyphs.items()}, "different glyphs")
print("in train and test:", len(glyphs["train"] & glyphs["test"]))
print("in train and val: ", len(glyphs["train"] & glyphs["val"]))

# %% [markdown]
# ## Hard negatives
#
# *Grief* and *speed* look different. *Grief* and *affection* look alike: there are hearts in both.
# Each concept names others that are easily taken for it.

# %%
near = scenes.by_name["grief"].hard_negatives
groups = train.groups()
names = ["grief", *near]
chosen = [groups[name][k] for k in (2, 5) for name in names[:4]]
sheet = sheet_figure(
    train,
    chosen,
    [f"*{name}\n{scenes.by_name[name].guide}" for _ in range(2) for name in names[:4]],
    title="Grief, to the left, and three concepts that are easily taken for it",
)
assert len(sheet.layout.images) == 8
show(sheet)

# %% [markdown]
# ## From groups to batches
#
# A batch holds M groups of N pictures. The sampler forms them anew in every epoch, by rules: the
# members of a group are different photographs; every photograph comes at least once an epoch; the M
# groups of a step are of M different concepts. With `hard_negative_share` a part of the batch is
# made of hard negatives of its first group.

# %%
# NBVAL_CHECK_OUTPUT
captions = CaptionTable(train)
samplers = {
    share: GroupSampler(train, 8, 5, captions, hard_negative_share=share, seed=SEED)
    for share in (0.0, 0.6)
}
for share, sampler in samplers.items():
    plan = sampler.plan(epoch=0)
    hard = 0
    for step in plan.records:
        names = [train.records[group[0]].concept for group in step]
        hard += sum(name in train.by_name[names[0]].hard_negatives for name in names[1:])
    print(f"share {share}: {plan.records.shape} steps, groups, members; ", end="")
    print(f"{len(set(plan.records.ravel()))} pictures; {hard / len(plan):.1f} hard groups a step")
same = (samplers[0.6].plan(3).records == samplers[0.6].plan(3).records).all()
assert same
print("the same epoch, planned again, has the same groups")

# %%
grid = plan_figure(
    train, samplers[0.6].plan(epoch=0), title="An epoch: each column a batch, group 1 at the bottom"
)
assert sum(len(trace.x) for trace in grid.data) == len(samplers[0.6]) * 8
show(grid)

# %% [markdown]
# ## Build your own
#
# Your photographs need a folder and one JSON file. We pretend that six pictures of `scenes` are
# yours.

# %%
folder = Path(FOLDER.name)
(folder / "images").mkdir(exist_ok=True)
mine = [("calm", "serenity", 3), ("haste", "speed", 3)]
entries = []
for concept, source, count in mine:
    pictures = []
    for row in train.groups()[source][:count]:
        name = f"{concept}-{row}.jpg"
        train.image(row).save(folder / "images" / name)
        pictures.append({"image": name, "old_captions": list(train.records[row].literal)})
    other = next(name for name, _, _ in mine if name != concept)
    entries.append({"concept": concept, "hard_negative": [other], "train_images": pictures})
(folder / "mine.json").write_text(json.dumps(entries, indent=1))
own = load_dataset(folder / "mine.json")
labels = [f"*{record.concept}\n{record.key}" for record in own.records]
sheet = sheet_figure(own, range(6), labels, columns=3, title="A data set of one's own")
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
# A missing picture is an error, never a blank one: blank pictures tie with each other, and a
# careless measure counts a tie as a hit. Notebook 6 shows what that does to a result.
#
# `write_magic` goes the other way, and the round trip loses nothing:

# %%
write_magic(scenes, folder / "scenes.json")
again = load_dataset(folder / "scenes.json", images=folder / "images")
assert again.records == scenes.records
assert again.concepts == scenes.concepts

# %% [markdown]
# ## Exercises
#
# 1. Which concepts of `coco-concepts` are accepted beside others most often (`also`)? What does
#    that say about a *top-1* that counts only the own concept?
#
# <details><summary>Solution</summary>
#
# ```python
# print(Counter(name for r in photographs.records for name in r.also).most_common(5))
# print(sum(bool(r.also) for r in photographs.records) / len(photographs))
# ```
# Many photographs have more than one right answer, hence *acceptable top-1* in notebook 6.
# </details>
#
# 2. Plant a leak: add the word *celebrating* to a caption and let `leaks` find it. Then plant
#    *festive*. Should that be allowed?
#
# <details><summary>Solution</summary>
#
# ```python
# from dataclasses import replace
#
# record = scenes.records[scenes.groups()["celebration"][0]]
# for word in ("celebrating", "festive"):
#     print(word, leaks(replace(record, theme=(f"{word} at night",)), stems()["celebration"]))
# ```
# A synonym is no derived word. Where to stop is a choice; say which you made.
# </details>
#
# 3. How large can N be before the sampler has to repeat photographs?
#
# <details><summary>Solution</summary>
#
# ```python
# for members in (5, 12, 24, 25):
#     try:
#         print(members, GroupSampler(train, 8, members, captions).plan(0).repeats)
#     except InputError as error:
#         print(members, error)
# ```
# 24, the pictures of each concept; beyond it the sampler refuses.
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
