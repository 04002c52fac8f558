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
# # 3 · The grouped loss, drawn
#
# **What you will see.** Nine pictures and nine captions on a circle, and an arrow at each for where
# a loss turns it. You will see the CLIP loss push the members of a group apart, the grouped loss
# ask little of the pictures of a stray caption, and a loss that is near 0 on pure noise.
#
# **You will learn**
# - what the *outer* and the *inner* loss ask for, from the formula to a number made by hand;
# - who is pulled where, and what temperature and alpha change about it;
# - how pairwise and centroid forms differ, and why a member must not sit in its own centroid;
# - that these losses give the values of the published code.
#
# **Before you start.** Cosine similarity and the softmax. Notebook 1 says what the loss is for.
# Terms are in the [glossary](glossary.md).
#
# **Running time.** About 20 s on two cores; nothing is trained but eighteen points.

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
import math

import numpy as np
import torch

from glasskit.analysis.gradients import gradient_descent, loss_of, negative_gradient, on_circle
from glasskit.course import Board, check, predict
from glasskit.evaluation.intervals import interval
from glasskit.losses import GroupedContrastiveLoss, inner_loss, outer_loss
from glasskit.plots.losses import gradient_figure, matrix_figure
from glasskit.plots.scores import Curve, curves_figure, over_seeds
from glasskit.plots.style import explore, show

SEED = 0

# %% [markdown]
# ## A batch that fits on a circle
#
# A batch holds **M groups of N pairs**, an image and a text each, all of length 1. Real vectors
# have 384 or 512 numbers; ours have two, so they lie on a circle. Three groups of three pairs:
# *feast*, *sea*, *work*. One caption of *feast* is a stray: it lies among the sea's.

# %%
# NBVAL_CHECK_OUTPUT
names = ["feast", "sea", "work"]
image = on_circle([[75, 95, 120], [195, 215, 238], [318, 336, 300]])
text = on_circle([[105, 62, 172], [228, 188, 205], [345, 308, 328]])
M, N, L = image.shape
B = M * N
print(f"{M} groups of {N} pairs, width {L}: {B} images, {B} texts, {B * B} similarities")
print(f"CLIP calls {B} of them right and {B * B - B} wrong")
print(f"groups call {M * N * N} of them right and {B * B - M * N * N} wrong")

# %%
cosine = image.flatten(0, 1) @ text.flatten(0, 1).T
matrix = matrix_figure(
    {"": cosine},
    groups=dict.fromkeys(names, N),
    axes=("texts", "images"),
    digits=1,
    title="Cosine of every image with every text. Framed: one group; third column: the stray",
)
assert len(matrix.layout.shapes) == M
show(matrix)

# %% [markdown]
# ## The outer loss: groups apart from groups
#
# Write *S<sub>ab</sub>* for the cosine of image *a* and text *b*, divided by a temperature τ, and
# *P(a)* for the texts of *a*'s group. The softmax of row *a* gives each text a probability. The
# outer loss asks how much of it falls on texts of the group:
#
# > L<sub>out</sub> = ½ { mean<sub>a</sub> [ log Σ<sub>b</sub> e<sup>S<sub>ab</sub></sup> −
# > log Σ<sub>b ∈ P(a)</sub> e<sup>S<sub>ab</sub></sup> ] + the same for texts, on the transpose }
#
# The sum over the group stands *inside* the logarithm. By hand, literally:

# %%
# NBVAL_CHECK_OUTPUT
tau = 0.3
S = cosine / tau
own = torch.block_diag(*[torch.ones(N, N)] * M).bool()


def literal(S):
    inside = S.masked_fill(~own, -math.inf)
    return (S.logsumexp(1) - inside.logsumexp(1)).mean()


by_hand = (literal(S) + literal(S.T)) / 2
print(f"by hand    {by_hand:.4f}")
print(f"outer_loss {outer_loss(image, text, temperature=tau):.4f}")
assert torch.isclose(by_hand, outer_loss(image, text, temperature=tau))

# %% [markdown]
# ## Who is pulled where
#
# A loss teaches by its *gradient*. The arrow at each mark is *minus* the gradient: where this loss
# would turn this vector. To the left the CLIP loss, for which the rest of the group is wrong. To
# the right the outer loss.

