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
# # 7 · Objectives compared
#
# **What you will see.** Nineteen losses of this field, some drawn on one circle, all trained from
# one start on the same groups: those that ask for *pairs*, those that ask for *groups*, and those
# that are told what is *not* in a picture.
#
# **You will learn**
# - to tell objectives apart by one question: which texts are right for an image, and how many of
#   them must be near?
# - what negations, paraphrases and noun phrases add to a batch;
# - to compare objectives under equal settings, and to say what is not fair about it;
# - to test differences instead of reading a ranking.
#
# **Before you start.** Notebooks 3 and 4; notebook 6 for the measures.
#
# **Running time.** About 40 s on two cores, for nineteen runs of two epochs.
#
# (`# NBVAL_CHECK_OUTPUT` marks cells whose printed lines the tests compare with those stored here;
# an `assert` stops the notebook where something is not as the text says.)

# %%
import tempfile
from pathlib import Path

from glasskit import load_dataset, load_model
from glasskit.analysis.gradients import loss_of, negative_gradient, on_circle
from glasskit.evaluation import measure
from glasskit.evaluation.intervals import holm, paired_difference
from glasskit.losses.objectives import OBJECTIVES
from glasskit.plots.losses import gradient_figure
from glasskit.plots.scores import Change, change_figure, trade_figure
from glasskit.plots.style import show
from glasskit.training import TrainConfig, train

SEED = 0
RUNS = tempfile.TemporaryDirectory(prefix="glasskit-")

# %% [markdown]
# ## The field
#
# Each objective is one entry of a registry, with one line that says what it asks for and the number
# of its paper. *Needs* are parts of a batch beyond pictures and captions.

# %%
# NBVAL_CHECK_OUTPUT
for name, spec in OBJECTIVES.items():
    needs = f" (needs {', '.join(spec.needs)})" if spec.needs else ""
    print(f"{name:<22} arXiv {spec.source}\n    {spec.summary}{needs}")
print(len(OBJECTIVES), "objectives")

# %% [markdown]
# ## Which texts are right for an image?
#
# The circle of notebook 3: three groups of three pairs, one caption of *feast* astray among the
# sea's. Six objectives turn the same batch. Compare the green arrows.

# %%
names = ["feast", "sea", "work"]
image = on_circle([[75, 95, 120], [195, 215, 238], [318, 336, 300]])
text = on_circle([[105, 62, 172], [228, 188, 205], [345, 308, 328]])
rows = {
    "Right: the own caption (left), the captions of the group (right)": ("clip", "grouped"),
    "All of the group: as a mean of logs, or each as yes or no": ("unicl", "grouped-siglip"),
    "Images with images too": ("supcon", "mv-infonce"),
}
for title, pair in rows.items():
    panels = {name: negative_gradient(image, text, loss_of(name, temperature=0.3)) for name in pair}
    figure = gradient_figure(panels, names=names, title=title)
    assert any(trace.marker.symbol == "arrow" for trace in figure.data)
    show(figure)

# %% [markdown]
# ## What else a batch can hold
#
# SemCLIP, CoN-CLIP and C2LIP read more than a caption. The sampler draws another literal caption
# of the same picture (*paraphrase*), a sentence that is false of it (*negation*), a picture of a
# concept that is easily taken for it, and the *noun phrases* of the caption. The entailment
# objectives read a *general* sentence too, which is to hold the caption, as the caption holds the
# picture:

# %%
# NBVAL_CHECK_OUTPUT
from glasskit.data.phrases import noun_phrases

scenes = load_dataset("scenes")
record = scenes.records[scenes.groups()["rhythm"][3]]
print("caption    ", record.literal[0])
print("paraphrase ", record.literal[1])
print("negation   ", record.negation)
print("general    ", record.theme[0])
print("phrases    ", noun_phrases([record.literal[0]]).phrases)

