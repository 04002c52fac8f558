// One map on a canvas: pictures where there is room, dots elsewhere, names beside their points.
window.GlassKit = window.GlassKit || {};

GlassKit.Panel = class {
  // atlas: the shared state (data, colours, view, who is hovered); side: "before" or "after".
  constructor(canvas, atlas, side) {
    this.canvas = canvas;
    this.atlas = atlas;
    this.side = side;
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    if (!this.width) return;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.ratio = ratio;
    this.atlas.redraw();
  }

  // World to screen: every picture of both maps is inside when nothing is zoomed.
  get unit() {
    const { x, y } = this.atlas.extent;
    return Math.min((this.width / 2 - 20) / x, (this.height / 2 - 20) / y) * this.atlas.view.zoom;
  }
  toScreen(x, y) {
    const { panX, panY } = this.atlas.view;
    return [this.width / 2 + (x - panX) * this.unit, this.height / 2 - (y - panY) * this.unit];
  }
  toWorld(px, py) {
    const { panX, panY } = this.atlas.view;
    return [(px - this.width / 2) / this.unit + panX, panY - (py - this.height / 2) / this.unit];
  }

  // The same as numbers: screen x = ax * x + bx, screen y = ay * y + by, in pixels of the screen * ratio.
  scale(ratio = 1) {
    const { panX, panY } = this.atlas.view, unit = this.unit * ratio;
    return { ax: unit, bx: (this.width / 2) * ratio - panX * unit, ay: -unit, by: (this.height / 2) * ratio + panY * unit };
  }

  place(kind, index) {
    const { before, after } = this.atlas.data.views;
    const t = this.atlas.morph(this.side);
    const x = before[kind][2 * index] * (1 - t) + after[kind][2 * index] * t;
    const y = before[kind][2 * index + 1] * (1 - t) + after[kind][2 * index + 1] * t;
    return this.toScreen(x, y);
  }
  // Every point's place on the screen: visit(index, x, y).
  each(kind, visit) {
    const { views, n } = this.atlas.data, t = this.atlas.morph(this.side);
    const from = views.before[kind], to = views.after[kind], { ax, bx, ay, by } = this.scale();
    for (let i = 0; i < n; i++) {
      const x = from[2 * i] + (to[2 * i] - from[2 * i]) * t, y = from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * t;
      visit(i, ax * x + bx, ay * y + by);
    }
  }

  // The record under the pointer, or -1. Looking at every point takes a millisecond for 100,000.
  hit(px, py) {
    for (const box of this.thumbs || []) {
      if (px >= box.x && px <= box.x + box.w && py >= box.y && py <= box.y + box.h) return box.index;
    }
    let best = -1, least = 15 * 15;
    this.each("picture", (i, x, y) => {
      const distance = (x - px) ** 2 + (y - py) ** 2;
      if (distance < least && this.atlas.visible(i)) { least = distance; best = i; }
    });
    return best;
  }

  draw() {
    if (!this.width || !this.atlas.data) return;
    const c = this.context, atlas = this.atlas, ink = atlas.ink();
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    const names = atlas.showNames ? this.nameBoxes(c) : [];
    GlassKit.drawDots(this, c, ink);
    this.thumbs = atlas.showPictures ? GlassKit.drawThumbs(this, c, ink, names.map((name) => name.box)) : [];
    this.drawTies(c, ink);
    this.drawNames(c, ink, names);
    this.drawLasso(c, ink);
  }

  // Lines from the hovered or pinned picture to its nearest neighbours in this space.
  drawTies(c, ink) {
    const { atlas } = this, focus = atlas.hovered >= 0 ? atlas.hovered : atlas.pinned;
    if (focus < 0 || !atlas.visible(focus)) return;
    const near = atlas.near(focus)?.[this.nearSide()] || [];
    const [x, y] = this.place("picture", focus);
    c.strokeStyle = ink.ink;
    c.lineWidth = 1.2;
    c.globalAlpha = 0.55;
    for (const other of near) {
      const [ox, oy] = this.place("picture", other);
      c.beginPath(); c.moveTo(x, y); c.lineTo(ox, oy); c.stroke();
    }
    c.globalAlpha = 1;
    for (const other of near) this.ring(c, other, 6, atlas.colour(other, this.side), ink);
    this.ring(c, focus, 9, atlas.colour(focus, this.side), ink);
  }
  nearSide() {
    return this.atlas.morph(this.side) < 0.5 ? "before" : "after";
  }
  ring(c, index, radius, fill, ink) {
    const [x, y] = this.place("picture", index);
    c.beginPath();
    c.arc(x, y, radius, 0, 7);
    c.fillStyle = fill; c.fill();
    c.lineWidth = 2; c.strokeStyle = ink.ink; c.stroke();
  }

  nameBoxes(c) {
    const { atlas } = this, { concepts } = atlas.data;
    const size = this.width < 420 ? 10.5 : 11.5;
    c.font = this.font = `500 ${size}px ${atlas.fontFamily}`;
    const items = concepts.map((text, index) => {
      const [x, y] = this.place("concept", index);
      return { text, index, x, y, width: c.measureText(text).width };
    });
    const focus = atlas.focusConcepts(), first = (item) => (focus.has(item.index) ? 0 : 1);
    items.sort((a, b) => first(a) - first(b) || atlas.data.sizes[b.index] - atlas.data.sizes[a.index]);
    // Names share the map with pictures: more of them as one comes nearer.
    const most = Math.round((this.width * this.height) / 9000 * Math.max(1, atlas.view.zoom));
    const chosen = items.slice(0, Math.max(most, focus.size));
    return GlassKit.placeLabels(chosen, this.width, this.height, size + 4);
  }
  drawNames(c, ink, names) {
    const { atlas } = this, shown = new Set(names.map((name) => name.index));
    for (let i = 0; i < atlas.data.concepts.length; i++) {
      if (!atlas.showNames) break;
      const [x, y] = this.place("concept", i), r = 4.5;
      c.globalAlpha = shown.has(i) ? 1 : 0.6;
      c.beginPath();
      c.moveTo(x, y - r); c.lineTo(x + r, y); c.lineTo(x, y + r); c.lineTo(x - r, y); c.closePath();
      c.fillStyle = ink.ink; c.fill();
      c.lineWidth = 1.5; c.strokeStyle = ink.paper; c.stroke();
    }
    c.font = this.font;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.lineJoin = "round";
    const focus = atlas.focusConcepts();
    for (const { text, index, x, y, box, far } of names) {
      c.globalAlpha = !focus.size || focus.has(index) ? 1 : 0.35;
      if (far) {
        c.strokeStyle = ink.ink; c.lineWidth = 0.8;
        c.beginPath(); c.moveTo(x, y); c.lineTo(box.x + box.w / 2, box.y + box.h / 2); c.stroke();
      }
      const middle = [box.x + box.w / 2, box.y + box.h / 2 + 0.5];
      c.strokeStyle = ink.paper; c.lineWidth = 4; c.strokeText(text, ...middle);
      c.fillStyle = ink.ink; c.fillText(text, ...middle);
    }
    c.globalAlpha = 1;
    this.namesHidden = atlas.showNames ? atlas.data.concepts.length - names.length : 0;
  }

  drawLasso(c, ink) {
    const line = this.lasso;
    if (!line || line.length < 2) return;
    c.beginPath();
    line.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.closePath();
    c.fillStyle = ink.accent; c.globalAlpha = 0.12; c.fill();
    c.globalAlpha = 1; c.strokeStyle = ink.accent; c.lineWidth = 2; c.setLineDash([6, 4]); c.stroke();
    c.setLineDash([]);
  }
};