# %%
longest_guess = predict(
    "Which of the eighteen vectors does the outer loss turn most?",
    None,  # one of the names below
    example="an image of sea",
    among=("an image of feast", "the stray caption", "an image of sea", "a caption of work"),
)
longest_guess

# %%
clip = negative_gradient(image, text, loss_of("clip", temperature=tau))
outer = negative_gradient(image, text, lambda u, v: outer_loss(u, v, temperature=tau))
arrows = gradient_figure(
    {"CLIP: each image its own caption": clip, "outer loss: each image its group": outer},
    names=names,
    title="Where two losses turn the same batch",
)
assert outer.text_step.norm(dim=-1).argmax() == 2  # the stray
assert outer.text_step.norm(dim=-1).max() > outer.image_step.norm(dim=-1).max()
show(arrows)

# %%
longest_guess.reveal("the stray caption")

# %% [markdown]
# Look inside a group. CLIP sets its members against each other: it pushes an image away from the
# caption of its neighbour, which may describe it just as well. The outer loss pushes nothing apart
# inside a group. Its longest arrow is at the stray, which lies in another group. As numbers, the
# slope of both losses in each similarity:

# %%
# NBVAL_CHECK_OUTPUT
rows = {"CLIP": lambda S: -S.log_softmax(1).diagonal().mean(), "outer": literal}
for name, loss in rows.items():
    S = (cosine / tau).requires_grad_()
    slope = torch.autograd.grad(loss(S) + loss(S.T), S)[0]
    for what, text_number in (("its own caption", 3), ("its neighbour's", 4), ("a stranger's", 0)):
        way = "pushed away from" if slope[3, text_number] > 0 else "pulled to"
        print(f"{name:<5} the first image of sea is {way} {what}")

# %% [markdown]
# ## One near text is enough
#
# Because the sum is inside the logarithm, an image has a low loss as soon as *one* text of its
# group is near. The images of *feast* have other captions near them, so the stray adds little to
# their loss. UniCL, another grouped loss, takes the mean of logs instead: every text of the group
# must come near, the stray too.

# %%
# NBVAL_CHECK_OUTPUT
unicl = negative_gradient(image, text, loss_of("unicl", temperature=tau))
turned = {"outer": outer, "UniCL": unicl}
for name, one in turned.items():
    images = one.image_step[0].norm(dim=-1)
    print(f"{name:<6} loss {one.value:.2f}, mean pull on the images of feast {images.mean():.2f}")
ratio = unicl.image_step[0].norm() / outer.image_step[0].norm()
print(f"UniCL's gradient at the images of feast is {ratio:.1f} times as long")
above = unicl.value - outer.value
print(f"UniCL's loss is {above:.2f} above the outer one, and log N is {math.log(N):.2f}")
assert unicl.value >= outer.value + math.log(N)

# %%
arrows = gradient_figure(
    {"outer: one near text satisfies": outer, "UniCL: all of them must be near": unicl},
    names=names,
    title="The same batch, two ways to treat a stray",
)
assert sum(bool(trace.showlegend) for trace in arrows.data) == 2 * M
show(arrows)

# %% [markdown]
# ## The inner loss: a group around its centre
#
# The outer loss alone does not ask a group to lie close together. The inner loss multiplies every
# image of a group with every text of it, number by number, and normalises: *c<sub>g,ij</sub>* =
# (I<sub>g,i</sub> ∗ T<sub>g,j</sub>) / length. Their mean direction is the centre μ<sub>g</sub>,
# and each product has to find its own centre among all centres:
#
# > L<sub>in</sub> = mean<sub>g,ij</sub> [ log Σ<sub>h</sub> e<sup>c<sub>g,ij</sub> · μ<sub>h</sub>
# > / τ′</sup> − c<sub>g,ij</sub> · μ<sub>g</sub> / τ′ ]
#
# > L = α L<sub>out</sub> + (1 − α) L<sub>in</sub>, with α = 0.7 and τ = τ′ = 0.1 in the paper.

# %%
# NBVAL_CHECK_OUTPUT
products = torch.nn.functional.normalize(image[:, :, None] * text[:, None], dim=-1)  # (M, N, N, L)
centres = torch.nn.functional.normalize(products.mean((1, 2)), dim=-1)
logits = products.reshape(-1, L) @ centres.T / tau
target = torch.arange(M).repeat_interleave(N * N)
by_hand = torch.nn.functional.cross_entropy(logits, target)
print(f"by hand    {by_hand:.4f}")
print(f"inner_loss {inner_loss(image, text, temperature=tau):.4f}")
assert torch.isclose(by_hand, inner_loss(image, text, temperature=tau))

