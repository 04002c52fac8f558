// One map on a canvas: small pictures where there is room, dots elsewhere, names beside their points.
class MapCanvas {
  // map: the GlassMap, which knows data, colours, zoom and what is pointed at; side: "before" or "after".
  constructor(canvas, map, side) {
    Object.assign(this, { canvas, map, side, context: canvas.getContext("2d"), boxes: [], width: 0 });
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    if (!this.width) return;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.map.redraw();
  }

  // ---- places: of the map, and pixels of the canvas ---------------------------------------------

  // Pixels of one unit: every picture of both maps is inside when nothing is zoomed.
  get unit() {
    const { extent, view } = this.map;
    return Math.min((this.width / 2 - 20) / extent.x, (this.height / 2 - 20) / extent.y) * view.zoom;
  }
  toScreen(x, y) {
    const { panX, panY } = this.map.view;
    return [this.width / 2 + (x - panX) * this.unit, this.height / 2 - (y - panY) * this.unit];
  }
  toWorld(px, py) {
    const { panX, panY } = this.map.view;
    return [(px - this.width / 2) / this.unit + panX, panY - (py - this.height / 2) / this.unit];
  }
  // Where picture, caption or concept number `index` is on the screen.
  place(kind, index) {
    const { before, after } = this.map.data.views, t = this.map.time(this.side);
    const words = kind === "concept" && this.map.words;
    const from = words || before[kind], to = words || after[kind];
    return this.toScreen(from[2 * index] * (1 - t) + to[2 * index] * t, from[2 * index + 1] * (1 - t) + to[2 * index + 1] * t);
  }
  // Where all pictures or captions are on the screen: x, y, x, y, ...
  places(kind) {
    const { before, after } = this.map.data.views, from = before[kind], to = after[kind];
    const t = this.map.time(this.side), { unit } = this, [left, top] = this.toScreen(0, 0);
    const found = new Float32Array(to.length);
    for (let i = 0; i < found.length; i += 2) {
      found[i] = left + (from[i] * (1 - t) + to[i] * t) * unit;
      found[i + 1] = top - (from[i + 1] * (1 - t) + to[i + 1] * t) * unit;
    }
    return found;
  }
  isInside(x, y, margin) {
    return x > -margin && y > -margin && x < this.width + margin && y < this.height + margin;
  }

  // The picture under the pointer, or -1.
  hit(px, py) {
    const box = this.boxes.find(({ x, y, w, h }) => px >= x && px <= x + w && py >= y && py <= y + h);
    if (box) return box.index;
    const places = this.places("picture");
    let best = -1, least = 15 * 15;
    for (let i = 0; i < this.map.data.n; i++) {
      const distance = (places[2 * i] - px) ** 2 + (places[2 * i + 1] - py) ** 2;
      if (distance < least && this.map.isShown(i)) { least = distance; best = i; }
    }
    return best;
  }

  // The nearest picture in one direction, for the arrow keys.
  step([x, y], [dx, dy]) {
    const places = this.places("picture");
    let best = this.map.hovered, least = Infinity;
    for (let i = 0; i < this.map.data.n; i++) {
      const [px, py] = places.subarray(2 * i, 2 * i + 2);
      const along = (px - x) * dx + (py - y) * dy, across = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
      const cost = along + 2 * across;
      if (along > 1 && across <= along && cost < least && i !== this.map.hovered && this.map.isShown(i)) { least = cost; best = i; }
    }
    return best;
  }

  // ---- drawing ----------------------------------------------------------------------------------

  draw() {
    if (!this.width) return;
    const c = this.context, { map } = this, { ink } = map, places = this.places("picture");
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    const names = map.shows.names ? this.placeNames(c) : [];
    this.drawDots(c, ink, places);
    if (map.shows.captions) this.drawCaptions(c);
    this.boxes = map.shows.pictures && map.data.pictures ? this.drawPictures(c, ink, places, names.map((name) => name.box)) : [];
    this.drawNeighbours(c, ink);
    if (map.shows.names) this.drawNames(c, ink, names);
    if (this.lasso?.length > 1) this.drawLasso(c, ink);
  }

  drawDots(c, ink, places) {
    const { map } = this, size = Math.max(1.5, Math.min(5.5, 3.2 * Math.sqrt(map.view.zoom)));
    // What is drawn last lies on top: the nearest to a phrase, else a fair mixture of all groups.
    const order = map.order().toReversed().filter((i) => map.isShown(i) && this.isInside(places[2 * i], places[2 * i + 1], 9));
    const faint = order.filter((i) => map.isFaint(i)), clear = faint.length ? order.filter((i) => !map.isFaint(i)) : order;
    const many = map.data.n > MANY_DOTS;
    const dot = (i, colour) => {
      const x = places[2 * i], y = places[2 * i + 1];
      c.fillStyle = colour;
      if (many) return c.fillRect(x - size / 2, y - size / 2, size, size);
      c.beginPath();
      c.arc(x, y, size, 0, 7);
      return c.fill();
    };
    c.globalAlpha = 0.16;
    for (const i of faint) dot(i, ink.faint);
    c.globalAlpha = 1;
    Object.assign(c, { lineWidth: 0.8, strokeStyle: ink.paper });
    for (const i of clear) {
      dot(i, map.colour(i, this.side));
      if (!many) c.stroke();
    }
  }

