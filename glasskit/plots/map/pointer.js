// Mouse, touch and keys on a map: hover, pin, drag, pinch, wheel, lasso, walk from picture to picture.
function listen(panel, map) {
  const { canvas } = panel, fingers = new Map();
  let moved = 0, spread = 0;
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const hover = (index, event) => {
    canvas.style.cursor = map.lassoing ? "crosshair" : index >= 0 ? "pointer" : "grab";
    map.hover(index, panel, event);
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, spot(event));
    moved = spread = 0;
    const lassoing = map.options.ask && (map.lassoing || event.shiftKey);
    panel.lasso = lassoing && fingers.size === 1 ? [spot(event)] : null;
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = spot(event), before = fingers.get(event.pointerId);
    if (!fingers.size) return hover(panel.hit(...here), event);
    if (!before) return;
    fingers.set(event.pointerId, here);
    moved += Math.abs(here[0] - before[0]) + Math.abs(here[1] - before[1]);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], wide = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) map.zoomAt(panel, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, wide / spread);
      spread = wide;
    } else if (panel.lasso) {
      panel.lasso.push(here);
      map.redraw();
    } else if (moved > 5) {
      map.view.panX -= (here[0] - before[0]) / panel.unit;
      map.view.panY += (here[1] - before[1]) / panel.unit;
      map.hover(-1, panel, event);
      map.redraw();
    }
  });

  const release = (event) => {
    const line = panel.lasso;
    panel.lasso = null;
    if (!fingers.delete(event.pointerId)) return;
    if (line?.length > 3) {
      // At most 200 corners travel to the server, in the coordinates of the map.
      const step = Math.ceil(line.length / 200);
      map.select(map.nearSide(panel.side), line.filter((_, i) => i % step === 0).map(([x, y]) => panel.toWorld(x, y)));
    } else if (moved <= 5 && event.type === "pointerup") {
      map.hover(-1, panel, event);
      map.pin(panel.hit(...spot(event)));
    }
    map.redraw();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", (event) => { if (!fingers.size) hover(-1, event); });

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    map.zoomAt(panel, ...spot(event), Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => map.zoomAt(panel, ...spot(event), 1.8));

  // Arrow keys walk to the nearest picture in that direction, Enter pins it, + and - zoom.
  canvas.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const centre = [panel.width / 2, panel.height / 2];
    if (ways[event.key]) {
      const from = map.hovered >= 0 ? panel.place("picture", map.hovered) : centre;
      hover(panel.step(from, ways[event.key]), null);
    } else if (event.key === "Enter" && map.hovered >= 0) map.pin(map.hovered);
    else if (event.key === "+" || event.key === "=") map.zoomAt(panel, ...centre, 1.4);
    else if (event.key === "-") map.zoomAt(panel, ...centre, 1 / 1.4);
    else if (event.key === "Escape") map.reset();
    else return;
    event.preventDefault();
  });
}
