// The page: angles in, marks, cells and the loss out.
const TAU = [0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2];
const RATE = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
const place = document.currentScript.parentElement.querySelector(".stepper");
const part = Object.fromEntries([...place.querySelectorAll("[data-name]")].map((node) => [node.dataset.name, node]));
const radians = Math.PI / 180;

// The marks of each field: ring, sign after the number, and where they begin, in degrees beside
// their pair. A negated caption begins near its caption, as untrained text towers have it.
const FIELDS = {
  image: { ring: 82, sign: "", what: "image" },
  text: { ring: 101, sign: "", what: "text" },
  paraphrase: { ring: 119, sign: "+", what: "paraphrase", means: "another caption of the picture", beside: "text", by: 18 },
  negation: { ring: 136, sign: "−", what: "negation", means: "a sentence that is false of it", beside: "text", by: -24 },
  negative_image: { ring: 62, sign: "−", what: "other picture", means: "one that the negation is true of", beside: "image", by: 130 },
  altered: { ring: 119, sign: "−", what: "altered caption", means: "with words swapped, replaced or negated", beside: "text", by: -12 },
  phrases: { ring: 119, sign: "w", what: "noun phrase", means: "one of each caption", beside: "text", by: 12 },
  general: { ring: 62, sign: "g", what: "general sentence", means: "what the picture is about", beside: "text", by: -15 },
  patches: { ring: 62, sign: "p", what: "patch", means: "two of each picture", beside: "image", by: [-32, 26] },
};
const INNER = "The inner loss compares products of an image and a text, number by number, so that its part of a colour changes when all vectors turn alike. Alpha 1 shows the outer loss alone.";
const CONES = "Lengths are held: image 1.3, text 1, general sentence 0.7. Rings do not show them, and steps turn vectors only.";
const BIAS = "Its bias is held here and learned in training; at temperatures above 0.1 all answers are no.";
const NOTES = {
  siglip: BIAS, "grouped-siglip": BIAS, c2lip: BIAS, grouped: INNER, "grouped-cosine": INNER, joint: INNER,
  entailment: CONES, "entailment-euclidean": CONES,
  semclip: "Its projection on two directions changes no cosine of vectors that have only two numbers.",
  "mv-dhel": "A mark is spread from the mark at the same place of the other group only: 1 from 3, 2 from 4.",
};
const BATCHES = {
  "one stray": () => ({ image: [62, 104, 198, 240], text: [84, 213, 228, 180] }),
  aligned: () => ({ image: [66, 98, 232, 270], text: [74, 110, 222, 258] }),
  pairs: () => ({ image: [40, 165, 290, 230], text: [48, 157, 282, 238] }),
  random: () => ({ image: [0, 0, 0, 0].map(() => 360 * Math.random()), text: [0, 0, 0, 0].map(() => 360 * Math.random()) }),
};

let angles = {}; // field -> degrees of each of its marks
let first = {}; // the same where the steps began
let losses = []; // of the steps since then
let timer = 0;
let hidden = false;

const name = () => part.objective.value;
const options = () => {
  const tau = TAU[part.tau.value];
  return { ...objectives[name()].settings, temperature: tau, inner_temperature: tau, alpha: +part.alpha.value };
};
const used = () => ["image", "text", ...objectives[name()].needs];
const vector = (degrees) => [Math.cos(degrees * radians), Math.sin(degrees * radians)];
const batchOf = (at) => {
  const b = Object.fromEntries(Object.entries(at).map(([field, list]) => [field, list.map(vector)]));
  b.patches = b.image.map((_, a) => b.patches.slice(2 * a, 2 * a + 2));
  return b;
};
const valueAt = (at, o = options()) => FORMULAS[name()](batchOf(at), o);
const turned = (field, i, by) => ({ ...angles, [field]: angles[field].map((x, k) => (k === i ? x + by : x)) });
// Minus the derivative of the loss in each angle, in radians: the arrows.
const descent = () => {
  const o = options(), h = 1e-4;
  const at = (field, i, by) => valueAt(turned(field, i, by), o).total;
  return Object.fromEntries(used().map((field) => [field,
    angles[field].map((_, i) => (at(field, i, -h) - at(field, i, h)) / (2 * h * radians))]));
};
// One step on the vectors, each set back to length 1, as gradient_descent in analysis/gradients.py.
const step = () => {
  const arrows = descent(), rate = RATE[part.rate.value];
  const next = Object.entries(arrows).map(([field, list]) => [field,
    angles[field].map((x, i) => x + Math.atan(rate * list[i]) / radians)]);
  angles = { ...angles, ...Object.fromEntries(next) };
  losses.push(valueAt(angles).total);
};

