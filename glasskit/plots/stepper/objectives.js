// The objectives of glasskit/losses at two groups of two pairs, as functions of the cosines alone or,
// for the inner loss, of the products number by number. tests/plots/test_stepper.py compares every
// one with Python. A batch holds arrays of unit vectors by the names of GroupedBatch; o holds the
// settings of the registry; s = 1 / tau.
const N = 2;
let nudge = null; // {x, y, by}: raises the cosine of x and y by so much, see slope

const sum = (list, f = (x) => x) => list.reduce((total, x, i) => total + f(x, i), 0);
const mean = (list, f) => sum(list, f) / list.length;
const logSumExp = (list) => { const top = Math.max(...list); return top + Math.log(sum(list, (x) => Math.exp(x - top))); };
const logSigmoid = (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
const unit = (x) => { const length = Math.hypot(...x); return x.map((value) => (length > 1e-12 ? value / length : 0)); };
const total = (vectors) => vectors[0].map((_, d) => sum(vectors, (x) => x[d]));

const same = (x, y) => (x === nudge.x && y === nudge.y) || (x === nudge.y && y === nudge.x);
const product = (x, y) => { const by = nudge && same(x, y) ? nudge.by / x.length : 0; return x.map((value, d) => value * y[d] + by); };
const dot = (x, y) => sum(product(x, y));

const groupOf = (a) => Math.floor(a / N);
const groups = (list) => list.filter((_, a) => a % N === 0).map((_, g) => list.slice(g * N, g * N + N));
const table = (rows, columns, s) => rows.map((x) => columns.map((y) => s * dot(x, y)));
const own = (row, a) => row.filter((_, b) => groupOf(b) === groupOf(a));
const bothWays = (logits, f) => (mean(logits, f) + mean(logits[0].map((_, b) => logits.map((row) => row[b])), f)) / 2;
const pick = (row, a) => logSumExp(row) - row[a];

const clip = (b, s) => bothWays(table(b.image, b.text, s), pick);
const sigmoid = (logits, yes, count) => -sum(logits, (row, a) => sum(row, (x, k) => logSigmoid(yes(a, k) ? x : -x))) / count;
const siglip = (b, s, o, yes) => sigmoid(table(b.image, b.text, s).map((row) => row.map((x) => x + o.logit_bias)), yes, b.image.length);

// CLEAR GLASS. The cosine of two centroids follows from cosines: no sum of vectors is needed.
const sumDot = (A, B) => sum(A, (x) => sum(B, (y) => dot(x, y)));
const cosine = (A, B) => { const squared = sumDot(A, A) * sumDot(B, B); return squared > 1e-20 ? sumDot(A, B) / Math.sqrt(squared) : 0; };
const outerPairwise = (b, tau) => bothWays(table(b.image, b.text, 1 / tau), (row, a) => logSumExp(row) - logSumExp(own(row, a)));
const outerCentroid = (b, tau) => bothWays(groups(b.image).map((A) => groups(b.text).map((B) => cosine(A, B) / tau)), pick);
const innerCentroid = (b, tau, leaveOut) => mean([b.image, b.text], (side) => mean(side, (x, a) => {
  const others = (A) => (leaveOut ? A.filter((y) => y !== x) : A);
  return pick(groups(side).map((A) => cosine([x], others(A)) / tau), groupOf(a));
}));
const products = (b) => groups(b.image).map((A, g) => A.flatMap((x) => groups(b.text)[g].map((y) => unit(product(x, y)))));
const innerPairwise = (b, tau) => {
  const found = products(b), centres = found.map((c) => unit(total(c)));
  return mean(found, (cs, g) => mean(cs, (c) => pick(centres.map((centre) => dot(c, centre) / tau), g)));
};
const innerCosine = (b) => 1 - mean(products(b), (cs) => Math.hypot(...total(cs)) / cs.length);
const clearGlass = (outerLoss, innerLoss) => (b, o) => {
  const outer = outerLoss(b, o.temperature), inner = innerLoss(b, o.inner_temperature);
  return { total: o.alpha * outer + (1 - o.alpha) * inner, parts: { outer, inner } };
};
const grouped = clearGlass(outerPairwise, innerPairwise);

// A group as a sample, its images and texts as views.
const samples = (b) => groups(b.image).map((A, g) => [...A, ...groups(b.text)[g]]);
const without = (list, x) => list.filter((y) => y !== x);
const meets = (x, list, s) => list.map((y) => s * dot(x, y));
const overViews = (b, f) => mean(samples(b), (views, i) => f(views, samples(b).filter((_, j) => j !== i)));
const supcon = (b, s) => overViews(b, (views, others) => mean(views, (z) => {
  const positives = meets(z, without(views, z), s);
  return logSumExp([...positives, ...meets(z, others.flat(), s)]) - mean(positives);
}));
const polyview = (b, s, combine) => overViews(b, (views, others) => mean(views, (z) => {
  const rest = logSumExp(meets(z, others.flat(), s));
  return -combine(meets(z, without(views, z), s).map((x) => logSigmoid(x - rest)));
}));
const within = (views, s) => logSumExp(views.flatMap((z) => meets(z, without(views, z), s)));
const mvInfoNce = (b, s) => overViews(b, (views, others) =>
  logSumExp(views.flatMap((z) => meets(z, [...without(views, z), ...others.flat()], s))) - within(views, s));

// What reads more than images and texts.
const among = (rows, right, wrong, s) => mean(rows, (x, a) => pick(meets(x, [...right, ...wrong], s), a));
const phrases = (logits) => sigmoid(logits, (a, k) => a === k, logits[0].length);
const pooled = (patches, c) => { // cosine of phrase c with the patches that it attends to
  const weight = patches.map((t) => Math.exp(dot(c, t)));
  const seen = sum(patches, (t, p) => weight[p] * dot(c, t));
  return seen / Math.sqrt(sum(patches, (t, p) => sum(patches, (r, q) => weight[p] * weight[q] * dot(t, r))));
};

// Entailment: fields have lengths here, as shares of their mean; t the angle between two directions.
const LENGTHS = { image: 1.3, text: 1, general: 0.7 };
const share = (field) => LENGTHS[field] / mean(Object.values(LENGTHS));
const flat = {
  distance: (p, q, turn) => Math.sqrt(Math.max((p - q) ** 2 + 2 * p * q * turn, 1e-6)),
  exterior: (p, q, turn, sin) => Math.atan2(q * sin, q - p - q * turn),
  size: (p) => p,
};
const hyperbolic = { // of curvature -1
  distance: (p, q, turn) => Math.acosh(1 + Math.max(Math.cosh(p - q) - 1 + Math.sinh(p) * Math.sinh(q) * turn, 1e-6)),
  exterior: (p, q, turn, sin) => Math.atan2(Math.sinh(q) * sin, Math.sinh(q - p) - Math.cosh(p) * Math.sinh(q) * turn),
  size: Math.sinh,
};
const entailment = (space) => (b, o) => {
  const contrast = (other, keep) => {
    const logits = b.image.map((u) => b[other].map((y) => -space.distance(share("image"), share(other), 1 - dot(u, y)) / o.temperature));
    return bothWays(logits, (row, a) => logSumExp(row.filter((_, k) => keep(a, k))) - row[a]);
  };
  const outside = ([x, y]) => b[x].map((vector, a) => {
    const turn = Math.min(Math.max(1 - dot(vector, b[y][a]), 0), 2), p = share(x);
    const aperture = Math.asin(Math.min(0.2 / space.size(p), 1 - 1e-6));
    return space.exterior(p, share(y), turn, Math.sqrt(turn * (2 - turn))) - aperture;
  });
  const found = [["general", "text"], ["text", "image"]].flatMap(outside);
  const parts = {
    contrast: (contrast("text", () => true) + contrast("general", (a, k) => a === k || groupOf(a) !== groupOf(k))) / 2,
    cone: mean(found, (x) => Math.max(x, 0)),
    inside: mean(found, (x) => (x <= 0 ? 1 : 0)),
  };
  return { total: parts.contrast + o.entailment_weight * parts.cone, parts };
};

const one = (name, f) => (b, o) => { const value = f(b, 1 / o.temperature, o); return { total: value, parts: { [name]: value } }; };
const thirds = (f) => (b, o) => { const parts = f(b, 1 / o.temperature); return { total: mean(Object.values(parts)), parts }; };
const FORMULAS = {
  clip: one("clip", clip),
  siglip: one("siglip", (b, s, o) => siglip(b, s, o, (a, k) => a === k)),
  grouped,
  "grouped-centroid": clearGlass(outerCentroid, (b, tau) => innerCentroid(b, tau, false)),
  "grouped-leave-one-out": clearGlass(outerCentroid, (b, tau) => innerCentroid(b, tau, true)),
  "grouped-cosine": clearGlass(outerPairwise, innerCosine),
  "grouped-siglip": one("siglip", (b, s, o) => siglip(b, s, o, (a, k) => groupOf(a) === groupOf(k))),
  unicl: one("unicl", (b, s) => bothWays(table(b.image, b.text, s), (row, a) => logSumExp(row) - mean(own(row, a)))),
  supcon: one("supcon", supcon),
  "polyview-geometric": one("polyview", (b, s) => polyview(b, s, mean)),
  "polyview-arithmetic": one("polyview", (b, s) => polyview(b, s, (logs) => logSumExp(logs) - Math.log(logs.length))),
  "mv-infonce": one("mv-infonce", mvInfoNce),
  "mv-dhel": (b, o) => {
    const s = 1 / o.temperature;
    const alignment = Math.log(2) - mean(samples(b), (views) => within(views, s));
    const uniformity = overViews(b, (views, others) => sum(views, (z, l) => logSumExp(others.map((views) => s * dot(z, views[l])))));
    return { total: alignment + uniformity, parts: { alignment, uniformity } };
  },
  semclip: thirds((b, s) => ({ // in two dimensions its projection on two directions changes no cosine
    clip: clip(b, s),
    paraphrase: 1 - mean(b.text, (t, a) => dot(t, b.paraphrase[a])),
    negation: mean(b.text, (t, a) => Math.max(0, dot(t, b.negation[a]))),
  })),
  conclip: thirds((b, s) => ({
    image: among(b.image, b.text, b.negation, s),
    text: among(b.text, b.image, b.negative_image, s),
    negative_image: among(b.negative_image, b.negation, b.text, s),
  })),
  negclip: (b, o) => {
    const s = 1 / o.temperature;
    const parts = { image: among(b.image, b.text, b.altered, s), text: mean(table(b.text, b.image, s), pick) };
    return { total: (parts.image + parts.text) / 2, parts };
  },
  c2lip: (b, o) => {
    const s = 1 / o.temperature;
    const parts = {
      siglip: siglip(b, s, o, (a, k) => a === k),
      npc: phrases(b.image.map((u) => b.phrases.map((c) => s * dot(u, c) + o.logit_bias))),
      xac: phrases(b.patches.map((t) => b.phrases.map((c) => s * pooled(t, c) + o.logit_bias))),
    };
    return { total: parts.siglip + o.npc_weight * parts.npc + o.xac_weight * parts.xac, parts };
  },
  entailment: entailment(hyperbolic),
  "entailment-euclidean": entailment(flat),
  joint: (b, o) => {
    const instance = clip(b, 1 / o.temperature), second = grouped(b, o);
    const parts = { instance, grouped: second.total, "instance/clip": instance, "grouped/outer": second.parts.outer, "grouped/inner": second.parts.inner };
    return { total: o.instance_weight * instance + (1 - o.instance_weight) * second.total, parts };
  },
};

// Slope of the loss in the cosine of x and y, all other cosines as they are. A cosine is the sum of
// x * y number by number; each of these numbers is raised alike.
const slope = (name, b, o, x, y) => {
  const at = (by) => { nudge = { x, y, by }; return FORMULAS[name](b, o).total; };
  const change = (at(1e-5) - at(-1e-5)) / 2e-5;
  nudge = null;
  return change;
};
