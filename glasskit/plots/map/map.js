// The map: pictures and words of a data set before and after training, drawn without a graphics card.
//
// new GlassMap(element, data, options) fills an element. data is what glasskit/plots/map_data.py makes, of two models
// or of one.
// Options, each of which may be missing:
//   layout          "pair" or "morph"
//   ask             {pin(index), lasso(side, outline), search(phrase)}, which promise {html, rows, ...} or {error},
//                   html a text or a list of nodes; take(rows, form, phrase) -> {text, file} and
//                   table(text) -> {colourings}, or {error}. What is asked is answered beside the maps; what can't
//                   be asked has no tool.
//   welcome         HTML beside the maps while nothing is asked
//   datasets, open  names to choose from, and what to call with the chosen one
//   models, pair    names to choose from, and the two that are shown
//   compare         what to call with the two chosen ones
//   remember        called with {name: value} of what is looked at, for links to it
//   bare, side      one map of this side alone, without tools
//   pictures        false: no small pictures
//   picture         (index, small) -> the address of a picture, or a promise of it
class GlassMap {
  constructor(element, data, options = {}) {
    Object.assign(this, {
      data, options, hovered: -1, pinned: -1,  // numbers of pictures, or -1
      selection: null,        // Set of picture numbers
      phrase: null,           // {phrase, before, after}: how near each picture is, 255 the nearest
      lit: null,              // Set of picture numbers, see light()
      words: null,            // where the words stand, flat x and y, see walkWords()
      isolated: null,         // number of the label in the legend that stands alone
      pointed: null,          // number of the one that is pointed at
      split: "all", lassoing: false, asked: 0, panels: {},
      view: { zoom: 1, panX: 0, panY: 0 },
      shows: { pictures: options.pictures !== false, names: true, captions: false },
      layout: options.bare ? "morph" : options.layout ?? ((element.clientWidth || window.innerWidth) < 700 ? "morph" : "pair"),
      t: options.side === "before" ? 0 : 1,    // of the morph: 0 before, 1 after
      colourBy: data.family,
      thumbnails: new Thumbnails(this),
      fontFamily: getComputedStyle(document.body).fontFamily,
    });
    this.single = !data.views.before;
    if (this.single) {
      this.data = data = { ...data, sides: { before: data.sides.after, ...data.sides }, views: { before: data.views.after, ...data.views } };
      this.layout = "single";
    }
    this.several = data.labels.some((own) => own.length > 1);
    this.extent = { x: 0.1, y: 0.1 };
    for (const { picture } of Object.values(data.views)) {
      picture.forEach((part, i) => {
        const axis = i % 2 ? "y" : "x";
        this.extent[axis] = Math.max(this.extent[axis], Math.abs(part));
      });
    }
    this.sizes = data.concepts.map(() => 0);
    // Which pictures come first when there is no room for all: spread evenly over the groups.
    const turn = data.labels.map(([own]) => this.sizes[own]++);
    this.evenly = turn.map((_, i) => i).sort((a, b) => turn[a] - turn[b] || a - b);

    element.innerHTML = options.bare ? MARKUP.bare : MARKUP.whole;
    this.root = element.firstElementChild;
    this.root.glassMap = this;
    // What the style sheet goes by: the map's width, not the window's, as a notebook has a column beside it.
    // (Container queries would do, but Gradio drops them.)
    const size = (width) => { this.root.dataset.width = width <= 700 ? "narrow" : width <= 1000 ? "medium" : "wide"; };
    size(this.root.clientWidth || window.innerWidth);
    new ResizeObserver(([entry]) => size(entry.contentRect.width)).observe(this.root);
    this.find = (selector) => this.root.querySelector(selector);
    for (const side of options.bare ? ["after"] : ["before", "after"]) {
      this.panels[side] = new MapCanvas(this.find(`.gk-${side} canvas`), this, side);
      if (!options.bare) listen(this.panels[side], this);
    }
    if (!options.bare) this.fillTools();
    const shade = new MutationObserver(() => (this.root.isConnected ? this.redraw() : shade.disconnect()));
    shade.observe(document.body, { attributeFilter: ["class", "data-jp-theme-light", "data-vscode-theme-kind"] });
    this.changed();
  }

