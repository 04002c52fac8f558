// The card at the pointer, and the detail panel beside the maps: a pinned picture, a selection, a search.
window.GlassKit = window.GlassKit || {};

GlassKit.pictureOf = (atlas, index, large) => {
  const { element: el } = GlassKit, { data } = atlas;
  if (!data.pictures) {
    return el("div", { class: "gk-nopicture" }, "The picture itself is not here: ", data.hint);
  }
  const sentence = data.caption[index];
  return el("img", { src: `${data.pictures}${index}.webp`, alt: sentence, loading: "lazy",
    class: large ? "gk-large" : "gk-small" });
};

GlassKit.verdict = (atlas, index) => {
  const { element: el } = GlassKit, { data } = atlas;
  return ["before", "after"].map((side) => {
    const view = data.views[side], right = view.rank[index] === 1;
    return el("div", { class: right ? "gk-right" : "gk-wrong" },
      el("b", {}, side === "before" ? "before" : "after"), " ",
      data.concepts[view.top[index]], el("span", {}, right ? " ✓" : ` (own concept is number ${view.rank[index]})`));
  });
};

GlassKit.hoverCard = (atlas) => {
  const { element: el } = GlassKit, card = atlas.find(".gk-card");
  let shown = -1;
  atlas.onHover = (index, event, panel) => {
    if (index < 0) { card.hidden = true; shown = -1; return; }
    if (index !== shown) {
      const { data } = atlas, concept = data.concept[index];
      card.replaceChildren(
        GlassKit.pictureOf(atlas, index, false),
        el("div", { class: "gk-concept" }, data.concepts[concept]),
        el("p", {}, data.caption[index] ?? "…"),
        ...GlassKit.verdict(atlas, index),
      );
      card.hidden = false;
      shown = index;
      // Who walks with the arrow keys hears what the card shows.
      if (!event) atlas.find(".gk-said").textContent = `${data.concepts[concept]}: ${data.caption[index] ?? ""}`;
    }
    const box = atlas.root.getBoundingClientRect(), at = panel.canvas.getBoundingClientRect();
    const [px, py] = event ? [event.clientX, event.clientY]
      : panel.place("picture", index).map((part, i) => part + (i ? at.top : at.left));
    const wide = card.offsetWidth, high = card.offsetHeight;
    let x = px - box.left + 18, y = py - box.top - high / 2;
    if (x + wide > box.width) x = px - box.left - wide - 18;
    y = Math.max(4, Math.min(y, box.height - high - 4));
    card.style.transform = `translate(${Math.max(4, x)}px, ${y}px)`;
  };
};

GlassKit.gallery = (atlas, indices, captions = null) => {
  const { element: el } = GlassKit, { data } = atlas;
  return el("div", { class: "gk-gallery" }, indices.map((i, place) => el("button", {
    type: "button", title: data.caption[i], "aria-label": `pin: ${data.caption[i]}`,
    onclick: () => atlas.pin(i),
    onmouseenter: () => { atlas.hovered = i; atlas.redraw(); },
    onmouseleave: () => { atlas.hovered = -1; atlas.redraw(); },
  }, data.pictures ? GlassKit.pictureOf(atlas, i, false) : el("span", {}, data.caption[i]),
  captions ? el("small", {}, captions[place]) : "")));
};

// Bars from 0 to the largest value of both lists, so that before and after can be compared.
GlassKit.bars = (rows, own = "", digits = 2) => {
  const { element: el } = GlassKit, most = Math.max(1e-6, ...rows.map((row) => row.scale ?? row.value));
  return el("div", { class: "gk-bars" }, rows.map(({ name, value }) => el("div", {
    class: name === own ? "gk-own" : "",
  }, el("span", {}, name), el("i", {}, el("b", { style: `width:${Math.max(0, (100 * value) / most)}%` })),
  el("em", {}, value.toFixed(digits)))));
};