# %% [markdown]
# ## One short run of each
#
# One start, one seed, the same groups in the same order, two epochs, the default settings for all.
# That is *equal*, not *fair*: a learning rate that suits one loss may be too low for another.
# (Losses of single pairs read literal captions, the others all captions: that is each one's
# default.) So read the map for its directions, and believe a difference only where a paired test
# bears it.

# %%
model = load_model("lite0-minilm")
test = scenes.split("test")
start = {name: weight.detach().clone() for name, weight in model.head_state().items()}
config = TrainConfig(epochs=2, seed=SEED, device="cpu", tracker="none")
results = {"untrained": measure(model, test, seed=SEED)}


def race(objective):
    for key, weight in model.head_state().items():
        weight.data.copy_(start[key])
    folder = str(Path(RUNS.name) / objective)
    own = config.but(objective=objective, out=folder)
    if objective == "c2lip":
        own = own.but(xac_weight=0.0)  # its patch loss needs a tower that is trained
    train(own, dataset=scenes, model=model)
    return measure(model, test, seed=SEED)


# %%
INSTANCE = ("clip", "siglip", "semclip", "conclip", "c2lip")
for objective in INSTANCE:
    results[objective] = race(objective)
assert len(results) == 6

# %%
for objective in [name for name in OBJECTIVES if name.startswith("grouped")]:
    results[objective] = race(objective)

# %%
for objective in OBJECTIVES:
    if objective not in results:
        results[objective] = race(objective)
assert set(results) == {"untrained", *OBJECTIVES}

# %%
measures = {
    "concept": lambda one: one.concepts["level1"].correct,
    "top-5": lambda one: one.concepts["level1"].within(5),
    "level 2": lambda one: one.concepts["level2"].correct,
    "caption R@10": lambda one: one.retrieval.hits("image_to_text", 10),
    "over negation": lambda one: one.negation,
}
print(f"{'':<22}" + "".join(f"{name:>15}" for name in measures))
ranked = sorted(results, key=lambda name: -measures["concept"](results[name]).mean())
for name in ranked:
    row = [100 * ask(results[name]).mean() for ask in measures.values()]
    print(f"{name:<22}" + "".join(f"{value:>14.0f}%" for value in row))

# %% [markdown]
# Which of these differences is more than chance? The test takes both answers to each picture, and
# the eight pictures of a concept as one (they show the same three things). With many questions a
# few differ by chance; *Holm* corrects for it (notebook 6).


# %%
def gap(name, other, measure):
    mine, theirs = (measures[measure](results[one]) for one in (name, other))
    return paired_difference(mine, theirs, clusters=test.clusters)


def verdict(name, other, measure):
    found = gap(name, other, measure)
    if found.p >= 0.05:
        return "no difference that the test bears"
    return "higher" if found.difference > 0 else "lower"


for what in ("concept", "top-5", "caption R@10"):
    tests = {name: gap(name, "untrained", what) for name in OBJECTIVES}
    sure = holm([one.p for one in tests.values()])
    above = [n for n, p in zip(tests, sure, strict=True) if p < 0.05 and tests[n].difference > 0]
    print(f"{what}, above the start: {', '.join(above) or 'none'}")

# %%
figure = trade_figure(
    {
        name: (measures["caption R@10"](one).mean(), measures["top-5"](one).mean())
        for name, one in results.items()
    },
    x="caption R@10: finds its own caption",
    y="concept top-5: finds the shared concept",
    start="untrained",
    title="Captions against concepts: nineteen objectives, two epochs",
)
assert len(figure.data) == len(OBJECTIVES) + 1
show(figure)

# %%
# NBVAL_CHECK_OUTPUT
for what in ("concept", "top-5", "caption R@10"):
    print(f"{what}: grouped against clip, {verdict('grouped', 'clip', what)}")

# %% [markdown]
# ## Negation
#
# A sentence and its negation share nearly all their words. SemCLIP and CoN-CLIP were told
# about negations. Does it show?