# %% [markdown]
# ## Change alpha and temperature
#
# Run this cell in JupyterLab and move the sliders. **Alpha** 1 is the outer loss alone, 0 the inner
# alone. A low **temperature** gives nearly all probability to the nearest text: long arrows at the
# few hardest marks, none elsewhere. A high one pulls at everything a little.


# %%
def drawn(alpha, temperature):
    loss = GroupedContrastiveLoss(alpha, temperature, temperature)
    one = negative_gradient(image, text, lambda u, v: loss(u, v).total)
    free = gradient_descent(image, text, lambda u, v: loss(u, v).total, steps=150, rate=0.1)
    return gradient_figure(
        {f"pulls, loss {one.value:.2f}": one, f"150 steps later, loss {free.value:.2f}": free},
        names=names,
        title=f"alpha {alpha:g}, temperature {temperature:g}",
    )


first = explore(drawn, alpha=[0, 0.35, 0.7, 0.85, 1], temperature=[0.05, 0.1, 0.3, 0.6, 1])
assert first.layout.title.text == "alpha 0.7, temperature 0.3"

# %% [markdown]
# How concentrated does the pull become? For the images of our batch, the share of the push that
# goes to the *nearest* text of a foreign group, over the temperature:

# %%
taus = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
foreign = cosine.masked_fill(own, -math.inf)
share = [100 * (foreign / t).softmax(1).amax(1).mean().item() for t in taus]
focus = curves_figure(
    {"share of the nearest": Curve(taus, share)},
    x="temperature",
    y="share of the push",
    suffix="%",
    logarithmic=True,
    level=("shared\nalike", 100 / (B - N)),
    title="At a low temperature the nearest wrong text takes nearly all of the push",
)
assert share == sorted(share, reverse=True)
assert share[0] > 95
show(focus)

# %% [markdown]
# ## Pairwise or centroid
#
# The paper has a cheaper form. Outer: the mean image of each group against the mean text of each
# group, M × M numbers instead of B × B. Inner: each image against the image centroids, each text
# against the text centroids. Look at the stray: in the mean of its group it is one of three.

# %%
forms = {
    variant: negative_gradient(image, text, loss_of(name, temperature=tau, inner_temperature=tau))
    for variant, name in (("pairwise", "grouped"), ("centroid", "grouped-centroid"))
}
arrows = gradient_figure(forms, names=names, title="The grouped loss in its two forms")
assert set(forms) == {"pairwise", "centroid"}
show(arrows)

# %% [markdown]
# ## A loss that looks like success
#
# A model was trained with the inner loss in its centroid form, 8 groups of 2. Its loss is now 0.2.
# A model that finds all eight centroids equally likely has a loss of log 8 = 2.08. So it has
# learned its groups well? Compare it with something that has learned nothing: 8 groups of random
# vectors that share nothing.

# %%
noise_guess = predict(
    "What is the inclusive inner loss of pure noise, 8 groups of 2?", None, example=2.08
)
noise_guess

# %%
# NBVAL_CHECK_OUTPUT
sizes = [2, 3, 5, 8, 10, 20]
torch.manual_seed(SEED)
noise = {n: [torch.randn(2, 8, n, 64, dtype=torch.float64) for _ in range(5)] for n in sizes}
scores = {
    kind: [
        [inner_loss(*pair, variant="centroid", centroid=kind).item() for pair in noise[n]]
        for n in sizes
    ]
    for kind in ("inclusive", "leave_one_out")
}
assert round(math.log(8), 2) == 2.08
for kind, values in scores.items():
    means = " ".join(f"N={n}: {sum(v) / 5:.1f}" for n, v in zip(sizes, values, strict=True))
    print(f"{kind:<14} {means}")
print(f"all equally likely: {math.log(8):.1f}")

# %%
noise_guess.reveal(np.mean(scores["inclusive"][0]))

