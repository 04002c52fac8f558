// The shared state of the maps of one page: data, colours, zoom, who is hovered, pinned, selected.
window.GlassKit = window.GlassKit || {};

GlassKit.Atlas = class {
  constructor(root, server) {
    this.root = root;
    this.server = server;
    this.view = { zoom: 1, panX: 0, panY: 0 };
    this.hovered = -1;
    this.pinned = -1;
    this.selection = null;      // Set of record indices, or null
    this.similarity = null;     // {before, after: bytes, 255 the nearest, phrase}
    this.isolated = null;       // a label of the coloured level that stands alone
    this.pointed = null;        // a label whose legend entry is pointed at
    this.showPictures = true;
    this.showNames = true;
    this.showCaptions = false;
    this.split = "all";
    this.mode = window.innerWidth < 720 ? "morph" : "pair";
    this.t = 1;
    this.colourBy = "level4";
    this.panels = {};
    this.version = 0;           // rises when colours may have changed
    this.neighbours = new Map();
    this.loading = GlassKit.turns();
    this.asking = GlassKit.turns();
    this.thumbs = new GlassKit.Thumbs(this);
    this.fontFamily = getComputedStyle(document.body).fontFamily;
    this.find = (selector) => root.querySelector(selector);
  }

  // Whether the map was taken; not where another one has been asked for meanwhile.
  async load(name) {
    const last = this.loading();
    this.asking();
    this.data = null;
    this.root.classList.add("gk-loading");
    let found;
    try {
      found = await GlassKit.loadMap(name);
    } catch (error) {
      if (last()) throw error;
    }
    if (!last()) return false;
    const data = { ...found, views: { before: { ...found.views.before }, after: { ...found.views.after } } };
    Object.assign(this, { hovered: -1, pinned: -1, selection: null, similarity: null, isolated: null });
    this.view = { zoom: 1, panX: 0, panY: 0 };
    this.colourBy = data.family;
    this.extent = data.extent;
    this.labelOf = data.labelOf;
    this.neighbours.clear();
    this.data = data;
    this.order = null;
    this.colours = {};
    this.thumbs.clear();
    this.root.classList.remove("gk-loading");
    this.changed();
    // Texts come behind the first drawing; what is shown of a point waits for them.
    data.texts.then(({ key, caption, theme }) => {
      Object.assign(data, { key, caption, theme });
      if (!last()) return;
      this.root.dataset.texts = name;
      this.redraw();
    }).catch(() => { if (last()) this.onError?.("The captions could not be read. Is the app still running? Then load the page again."); });
    return true;
  }

  // Which pictures are shown first when there is no room for all: spread evenly over the groups.
  thumbOrder() {
    const { concept, n } = this.data;
    if (!this.order) {
      const rank = {}, key = Array.from(concept, (own) => (rank[own] = (rank[own] || 0) + 1));
      this.order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => key[a] - key[b] || a - b);
    }
    if (!this.similarity) return this.order;
    const { after } = this.similarity;
    this.similarity.order = this.similarity.order || this.order.slice().sort((a, b) => after[b] - after[a]);
    return this.similarity.order;
  }

  // The nearest pictures of one on both maps, or undefined until the server has said.
  near(index) {
    const { neighbours, data } = this;
    if (!neighbours.has(index)) {
      neighbours.set(index, undefined);
      fetch(`kit/near/${encodeURIComponent(data.name)}/${index}.json`).then((answer) => answer.json()).then((found) => {
        if (this.data === data) { neighbours.set(index, found); this.redraw(); }
      }, () => {
        neighbours.delete(index);
        this.onError?.("The server does not answer. Is the app still running? Then load the page again.");
      });
    }
    return neighbours.get(index);
  }

  morph(side) {
    return this.mode === "morph" ? this.t : side === "before" ? 0 : 1;
  }
  visible(i) {
    return this.split === "all" || this.data.splits[this.data.split[i]] === this.split;
  }
  faint(i) {
    if (this.selection) return !this.selection.has(i);
    const label = this.pointed ?? this.isolated;
    if (label !== null && label !== undefined) return this.legendOf(i, "after") !== label;
    return false;
  }
  focusConcepts() {
    const level = this.data.levels[this.colourBy], label = this.pointed ?? this.isolated;
    const focus = new Set();
    if (level && label !== null && label !== undefined) {
      level.of.forEach((of, concept) => { if (of === label) focus.add(concept); });
    }
    if (this.hovered >= 0) focus.add(this.data.concept[this.hovered]);
    return focus;
  }

  // ---- colour ---------------------------------------------------------------------------------

  // The legend: [{label, text, colour}] of what is coloured now. Captions of the states of
  // "recognised" must agree with dataset_maps.py, which counts them.
  legend() {
    const { levels, splits } = this.data;
    if (levels[this.colourBy]) {
      const { labels, colours } = levels[this.colourBy];
      return labels.map((text, label) => ({ label, text, colour: colours[label] }));
    }
    if (this.colourBy === "split") {
      const colours = ["#4477aa", "#ccbb44", "#aa3377"];
      return splits.map((text, i) => ({ label: text, text, colour: colours[i] }));
    }
    if (this.colourBy === "correct") {
      return [
        { label: "both", text: "recognised before and after", colour: "#4477aa" },
        { label: "learned", text: "learned in training", colour: "#228833" },
        { label: "lost", text: "lost in training", colour: "#ee7733" },
        { label: "neither", text: "not recognised", colour: "#a8a29a" },
      ];
    }
    return [];
  }
  legendOf(i) {
    if (this.labelOf[this.colourBy]) return this.labelOf[this.colourBy][i];
    if (this.colourBy === "split") return this.data.splits[this.data.split[i]];
    if (this.colourBy === "correct") {
      const was = this.data.views.before.rank[i] === 1, is = this.data.views.after.rank[i] === 1;
      return was && is ? "both" : is ? "learned" : was ? "lost" : "neither";
    }
    return null;
  }
  colour(i, side) {
    if (this.colourBy === "phrase") {
      if (!this.similarity) return "#a8a29a";
      const which = this.morph(side) < 0.5 ? "before" : "after";
      return GlassKit.ramps[this.similarity[which][i]];
    }
    const label = this.legendOf(i);
    if (!this.colours[this.colourBy]) {
      this.colours[this.colourBy] = new Map(this.legend().map((entry) => [entry.label, entry.colour]));
    }
    return this.colours[this.colourBy].get(label) || "#999999";
  }
  ink() {
    const style = getComputedStyle(this.root);
    const read = (name) => style.getPropertyValue(name).trim();
    return {
      ink: read("--gk-ink"), paper: read("--gk-paper"), panel: read("--gk-panel"),
      faint: read("--gk-faint"), accent: read("--gk-accent"),
    };
  }

  // ---- drawing --------------------------------------------------------------------------------

  redraw() {
    if (this.waiting || !this.data) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const sides = this.mode === "morph" ? ["after"] : ["before", "after"];
      for (const side of sides) this.panels[side]?.draw();
      this.onDraw?.();
    });
  }
  changed() {
    this.version++;
    this.onChange?.();
    this.redraw();
  }

  // ---- actions --------------------------------------------------------------------------------

  zoomAt(panel, px, py, factor) {
    const zoom = Math.max(0.8, Math.min(40, this.view.zoom * factor));
    const [x, y] = panel.toWorld(px, py);
    this.view.zoom = zoom;
    const [nx, ny] = panel.toWorld(px, py);
    this.view.panX += x - nx;
    this.view.panY += y - ny;
    this.redraw();
  }
  reset() {
    this.asking();
    Object.assign(this, { selection: null, isolated: null, pinned: -1, similarity: null });
    this.view = { zoom: 1, panX: 0, panY: 0 };
    if (this.colourBy === "phrase") this.colourBy = this.data.family;
    this.changed();
  }
  pin(index) {
    this.pinned = index;
    this.changed();
    this.onPin?.(index);
  }
  async select(side, outline) {
    const view = this.mode === "morph" && this.t < 0.5 ? "before" : this.mode === "morph" ? "after" : side;
    const last = this.asking();
    const answer = await this.server.select({ name: this.data.name, side: view, outline });
    if (!last()) return;
    if (answer.error) return this.onError?.(answer.error);
    answer.indices = GlassKit.setBits(GlassKit.bytes(answer.inside));
    this.selection = answer.indices.length ? new Set(answer.indices) : null;
    this.pinned = -1;
    this.changed();
    this.onSelect?.(answer);
  }
  async search(phrase) {
    const last = this.asking();
    const answer = await this.server.search({ name: this.data.name, phrase });
    if (!last()) return;
    if (answer.error) return this.onError?.(answer.error);
    for (const side of ["before", "after"]) answer[side] = GlassKit.bytes(answer[side]);
    this.similarity = answer;
    this.colourBy = "phrase";
    this.selection = null;
    this.pinned = -1;
    this.changed();
    this.onSearch?.(answer);
  }
  play() {
    const start = performance.now(), from = this.t > 0.99 ? 0 : this.t;
    const step = (now) => {
      const share = Math.min(1, (now - start) / 2600), eased = share * share * (3 - 2 * share);
      this.t = from + (1 - from) * eased;
      this.onMorph?.();
      this.redraw();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
};

// 0 to 1 as colour, dark violet over red to yellow (equal steps in lightness, safe for colour-blind eyes).
GlassKit.ramp = (share) => {
  const stops = [[68, 60, 110], [123, 56, 125], [183, 55, 121], [229, 89, 100], [251, 159, 88], [252, 225, 140]];
  const at = Math.max(0, Math.min(0.9999, share)) * (stops.length - 1), low = Math.floor(at);
  const mix = stops[low].map((part, i) => Math.round(part + (stops[low + 1][i] - part) * (at - low)));
  return `rgb(${mix.join(",")})`;
};
GlassKit.ramps = Array.from({ length: 256 }, (_, byte) => GlassKit.ramp(byte / 255));
