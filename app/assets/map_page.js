// The Map page: one map of a data set after the other, and links to what is looked at.

// One download a data set and pair of models (the usual one if none). Where it fails, the next one who asks
// tries again.
GlassKit.maps = {};
GlassKit.loadMap = (name, pair = null) => {
  const asked = pair ? `?${new URLSearchParams({ left: pair[0], right: pair[1] })}` : "", key = name + asked;
  GlassKit.maps[key] ??= fetch(`kit/map/${encodeURIComponent(name)}.json${asked}`).then(async (answer) => {
    if (!answer.ok) throw new Error(`The map of ${name} could not be read (${answer.status}).`);
    return answer.json();
  }, () => { throw new Error("The server does not answer. Is the app still running? Then load the page again."); });
  GlassKit.maps[key].catch(() => { delete GlassKit.maps[key]; });
  return GlassKit.maps[key];
};

// models: {name of a data set: names of its models}.
GlassKit.mapPage = async (element, server, models) => {
  const find = (selector) => element.querySelector(selector), trouble = find(".gk-map-trouble");
  const link = new URLSearchParams(location.search);
  const names = Object.keys(models), tables = {};
  let map = null, wanted = null;

  // Photographs that came since the map was asked for.
  const showCame = () => {
    const { pictures, here } = GlassKit.came ?? {}, address = pictures?.[map?.data.name];
    if (address && (!here || here.size)) map.showPictures(address, here);
  };
  window.addEventListener("gk-photographs", showCame);

  const open = async (name, pair) => {
    const turn = wanted = {};
    const usual = [models[name][0], models[name].at(-1)];
    if (!pair.every((model) => models[name].includes(model))) pair = usual;
    const data = await GlassKit.loadMap(name, String(pair) === String(usual) ? null : pair)
      .catch(({ message }) => ({ message }));
    if (wanted !== turn) return;  // another one was chosen meanwhile
    Object.assign(trouble, { textContent: data.message ?? "", hidden: !data.message });
    if (data.message) return;
    const again = map !== null;
    map = new GlassMap(find(".gk-map-place"), data, {
      layout: map?.layout ?? link.get("view") ?? undefined,
      datasets: names,
      welcome: find(".gk-welcome").innerHTML,
      remember: GlassKit.remember,
      tables: (colourings) => { tables[name] = { ...tables[name], ...colourings }; },
      models: models[name],
      pair,
      compare: async (chosen) => {
        GlassKit.remember({ left: chosen[0], right: chosen[1] });
        const { view, colourBy, isolated, pinned, phrase } = map;
        GlassKit.remember({ lasso: null });
        await open(name, chosen);
        map.view = view;
        if (map.data.colourings[colourBy]) map.setColour(colourBy, isolated);
        if (phrase) await map.search(phrase.phrase);
        if (pinned >= 0) map.pin(pinned);
      },
      open: (chosen) => { GlassKit.remember({ data: chosen, pin: null, label: null }); open(chosen, pair); },
      ask: {
        pin: (index) => server.pin({ name, pair, index }),
        lasso: (side, outline) => server.lasso({ name, pair, side, outline }),
        search: (phrase) => server.search({ name, pair, phrase }),
        take: (rows, form, phrase) => server.take({ name, pair, rows, form, phrase }),
        table: (text) => server.table({ name, text }),
      },
    });
    map.addColourings(tables[name] ?? {});
    showCame();
    if (again) map.find(".gk-data").focus();
  };

  await open(names.includes(link.get("data")) ? link.get("data") : names[0], [link.get("left"), link.get("right")]);
  if (!map) return;
  const { data } = map, colour = link.get("colour"), pinned = data.key.indexOf(link.get("pin"));
  if (data.colourings[colour]) {
    const label = data.colourings[colour].labels.indexOf(link.get("label"));
    if (label >= 0) map.find(".gk-find").value = link.get("label");
    map.setColour(colour, label >= 0 ? label : null);
  }
  if (link.get("q")) {
    map.find(".gk-search input").value = link.get("q");
    await map.search(link.get("q"));
  }
  const [side, ...places] = (link.get("lasso") ?? "").split(",");
  if (places.length) {
    const corners = places.map(Number);
    await map.select(side, corners.flatMap((x, i) => (i % 2 ? [] : [[x, corners[i + 1]]])));
  }
  if (pinned >= 0) map.pin(pinned);
};
