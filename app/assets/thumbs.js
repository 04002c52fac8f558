// Small pictures on a map: from sheets where there are some thousand, one by one where there are more.
window.GlassKit = window.GlassKit || {};

GlassKit.KEPT = 300;       // single pictures that are kept
GlassKit.FEW = 1500;       // of many points: so many in view or fewer, and pictures appear

GlassKit.Thumbs = class {
  constructor(atlas) {
    this.atlas = atlas;
    this.sheets = [];
    this.single = new Map();
  }

  clear() {
    this.sheets = [];
    this.single.clear();
  }
  fetch(source) {
    const picture = new Image();
    picture.onload = () => this.atlas.redraw();
    picture.src = source;
    return picture;
  }

  // Where the small picture of a record lies: [image, x, y, edge], or null while it is not here.
  source(index) {
    const { sheet } = this.atlas.data, ready = (page) => page?.complete && page.naturalWidth;
    if (sheet && sheet.count) {
      const number = Math.floor(index / sheet.each), place = index % sheet.each;
      const page = (this.sheets[number] ||= this.fetch(`${sheet.url}${number}.webp`));
      if (!ready(page)) return null;
      return [page, (place % sheet.columns) * sheet.edge, Math.floor(place / sheet.columns) * sheet.edge, sheet.edge];
    }
    const page = this.single.get(index);
    if (!ready(page)) return null;
    const edge = Math.min(page.naturalWidth, page.naturalHeight);
    return [page, (page.naturalWidth - edge) / 2, (page.naturalHeight - edge) / 2, edge];
  }
  // Ask for pictures that are seen, once the map has come to rest.
  want(indices) {
    const { sheet, pictures } = this.atlas.data;
    if (!pictures || (sheet && sheet.count)) return;
    clearTimeout(this.timer);
    const missing = indices.filter((i) => !this.single.has(i));
    if (!missing.length) return;
    this.timer = setTimeout(() => {
      for (const index of missing) this.single.set(index, this.fetch(`${pictures}${index}.webp`));
      for (const index of this.single.keys()) {
        if (this.single.size <= GlassKit.KEPT) break;
        this.single.delete(index);
      }
    }, 160);
  }

  draw(c, index, x, y, size, ink) {
    c.fillStyle = ink.panel;
    c.fillRect(x, y, size, size);
    const found = this.source(index);
    if (found) c.drawImage(found[0], found[1], found[2], found[3], found[3], x, y, size, size);
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
  atlas.thumbs.want(boxes.map((box) => box.index));
  c.imageSmoothingQuality = "high";
  const shown = boxes.filter((box) => atlas.thumbs.source(box.index));  // never an empty frame
  for (const box of shown) {
    c.fillStyle = atlas.colour(box.index, panel.side);
    c.fillRect(box.x - 2, box.y - 2, size + 4, size + 4);
    atlas.thumbs.draw(c, box.index, box.x, box.y, size, ink);
  }
  return shown;
};