# %%
changes = [
    Change(name, *(100 * measures["over negation"](results[n]).mean() for n in ("untrained", name)))
    for name in OBJECTIVES
]
changes.sort(key=lambda one: -one.after)
figure = change_figure(
    changes,
    title="Is the true caption nearer than its negation?",
    axis="share of test pictures, % (50 is guessing)",
)
figure.add_vline(x=50, line={"dash": "dot", "color": "#24221f", "width": 1.5})
assert len(figure.data[-1].y) == len(OBJECTIVES)
show(figure)

# %%
# NBVAL_CHECK_OUTPUT
for name in ("clip", "grouped", "semclip", "conclip"):
    print(f"{name} against the start: {verdict(name, 'untrained', 'over negation')}")

# %% [markdown]
# ## Discussion
#
# - **Two epochs, one seed.** The order of the table is no result. On concept top-1 no objective is
#   above the start by the test over concepts with Holm's correction for nineteen questions; at
#   finding its own caption most are. Notebook 4 runs two of them longer and with three seeds,
#   and `make bench` the main ones at full length.
# - **Pairs or groups.** The grouped loss finds fewer own captions than CLIP: members of a group
#   have moved together. On concepts these runs cannot tell the two apart; the longer ones of
#   notebook 4 can.
# - **One near text or all.** For the outer loss one near text of the group is enough, UniCL and
#   SupCon ask for all. A difference may show where groups hold strays (notebook 3).
# - **Being told of negations is no guarantee.** SemCLIP and CoN-CLIP both are, and by the test only
#   SemCLIP gains; so does CLIP, which is not told. Ask the blind model of notebook 6 before you
#   believe a bar of this kind, high or low.
# - **Slow is not bad.** The sigmoid losses begin with a bias of -10, and the multi-view losses
#   treat a whole group as views of one thing: two epochs are few for them.

# %% [markdown]
# ## Exercises
#
# 1. Give SigLIP ten epochs. Does it catch up?
#
# <details><summary>Solution</summary>
#
# ```python
# config = config.but(epochs=10, overwrite=True)
# one = race("siglip")
# print([f"{100 * ask(one).mean():.0f}%" for ask in measures.values()])
# ```
# Its bias of -10 has to be unlearned first. Test what you see: `results["siglip"] = one`, then
# `verdict("siglip", "clip", "concept")` (with other epochs, so the settings are no longer equal).
# </details>
#
# 2. The inclusive centroid loss reports success on noise (notebook 3). Does that hurt here? Compare
#    `grouped-centroid` with `grouped-leave-one-out`.
#
# <details><summary>Solution</summary>
#
# ```python
# for name in ("grouped-centroid", "grouped-leave-one-out"):
#     print(name, [f"{100 * ask(results[name]).mean():.0f}%" for ask in measures.values()])
# ```
# `verdict("grouped-centroid", "grouped-leave-one-out", "concept")` finds no difference here.
# Both have the same outer loss, which asks for more than the inclusive inner loss does.
# </details>
#
# 3. Write a loss of your own as a function of image and text, and draw its arrows.
#
# <details><summary>Solution</summary>
#
# ```python
# def only_pull(image, text):
#     return -(image * text).sum(-1).mean()
#
#
# show(gradient_figure({"only pull": negative_gradient(image, text, only_pull)}, names=names))
# ```
# Without anything that pushes, all vectors may end in one point: that is why contrast is needed.
# </details>
#
# ## Where to read on
#
# - [8 · Your GPU, your data](08_your_gpu_and_data.ipynb): any of these on a large model.
# - UniCL [arXiv 2204.03610](https://arxiv.org/abs/2204.03610), SupCon
#   [arXiv 2004.11362](https://arxiv.org/abs/2004.11362), Poly-View
#   [arXiv 2403.05490](https://arxiv.org/abs/2403.05490).
# - SemCLIP [arXiv 2511.16527](https://arxiv.org/abs/2511.16527), CoN-CLIP
#   [arXiv 2403.20312](https://arxiv.org/abs/2403.20312), C2LIP
#   [arXiv 2603.25722](https://arxiv.org/abs/2603.25722).
#
# Pictograms: [OpenMoji](https://openmoji.org), CC BY-SA 4.0.