  // ---- what is where and in which colour --------------------------------------------------------

  // How far a side's map has gone from before (0) to after (1).
  time(side) {
    return this.layout === "morph" ? this.t : side === "before" ? 0 : 1;  // alone: after
  }
  nearSide(side) {
    return this.time(side) < 0.5 ? "before" : "after";
  }
  order() {
    const { phrase } = this;
    if (phrase) phrase.order ??= this.evenly.toSorted((a, b) => phrase.after[b] - phrase.after[a]);
    return phrase?.order ?? this.evenly;
  }
  // What a side is called as a heading: "Before training", or a model's name as it is.
  heading(side) {
    const said = this.data.sides[side];
    return this.trained ? said[0].toUpperCase() + said.slice(1) : said;
  }
  // Whether the two sides are one model before and after training.
  get trained() {
    return this.data.sides.before === "before training";
  }
  // What a side is called in few words.
  shortly(side) {
    return this.trained ? side : this.data.sides[side];
  }
  isShown(i) {
    return this.split === "all" || this.data.split[i] === this.split;
  }
  isFaint(i) {
    if (this.selection) return !this.selection.has(i);
    const label = this.pointed ?? this.isolated;
    return label !== null && !this.carries(i, label);
  }
  // Concepts whose names come first: those of the label that is pointed at, and the hovered picture's.
  focus() {
    const label = this.pointed ?? this.isolated, found = new Set(this.data.labels[this.hovered]);
    if (label !== null) this.colouring?.home?.forEach((own, concept) => { if (own === label) found.add(concept); });
    return found;
  }
  get colouring() {
    return this.data.colourings[this.colourBy];  // none while coloured by a phrase
  }
  // How many pictures carry each label of the legend.
  get counts() {
    const { colouring, evenly } = this;
    return colouring && (colouring.counts ??= colouring.labels.map((_, label) => evenly.filter((i) => this.carries(i, label)).length));
  }
  // Whether a picture has a label of the legend, as the strongest of its own or as another one.
  carries(i, label) {
    const { of, home } = this.colouring ?? {};
    return home ? this.data.labels[i].some((concept) => home[concept] === label) : of?.[i] === label;
  }
  colour(i, side) {
    if (this.lit) return this.lit.has(i) ? "#2f8f86" : this.ink.faint;
    if (this.colourBy === "phrase") return this.phrase ? RAMP[this.phrase[this.nearSide(side)][i]] : "#a8a29a";
    const { colours, of } = this.colouring, label = this.pointed ?? this.isolated;
    return colours[label !== null && this.carries(i, label) ? label : of[i]] ?? "#999999";
  }
  readInk() {
    const style = getComputedStyle(this.root), read = (name) => style.getPropertyValue(`--gk-${name}`).trim();
    return Object.fromEntries(["ink", "paper", "panel", "faint", "accent"].map((name) => [name, read(name)]));
  }
  hasPicture(i) {
    return Boolean(this.data.pictures) && (!this.here || this.here.has(this.data.key[i]));
  }
  // Pictures that come while one looks: the address of all, and the keys of those that are there (null: all).
  showPictures(pictures, here) {
    const complete = !here && this.here;
    this.data.pictures = pictures;
    this.here = here;
    this.find(".gk-shows input[name=pictures]").closest("label").hidden = false;
    this.redraw();
    if (complete && this.pinned >= 0) this.pin(this.pinned);
  }
  pictureAddress(index, small) {
    return this.options.picture?.(index, small) ?? `${this.data.pictures}${index}.webp${small ? "?small=1" : ""}`;
  }

