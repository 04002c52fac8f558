// Small pictures on a map, fetched when they are seen; the server draws those that it has not yet.
window.GlassKit = window.GlassKit || {};

GlassKit.KEPT = 1500;      // small pictures that are kept
GlassKit.FEW = 1500;       // of many points: so many in view or fewer, and pictures appear

GlassKit.Thumbs = class {
  constructor(atlas) {
    this.atlas = atlas;
    this.kept = new Map();
    this.missing = {};  // by panel
  }

  clear() {
    for (const picture of this.kept.values()) picture.src = "";  // of another data set: not wanted any more
    this.kept.clear();
    this.missing = {};
  }

  // The small picture of a record, or null while it is not here.
  source(index) {
    const picture = this.kept.get(index);
    return picture?.complete && picture.naturalWidth ? picture : null;
  }
  // Ask for pictures that are seen, once the map has come to rest.
  want(side, indices) {
    const { pictures } = this.atlas.data;
    clearTimeout(this.timer);
    this.missing[side] = indices.filter((i) => !this.kept.has(i));
    this.timer = setTimeout(() => {
      for (const index of new Set(Object.values(this.missing).flat())) {
        const picture = new Image();
        picture.onload = () => this.atlas.redraw();
        picture.src = `${pictures}${index}.webp?small=1`;
        this.kept.set(index, picture);
      }
      this.missing = {};
      for (const index of this.kept.keys()) {
        if (this.kept.size <= GlassKit.KEPT) break;
        this.kept.delete(index);
      }
    }, 160);
  }

  draw(c, index, x, y, size, ink) {
    c.fillStyle = ink.panel;
    c.fillRect(x, y, size, size);
    const found = this.source(index);
    if (found) c.drawImage(found, x, y, size, size);
  }
};

// A picture stands where no other picture and no name does; who comes first is the same each time.
GlassKit.drawThumbs = (panel, c, ink, taken) => {
  const { atlas } = panel, many = atlas.data.n > GlassKit.MANY;
  if (!atlas.data.pictures || (many && panel.inView > GlassKit.FEW)) return [];
  const size = Math.round(Math.min(84, Math.max(panel.width < 420 ? 26 : 32, 32 * atlas.view.zoom ** 0.6)));
  const boxes = [], cells = new Map(), key = (x, y) => Math.floor(x / size) * 10000 + Math.floor(y / size);
  for (const i of atlas.thumbOrder()) {
    if (!atlas.visible(i)) continue;
    const [x, y] = panel.place("picture", i);
    const box = { x: x - size / 2, y: y - size / 2, w: size, h: size, index: i };
    if (box.x < 0 || box.y < 0 || box.x + size > panel.width || box.y + size > panel.height) continue;
    if (atlas.faint(i) || taken.some((other) => GlassKit.overlaps(box, other))) continue;
    let free = true;
    for (let dx = -1; dx <= 1 && free; dx++) {
      for (let dy = -1; dy <= 1 && free; dy++) {
        const near = cells.get(key(x + dx * size, y + dy * size)) || [];
        free = !near.some((other) => GlassKit.overlaps({ ...box, w: size + 3, h: size + 3 }, other));
      }
    }
    if (!free) continue;
    const cell = key(x, y);
    cells.set(cell, [...(cells.get(cell) || []), box]);
    boxes.push(box);
    if (boxes.length > (many ? 100 : 400)) break;
  }
  atlas.thumbs.want(panel.side, boxes.map((box) => box.index));
  c.imageSmoothingQuality = "high";
  const shown = boxes.filter((box) => atlas.thumbs.source(box.index));  // never an empty frame
  for (const box of shown) {
    c.fillStyle = atlas.colour(box.index, panel.side);
    c.fillRect(box.x - 2, box.y - 2, size + 4, size + 4);
    atlas.thumbs.draw(c, box.index, box.x, box.y, size, ink);
  }
  return shown;
};
