// Mouse, touch and keys on a map: hover, pin, drag, pinch, wheel, lasso, walk from picture to picture.
window.GlassKit = window.GlassKit || {};

GlassKit.listen = (panel, atlas) => {
  const canvas = panel.canvas, fingers = new Map();
  let moved = 0, last = null, spread = 0;
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  const hover = (index, event) => {
    if (index !== atlas.hovered) {
      atlas.hovered = index;
      canvas.style.cursor = atlas.lassoing ? "crosshair" : index >= 0 ? "pointer" : "grab";
      atlas.redraw();
    }
    atlas.onHover?.(index, event, panel);
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, spot(event));
    moved = 0;
    last = spot(event);
    panel.lasso = atlas.lassoing || event.shiftKey ? [last] : null;
    if (fingers.size === 2) { panel.lasso = null; spread = 0; }
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = spot(event);
    if (!fingers.size) return hover(panel.hit(...here), event);
    const before = fingers.get(event.pointerId);
    fingers.set(event.pointerId, here);
    if (!before) return;
    moved += Math.abs(here[0] - before[0]) + Math.abs(here[1] - before[1]);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()];
      const wide = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) atlas.zoomAt(panel, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, wide / spread);
      spread = wide;
    } else if (panel.lasso) {
      panel.lasso.push(here);
      atlas.redraw();
    } else if (moved > 5) {
      atlas.view.panX -= (here[0] - before[0]) / panel.unit;
      atlas.view.panY += (here[1] - before[1]) / panel.unit;
      atlas.onHover?.(-1, event, panel);
      atlas.redraw();
    }
  });

  const release = (event) => {
    const line = panel.lasso, held = fingers.delete(event.pointerId);
    panel.lasso = null;
    if (!held) return;
    if (line && line.length > 3) {
      // At most 200 corners travel to the server, in the coordinates of the map.
      const step = Math.ceil(line.length / 200);
      atlas.lassoing = false;
      atlas.select(panel.side, line.filter((_, i) => i % step === 0).map(([x, y]) => panel.toWorld(x, y)));
      atlas.changed();
    } else if (moved <= 5 && event.type === "pointerup") {
      const index = panel.hit(...spot(event));
      atlas.hovered = -1;
      atlas.onHover?.(-1, event, panel);
      atlas.pin(index);
    }
    atlas.redraw();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", (event) => { if (!fingers.size) hover(-1, event); });

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    atlas.zoomAt(panel, ...spot(event), Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => atlas.zoomAt(panel, ...spot(event), 1.8));

  // Arrow keys walk to the nearest picture in that direction, Enter pins it, + and - zoom.
  canvas.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const centre = [panel.width / 2, panel.height / 2];
    if (ways[event.key]) {
      const from = atlas.hovered >= 0 ? panel.place("picture", atlas.hovered) : centre;
      hover(GlassKit.step(panel, atlas, from, ways[event.key]), null);
    } else if (event.key === "Enter" && atlas.hovered >= 0) atlas.pin(atlas.hovered);
    else if (event.key === "+" || event.key === "=") atlas.zoomAt(panel, ...centre, 1.4);
    else if (event.key === "-") atlas.zoomAt(panel, ...centre, 1 / 1.4);
    else if (event.key === "Escape") atlas.reset();
    else return;
    event.preventDefault();
  });
};

GlassKit.step = (panel, atlas, [x, y], [dx, dy]) => {
  let best = atlas.hovered, least = Infinity;
  panel.each("picture", (i, px, py) => {
    const along = (px - x) * dx + (py - y) * dy, across = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    const cost = along + 2 * across;
    if (along > 1 && across <= along && cost < least && i !== atlas.hovered && atlas.visible(i)) { least = cost; best = i; }
  });
  return best;
};