  drawCaptions(c) {
    const { map } = this, places = this.places("caption");
    c.globalAlpha = 0.7;
    c.lineWidth = 1.3;
    for (let i = 0; i < map.data.n; i++) {
      const [x, y] = places.subarray(2 * i, 2 * i + 2);
      if (!map.isShown(i) || map.isFaint(i) || !this.isInside(x, y, 0)) continue;
      c.strokeStyle = map.colour(i, this.side);
      c.strokeRect(x - 2.5, y - 2.5, 5, 5);
    }
    c.globalAlpha = 1;
  }

  // A picture stands where no other picture and no name does; who comes first is the same each time.
  // Returns the boxes of those that are drawn.
  drawPictures(c, ink, places, taken) {
    const { map } = this, size = Math.round(Math.min(84, Math.max(this.width < 420 ? 26 : 32, 32 * map.view.zoom ** 0.6)));
    // Squares of 4 pixels in which no picture's corner may lie, or it would stand on another one or on a name.
    const boxes = [], columns = Math.ceil(this.width / 4), rows = Math.ceil(this.height / 4), step = size + 3;
    const blocked = new Uint8Array(columns * rows);
    const block = ({ x, y, w, h }) => {
      const left = Math.max(0, Math.floor((x - step) / 4)), right = Math.min(columns, Math.ceil((x + w + 3) / 4));
      const top = Math.max(0, Math.floor((y - step) / 4)), bottom = Math.min(rows, Math.ceil((y + h + 3) / 4));
      for (let row = top; row < bottom; row++) blocked.fill(1, row * columns + left, row * columns + right);
    };
    taken.forEach(block);
    for (const index of map.order()) {
      const x = places[2 * index] - size / 2, y = places[2 * index + 1] - size / 2;
      if (x < 0 || y < 0 || x + size > this.width || y + size > this.height) continue;
      if (blocked[Math.floor(y / 4) * columns + Math.floor(x / 4)]) continue;
      if (!map.isShown(index) || map.isFaint(index) || !map.hasPicture(index)) continue;
      const box = { x, y, w: size, h: size, index };
      boxes.push(box);
      block(box);
      if (boxes.length >= 400) break;
    }
    map.thumbnails.want(this.side, boxes.map((box) => box.index));
    return boxes.filter(({ x, y, index }) => {
      const picture = map.thumbnails.get(index, Math.round(size * this.ratio));
      if (!picture) return false;  // a dot until it has come, never an empty frame
      c.fillStyle = map.colour(index, this.side);
      c.fillRect(x - 2, y - 2, size + 4, size + 4);
      c.fillStyle = ink.panel;
      c.fillRect(x, y, size, size);
      c.drawImage(picture, x, y, size, size);
      return true;
    });
  }

  // Lines from the hovered or pinned picture to its nearest neighbours in the space of this side.
  drawNeighbours(c, ink) {
    const { map } = this, focus = map.hovered >= 0 ? map.hovered : map.pinned;
    if (focus < 0 || !map.isShown(focus)) return;
    const near = map.data.views[map.nearSide(this.side)].near[focus], [x, y] = this.place("picture", focus);
    c.strokeStyle = ink.ink;
    c.lineWidth = 1.2;
    c.globalAlpha = 0.55;
    for (const other of near) {
      c.beginPath(); c.moveTo(x, y); c.lineTo(...this.place("picture", other)); c.stroke();
    }
    c.globalAlpha = 1;
    c.lineWidth = 2;
    for (const index of [...near, focus]) {
      c.beginPath();
      c.arc(...this.place("picture", index), index === focus ? 9 : 6, 0, 7);
      c.fillStyle = map.colour(index, this.side);
      c.fill();
      c.stroke();
    }
  }

  // The names that find room, each with its box and whether a line should lead to its point.
  placeNames(c) {
    const { map } = this, { concepts } = map.data, size = this.width < 420 ? 10.5 : 11.5, focus = map.focus();
    c.font = this.font = `500 ${size}px ${map.fontFamily}`;
    const items = concepts.map((text, index) => {
      const [x, y] = this.place("concept", index);
      return { text, index, x, y, width: c.measureText(text).width };
    });
    items.sort((a, b) => focus.has(b.index) - focus.has(a.index) || map.sizes[b.index] - map.sizes[a.index]);
    // Names share the map with pictures: more of them as one comes nearer.
    const most = Math.round(((this.width * this.height) / 9000) * Math.max(1, map.view.zoom));
    return placeLabels(items.slice(0, Math.max(most, focus.size)), this.width, this.height, size + 4);
  }

