// Train: start, watch and stop a run; compare the runs that were kept.
window.GlassKit = window.GlassKit || {};

GlassKit.runColours = ["#7280f1", "#e6a611", "#893d9e", "#5b9c8c", "#cd6c1c", "#52b8fc", "#d990c5", "#317d74"];

// The secret keys of this browser's own runs, one entry a run, so that its tabs don't overwrite each
// other's. Where the browser keeps nothing they last as long as the page.
GlassKit.runKeys = () => {
  const kept = {}, entry = (name, run) => `glass-kit ${JSON.stringify([name, run])}`;
  const storage = (use) => { try { return use(window.localStorage); } catch { return undefined; } };
  const keep = (name, run, key) => {
    kept[entry(name, run)] = key;
    storage((store) => store.setItem(entry(name, run), key));
  };
  const forget = (name, run) => {
    delete kept[entry(name, run)];
    storage((store) => store.removeItem(entry(name, run)));
  };
  const all = (name) => {
    const found = { ...kept, ...storage((store) => ({ ...store })) }, own = {};
    for (const [entryName, key] of Object.entries(found)) {
      if (!entryName.startsWith("glass-kit [")) continue;
      const [data, run] = JSON.parse(entryName.slice("glass-kit ".length));
      if (data === name) own[run] = key;
    }
    return own;
  };
  return { keep, forget, all };
};

