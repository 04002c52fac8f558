// Where names stand on the map: beside their point, never on one another.
window.GlassKit = window.GlassKit || {};

// Places to try around a point, nearest first: [x, y] in units of the label's half size plus a gap.
GlassKit.labelOffsets = [
  [0, -1], [0, 1], [1, 0], [-1, 0], [0.6, -1], [-0.6, -1], [0.6, 1], [-0.6, 1], [0, -2.1], [0, 2.1],
];

GlassKit.overlaps = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

// items: [{x, y, width, text, ...}] with the most important first, on a canvas of this size.
// Returns the items that found room, each with its box and whether a line should lead to its point.
GlassKit.placeLabels = (items, width, height, lineHeight, taken = []) => {
  const boxes = taken.slice();
  const placed = [];
  for (const item of items) {
    if (item.x < -20 || item.y < -20 || item.x > width + 20 || item.y > height + 20) continue;
    const w = item.width + 8, h = lineHeight;
    for (const [dx, dy] of GlassKit.labelOffsets) {
      const box = {
        x: item.x + dx * (w / 2 + 6) - w / 2,
        y: item.y + dy * (h / 2 + 5) - h / 2,
        w, h,
      };
      const fits = box.x >= 2 && box.y >= 2 && box.x + w <= width - 2 && box.y + h <= height - 2;
      if (fits && !boxes.some((other) => GlassKit.overlaps(box, other))) {
        boxes.push(box);
        placed.push({ ...item, box, far: Math.abs(dy) > 1 });
        break;
      }
    }
  }
  return placed;
};