const svg = (tag, attributes, ...inside) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.append(...inside);
  return node;
};
const html = (tag, properties, ...inside) => { const node = Object.assign(document.createElement(tag), properties); node.append(...inside); return node; };
const show = (x, digits = 2) => x.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");
const degrees = (x) => Math.round(((x % 360) + 360) % 360);

// Marks are made once for an objective and moved afterwards, so that one keeps the keyboard's focus.
let marks = [];
const makeMarks = () => {
  const reach = Math.max(...used().map((field) => FIELDS[field].ring)) + 18;
  part.circle.setAttribute("viewBox", [-reach, -reach, 2 * reach, 2 * reach].join(" "));
  part.circle.replaceChildren(...new Set(used().map((field) => FIELDS[field].ring)).values().map((r) => svg("circle", { r, class: "ring" })));
  marks = used().flatMap((field) => angles[field].map((_, i) => {
    const { ring, sign, what } = FIELDS[field];
    const pair = field === "patches" ? Math.floor(i / 2) : i;
    const round = ["image", "negative_image", "patches"].includes(field);
    const open = field !== "image" && field !== "text";
    const shape = round ? svg("circle", { r: 8.5, class: "shape" }) : svg("rect", { x: -8, y: -8, width: 16, height: 16, class: "shape" });
    const label = svg("text", {}, pair + 1 + sign);
    const node = svg("g", { class: `mark g${groupOf(pair)} ${open ? "open" : ""}`, tabindex: 0, role: "slider", "aria-label": `${what} ${pair + 1}`, "aria-valuemin": 0, "aria-valuemax": 359 },
      svg("circle", { r: 13, class: "reach" }), shape, label);
    const arrow = svg("path", { class: `arrow g${groupOf(pair)}` });
    const turn = (x) => { angles[field][i] = x; begin(); };
    node.onkeydown = (event) => {
      const by = { ArrowLeft: 3, ArrowUp: 3, ArrowRight: -3, ArrowDown: -3 }[event.key];
      if (by) { event.preventDefault(); turn(angles[field][i] + by); }
    };
    node.onpointerdown = (event) => { node.setPointerCapture(event.pointerId); node.focus(); };
    node.onpointermove = (event) => {
      if (!node.hasPointerCapture(event.pointerId)) return;
      const box = part.circle.getBoundingClientRect();
      turn(Math.atan2(box.y + box.height / 2 - event.clientY, event.clientX - box.x - box.width / 2) / radians);
    };
    return { field, i, ring, node, arrow };
  }));
  part.circle.append(...marks.map((mark) => mark.arrow), ...marks.map((mark) => mark.node));
};
const drawMarks = () => {
  const arrows = descent();
  // Below 0.1 nothing is worth a long arrow: a settled batch has none.
  const longest = Math.max(0.1, ...Object.values(arrows).flat().map(Math.abs));
  marks.forEach(({ field, i, ring, node, arrow }) => {
    const [x, y] = vector(angles[field][i]), along = (45 * arrows[field][i]) / longest;
    const [cx, cy] = [ring * x, -ring * y], [dx, dy] = [-y * along, -x * along];
    node.setAttribute("transform", `translate(${cx} ${cy})`);
    node.setAttribute("aria-valuenow", degrees(angles[field][i]));
    node.setAttribute("aria-valuetext", `${degrees(angles[field][i])} degrees`);
    const size = Math.abs(along), head = Math.min(7, size / 2), [ex, ey] = [dx / size, dy / size];
    const tip = `l${-head * (ex + ey * 0.6)} ${-head * (ey - ex * 0.6)}m${head * ey * 1.2} ${-head * ex * 1.2}L${cx + dx} ${cy + dy}`;
    arrow.setAttribute("d", size < 4.5 || hidden ? "" : `M${cx} ${cy}L${cx + dx} ${cy + dy}${tip}`);
  });
};

