// The map's page: controls, legend, hover card and the detail panel beside the maps where things are pinned.
window.GlassKit = window.GlassKit || {};

GlassKit.element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  // Text from data sets becomes text nodes and is never read as HTML.
  for (const child of children.flat()) node.append(child instanceof Node ? child : String(child));
  return node;
};

GlassKit.mapPage = (element, server) => {
  const root = element.querySelector(".gk-map");
  if (root.glassKit) return root.glassKit;
  const atlas = new GlassKit.Atlas(root, server), el = GlassKit.element;
  root.glassKit = window.GlassKit.atlas = atlas;
  const find = atlas.find, link = new URLSearchParams(location.search);
  for (const side of ["before", "after"]) {
    atlas.panels[side] = new GlassKit.Panel(find(`.gk-${side} canvas`), atlas, side);
    GlassKit.listen(atlas.panels[side], atlas);
  }
  GlassKit.hoverCard(atlas);
  GlassKit.detailPanel(atlas);

  const remember = (changes) => GlassKit.remember(changes);
  const colour = find(".gk-colour"), data = find(".gk-data"), split = find(".gk-split");
  const search = find(".gk-search"), notice = find(".gk-notice");

  atlas.onError = (text) => { notice.textContent = text; notice.hidden = false; };
  const calm = () => { notice.hidden = true; };

  colour.onchange = () => {
    if (colour.value === "phrase" && !atlas.similarity) { search.querySelector("input").focus(); }
    Object.assign(atlas, { colourBy: colour.value, isolated: null });
    remember({ colour: colour.value });
    atlas.changed();
  };
  data.onchange = () => { remember({ data: data.value, pin: null }); open(data.value); };
  split.onchange = () => { atlas.split = split.value; atlas.changed(); };
  search.onsubmit = async (event) => {
    event.preventDefault();
    const phrase = search.querySelector("input").value.trim();
    if (!phrase) return;
    calm();
    search.classList.add("gk-busy");
    await atlas.search(phrase).finally(() => search.classList.remove("gk-busy"));
    if (atlas.similarity?.phrase === phrase) remember({ q: phrase });
  };
  for (const name of ["pictures", "names", "captions"]) {
    const box = find(`.gk-show-${name}`), field = `show${name[0].toUpperCase()}${name.slice(1)}`;
    box.checked = atlas[field];
    box.onchange = () => { atlas[field] = box.checked; atlas.redraw(); };
  }
  find(".gk-lasso").onclick = () => { atlas.lassoing = !atlas.lassoing; atlas.changed(); };
  find(".gk-reset").onclick = () => { calm(); search.reset(); remember({ q: null, pin: null }); atlas.reset(); };
  for (const button of root.querySelectorAll(".gk-mode button")) {
    button.onclick = () => {
      atlas.mode = button.value;
      if (button.value === "morph") { atlas.t = 0; }
      remember({ view: button.value });
      atlas.changed();
      if (button.value === "morph") setTimeout(() => atlas.play(), 500);
    };
  }
  const slider = find(".gk-morph input");
  slider.oninput = () => { atlas.t = slider.value / 100; titles(); atlas.redraw(); };
  find(".gk-morph button").onclick = () => atlas.play();
  atlas.onMorph = () => { slider.value = 100 * atlas.t; titles(); };

  const titles = () => {
    const after = find(".gk-after .gk-title");
    const morphing = atlas.mode === "morph";
    after.textContent = !morphing || atlas.t > 0.99 ? "After training" :
      atlas.t < 0.01 ? "Before training" : "From before to after";
  };

  atlas.onChange = () => {
    if (!atlas.data) return;
    root.dataset.mode = atlas.mode;
    root.dataset.lassoing = Boolean(atlas.lassoing);
    for (const button of root.querySelectorAll(".gk-mode button")) {
      button.setAttribute("aria-pressed", button.value === atlas.mode);
    }
    find(".gk-lasso").setAttribute("aria-pressed", Boolean(atlas.lassoing));
    colour.value = atlas.colourBy;
    slider.value = 100 * atlas.t;
    titles();
    legend();
    for (const side of ["before", "after"]) {
      find(`.gk-${side} .gk-score`).textContent = atlas.data.views[side].sentence;
    }
    find(".gk-story").textContent = atlas.data.story;
    find(".gk-credits").textContent = atlas.data.credits;
    if (atlas.pinned < 0 && !atlas.selection && !atlas.similarity) atlas.welcome();
  };

  const legend = () => {
    const list = find(".gk-legend");
    list.replaceChildren();
    if (atlas.colourBy === "phrase") {
      list.append(el("span", { class: "gk-ramp" }), el("span", {}, atlas.similarity
        ? `farthest to nearest to “${atlas.similarity.phrase}”` : "type a phrase in the search box"));
      return;
    }
    for (const { label, text, colour: paint } of atlas.legend()) {
      const point = (to) => () => { atlas.pointed = to; atlas.redraw(); };
      const entry = el("button", {
        type: "button", "aria-pressed": atlas.isolated === label,
        onmouseenter: point(label), onmouseleave: point(null), onfocus: point(label), onblur: point(null),
        onclick: () => { atlas.isolated = atlas.isolated === label ? null : label; atlas.changed(); },
      }, el("i", { style: `background:${paint}` }), text);
      list.append(entry);
    }
  };

  atlas.onDraw = () => {
    const panel = atlas.panels.after, hidden = panel.namesHidden || 0;
    find(".gk-hidden-names").textContent = hidden
      ? `${hidden} name${hidden > 1 ? "s" : ""} without room: zoom in to read ${hidden > 1 ? "them" : "it"}.` : "";
    root.dataset.ready = atlas.data.name;
  };

  // Examples that the data itself offers: what was learned, and the concept that gained most.
  const tries = () => {
    const { views, concept, concepts, n } = atlas.data, gained = concepts.map(() => 0);
    let first = -1;
    for (let i = 0; i < n; i++) {
      if (views.before.rank[i] === 1 || views.after.rank[i] !== 1) continue;
      gained[concept[i]]++;
      const unseen = atlas.data.splits[atlas.data.split[i]] === "test" || !atlas.data.splits.includes("test");
      if (first < 0 && unseen && views.before.rank[i] > 5) first = i;
    }
    const word = concepts[gained.indexOf(Math.max(...gained))];
    GlassKit.tries(find(".gk-tries"), [
      ["what was learned", "Colour the pictures that are recognised only after training", () => {
        Object.assign(atlas, { colourBy: "correct", isolated: "learned" });
        atlas.changed();
      }],
      [`“${word}”`, "Search for the concept that gained most", () => {
        search.querySelector("input").value = word;
        search.requestSubmit();
      }],
      ["watch it happen", "Move every picture from before to after", () => find(".gk-mode button[value=morph]").click()],
      ...(first < 0 ? [] : [["one that was learned", "Pin a picture that is recognised only after training", () => atlas.pin(first)]]),
    ]);
  };

  const open = async (name) => {
    calm();
    try {
      if (!await atlas.load(name)) return;
      split.replaceChildren(el("option", { value: "all" }, "all pictures"),
        ...atlas.data.splits.map((part) => el("option", { value: part }, GlassKit.splitNames[part])));
      atlas.split = "all";
      for (const option of colour.options) {
        option.hidden = option.value.startsWith("level") && !atlas.data.levels[option.value];
      }
      find(".gk-show-pictures").closest("label").hidden = !atlas.data.pictures;
      tries();
    } catch (error) {
      atlas.onError(GlassKit.trouble(error));
    }
  };

  if (link.get("view")) atlas.mode = link.get("view") === "morph" ? "morph" : "pair";
  const wished = link.get("data");
  if (wished && [...data.options].some((option) => option.value === wished)) data.value = wished;
  open(data.value).then(() => {
    if (!atlas.data) return;
    const shade = link.get("colour");
    if (shade && shade !== "phrase" && [...colour.options].some((option) => option.value === shade)) {
      atlas.colourBy = shade;
      atlas.changed();
    }
    if (link.get("pin")) atlas.data.texts.then(({ key }) => { if (key.includes(link.get("pin"))) atlas.pin(key.indexOf(link.get("pin"))); });
    if (link.get("q")) { search.querySelector("input").value = link.get("q"); search.requestSubmit(); }
  });
  new MutationObserver(() => atlas.redraw()).observe(document.body, { attributeFilter: ["class"] });
  return atlas;
};

GlassKit.splitNames = { train: "seen in training", val: "held out to choose", test: "held out to test" };