  drawNames(c, ink, names) {
    const { map } = this, placed = new Set(names.map((name) => name.index)), focus = map.focus();
    for (let i = 0; i < map.data.concepts.length; i++) {
      const [x, y] = this.place("concept", i), r = 4.5;
      c.globalAlpha = placed.has(i) ? 1 : 0.6;
      c.beginPath();
      c.moveTo(x, y - r); c.lineTo(x + r, y); c.lineTo(x, y + r); c.lineTo(x - r, y); c.closePath();
      c.fillStyle = ink.ink; c.fill();
      c.lineWidth = 1.5; c.strokeStyle = ink.paper; c.stroke();
    }
    Object.assign(c, { font: this.font, textAlign: "center", textBaseline: "middle", lineJoin: "round" });
    for (const { text, index, x, y, box, far } of names) {
      c.globalAlpha = !focus.size || focus.has(index) ? 1 : 0.35;
      const middle = [box.x + box.w / 2, box.y + box.h / 2];
      if (far) {
        c.strokeStyle = ink.ink; c.lineWidth = 0.8;
        c.beginPath(); c.moveTo(x, y); c.lineTo(...middle); c.stroke();
      }
      c.strokeStyle = ink.paper; c.lineWidth = 4; c.strokeText(text, middle[0], middle[1] + 0.5);
      c.fillStyle = ink.ink; c.fillText(text, middle[0], middle[1] + 0.5);
    }
    c.globalAlpha = 1;
    this.namesHidden = map.data.concepts.length - names.length;
  }

  drawLasso(c, ink) {
    c.beginPath();
    for (const [x, y] of this.lasso) c.lineTo(x, y);
    c.closePath();
    c.fillStyle = ink.accent; c.globalAlpha = 0.12; c.fill();
    c.globalAlpha = 1; c.strokeStyle = ink.accent; c.lineWidth = 2; c.setLineDash([6, 4]); c.stroke();
    c.setLineDash([]);
  }
}

// Small pictures, fetched when they are seen.
class Thumbnails {
  constructor(map) {
    Object.assign(this, { map, kept: new Map(), missing: {}, scaled: new Map(), pixels: 0 });
  }
  // The picture with so many pixels a side, or null while it is not here. It is scaled once: for each frame of a
  // drag that would take too long.
  get(index, pixels) {
    const picture = this.kept.get(index);
    if (!picture?.complete || !picture.naturalWidth) return null;
    if (pixels !== this.pixels) Object.assign(this, { pixels, scaled: new Map() });
    if (!this.scaled.has(index)) {
      const canvas = Object.assign(document.createElement("canvas"), { width: pixels, height: pixels });
      const context = canvas.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, 0, 0, pixels, pixels);
      this.scaled.set(index, canvas);
    }
    return this.scaled.get(index);
  }
  // Ask for those that a side shows, once the map has come to rest.
  want(side, indices) {
    clearTimeout(this.timer);
    this.missing[side] = indices.filter((i) => !this.kept.has(i));
    this.timer = setTimeout(async () => {
      const wanted = new Set(Object.values(this.missing).flat());
      this.missing = {};
      for (const index of wanted) {
        const picture = new Image();
        picture.onload = () => this.map.redraw();
        this.kept.set(index, picture);
        picture.src = await this.map.pictureAddress(index, true);  // a kernel sends one after the other
      }
    }, 160);
  }
}

const MANY_DOTS = 4000;  // from which on they are squares: 20,000 discs take a browser without a graphics card 0.3 s

const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

// Places to try around a point, nearest first: [x, y] in units of the label's half size plus a gap.
const LABEL_OFFSETS = [
  [0, -1], [0, 1], [1, 0], [-1, 0], [0.6, -1], [-0.6, -1], [0.6, 1], [-0.6, 1], [0, -2.1], [0, 2.1],
];

// items: [{x, y, width, ...}] with the most important first. Returns those that found room, each with
// its box, on no other one's, and whether it is far from its point.
function placeLabels(items, width, height, lineHeight) {
  const placed = [];
  for (const item of items) {
    if (item.x < -20 || item.y < -20 || item.x > width + 20 || item.y > height + 20) continue;
    const w = item.width + 8, h = lineHeight;
    for (const [dx, dy] of LABEL_OFFSETS) {
      const box = { x: item.x + dx * (w / 2 + 6) - w / 2, y: item.y + dy * (h / 2 + 5) - h / 2, w, h };
      const fits = box.x >= 2 && box.y >= 2 && box.x + w <= width - 2 && box.y + h <= height - 2;
      if (fits && !placed.some((other) => overlap(box, other.box))) {
        placed.push({ ...item, box, far: Math.abs(dy) > 1 });
        break;
      }
    }
  }
  return placed;
}