GlassKit.trainPage = (element, server) => {
  const root = element.querySelector(".gk-train"), el = GlassKit.element;
  if (root.glassKit) return;
  root.glassKit = true;
  const find = (selector) => root.querySelector(selector), form = find("form");
  const status = find(".gk-status"), stop = find(".gk-stop"), startButton = find(".gk-start");
  const listing = GlassKit.turns();
  let job = null, trained = null, steps = [], live = null, runs = [], objectives = {};
  const ticked = new Set(), keys = GlassKit.runKeys();

  const atlas = new GlassKit.Atlas(root, server);
  Object.assign(atlas, { mode: "morph", t: 0, showPictures: false, right: new Set() });
  atlas.colour = (i) => (atlas.right.has(i) ? "#2f8f86" : atlas.ink().faint);
  atlas.faint = () => false;
  atlas.panels.after = new GlassKit.Panel(find("canvas"), atlas, "after");
  root.glassKitAtlas = atlas;
  root.glassKitSteps = () => steps;

  const say = (text) => { status.textContent = text; };

  const draw = () => {
    const parts = steps.length ? Object.keys(steps[0][2]) : [];
    const grey = ["#a467bc", "#cd6c1c", "#52b8fc", "#885736"];
    GlassKit.chart(find(".gk-loss"), [
      { name: "loss", colour: "#5b9c8c", points: GlassKit.thin(steps.map(([step, loss]) => [step, loss])) },
      ...parts.map((part, i) => ({ name: part, thin: true, colour: grey[i % grey.length],
        points: GlassKit.thin(steps.map(([step, , all]) => [step, all[part]])) })),
    ]);
    const kept = runs.filter((run) => ticked.has(run.name)).map((run) => ({ name: run.name,
      colour: colourOf(run.name), thin: true, points: run.epochs }));
    GlassKit.chart(find(".gk-top1"), [...kept,
      ...(live && live.epochs.length ? [{ name: live.name, colour: "#5b9c8c", points: live.epochs }] : [])],
    atlas.data && !atlas.data.splits.includes("val") ? { empty: "this data set has no validation split" } : {});
  };
  const colourOf = (name) => GlassKit.runColours[runs.findIndex((run) => run.name === name) % GlassKit.runColours.length];

  const frame = ({ epoch, words, right }) => {
    if (!words || atlas.data?.name !== trained) return;  // another data set is looked at
    const { data } = atlas, from = atlas.data.views.before.concept.slice(), begun = performance.now();
    atlas.right = new Set(right);
    atlas.version++;
    find(".gk-epoch").textContent = `after epoch ${epoch}: ${right.length} of ${atlas.data.n} pictures lit`;
    const step = (now) => {
      const share = Math.min(1, (now - begun) / 450);
      data.views.before.concept = from.map((part, i) => part + (words[i] - part) * share);
      atlas.redraw();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  };

  const follow = async () => {
    let shown = null;
    while (job) {
      const answer = await server.watch({ job, since: steps.length });
      if (answer.error) { say(answer.error); break; }
      steps.push(...answer.steps);
      live = answer;
      if (answer.frame.epoch !== undefined && answer.frame.epoch !== shown) { shown = answer.frame.epoch; frame(answer.frame); }
      say({
        waiting: `Waiting: place ${answer.place} in the queue.`,
        training: steps.length ? `Training: epoch ${answer.epoch} of ${answer.total_epochs} done.` : `Getting ready${answer.message ? `: ${answer.message}` : " ..."}`,
        finished: `Finished: ${answer.message}.`,
        stopped: `Stopped${answer.message ? `: ${answer.message}` : ""}.`,
        failed: `This did not work: ${answer.message}`,
      }[answer.status]);
      root.dataset.status = answer.status;
      draw();
      if (!["waiting", "training"].includes(answer.status)) break;
      await new Promise((done) => setTimeout(done, 600));
    }
    job = null;
    stop.disabled = true;
    startButton.disabled = false;
    await list();
  };

  const begin = async (name, run, asked) => {
    const answer = await asked;
    if (answer.error) return say(answer.error);
    job = answer.job;
    keys.keep(name, run, job);
    trained = name;
    steps = [];
    live = null;
    stop.disabled = false;
    startButton.disabled = true;
    follow();
  };

  // A page that was loaded again watches its run that is still under way.
  const again = async (name) => {
    for (const [run, key] of Object.entries(keys.all(name))) {
      if (job) return;
      if (runs.some((kept) => kept.name === run && kept.status === "finished")) continue;
      const answer = await server.watch({ job: key, since: 0 });
      if (!job && ["waiting", "training"].includes(answer.status)) return begin(name, run, { job: key });
    }
  };

  const numbers = () => root.querySelectorAll(".gk-numbers-of-run input, .gk-more input");

  form.onsubmit = (event) => {
    event.preventDefault();
    const settings = { objective: form.objective.value };
    for (const input of numbers()) {
      if (input.value !== "" && !input.disabled) settings[input.name] = Number(input.value);  // empty: the objective's own default
    }
    const name = form.data.value, taken = new Set(runs.map((run) => run.name));
    let number = 1;
    while (taken.has(`${settings.objective}-${number}`)) number++;
    const run = form.run.value.trim() || `${settings.objective}-${number}`;
    begin(name, run, server.start({ name, run, settings }));
  };
  stop.onclick = async () => { stop.disabled = true; say("Stopping after this step ..."); await server.halt({ job }); };

  const list = async () => {
    const last = listing(), name = form.data.value, answer = await server.kept({ name, keys: keys.all(name) });
    if (!last()) return;
    if (answer.error) return say(answer.error);
    runs = answer.runs;
    const rows = runs.map((run) => el("tr", {},
      el("td", {}, el("input", { type: "checkbox", "aria-label": `draw ${run.name}`, checked: ticked.has(run.name) ? "" : null,
        onchange: (event) => { ticked[event.target.checked ? "add" : "delete"](run.name); draw(); } })),
      el("th", { scope: "row" }, el("i", { style: `background:${colourOf(run.name)}` }), run.name),
      el("td", {}, run.settings.objective), el("td", {}, run.settings.alpha ?? ""), el("td", {}, run.settings.temperature),
      el("td", {}, run.settings.seed), el("td", {}, `${run.epoch ?? run.epochs.at(-1)?.[0] ?? 0} of ${run.settings.epochs}`),
      el("td", {}, `${run.right} of ${run.of} ${run.split}`),
      // Others see a run but neither go on with it nor remove it.
      el("td", {}, run.mine && run.status === "stopped" ? el("button", { type: "button", onclick: () => {
        if (job) return say("Another run is under way here; stop it first.");
        begin(name, run.name, server.resume({ name, run: run.name, key: keys.all(name)[run.name] }));
      } }, "go on") : "",
      run.mine ? el("button", { type: "button", "aria-label": `remove ${run.name}`, onclick: async () => {
        const gone = await server.remove({ name, run: run.name, key: keys.all(name)[run.name] });
        if (gone.error) { say(gone.error); return list(); }
        ticked.delete(run.name);
        keys.forget(name, run.name);
        list();
      } }, "remove") : "")));
    find(".gk-runs").replaceChildren(runs.length ? el("table", {}, el("thead", {}, el("tr", {},
      ["", "run", "objective", "alpha", "temperature", "seed", "epochs", "recognised", ""].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows)) : el("p", { class: "gk-meta" }, "None yet. Choose settings and press Train; a run of this data set takes about a minute."));
    draw();
  };

  const open = async () => {
    ticked.clear();
    atlas.right = new Set();
    try {
      if (!await atlas.load(form.data.value)) return;
    } catch (error) {
      return say(GlassKit.trouble(error));
    }
    atlas.showPictures = false;
    find(".gk-epoch").textContent = "before training";
    const { rank } = atlas.data.views.before;
    atlas.right = new Set();
    rank.forEach((place, i) => { if (place === 1) atlas.right.add(i); });
    atlas.changed();
    await list();
    await again(atlas.data.name);
  };

  const explain = () => {
    const known = objectives[form.objective.value];
    find(".gk-objective").textContent = known ? `${form.objective.value}: ${known.summary}.` : "";
    for (const input of numbers()) {
      input.disabled = !!known && known.unused.includes(input.name);
      input.placeholder = input.disabled ? "not used" : known?.defaults[input.name] ?? "automatic";
    }
  };
  form.objective.onchange = explain;
  server.form({}).then((answer) => {
    const choose = (names) => {
      const chosen = form.objective.value || answer.objective;
      form.objective.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
      form.objective.value = chosen;
      explain();
    };
    choose([answer.objective]);
    // The other objectives come with torch, which takes seconds after the app has started.
    server.objectives({}).then((known) => { objectives = known.objectives; choose(Object.keys(objectives)); });
    const input = (field) => el("label", { title: field.help }, field.label,
      el("input", { type: "number", name: field.name, placeholder: "automatic", step: "any", min: field.low, max: field.high }));
    find(".gk-numbers-of-run").replaceChildren(...answer.fields.filter((field) => field.main).map(input));
    find(".gk-more span").replaceChildren(...answer.fields.filter((field) => !field.main).map(input));
    explain();
    root.dataset.ready = "form";
  });
  // Examples: the same data, four questions.
  const preset = (objective, alpha) => () => {
    if (![...form.objective.options].some((option) => option.value === objective)) return say("The other objectives are still being loaded; try again in a moment.");
    form.objective.value = objective;
    root.querySelector("input[name=alpha]").value = alpha;
    explain();
    startButton.focus();
  };
  GlassKit.tries(find(".gk-tries"), [
    ["both losses", "Groups against each other, and each group towards its middle", preset("grouped", "")],
    ["only the outer loss", "alpha 1: groups against each other", preset("grouped", 1)],
    ["only the inner loss", "alpha 0: each group towards its middle", preset("grouped", 0)],
    ["single pairs (CLIP)", "Each picture with its own caption: no groups", preset("clip", "")],
  ]);
  form.data.onchange = open;
  // Another tab of this browser began or removed a run.
  window.addEventListener("storage", list);
  open();
};
