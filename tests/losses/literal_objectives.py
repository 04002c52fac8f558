"""Each objective once more, from its formula, in plain Python loops over floats.

Slow on purpose, and sharing nothing with the library but the batch. Letters as there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from glasskit.losses import GroupedBatch
from tests.losses import clear_glass_literal as clear_glass

Vector = list[float]
Literal = Callable[[Tensor, Tensor, float], Tensor]


def dot(a: Vector, b: Vector) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def unit(a: Vector) -> Vector:
    norm = math.sqrt(dot(a, a))
    return [x / norm for x in a]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def log_sum_exp(values: list[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def cross_entropy(logits: list[float], target: int) -> float:
    return log_sum_exp(logits) - logits[target]


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


@dataclass
class Rows:
    """A batch as lists of unit vectors, pair by pair, with the group and labels of each pair."""

    image: list[Vector]
    text: list[Vector]
    group: list[int]
    labels: list[set[int]]

    @classmethod
    def of(cls, batch: GroupedBatch) -> Rows:
        group = [g for g in range(batch.groups) for _ in range(batch.members)]
        labels: list[set[int]] = [set() for _ in group]
        if batch.labels is not None:
            labels = [set(row.nonzero().flatten().tolist()) for row in batch.labels.flatten(0, 1)]
        return cls(rows(batch.image), rows(batch.text), group, labels)

    def share(self, a: int, b: int) -> bool:
        return a != b and bool(self.labels[a] & self.labels[b])

    def members(self, g: int) -> list[int]:
        return [a for a, own in enumerate(self.group) if own == g]


def rows(x) -> list[Vector]:
    return [unit(v) for v in x.detach().double().flatten(0, 1).tolist()]


def clip(batch: GroupedBatch, s: float = 10.0) -> float:
    return info_nce(Rows.of(batch), s)


def info_nce(r: Rows, s: float) -> float:
    values = []
    for u, v in ((r.image, r.text), (r.text, r.image)):
        for a in range(len(u)):
            logits = [s * dot(u[a], v[b]) for b in range(len(v)) if not r.share(a, b)]
            values.append(log_sum_exp(logits) - s * dot(u[a], v[a]))
    return mean(values)


def siglip(
    batch: GroupedBatch, s: float = 10.0, bias: float = -10.0, of_group: bool = False
) -> float:
    r = Rows.of(batch)
    total = 0.0
    for a in range(len(r.image)):
        for b in range(len(r.text)):
            yes = r.group[a] == r.group[b] if of_group else a == b
            if r.share(a, b) and not yes:
                continue
            total -= log_sigmoid((1 if yes else -1) * (s * dot(r.image[a], r.text[b]) + bias))
    return total / len(r.image)


grouped_siglip = partial(siglip, of_group=True)


def outer_and_inner(outer: Literal, inner: Literal) -> Callable[[GroupedBatch, float], float]:
    """CLEAR GLASS of two terms that `clear_glass_literal` writes out; the inner tau is 0.1."""

    def value(batch: GroupedBatch, s: float = 10.0) -> float:
        image, text = batch.image.double(), batch.text.double()
        return (0.7 * outer(image, text, 1 / s) + 0.3 * inner(image, text, 0.1)).item()

    return value


grouped = outer_and_inner(clear_glass.outer_pairwise, clear_glass.inner_pairwise)


def unicl(batch: GroupedBatch, s: float = 10.0) -> float:
    r, total = Rows.of(batch), 0.0
    count = range(len(r.image))
    for u, v in ((r.image, r.text), (r.text, r.image)):
        for a in count:
            own = r.members(r.group[a])
            logits = [s * dot(u[a], v[b]) for b in count if b in own or not r.share(a, b)]
            total += mean([log_sum_exp(logits) - s * dot(u[a], v[p]) for p in own])
    return total / (2 * len(r.image))


def group_samples(batch: GroupedBatch) -> list[list[Vector]]:
    r = Rows.of(batch)
    return [
        [r.image[a] for a in r.members(g)] + [r.text[a] for a in r.members(g)]
        for g in range(batch.groups)
    ]


def pair_samples(batch: GroupedBatch) -> list[list[Vector]]:
    sides = [rows(x) for x in (batch.image, batch.text, batch.paraphrase) if x is not None]
    return [list(views) for views in zip(*sides, strict=True)]


def supcon(batch: GroupedBatch, s: float = 10.0) -> float:
    z = [(g, v) for g, views in enumerate(group_samples(batch)) for v in views]
    values = []
    for a, (own, va) in enumerate(z):
        spread = log_sum_exp([s * dot(va, vk) for k, (_, vk) in enumerate(z) if k != a])
        positives = [vp for p, (g, vp) in enumerate(z) if g == own and p != a]
        values.append(-mean([s * dot(va, vp) - spread for vp in positives]))
    return mean(values)


def match_probability(samples: list[list[Vector]], i: int, a: int, b: int, s: float) -> float:
    own = math.exp(s * dot(samples[i][a], samples[i][b]))
    others = math.fsum(
        math.exp(s * dot(samples[i][a], z))
        for j, views in enumerate(samples)
        if j != i
        for z in views
    )
    return own / (own + others)


def polyview(samples: list[list[Vector]], s: float, arithmetic: bool) -> float:
    values = []
    for i, views in enumerate(samples):
        for a in range(len(views)):
            found = [match_probability(samples, i, a, b, s) for b in range(len(views)) if b != a]
            value = math.log(mean(found)) if arithmetic else mean([math.log(p) for p in found])
            values.append(-value)
    return mean(values)


def mv_infonce(samples: list[list[Vector]], s: float) -> float:
    values = []
    for i, views in enumerate(samples):
        everything = [
            s * dot(v, w)
            for k, v in enumerate(views)
            for j, other in enumerate(samples)
            for m, w in enumerate(other)
            if (j, m) != (i, k)
        ]
        own = [s * dot(v, w) for k, v in enumerate(views) for m, w in enumerate(views) if m != k]
        values.append(log_sum_exp(everything) - log_sum_exp(own))
    return mean(values)


def mv_dhel(samples: list[list[Vector]], s: float) -> float:
    values = []
    for i, views in enumerate(samples):
        own = [s * dot(v, w) for k, v in enumerate(views) for w in views[k + 1 :]]
        value = -log_sum_exp(own)
        if len(samples) > 1:
            for k, v in enumerate(views):
                others = [other[k] for j, other in enumerate(samples) if j != i]
                value += log_sum_exp([s * dot(v, w) for w in others])
        values.append(value)
    return mean(values)


def semclip(batch: GroupedBatch, axes: list[Vector], s: float = 10.0) -> float:
    def project(v: Vector) -> Vector:
        return unit([dot(v, axis) for axis in axes])

    r = Rows.of(batch)
    text = [project(v) for v in r.text]
    plus = [project(v) for v in rows(batch.paraphrase)]
    minus = [project(v) for v in rows(batch.negation)]
    same = mean([1 - dot(t, p) for t, p in zip(text, plus, strict=True)])
    apart = mean([max(0.0, dot(t, n)) for t, n in zip(text, minus, strict=True)])
    return (info_nce(r, s) + same + apart) / 3


def conclip(batch: GroupedBatch, s: float = 10.0) -> float:
    r = Rows.of(batch)
    minus, negative = rows(batch.negation), rows(batch.negative_image)
    terms = (
        (r.image, r.text + minus),
        (r.text, r.image + negative),
        (negative, minus + r.text),
    )
    return mean(
        [
            mean([cross_entropy([s * dot(v, w) for w in pool], a) for a, v in enumerate(queries)])
            for queries, pool in terms
        ]
    )


def negclip(batch: GroupedBatch, s: float = 10.0) -> float:
    r = Rows.of(batch)
    terms = ((r.image, r.text + rows(batch.altered)), (r.text, r.image))
    return mean(
        [
            mean([cross_entropy([s * dot(v, w) for w in pool], a) for a, v in enumerate(queries)])
            for queries, pool in terms
        ]
    )


def c2lip(
    batch: GroupedBatch, s: float = 10.0, bias: float = -10.0, npc: float = 1.0, xac: float = 0.01
) -> float:
    r = Rows.of(batch)
    phrases = [unit(c) for c in batch.phrases.detach().double().tolist()]
    patches = batch.patches.detach().double().flatten(0, 1).tolist()
    whole = pooled = 0.0
    for c, owner in zip(phrases, batch.phrase_owner.tolist(), strict=True):
        for a, u in enumerate(r.image):
            y = 1 if a == owner else -1
            whole -= log_sigmoid(y * (s * dot(u, c) + bias))
            weights = [math.exp(dot(c, t)) for t in patches[a]]
            seen = [
                math.fsum(w * t[i] for w, t in zip(weights, patches[a], strict=True))
                for i in range(len(c))
            ]
            pooled -= log_sigmoid(y * (s * dot(unit(seen), c) + bias))
    return siglip(batch, s, bias) + (npc * whole + xac * pooled) / len(phrases)


K = 0.1


def lifted(v: Vector, c: float) -> tuple[Vector, float]:
    """The exponential map at the root, space part and time part, as MERU writes it."""
    norm = math.sqrt(c) * math.sqrt(dot(v, v))
    space = [math.sinh(norm) / norm * x for x in v]
    return space, math.sqrt(1 / c + dot(space, space))


def lorentz(x: Vector, y: Vector, c: float = 1.0) -> tuple[float, float]:
    """Distance, and how far y is outside the cone of x."""
    (a, a_t), (b, b_t) = lifted(x, c), lifted(y, c)
    inner = c * (dot(a, b) - a_t * b_t)
    size = math.sqrt(dot(a, a))
    outside = math.acos((b_t + a_t * inner) / (size * math.sqrt(inner**2 - 1)))
    aperture = math.asin(min(1 - 1e-6, 2 * K / (math.sqrt(c) * size)))
    return math.acosh(-inner) / math.sqrt(c), outside - aperture


def euclidean(x: Vector, y: Vector) -> tuple[float, float]:
    """Distance, and how far y is outside the cone of x, in flat space."""
    way = [b - a for a, b in zip(x, y, strict=True)]
    size, far = math.sqrt(dot(x, x)), math.sqrt(dot(way, way))
    outside = math.acos(max(-1.0, min(1.0, dot(way, x) / (far * size))))
    return far, outside - math.asin(min(1 - 1e-6, 2 * K / size))


def entailment(
    batch: GroupedBatch,
    s: float = 10.0,
    between: Callable[[Vector, Vector], tuple[float, float]] = lorentz,
) -> float:
    kinds = [f.detach().double().flatten(0, 1) for f in (batch.image, batch.text, batch.general)]
    size = mean([math.sqrt(dot(v, v)) for kind in kinds for v in kind.tolist()])
    image, text, general = ([[x / size for x in v] for v in kind.tolist()] for kind in kinds)
    r, pairs = Rows.of(batch), range(len(image))
    values = []
    for others, beside in ((text, False), (general, True)):
        for a in pairs:
            met = [b for b in pairs if a == b or not (beside and r.group[a] == r.group[b])]
            for u, v in ((image, others), (others, image)):
                values.append(
                    cross_entropy([-s * between(u[a], v[b])[0] for b in met], met.index(a))
                )
    chain = [(general[a], text[a]) for a in pairs] + [(text[a], image[a]) for a in pairs]
    return mean(values) + 0.2 * mean([max(0.0, between(x, y)[1]) for x, y in chain])


def joint(batch: GroupedBatch, s: float = 10.0, weight: float = 0.2) -> float:
    return weight * clip(batch, s) + (1 - weight) * grouped(batch, s)


LITERAL: dict[str, Callable[[GroupedBatch, float], float]] = {
    "clip": clip,
    "siglip": siglip,
    "grouped": grouped,
    "grouped-centroid": outer_and_inner(clear_glass.outer_centroid, clear_glass.inner_centroid),
    "grouped-leave-one-out": outer_and_inner(
        clear_glass.outer_centroid,
        partial(clear_glass.inner_centroid, leave_one_out=True),
    ),
    "grouped-cosine": outer_and_inner(
        clear_glass.outer_pairwise, lambda i, t, tau: clear_glass.inner_cosine(i, t)
    ),
    "grouped-siglip": grouped_siglip,
    "unicl": unicl,
    "supcon": supcon,
    "polyview-geometric": lambda batch, s: polyview(group_samples(batch), s, False),
    "polyview-arithmetic": lambda batch, s: polyview(group_samples(batch), s, True),
    "mv-infonce": lambda batch, s: mv_infonce(group_samples(batch), s),
    "mv-dhel": lambda batch, s: mv_dhel(group_samples(batch), s),
    "conclip": conclip,
    "negclip": negclip,
    "c2lip": c2lip,
    "entailment": entailment,
    "entailment-euclidean": partial(entailment, between=euclidean),
    "joint": joint,
}