const cell = (x, y, by, steepest, words) => {
  const share = Math.abs(by) / steepest, quiet = Math.abs(by) < 0.005 || hidden;
  const way = by < 0 ? "pull" : "push", size = show(Math.abs(by), Math.abs(by) < 10 ? 2 : 1);
  const node = html("td", { title: words + (quiet ? "" : `: ${way}`) }, show(dot(x, y)));
  node.append(html("small", {}, hidden ? "?" : quiet ? "·" : `${by < 0 ? "▲" : "▼"} ${size}`));
  if (!quiet) { node.style.setProperty("--share", share); node.style.setProperty("--tone", `var(--${way})`); }
  return node;
};
const drawTables = () => {
  const b = batchOf(angles), o = options(), all = [0, 1, 2, 3];
  const slopes = (rows, columns) => rows.map((x) => columns.map((y) => (x === y ? 0 : slope(name(), b, o, x, y))));
  const tables = [["matrix", "image", "text"], ["images", "image", "image"], ["texts", "text", "text"]]
    .map(([node, rows, columns]) => ({ node, rows, columns, by: slopes(b[rows], b[columns]) }));
  const steepest = Math.max(0.005, ...tables.flatMap(({ by }) => by.flat().map(Math.abs)));
  tables.forEach(({ node, rows, columns, by }) => {
    const alike = rows === columns; // then half of the table says it all
    const head = (what, a) => html("th", { className: `g${groupOf(a)}` }, `${alike ? "" : `${what} `}${a + 1}`);
    const body = all.slice(0, alike ? 3 : 4).map((a) => html("tr", {}, head(rows, a), ...all.slice(alike ? 1 : 0).map((k) => {
      if (alike && k <= a) return html("td", { className: "none" });
      const one = cell(b[rows][a], b[columns][k], by[a][k], steepest, `${rows} ${a + 1}, ${columns} ${k + 1}`);
      if (!alike && groupOf(a) === groupOf(k)) one.className = `${a % N ? "down" : "up"} ${k % N ? "right" : "left"}`;
      return one;
    })));
    part[node].replaceChildren(html("tr", {}, html("th", {}), ...all.slice(alike ? 1 : 0).map((k) => head(columns, k))), ...body);
    const read = by.flat().some((one) => one !== 0);
    if (alike) part[node].prepend(html("caption", {}, `${rows}s with ${rows}s${read ? "" : ": not compared"}`));
  });
};
const draw = () => {
  const { total, parts } = valueAt(angles), o = options(), own = objectives[name()];
  drawMarks();
  drawTables();
  part.loss.textContent = show(total, 3);
  const [before, now] = losses.slice(-2);
  const by = Math.abs(now - before) < 0.0005 ? "below 0.001" : (now < before ? "−" : "+") + show(Math.abs(now - before), 3);
  const of = Object.entries(parts).map(([key, value]) => `${key.replace("_", " ")} ${show(value, 3)}`);
  part.parts.textContent = [...of, ...(now === undefined ? [] : [`last step ${by}`])].join(" · ");
  const low = Math.min(...losses), range = Math.max(...losses) - low || 1;
  part.history.replaceChildren(svg("polyline", { points: losses.map((x, i) => `${2 + (116 * i) / Math.max(losses.length - 1, 10)},${31 - (28 * (x - low)) / range}`).join(" ") }));
  part["tau-value"].textContent = o.temperature;
  part["alpha-value"].textContent = "alpha" in own.settings ? show(o.alpha) : "not used";
  part["rate-value"].textContent = RATE[part.rate.value];
  part.alpha.disabled = !("alpha" in own.settings);
  part.alpha.parentElement.classList.toggle("off", part.alpha.disabled);
  part.tau.setAttribute("aria-valuetext", o.temperature);
  part.rate.setAttribute("aria-valuetext", RATE[part.rate.value]);
  part.run.textContent = timer ? "Stop" : "50 steps";
};

