// Pictures as dots. A few are drawn as discs; many are written straight into the canvas's pixels,
// which is some twenty times faster than as many shapes, with no graphics card needed.
window.GlassKit = window.GlassKit || {};

GlassKit.MANY = 4096;  // as in app/thumbnails.py: above it there are no sheets of small pictures

GlassKit.rgb = (colour) => {
  if (colour[0] === "#") return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return colour.match(/\d+/g).slice(0, 3).map(Number);
};
GlassKit.pixel = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;  // as in ImageData

// What each dot looks like now: {pixel, state}, state 0 not shown, 1 faint, 2 bright. Kept until
// something that colours depend on has changed.
GlassKit.paint = (atlas, side, ink) => {
  const { data } = atlas, which = atlas.morph(side) < 0.5 ? "before" : "after";
  const label = atlas.pointed ?? atlas.isolated;
  const key = [data.name, atlas.version, atlas.colourBy, label, atlas.split, which, ink.faint, ink.panel].join("|");
  atlas.painted = atlas.painted || {};
  if (atlas.painted[side]?.key === key) return atlas.painted[side];
  const pixel = new Uint32Array(data.n), state = new Uint8Array(data.n), known = new Map();
  const [faint, panel] = [ink.faint, ink.panel].map(GlassKit.rgb);
  const far = GlassKit.pixel(panel.map((part, i) => Math.round(part + (faint[i] - part) * 0.35)));
  for (let i = 0; i < data.n; i++) {
    if (!atlas.visible(i)) continue;
    if (atlas.faint(i)) { state[i] = 1; pixel[i] = far; continue; }
    const colour = atlas.colour(i, side);
    let found = known.get(colour);
    if (found === undefined) known.set(colour, (found = GlassKit.pixel(GlassKit.rgb(colour))));
    state[i] = 2;
    pixel[i] = found;
  }
  return (atlas.painted[side] = { key, pixel, state });
};

GlassKit.drawDots = (panel, c, ink) => {
  const { atlas } = panel, { n } = atlas.data;
  if (n > GlassKit.MANY) return GlassKit.drawManyDots(panel, c, ink);
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
};

GlassKit.drawManyDots = (panel, c, ink) => {
  const { atlas, canvas, ratio } = panel, { data } = atlas, { width, height } = canvas;
  if (panel.image?.width !== width || panel.image?.height !== height) {
    panel.image = c.createImageData(width, height);
    panel.pixels = new Uint32Array(panel.image.data.buffer);
  }
  const out = panel.pixels, { pixel, state } = GlassKit.paint(atlas, panel.side, ink);
  out.fill(0);
  // Discs as rows of [offset of the first pixel, pixels].
  const small = data.n > 30000 ? 0.8 : 1.4;
  const r = Math.max(0.8, Math.min(4.5, small * Math.sqrt(atlas.view.zoom))) * ratio, reach = Math.ceil(r);
  const rows = [];
  for (let dy = -reach; dy <= reach; dy++) {
    const half = Math.floor(Math.sqrt(Math.max(-1, r * r + 0.3 - dy * dy)));
    if (r * r + 0.3 >= dy * dy) rows.push([dy * width - half, 2 * half + 1]);
  }
  const t = atlas.morph(panel.side), from = data.views.before.picture, to = data.views.after.picture;
  const { ax, bx, ay, by } = panel.scale(ratio), order = atlas.thumbOrder(true);
  let inView = 0;
  for (const layer of [1, 2]) {
    for (const i of order) {
      if (state[i] !== layer) continue;
      const x = Math.round(ax * (from[2 * i] + (to[2 * i] - from[2 * i]) * t) + bx);
      const y = Math.round(ay * (from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * t) + by);
      if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
      inView++;
      const middle = y * width + x, colour = pixel[i];
      for (const [offset, count] of rows) {
        const start = middle + offset;
        for (let at = start; at < start + count; at++) out[at] = colour;
      }
    }
  }
  c.putImageData(panel.image, 0, 0);
  panel.inView = inView;
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
