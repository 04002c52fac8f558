// Line charts as SVG: a few series, their names at the ends of their lines.
window.GlassKit = window.GlassKit || {};

GlassKit.chart = (svg, series, { low = 0, digits = 2, empty = "nothing trained yet" } = {}) => {
  const node = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const drawn = series.filter((one) => one.points.length);
  svg.replaceChildren();
  if (!drawn.length) {
    svg.append(node("text", { x: 220, y: 104, class: "gk-tick", "text-anchor": "middle" }, empty));
    return;
  }
  const all = drawn.flatMap((one) => one.points), left = 38, right = 330, top = 10, bottom = 178;
  const most = Math.max(...all.map(([, y]) => y), low + 1e-6), least = Math.min(low, ...all.map(([, y]) => y));
  const last = Math.max(1, ...all.map(([x]) => x));
  const px = (x) => left + ((right - left) * x) / last, py = (y) => bottom - ((bottom - top) * (y - least)) / (most - least);
  for (const share of [0, 0.5, 1]) {
    const value = least + share * (most - least);
    svg.append(node("line", { x1: left, x2: right, y1: py(value), y2: py(value), class: "gk-grid" }),
      node("text", { x: left - 5, y: py(value) + 4, class: "gk-tick", "text-anchor": "end" }, value.toFixed(digits)));
  }
  svg.append(node("text", { x: right, y: 195, class: "gk-tick", "text-anchor": "end" }, String(last)));
  const ends = drawn.map((one) => py(one.points.at(-1)[1]));
  const order = ends.map((_, i) => i).sort((a, b) => ends[a] - ends[b]);
  // Names stand below each other, from the lowest upwards, so that none leaves the drawing.
  const apart = Math.min(14, (bottom - top) / Math.max(1, order.length - 1));
  order.forEach((i, place) => { if (place) ends[i] = Math.max(ends[i], ends[order[place - 1]] + apart); });
  let lowest = bottom;
  for (const i of order.toReversed()) { ends[i] = Math.min(ends[i], lowest); lowest = ends[i] - apart; }
  // The value is never cut off by a long name, which a pointer shows in full.
  const named = ({ name, colour, points }, y) => {
    const short = name.length > 9 ? `${name.slice(0, 8)}…` : name;
    const text = node("text", { x: right + 6, y, class: "gk-name", fill: colour }, `${points.at(-1)[1].toFixed(digits)} ${short}`);
    text.append(node("title", {}, name));
    return text;
  };
  drawn.forEach((one, i) => {
    const path = one.points.map(([x, y], j) => `${j ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("");
    svg.append(node("path", { d: path, fill: "none", stroke: one.colour, "stroke-width": one.thin ? 1.2 : 2.2, "stroke-linejoin": "round" }),
      named(one, ends[i] + 4));
  });
};

// At most 300 points of a long series, the last one among them.
GlassKit.thin = (points) => {
  const step = Math.ceil(points.length / 300);
  return points.filter((_, i) => (points.length - 1 - i) % step === 0);
};