# %%
trap = curves_figure(
    {
        kind.replace("_", " "): over_seeds(sizes, list(zip(*values, strict=True)))
        for kind, values in scores.items()
    },
    x="members of a group, N",
    y="inner loss on pure noise",
    level=("all equally\nlikely", math.log(8)),
    title="The inclusive form is near 0 on noise where groups are small",
)
assert max(scores["inclusive"][0]) < 0.2
assert min(min(v) for v in scores["leave_one_out"]) > 1.5
show(trap)

# %% [markdown]
# Noise has a lower loss than the model. That loss was no success: it may have learned **nothing**.
# Why? Each member is *part of the centroid that it has to find*. In a group of two it is half of
# it, so it is near to its own centroid whatever the vectors are. `centroid="leave_one_out"`
# compares a member with the centre *of the others*, and is not low on noise. (It even lies above
# log 8. At temperature 0.1 small cosines that arise by chance become large differences of
# probability. Where these favour a wrong centre the loss is high.) The inclusive form is the
# paper's and stays the default; know what its value means.
#
# ## Parity with the published code
#
# Are these the losses of the paper? The public implementation was run in float64 on a batch that
# anyone can rebuild from sines. Its values stand in the cell; they must come out.

# %%
# NBVAL_CHECK_OUTPUT
g, i, ell = torch.meshgrid(*map(torch.arange, (2, 10, 64)), indexing="ij")
g, i, ell, a = g.double(), i.double(), ell.double(), 0.3
wave = (0.9 + 0.1 * a) * (g + 1) * (ell + 1) * 0.37
u = torch.sin(wave + 0.71 * i + a) + 0.35 * torch.cos(1.7 * (i + 1) * (ell + 2) * 0.23 + g * a)
v = torch.sin(wave + 0.29 * i - a) + 0.35 * torch.sin(2.1 * (i + 1) * (ell + 3) * 0.19 - g * a)
loss = GroupedContrastiveLoss(alpha=0.7)(u, v)
published = {"total": 0.3897774, "outer": 0.1961504, "inner": 0.8415740}
for name, value in published.items():
    print(f"{name}: published {value:.4f}, here {getattr(loss, name):.4f}")
    assert math.isclose(value, getattr(loss, name), rel_tol=2e-5)

# %% [markdown]
# ## Follow the arrows
#
# Last, let all eighteen points follow their arrows for 300 steps, without a model behind them.

# %%
ends_guess = predict(
    "After that, which loss has all images of feast within a cosine of 0.9 of each other?",
    None,
    example="both",
    among=("CLIP", "grouped", "both", "neither"),
)
ends_guess

# %%
ends = {
    "CLIP": gradient_descent(image, text, loss_of("clip", temperature=tau), steps=300),
    "grouped": gradient_descent(image, text, loss_of("grouped", temperature=tau), steps=300),
}
arrows = gradient_figure(ends, arrows=False, names=names, title="After 300 steps")
nearest = {name: (one.image[0] @ one.image[0].T).min() for name, one in ends.items()}
assert nearest["grouped"] > 0.9 > nearest["CLIP"]  # cosines within *feast*
show(arrows)

# %%
ends_guess.reveal("grouped")

# %% [markdown]
# CLIP has made pairs, spread around the circle: the next pair of the own group is about as far away
# as the next pair of another. The grouped loss has made groups. The three pairs of *work* have even
# become one, and hide each other. Neither is wrong; the two losses ask for different things.
# Notebook 4 trains a real model with each of them.

# %% [markdown]
# ## A small study (20 minutes)
#
# **Question.** Which loss can tell a weak group from noise? 200 times we draw 8 groups of 2 that
# share a little, and 8 groups that share nothing. A loss is right where it is lower for the groups
# that share something. By chance that is half of the time.


# %%
def tells_apart(loss, members=2, strength=0.3, draws=200):
    generator = torch.Generator().manual_seed(SEED)
    shape = (draws, 2, 8, members, 64)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    common = torch.randn((draws, 1, 8, 1, 64), generator=generator, dtype=torch.float64)
    pairs = zip(noise, noise.flip(0) + strength * common, strict=True)
    return np.array([float(loss(*group) < loss(*alone)) for alone, group in pairs])


kit = {
    "outer": outer_loss,
    "inner, pairwise": inner_loss,
    "inner, centroid, inclusive": lambda u, v: inner_loss(u, v, variant="centroid"),
    "inner, centroid, leave one out": lambda u, v: inner_loss(
        u, v, variant="centroid", centroid="leave_one_out"
    ),
}

