// Pictures as dots. A few are drawn as discs; many are written straight into the canvas's pixels,
// which is some twenty times faster than as many shapes, with no graphics card needed.
window.GlassKit = window.GlassKit || {};

GlassKit.MANY = 4096;  // as in app/thumbnails.py: above it there are no sheets of small pictures

GlassKit.rgb = (colour) => {
  if (colour[0] === "#") return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return colour.match(/\d+/g).slice(0, 3).map(Number);
};
GlassKit.pixel = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;  // as in ImageData

// What is drawn of each point and in which order: {order, pixel, state}, state 0 not shown, 1 faint,
// 2 bright. Kept until something that colours depend on has changed.
GlassKit.paint = (atlas, side, ink) => {
  const { data } = atlas, which = atlas.morph(side) < 0.5 ? "before" : "after";
  const label = atlas.pointed ?? atlas.isolated;
  const key = [data.name, atlas.version, atlas.colourBy, label, atlas.split, which, ink.faint, ink.panel].join("|");
  atlas.painted = atlas.painted || {};
  if (atlas.painted[side]?.key === key) return atlas.painted[side];
  const pixel = new Uint32Array(data.n), state = new Uint8Array(data.n), known = new Map();
  const [faint, panel] = [ink.faint, ink.panel].map(GlassKit.rgb);
  const far = GlassKit.pixel(panel.map((part, i) => Math.round(part + (faint[i] - part) * 0.35)));
  // What comes last lies on top: the nearest to a phrase, else a fair mixture of all groups.
  const order = atlas.thumbOrder().slice().reverse();
  order.forEach((i, place) => {
    if (!atlas.visible(i)) return;
    if (atlas.faint(i)) { state[place] = 1; pixel[place] = far; return; }
    const colour = atlas.colour(i, side);
    let found = known.get(colour);
    if (found === undefined) known.set(colour, (found = GlassKit.pixel(GlassKit.rgb(colour))));
    state[place] = 2;
    pixel[place] = found;
  });
  return (atlas.painted[side] = { key, order, pixel, state, places: {} });
};

// Places in the order of drawing, so that memory is read from one end to the other.
GlassKit.inOrder = (painted, views, kind) => {
  const { places, order } = painted;
  if (!places[kind]) {
    places[kind] = ["before", "after"].map((side) => {
      const from = views[side][kind], to = new Float32Array(2 * order.length);
      order.forEach((i, place) => { to[2 * place] = from[2 * i]; to[2 * place + 1] = from[2 * i + 1]; });
      return to;
    });
  }
  return places[kind];
};

// Writes one shape a point into the panel's pixels. shape: [dx, dy] in pixels of the screen.
GlassKit.stamp = (panel, kind, painted, shape) => {
  const { pixels: out, ratio } = panel, { width, height } = panel.canvas, { pixel, state } = painted;
  const t = panel.atlas.morph(panel.side), s = 1 - t, { ax, bx, ay, by } = panel.scale(ratio);
  const [from, to] = GlassKit.inOrder(painted, panel.atlas.data.views, kind);
  const offsets = Int32Array.from(shape, ([dx, dy]) => dy * width + dx), reach = Math.max(...shape.flat()) + 1;
  const n = state.length, count = offsets.length;
  let drawn = 0;
  for (const layer of [1, 2]) {
    for (let i = 0; i < n; i++) {
      if (state[i] !== layer) continue;
      const x = Math.round(ax * (from[2 * i] * s + to[2 * i] * t) + bx);
      const y = Math.round(ay * (from[2 * i + 1] * s + to[2 * i + 1] * t) + by);
      if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
      drawn++;
      const middle = y * width + x, colour = pixel[i];
      for (let k = 0; k < count; k++) out[middle + offsets[k]] = colour;
    }
  }
  return drawn;
};

GlassKit.grid = (reach, inside) => {
  const found = [];
  for (let dy = -reach; dy <= reach; dy++) for (let dx = -reach; dx <= reach; dx++) if (inside(dx, dy)) found.push([dx, dy]);
  return found;
};

GlassKit.drawMany = (panel, c, ink) => {
  const { atlas, canvas, ratio } = panel, { width, height } = canvas;
  if (panel.image?.width !== width || panel.image?.height !== height) {
    panel.image = c.createImageData(width, height);
    panel.pixels = new Uint32Array(panel.image.data.buffer);
  }
  panel.pixels.fill(0);
  const painted = GlassKit.paint(atlas, panel.side, ink);
  const small = atlas.data.n > 30000 ? 0.8 : 1.4;
  const r = Math.max(0.8, Math.min(4.5, small * Math.sqrt(atlas.view.zoom))) * ratio;
  panel.inView = GlassKit.stamp(panel, "picture", painted, GlassKit.grid(Math.ceil(r), (dx, dy) => dx * dx + dy * dy <= r * r + 0.3));
  if (atlas.showCaptions) {
    const half = Math.round(2 * ratio);
    GlassKit.stamp(panel, "caption", painted, GlassKit.grid(half, (dx, dy) => Math.max(Math.abs(dx), Math.abs(dy)) === half));
  }
  c.putImageData(panel.image, 0, 0);
};

GlassKit.drawDots = (panel, c, ink) => {
  const { atlas } = panel, { n } = atlas.data;
  if (n > GlassKit.MANY) return GlassKit.drawMany(panel, c, ink);
  const size = Math.max(1.5, Math.min(5.5, 3.2 * Math.sqrt(atlas.view.zoom)));
  for (const faint of [true, false]) {
    for (let i = 0; i < n; i++) {
      if (!atlas.visible(i) || atlas.faint(i) !== faint) continue;
      const [x, y] = panel.place("picture", i);
      if (x < -9 || y < -9 || x > panel.width + 9 || y > panel.height + 9) continue;
      c.globalAlpha = faint ? 0.16 : 1;
      c.fillStyle = faint ? ink.faint : atlas.colour(i, panel.side);
      c.beginPath();
      c.arc(x, y, size, 0, 7);
      c.fill();
      if (!faint) { c.lineWidth = 0.8; c.strokeStyle = ink.paper; c.stroke(); }
    }
  }
  c.globalAlpha = 1;
  if (atlas.showCaptions) GlassKit.drawCaptions(panel, c);
};

GlassKit.drawCaptions = (panel, c) => {
  const { atlas } = panel;
  c.globalAlpha = 0.7;
  c.lineWidth = 1.3;
  panel.each("caption", (i, x, y) => {
    if (!atlas.visible(i) || atlas.faint(i)) return;
    if (x < 0 || y < 0 || x > panel.width || y > panel.height) return;
    c.strokeStyle = atlas.colour(i, panel.side);
    c.strokeRect(x - 2.5, y - 2.5, 5, 5);
  });
  c.globalAlpha = 1;
};