const stop = () => { cancelAnimationFrame(timer); timer = 0; };
const begin = () => { stop(); first = structuredClone(angles); losses = [valueAt(angles).total]; draw(); };
const setBatch = (key) => {
  angles = BATCHES[key]();
  Object.entries(FIELDS).forEach(([field, { beside, by }]) => {
    if (beside) angles[field] = angles[beside].flatMap((x) => [by].flat().map((more) => x + more));
  });
  begin();
};
const choose = () => {
  const { summary, source, needs, settings } = objectives[name()];
  part.asks.textContent = `Asks for: ${summary}.`;
  part.source.href = `https://arxiv.org/abs/${source}`;
  const also = needs.map((field) => `${FIELDS[field].what} (1${FIELDS[field].sign}, ${FIELDS[field].means})`);
  const held = Object.entries(settings).filter(([key, value]) => typeof value === "number" && !/temperature|alpha|seed/.test(key));
  part.extra.textContent = [
    also.length ? `It reads more than image and text: ${also.join(", ")}. These move too.` : "",
    held.length ? `Held: ${held.map(([key, value]) => `${key.replaceAll("_", " ")} ${show(value, 2).replace(/\.?0+$/, "")}`).join(", ")}.` : "",
    NOTES[name()] ?? "",
  ].join(" ");
  history.replaceState(null, "", `#${name()}`);
  makeMarks();
  begin();
};

Object.keys(objectives).forEach((key) => {
  const missing = !FORMULAS[key] || objectives[key].needs.some((field) => !FIELDS[field]);
  part.objective.append(html("option", { value: key, disabled: missing }, missing ? `${key} (not on this page)` : key));
});
part.presets.append(...Object.keys(BATCHES).map((key) => html("button", { type: "button", onclick: () => setBatch(key) }, key)));
part.objective.onchange = choose;
part.tau.value = TAU.indexOf(0.3);
part.alpha.value = 0.7;
part.rate.value = RATE.indexOf(0.1);
[part.tau, part.alpha].forEach((slider) => { slider.oninput = begin; });
part.rate.oninput = draw;
part.step.onclick = () => { stop(); step(); draw(); };
part.back.onclick = () => { angles = structuredClone(first); begin(); };
part.guess.onclick = () => { hidden = !hidden; part.guess.setAttribute("aria-pressed", hidden); part.guess.textContent = hidden ? "Show" : "Guess first"; draw(); };
part.run.onclick = () => {
  if (timer) { stop(); return draw(); }
  let left = 50;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (still) { while (left--) step(); return draw(); }
  const frame = () => { step(); left -= 1; timer = left ? requestAnimationFrame(frame) : 0; draw(); };
  timer = requestAnimationFrame(frame);
};
const asked = location.hash.slice(1).split("/");
if (objectives[asked[0]]) part.objective.value = asked[0];
const batch = Object.keys(BATCHES).find((key) => key.endsWith(asked[1] ?? "stray")) ?? "one stray";
setBatch(batch);
choose();
return { FORMULAS, LENGTHS, slope, step, angles: (next) => { if (next) { angles = { ...angles, ...next }; begin(); } return angles; } };
