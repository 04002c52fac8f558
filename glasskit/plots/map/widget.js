// The map as an anywidget: what it asks is answered by the kernel, in glasskit/plots/widget.py.
function render({ model, el }) {
  const view = Math.random().toString(36).slice(2), waiting = new Map(), pictures = new Map();
  let asked = 0;
  // All views of one widget hear every answer: each takes those to its own questions.
  const hear = ({ number, answer }) => { waiting.get(number)?.(answer); waiting.delete(number); };
  const ask = (question, ...given) => new Promise((done) => {
    const number = `${view}-${++asked}`;
    waiting.set(number, done);
    model.send({ number, question, given });
  });
  const picture = (index, small) => {
    const name = `${index} ${small}`;
    if (!pictures.has(name)) pictures.set(name, ask("picture", index, small).then((said) => said.error ? "" : said));
    return pictures.get(name);
  };
  const select = (rows) => { model.set("rows", rows); model.save_changes(); };

  // What stands beside the maps.
  const make = GlassMap.element, data = model.get("data"), sides = Object.keys(data.views);
  const nearest = (near) => sides.flatMap((side) => [make("h4", {}, `Nearest pictures, ${data.sides[side]}`), map.gallery(near(side))]);
  const answers = {
    pin: async (index) => ({ html: [...map.describe(index), ...nearest((side) => data.views[side].near[index])] }),
    lasso: async (side, outline) => {
      const said = await ask("lasso", side, outline), { rows } = said;
      if (said.error) return said;
      const title = rows.length ? `${rows.length} picture${rows.length > 1 ? "s" : ""} selected` : "Nothing inside";
      return { ...said, html: [make("h3", {}, title), make("p", {}, "In Python: ", make("code", {}, ".selected"), ", a DataFrame."),
        map.gallery(rows.slice(0, 60)), make("p", {}, rows.length > 60 ? `and ${rows.length - 60} more` : "")] };
    },
    search: async (phrase) => {
      const said = await ask("search", phrase);
      return said.error ? said : { ...said, html: [make("h3", {}, `“${said.phrase}”`), ...nearest((side) => said.near[side])] };
    },
  };
  const may = ["pin", ...model.get("questions")];
  el.dataset.lmSuppressShortcuts = "true";  // keys on the map are not Jupyter's
  const map = new GlassMap(el, data, {
    ask: Object.fromEntries(may.map((question) => [question, answers[question]])),
    picture,
    remember: ({ lasso }) => { if (lasso === null) select([]); },
    welcome: "<h3>Point, click, draw</h3><p>Point at a picture to see it, click to keep it here. Press Lasso and draw "
      + "round some: Python then has them.</p>",
  });
  map.find(".gk-search input").onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.target.form.requestSubmit();  // JupyterLab takes the key before the form does
  };
  const showRows = () => {
    const rows = model.get("rows");
    map.selection = rows.length ? new Set(rows) : null;
    map.changed();
  };
  showRows();
  model.on("msg:custom", hear);
  model.on("change:rows", showRows);
  return () => { model.off("msg:custom", hear); model.off("change:rows", showRows); };
}
export default { render };
