// Groups: take pictures out of a group or put strangers in, and see similarity and losses change.
window.GlassKit = window.GlassKit || {};

GlassKit.groupsPage = (element, server) => {
  const root = element.querySelector(".gk-groups-page"), el = GlassKit.element;
  if (root.glassKit) return;
  root.glassKit = true;
  const find = (selector) => root.querySelector(selector);
  const data = find(".gk-data"), concept = find(".gk-concept"), notice = find(".gk-notice");
  let group = null, inside = [], whole = null;
  const measuring = GlassKit.turns(), opening = GlassKit.turns(), listing = GlassKit.turns();

  const fail = (text) => { notice.textContent = text; notice.hidden = false; };

  const tile = (index) => el("button", {
    type: "button", draggable: "true", "data-index": index,
    title: `${group.concepts[index]}: ${group.captions[index]}`,
    onmouseenter: () => tell(index), onfocus: () => tell(index),
    "aria-label": `${inside.includes(index) ? "take out" : "put in"}: ${group.captions[index]}`,
    class: group.concepts[index] === concept.value ? "" : "gk-stranger",
    onclick: () => move(index),
    ondragstart: (event) => event.dataTransfer.setData("text/plain", String(index)),
  }, group.pictures ? el("img", { src: `${group.pictures}${index}.webp`, alt: "", draggable: "false" })
    : el("span", {}, group.captions[index]), el("small", { "data-near": index }, ""));

  const tell = (index) => { find(".gk-pair").textContent = `${group.concepts[index]}: “${group.captions[index]}”`; };

  const show = () => {
    const outside = [...group.members, ...group.strangers].filter((i) => !inside.includes(i));
    find(".gk-members").replaceChildren(...inside.map(tile));
    find(".gk-outside").replaceChildren(...outside.map(tile));
    find(".gk-count").textContent = `(${inside.length} pictures)`;
  };

  const move = (index) => {
    const leaving = inside.includes(index);
    if (leaving && inside.length <= 2) return fail("A group needs two pictures: put one in before you take this out.");
    notice.hidden = true;
    inside = leaving ? inside.filter((i) => i !== index) : [...inside, index];
    show();
    root.querySelector(`.gk-tray [data-index="${index}"]`)?.focus();
    measure();
  };

  for (const [tray, wants] of [[".gk-members", false], [".gk-outside", true]]) {
    const node = find(tray);
    node.ondragover = (event) => event.preventDefault();
    node.ondrop = (event) => {
      event.preventDefault();
      const index = Number(event.dataTransfer.getData("text/plain"));
      if (group && inside.includes(index) === wants) move(index);
    };
  }

  const measure = async () => {
    const last = measuring();
    const answer = await server.measure({ name: data.value, concept: concept.value, members: inside });
    if (!last()) return;
    if (answer.error) return fail(answer.error);
    whole = whole || answer;
    const rows = [["tightness", "cohesion"], ["nearness to its word", "word"], ["outer loss", "outer"], ["inner loss", "inner"]];
    find(".gk-numbers tbody").replaceChildren(...rows.map(([name, key]) => el("tr", {},
      el("th", { scope: "row" }, name),
      ["before", "after"].map((side) => {
        const change = answer[side][key] - whole[side][key];
        const text = Math.abs(change) < 0.0005 ? "" : ` (${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(3)})`;
        return el("td", {}, answer[side][key].toFixed(3), el("small", {}, text));
      }))));
    for (const side of ["before", "after"]) matrix(side, answer[side].similarity);
    inside.forEach((index, place) => {
      const [was, is] = ["before", "after"].map((side) => answer[side].to_centre[place].toFixed(2));
      find(`.gk-members [data-near="${index}"]`).textContent = `${was} → ${is}`;
    });
    root.dataset.measured = `${concept.value} ${inside.length}`;
  };

  const matrix = (side, values) => {
    const canvas = find(`.gk-matrix-${side}`), n = values.length, cell = Math.max(4, Math.floor(480 / n));
    canvas.width = canvas.height = n * cell;
    const c = canvas.getContext("2d");
    values.forEach((row, i) => row.forEach((value, j) => {
      c.fillStyle = GlassKit.ramp(value);
      c.fillRect(j * cell, i * cell, cell - (cell > 8 ? 1 : 0), cell - (cell > 8 ? 1 : 0));
    }));
    canvas.onmousemove = (event) => {
      const box = canvas.getBoundingClientRect();
      const j = Math.floor(((event.clientX - box.left) / box.width) * n), i = Math.floor(((event.clientY - box.top) / box.height) * n);
      if (!(i in values) || !(j in values)) return;
      find(".gk-pair").textContent = `${values[i][j].toFixed(2)}: “${group.captions[inside[i]]}” and “${group.captions[inside[j]]}”`;
      for (const button of find(".gk-members").children) {
        button.classList.toggle("gk-lit", [inside[i], inside[j]].includes(Number(button.dataset.index)));
      }
    };
  };

  const open = async () => {
    notice.hidden = true;
    const last = opening();
    measuring();
    const answer = await server.open_group({ name: data.value, concept: concept.value });
    if (!last()) return;
    if (answer.error) return fail(answer.error);
    group = answer;
    inside = [...group.members];
    whole = null;
    find(".gk-guide").textContent = group.guide;
    const named = group.hard_negatives.length ? ` Easily taken for it, says who made the data: ${group.hard_negatives.join(", ")}.` : "";
    find(".gk-rivals").textContent = `Hard negatives in the outer loss, the groups nearest to it: ${group.rivals.join(", ")}.${named}`;
    GlassKit.remember({ group: concept.value, data: data.value });
    show();
    measure();
  };

  const names = async () => {
    const last = listing();
    const map = await GlassKit.loadMap(data.value).catch((error) => { if (last()) fail(GlassKit.trouble(error)); });
    if (!map || !last()) return;
    const filled = new Set(map.concept);
    const wished = new URLSearchParams(location.search).get("group");
    concept.replaceChildren(...map.concepts.filter((_, i) => filled.has(i)).map((name) => el("option", { value: name }, name)));
    if ([...concept.options].some((option) => option.value === wished)) concept.value = wished;
    // Examples: the groups that gained most in recognition, and the one that lost most.
    const gain = map.concepts.map(() => 0), { before, after } = map.views;
    map.concept.forEach((own, i) => { gain[own] += (after.rank[i] === 1) - (before.rank[i] === 1); });
    const order = gain.map((_, i) => i).filter((i) => filled.has(i)).sort((a, b) => gain[b] - gain[a]);
    GlassKit.tries(find(".gk-tries"), [...new Set([...order.slice(0, 3), order.at(-1)])].map((i) => [
      map.concepts[i], `${gain[i] < 0 ? "lost" : "gained"} ${Math.abs(gain[i])} recognised pictures in training`,
      () => { concept.value = map.concepts[i]; open(); }]));
    await open();
  };

  data.onchange = names;
  concept.onchange = open;
  find(".gk-restore").onclick = () => { inside = [...group.members]; notice.hidden = true; show(); measure(); };
  const wished = new URLSearchParams(location.search).get("data");
  if ([...data.options].some((option) => option.value === wished)) data.value = wished;
  names();
};