  // ---- drawing ----------------------------------------------------------------------------------

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.ink = this.readInk();
      for (const panel of Object.values(this.panels)) panel.draw();
      if (!this.options.bare) {
        const hidden = this.shows.names ? this.panels.after.namesHidden ?? 0 : 0;
        this.find(".gk-hidden-names").textContent = hidden
          ? `${hidden} name${hidden > 1 ? "s" : ""} without room: zoom in to read ${hidden > 1 ? "them" : "it"}.` : "";
      }
      this.root.dataset.ready = this.data.name;
    });
  }
  // After a change of colours, layout or what is chosen: tools, legend and maps follow.
  changed() {
    if (!this.options.bare) this.showTools();
    this.redraw();
  }
  animate(milliseconds, step) {
    const start = performance.now(), still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const frame = (now) => {
      const share = still ? 1 : Math.min(1, (now - start) / milliseconds);
      step(share);
      this.redraw();
      if (share < 1) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
  // Move every picture from before to after.
  play() {
    const from = this.t > 0.99 ? 0 : this.t;
    this.animate(2600, (share) => {
      this.t = from + (1 - from) * share * share * (3 - 2 * share);
      this.showTime();
    });
  }
  // Let the words walk to other places (flat x and y): a training that goes on.
  walkWords(places) {
    const from = this.words ?? this.data.views[this.nearSide("after")].concept;
    this.animate(450, (share) => { this.words = from.map((part, i) => part + (places[i] - part) * share); });
  }
  // These pictures in the accent colour and all others grey.
  light(indices) {
    this.lit = new Set(indices);
    this.redraw();
  }

  // ---- what a visitor does ----------------------------------------------------------------------

  zoomAt(panel, px, py, factor) {
    const [x, y] = panel.toWorld(px, py);
    this.view.zoom = Math.max(0.8, Math.min(40, this.view.zoom * factor));
    const [nx, ny] = panel.toWorld(px, py);
    this.view.panX += x - nx;
    this.view.panY += y - ny;
    this.redraw();
  }
  reset() {
    this.asked++;
    Object.assign(this, { selection: null, isolated: null, pinned: -1, phrase: null });
    this.view = { zoom: 1, panX: 0, panY: 0 };
    if (this.colourBy === "phrase") this.colourBy = this.data.family;
    this.find(".gk-search").reset();
    this.notice("");
    this.aside(this.options.welcome);
    this.options.remember?.({ q: null, pin: null, label: null, lasso: null });
    this.changed();
  }
  setLayout(layout) {
    this.layout = layout;
    if (layout === "morph") { this.t = 0; setTimeout(() => this.play(), 500); }
    this.options.remember?.({ view: layout });
    this.changed();
  }
  setColour(name, isolated = null) {
    Object.assign(this, { colourBy: name, isolated });
    this.changed();
  }
  // One label of the legend alone, or all again (null).
  isolate(label) {
    this.options.remember?.({ colour: this.colourBy, label: this.colouring.labels[label] ?? null });
    this.setColour(this.colourBy, label);
  }
  // The card at the pointer. event: null where the arrow keys moved, whose user hears what it shows.
  hover(index, panel, event) {
    const card = this.find(".gk-card"), { data } = this;
    if (index !== this.hovered) { this.hovered = index; this.redraw(); }
    card.hidden = index < 0;
    if (index < 0) return;
    if (card.index !== index) card.replaceChildren(...this.describe(index));
    card.index = index;
    if (!event) this.find(".gk-said").textContent = `${this.namesOf(index).join(", ")}: ${data.caption[index]}`;
    const root = this.root.getBoundingClientRect(), at = panel.canvas.getBoundingClientRect();
    const [x, y] = panel.place("picture", index);
    const px = (event ? event.clientX : at.left + x) - root.left, py = (event ? event.clientY : at.top + y) - root.top;
    const left = px + 18 + card.offsetWidth > root.width ? px - 18 - card.offsetWidth : px + 18;
    const top = Math.min(py - card.offsetHeight / 2, root.height - card.offsetHeight - 4);
    card.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }
  // The labels that a picture carries, the strongest first.
  namesOf(index) {
    return this.data.labels[index].map((concept) => this.data.concepts[concept]);
  }
  // A picture as an element, which stays empty where the address can't be had.
  image(index, small) {
    const image = GlassMap.element("img", { alt: "" });
    Promise.resolve(this.pictureAddress(index, small)).then((address) => { image.src = address; }, () => {});
    return image;
  }
  // Pictures to stand beside the maps, or their captions.
  gallery(rows) {
    const { data } = this, make = GlassMap.element;
    return make("div", { class: data.pictures ? "gk-gallery" : "gk-gallery gk-texts" }, rows.map((index) =>
      make("button", { type: "button", "data-index": String(index), title: data.caption[index] },
        this.hasPicture(index) ? this.image(index, true) : make("span", {}, data.caption[index]))));
  }
  describe(index) {
    const { data } = this, make = GlassMap.element, [first, ...others] = data.labelled ? this.namesOf(index) : [""];
    const own = others.length ? "the nearest of its own" : "own concept";
    const sides = !data.views.after.rank.length ? [] : this.single ? ["after"] : ["before", "after"];
    const verdicts = sides.map((side) => {
      const { rank, top } = data.views[side];
      const right = rank[index] === 1;
      return make("div", { class: right || !data.labelled ? "gk-right" : "gk-wrong" }, make("b", {}, this.shortly(side)), " ", data.concepts[top[index]],
        make("span", {}, !data.labelled ? "" : right ? " ✓" : ` (${own} is number ${rank[index]})`));
    });
    return [
      this.hasPicture(index) ? this.image(index, false) : "",
      make("div", { class: "gk-concept" }, first, make("small", {}, others.map((name) => ` · ${name}`))),
      make("p", {}, data.caption[index]), ...verdicts,
    ];
  }

  // Ask for what stands beside the maps; null where it can't be had, or something else was asked meanwhile.
  async answer(question, ...given) {
    const turn = ++this.asked, ask = this.options.ask?.[question];
    if (!ask) return null;
    this.notice("");
    const said = await ask(...given).catch(() => null)
      ?? { error: NO_ANSWER };
    if (turn !== this.asked) return null;
    if (said.error) { this.notice(said.error); return null; }
    this.aside(said.html);
    if (said.rows?.length && this.options.ask.take) this.offer(said.rows);
    return said;
  }
  async pin(index) {
    this.pinned = index;
    this.redraw();
    this.options.remember?.({ pin: this.data.key[index] ?? null });
    if (index >= 0) return this.answer("pin", index);
    this.asked++;
    if (!this.phrase && !this.selection) this.aside(this.options.welcome);
    return null;
  }
  async select(side, outline) {
    this.lassoing = false;
    this.changed();
    const corners = outline.map(([x, y]) => [Number(x.toFixed(3)), Number(y.toFixed(3))]);
    const said = await this.answer("lasso", side, corners);
    if (!said) return;
    Object.assign(this, { pinned: -1, selection: said.rows.length ? new Set(said.rows) : null });
    this.options.remember?.({ lasso: `${side},${corners.flat()}`, pin: null });
    this.changed();
  }
  // Buttons that take what is shown beside the maps along: to a file, as Python, as a link.
  offer(rows) {
    const make = GlassMap.element, place = make("div", { class: "gk-take" });
    const shown = (text) => {
      place.querySelector("textarea")?.remove();
      const field = make("textarea", { readonly: "", rows: "4", "aria-label": "Text to copy" }, text);
      place.append(field);
      field.select();
      navigator.clipboard?.writeText(text).catch(() => {});  // where the browser does not allow it, it is selected
    };
    const take = async (form) => {
      const said = await this.options.ask.take(rows, form, this.phrase?.phrase ?? "").catch(() => null);
      if (!said || said.error) return this.notice(said?.error ?? NO_ANSWER);
      if (form === "py") return shown(said.text);
      const address = URL.createObjectURL(new Blob([said.text], { type: "text/plain" }));
      make("a", { href: address, download: said.file }).click();
      return setTimeout(() => URL.revokeObjectURL(address), 60_000);
    };
    const button = (text, title, onclick) => make("button", { type: "button", title, onclick }, text);
    place.append(make("span", {}, `Take ${rows.length === 1 ? "this picture" : `${rows.length} pictures`} along:`),
      button("CSV", "A table of ids, files, captions, labels and scores", () => take("csv")),
      button("JSON", "The same as JSON", () => take("json")),
      button("Python", "Code that loads the same pictures", () => take("py")),
      button("Link", "The address of what is shown", () => shown(location.href)));
    this.find(".gk-detail").prepend(place);
  }
  // Colour by the columns of a table of the visitor's own.
  async readTable(file) {
    const said = await this.options.ask.table(await file.text()).catch(() => null);
    if (!said || said.error) { this.notice(said?.error ?? NO_ANSWER); return; }
    this.notice("");
    this.options.tables?.(said.colourings);
    this.addColourings(said.colourings);
    this.setColour(Object.keys(said.colourings)[0]);
  }
  addColourings(colourings) {
    Object.assign(this.data.colourings, colourings);
    for (const [value, colouring] of Object.entries(colourings)) {
      if (colouring.range) colouring.colours = RAMP;
      this.find(`.gk-colour [value="${CSS.escape(value)}"]`)?.remove();
      this.find(".gk-colour").append(GlassMap.element("option", { value }, colouring.name));
    }
  }
  async search(phrase) {
    this.find(".gk-search").classList.add("gk-busy");
    const said = await this.answer("search", phrase);
    this.find(".gk-search").classList.remove("gk-busy");
    if (!said) return;
    Object.assign(this, { phrase: said, colourBy: "phrase", selection: null, pinned: -1 });
    this.options.remember?.({ q: said.phrase, lasso: null, pin: null });
    this.changed();
  }
  notice(text) {
    Object.assign(this.find(".gk-notice"), { textContent: text, hidden: !text });
  }
  // A text is HTML of the page itself or the server, which escapes what data sets and visitors wrote; or nodes.
  aside(html = "") {
    const aside = this.find(".gk-detail");
    if (typeof html === "string") aside.innerHTML = html; else aside.replaceChildren(...html);
    aside.scrollTop = 0;
  }

  // ---- tools ------------------------------------------------------------------------------------

  fillTools() {
    const { data, options, find } = this, make = GlassMap.element;
    const choices = (names) => names.map(([value, text]) => make("option", { value }, text));
    find(".gk-story").textContent = data.story;
    find(".gk-credits").textContent = data.credits;
    for (const side of ["before", "after"]) {
      find(`.gk-${side} .gk-title`).textContent = this.heading(side);
      find(`.gk-${side} .gk-score`).textContent = data.views[side].sentence;
      find(`.gk-${side} canvas`).setAttribute("aria-label",
        `Map, ${data.sides[side]}. Arrow keys walk from picture to picture, Enter pins one.`);
      find(`.gk-morph .gk-${side}-name`).textContent = this.shortly(side);
    }
    find(".gk-morph input").setAttribute("aria-label", `From ${data.sides.before} to ${data.sides.after}`);
    const pair = [find(".gk-left"), find(".gk-right")];
    for (const [place, chosen] of pair.entries()) {
      chosen.closest("label").hidden = !(options.models?.length > 2);
      chosen.replaceChildren(...choices((options.models ?? []).map((name) => [name, name])));
      chosen.value = options.pair?.[place];
      chosen.onchange = () => options.compare(pair.map(({ value }) => value));
    }
    if (options.datasets) {
      const chosen = find(".gk-data");
      chosen.replaceChildren(...choices(options.datasets.map((name) => [name, name])));
      chosen.value = data.name;
      chosen.onchange = () => options.open(chosen.value);
    } else find(".gk-data").closest("label").remove();
    find(".gk-colour").append(...choices(Object.entries(data.colourings).map(([value, { name }]) => [value, name])));
    if (options.ask?.search) find(".gk-colour").append(...choices([["phrase", "near to a phrase"]]));
    for (const question of ["lasso", "search", "table"]) find(`.gk-${question}`).hidden = !options.ask?.[question];
    find(".gk-detail").hidden = !options.ask;
    find(".gk-mode").hidden = this.single;
    this.root.dataset.aside = Boolean(options.ask);
    if (options.ask) this.aside(options.welcome);
    find(".gk-colour").onchange = ({ target }) => {
      if (target.value === "phrase" && !this.phrase) find(".gk-search input").focus();
      options.remember?.({ colour: target.value, label: null });
      this.setColour(target.value);
    };
    find(".gk-find").oninput = () => this.showLegend();
    find(".gk-find").onkeydown = ({ key }) => { if (key === "Enter") find(".gk-legend button")?.click(); };
    find(".gk-split").append(...choices([["all", "all pictures"], ...Object.entries(data.splits)]));
    find(".gk-split").onchange = ({ target }) => { this.split = target.value; this.redraw(); };
    for (const button of this.root.querySelectorAll(".gk-mode button")) button.onclick = () => this.setLayout(button.value);
    find(".gk-lasso").onclick = () => { this.lassoing = !this.lassoing; this.changed(); };
    find(".gk-table input").onchange = ({ target }) => { if (target.files[0]) this.readTable(target.files[0]); };
    find(".gk-reset").onclick = () => this.reset();
    find(".gk-search").onsubmit = (event) => {
      event.preventDefault();
      const phrase = find(".gk-search input").value.trim();
      if (phrase) this.search(phrase);
    };
    find(".gk-morph input").oninput = ({ target }) => { this.t = target.value / 100; this.showTime(); this.redraw(); };
    find(".gk-morph button").onclick = () => this.play();
    for (const box of this.root.querySelectorAll(".gk-shows input")) {
      box.checked = this.shows[box.name];
      box.onchange = () => { this.shows[box.name] = box.checked; this.redraw(); };
    }
    find(".gk-shows input[name=pictures]").closest("label").hidden = !data.pictures;
    find(".gk-shows input[name=captions]").closest("label").hidden = !data.labelled || !data.views.after.caption.length;
    find(".gk-shows input[name=names]").closest("label").hidden = !data.concepts.length;
    find(".gk-split").closest("label").hidden = Object.keys(data.splits).length < 2;
    // Pictures that the answers beside the maps show: point to find them, click to pin them.
    const index = (event) => Number(event.target.closest("[data-index]")?.dataset.index ?? -1);
    find(".gk-detail").onclick = (event) => { if (index(event) >= 0) this.pin(index(event)); };
    find(".gk-detail").onmouseover = (event) => { this.hovered = index(event); this.redraw(); };
    find(".gk-detail").onmouseleave = () => { this.hovered = -1; this.redraw(); };
    this.fillExamples();
  }

  // Things to try that the data itself offers: what was learned, and the concept that gained most (without labels:
  // the one that most pictures are nearest to).
  fillExamples() {
    const { views, concepts, split, splits, colourings, labelled, sides } = this.data, gained = concepts.map(() => 0);
    const learned = this.evenly.filter((i) => views.before.rank[i] !== 1 && views.after.rank[i] === 1).sort((a, b) => a - b);
    const told = views.after.rank.length > 0;  // whether a model has told the concepts of pictures
    for (const i of labelled ? learned : this.evenly) gained[views.after.top[i]]++;
    const first = learned.find((i) => views.before.rank[i] > 5 && (split[i] === "test" || !splits.test));
    const word = concepts[gained.indexOf(Math.max(...gained))], search = this.find(".gk-search"), examples = [];
    const only = this.trained ? "only after training" : `only by ${sides.after}`;
    if (labelled && told && !this.single) {
      examples.push([this.trained ? "what was learned" : only, `Colour the pictures that are recognised ${only}`,
        () => this.setColour("correct", 1)]);
    }
    if (this.options.ask?.search && word) {
      examples.push([`“${word}”`, labelled ? "Search for the concept that gained most" : "Search for the commonest idea", () => {
        search.querySelector("input").value = word;
        search.requestSubmit();
      }]);
    }
    if (!this.single) examples.push([this.trained ? "watch it happen" : "one into the other",
      `Move every picture from ${this.shortly("before")} to ${this.shortly("after")}`, () => this.setLayout("morph")]);
    if (first !== undefined) {
      examples.push([this.trained ? "one that was learned" : "one of these", `Pin a picture that is recognised ${only}`, () => this.pin(first)]);
    }
    this.find(".gk-tries").hidden = !examples.length;
    this.find(".gk-tries").append("Try: ", ...examples.map(([text, title, onclick]) =>
      GlassMap.element("button", { type: "button", title, onclick }, text)));
  }

  showTools() {
    const { root, find, colourBy } = this, make = GlassMap.element;
    root.dataset.mode = this.layout;
    root.dataset.lassoing = this.lassoing;
    for (const button of root.querySelectorAll(".gk-mode button")) button.setAttribute("aria-pressed", button.value === this.layout);
    find(".gk-lasso").setAttribute("aria-pressed", this.lassoing);
    find(".gk-colour").value = colourBy;
    this.showTime();
    this.showLegend();
    if (colourBy === "phrase") {
      this.showRamp(this.phrase ? `farthest to nearest to “${this.phrase.phrase}”` : "type a phrase in the search box");
    }
  }
  // The labels of a colouring whose names hold what is typed, each with how many pictures carry it.
  showLegend() {
    const { find, counts } = this, make = GlassMap.element, { labels, colours } = this.colouring ?? { labels: [] };
    const focused = document.activeElement?.dataset.label;
    const point = (label) => () => { this.pointed = label; this.redraw(); };
    find(".gk-find").hidden = labels.length <= MANY_LABELS;
    const typed = find(".gk-find").hidden ? "" : find(".gk-find").value.trim().toLowerCase();
    const found = [...labels.keys()].filter((label) => labels[label].toLowerCase().includes(typed));
    find(".gk-legend").replaceChildren(...found.map((label) => make("button", {
      type: "button", "aria-pressed": String(this.isolated === label), title: `${counts[label]} pictures`, "data-label": label,
      onmouseenter: point(label), onmouseleave: point(null), onfocus: point(label), onblur: point(null),
      onclick: () => this.isolate(this.isolated === label ? null : label),
    }, make("i", { style: `background:${colours[label]}` }), labels[label], make("small", {}, ` ${counts[label]}`))));
    if (this.several && this.colouring?.home) {
      find(".gk-legend").prepend(make("small", {}, "How many pictures carry each; a dot has the colour of its strongest."));
    }
    if (focused) find(`.gk-legend [data-label="${focused}"]`)?.focus();
    if (this.colouring?.range) this.showRamp(this.colouring.range);
    if (labels.length && !found.length) find(".gk-legend").append(`No name holds “${typed}”.`);
  }
  showRamp(text) {
    const make = GlassMap.element;
    this.find(".gk-legend").append(make("span", { class: "gk-ramp" }), make("span", {}, text));
  }
  showTime() {
    this.find(".gk-morph input").value = 100 * this.t;
    this.find(".gk-after .gk-title").textContent = this.layout !== "morph" || this.t > 0.99 ? this.heading("after")
      : this.t < 0.01 ? this.heading("before") : `From ${this.shortly("before")} to ${this.shortly("after")}`;
  }

  // An HTML element; text of data sets becomes text nodes and is never read as HTML.
  static element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.flat().map((child) => (child instanceof Node ? child : String(child))));
    return node;
  }

  // 0 to 1 as a colour, dark violet over red to yellow: equal steps in lightness, safe for colour-blind eyes.
  static ramp(share) {
    const stops = [[68, 60, 110], [123, 56, 125], [183, 55, 121], [229, 89, 100], [251, 159, 88], [252, 225, 140]];
    const at = Math.max(0, Math.min(0.9999, share)) * (stops.length - 1), low = Math.floor(at);
    const mix = stops[low].map((part, i) => Math.round(part + (stops[low + 1][i] - part) * (at - low)));
    return `rgb(${mix.join(",")})`;
  }
}