GlassKit.detailPanel = (atlas) => {
  const { element: el } = GlassKit, detail = atlas.find(".gk-detail");
  const show = (...children) => { detail.replaceChildren(...children.flat(3)); detail.scrollTop = 0; };

  atlas.welcome = () => show(
    el("h3", {}, "How to look at this"),
    el("p", {}, "Each picture is a point. Pictures that the model finds alike stand together. A ◆ with a ",
      "name marks where the model puts a word: among the pictures that it takes to be about it."),
    el("p", {}, "No caption ever named these concepts. Compare before with after: training on groups pulls ",
      "pictures of one idea together, and the words move to their pictures."),
    el("ul", {}, el("li", {}, "Point at a picture to see it, click to pin it here."),
      el("li", {}, "Point at a colour in the legend to see one family alone."),
      el("li", {}, "Press Lasso and draw round some pictures: what do they share?"),
      el("li", {}, "Type a phrase: the map shows what lies near it.")),
  );

  atlas.onPin = async (index) => {
    if (index < 0) { GlassKit.remember({ pin: null }); return atlas.changed(); }
    const { data } = atlas, last = () => atlas.data === data && atlas.pinned === index;
    const texts = await data.texts.catch(() => null);
    if (!texts || !last()) return;  // without texts load has told the visitor
    GlassKit.remember({ pin: texts.key[index] });
    const concept = data.concept[index];
    const path = Object.values(data.levels).map(({ of, labels }) => labels[of[concept]]).filter(Boolean);
    const head = [
      GlassKit.pictureOf(atlas, index, true),
      el("div", { class: "gk-path" }, path.map((name, i) => el(i ? "span" : "b", {}, name))),
      el("p", { class: "gk-quote" }, data.caption[index]),
      data.theme[index] ? el("p", { class: "gk-quote gk-theme" }, data.theme[index]) : "",
      el("p", { class: "gk-meta" }, `${GlassKit.splitNames[data.splits[data.split[index]]]} · ${data.key[index]}`),
    ];
    show(head);
    const more = await atlas.server.describe({ name: data.name, index });
    if (!last()) return;
    if (more.error) return atlas.onError(more.error);
    const own = data.concepts[concept];
    const scale = Math.max(...more.before.concepts.concat(more.after.concepts).map((row) => row.value));
    show(head, ["before", "after"].map((side) => [
      el("h4", {}, side === "before" ? "Nearest concepts before training" : "Nearest concepts after training"),
      GlassKit.bars(more[side].concepts.map((row) => ({ ...row, scale })), own),
      el("h4", {}, `Nearest pictures ${side} training`),
      GlassKit.gallery(atlas, more[side].pictures),
    ]));
  };

  atlas.onSelect = ({ indices, shared, groups }) => {
    if (!indices.length) {
      return show(el("h3", {}, "Nothing inside"), el("p", {}, "No picture lies in the outline. Draw round some points."));
    }
    show(el("h3", {}, `${indices.length} picture${indices.length > 1 ? "s" : ""} selected`),
      el("h4", {}, "They are filed under"),
      el("p", { class: "gk-groups" }, groups.map(([name, count]) => `${name} ${count}`).join(" · ")),
      ["before", "after"].map((side) => [
        el("h4", {}, `What they share, ${side} training`),
        GlassKit.bars(shared[side].map(({ name, lift }) => ({ name, value: lift,
          scale: Math.max(...shared.before.concat(shared.after).map((row) => row.lift)) })), "", 1),
      ]),
      el("p", { class: "gk-meta" }, "Bars: how much nearer the selected pictures are to the concept than all pictures are, in standard deviations."),
      el("h4", {}, "The pictures"), GlassKit.gallery(atlas, indices.slice(0, 60)),
      indices.length > 60 ? el("p", { class: "gk-meta" }, `and ${indices.length - 60} more`) : "");
  };

  atlas.onSearch = ({ phrase, note, nearest }) => show(
    el("h3", {}, `“${phrase}”`),
    note ? el("p", { class: "gk-meta" }, `${note}.`) : "",
    ["before", "after"].map((side) => [
      el("h4", {}, `Nearest pictures ${side} training`),
      GlassKit.gallery(atlas, nearest[side]),
    ]),
    el("p", { class: "gk-meta" }, "The maps are coloured by how near each picture is to the phrase."),
  );
};