# %% [markdown]
# Write a loss of your own: another temperature, a sum of two, the UniCL of exercise 2.

# %%
MY_LOSS = None  # for example: lambda u, v: outer_loss(u, v, temperature=0.5)

board = Board("3 · groups of two told from noise", "share of 200 draws")
for name, loss in kit.items():
    right = tells_apart(loss)
    board.kit(name, right.mean(), interval(right))
if MY_LOSS is not None:
    right = tells_apart(MY_LOSS)
    board.add("my loss", right.mean(), interval(right))
board

# %% [markdown]
# The value of a loss and what it can tell are two things: look for the inclusive form.
#
# ## Exercises
#
# Each function takes `u` and `v`, (M, N, L) images and texts of length 1, and returns one number,
# at temperature 0.1. The checker asks for the shape, the symmetry, a value and the gradient.
#
# ### 1 · The outer loss (●○○, 10 minutes)


# %%
def my_outer(u, v):
    return None


check.loss(my_outer, "outer")

# %% [markdown]
# <details><summary>Hint</summary>
#
# `literal` of above has it for one way. It needs the mask `own` for any M and N: compare the
# numbers of the groups, `torch.arange(M).repeat_interleave(N)`.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_outer(u, v):
#     s = u.flatten(0, 1) @ v.flatten(0, 1).T / 0.1
#     group = torch.arange(len(u)).repeat_interleave(u.shape[1])
#     strangers = group[:, None] != group
#     own = s.masked_fill(strangers, -math.inf)
#     ways = [s.logsumexp(way) - own.logsumexp(way) for way in (1, 0)]
#     return (ways[0].mean() + ways[1].mean()) / 2
# ```
# The mask is symmetric, so that columns can be summed in place of a transpose.
# </details>
#
# ### 2 · UniCL (●○○, 10 minutes)
#
# The same, but the mean of the logarithms over the texts of the group, not the logarithm of their
# sum.


# %%
def my_unicl(u, v):
    return None


check.loss(my_unicl, "unicl")

# %% [markdown]
# <details><summary>Hint</summary>
#
# `log_softmax` gives a logarithm for each text; choose those of the own group and take their mean.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_unicl(u, v):
#     s = u.flatten(0, 1) @ v.flatten(0, 1).T / 0.1
#     group = torch.arange(len(u)).repeat_interleave(u.shape[1])
#     own = group[:, None] == group
#     return -(s.log_softmax(1)[own].mean() + s.log_softmax(0)[own].mean()) / 2
# ```
# All groups have N members, so that the mean over all own pairs is the mean over anchors of means.
# </details>
#
# ### 3 · The inner loss (●●○, 20 minutes)
#
# The pairwise form: products of every image of a group with every text of it, normalised; each has
# to find the centre of its group.


# %%
def my_inner(u, v):
    return None


check.loss(my_inner, "inner")

# %% [markdown]
# <details><summary>Hint</summary>
#
# `u[:, :, None] * v[:, None]` has the shape (M, N, N, L). Normalise, take the mean over both member
# axes, and normalise again. The rest is a cross entropy.
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_inner(u, v):
#     unit = torch.nn.functional.normalize
#     products = unit(u[:, :, None] * v[:, None], dim=-1)
#     centres = unit(products.mean((1, 2)), dim=-1)
#     logits = products.flatten(0, 2) @ centres.T / 0.1
#     target = torch.arange(len(u)).repeat_interleave(u.shape[1] ** 2)
#     return torch.nn.functional.cross_entropy(logits, target)
# ```
# It changes when all vectors are turned together: a product number by number depends on the axes.
# The outer loss does not change.
# </details>
#
# ## Where to read on
#
# - [The loss stepper](stepper.html#grouped/stray), a page of the course that `make course` writes:
#   what each loss asks of each cell of a small matrix.
# - [4 · Training](04_training.ipynb): the two losses with a real model and three seeds.
# - [7 · Objectives compared](07_objectives_compared.ipynb): the registry on the same groups.
# - CLEAR GLASS, section 3: [arXiv 2509.12771](https://arxiv.org/abs/2509.12771).
# - UniCL, the mean of logs: [arXiv 2204.03610](https://arxiv.org/abs/2204.03610); what temperature
#   does to a contrastive loss: [arXiv 2012.09740](https://arxiv.org/abs/2012.09740).