const NO_ANSWER = "The server does not answer. Is the app still running? Then load the page again.";
const MANY_LABELS = 24;  // in a legend: of more, one can be found by its name

const RAMP = Array.from({ length: 256 }, (_, byte) => GlassMap.ramp(byte / 255));

const figure = (side) => `
  <figure class="gk-panel gk-${side}">
    <figcaption><b class="gk-title"></b> <span class="gk-score"></span></figcaption>
    <canvas tabindex="0" role="application"></canvas>
  </figure>`;
const MARKUP = {
  bare: `<section class="gk-map gk-bare"><figure class="gk-panel gk-after">
    <canvas role="img" aria-label="Map of the pictures with the words where the model puts them"></canvas></figure></section>`,
  whole: `
<section class="gk-map" aria-label="Maps of the latent space">
  <p class="gk-story" aria-live="polite"></p>
  <div class="gk-tools" role="toolbar" aria-label="Map tools">
    <label>Pictures <select class="gk-data"></select></label>
    <label>Left <select class="gk-left"></select></label>
    <label>Right <select class="gk-right"></select></label>
    <label>Colour <select class="gk-colour"></select></label>
    <label class="gk-table" title="Colour by a column of a CSV with ids or file names"><span>Colour by your table …</span><input type="file" accept=".csv,.tsv,.txt,text/csv"></label>
    <label>Show <select class="gk-split"></select></label>
    <span class="gk-mode" role="group" aria-label="Layout"><button type="button" value="pair">Side by side</button><button type="button" value="morph">One into the other</button></span>
    <button type="button" class="gk-lasso" title="Draw round pictures to select them (or hold Shift)">Lasso</button>
    <form class="gk-search" role="search"><input type="search" maxlength="500" placeholder="search by a phrase" aria-label="Search by a phrase"><button type="submit">Search</button></form>
    <button type="button" class="gk-reset">Reset</button>
  </div>
  <p class="gk-tries" role="group" aria-label="Examples"></p>
  <p class="gk-notice" role="alert" hidden></p>
  <div class="gk-map-columns">
    <div class="gk-panels">
      ${figure("before")}${figure("after")}
      <div class="gk-morph">
        <span class="gk-before-name"></span><input type="range" min="0" max="100"><span class="gk-after-name"></span>
        <button type="button">Play</button>
      </div>
      <input type="search" class="gk-find" placeholder="find a name in the legend" aria-label="Find a name in the legend" hidden>
      <div class="gk-legend" role="group" aria-label="Legend"></div>
      <div class="gk-shows">
        <label><input type="checkbox" name="pictures"> pictures</label>
        <label><input type="checkbox" name="names"> ◆ concept names</label>
        <label><input type="checkbox" name="captions"> □ captions</label>
        <span class="gk-hidden-names" aria-live="polite"></span>
      </div>
    </div>
    <aside class="gk-detail" aria-live="polite" aria-label="What is pinned or selected"></aside>
  </div>
  <div class="gk-card" hidden></div>
  <p class="gk-said" role="status" aria-live="polite"></p>
  <p class="gk-credits"></p>
</section>`,
};
