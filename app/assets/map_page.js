// The Map page: one map of a data set after the other, and links to what is looked at.

// One download a data set. Where it fails, the next one who asks tries again.
GlassKit.maps = {};
GlassKit.loadMap = (name) => {
  GlassKit.maps[name] ??= fetch(`kit/map/${encodeURIComponent(name)}.json`).then(async (answer) => {
    if (!answer.ok) throw new Error(`The map of ${name} could not be read (${answer.status}).`);
    return answer.json();
  }, () => { throw new Error("The server does not answer. Is the app still running? Then load the page again."); });
  GlassKit.maps[name].catch(() => { delete GlassKit.maps[name]; });
  return GlassKit.maps[name];
};

GlassKit.mapPage = async (element, server, names) => {
  const find = (selector) => element.querySelector(selector), trouble = find(".gk-map-trouble");
  const link = new URLSearchParams(location.search);
  let map = null, wanted = null;

  const open = async (name) => {
    wanted = name;
    const data = await GlassKit.loadMap(name).catch(({ message }) => ({ message }));
    if (wanted !== name) return;  // another one was chosen meanwhile
    Object.assign(trouble, { textContent: data.message ?? "", hidden: !data.message });
    if (data.message) return;
    const again = map !== null;
    map = new GlassMap(find(".gk-map-place"), data, {
      layout: map?.layout ?? link.get("view") ?? undefined,
      datasets: names,
      welcome: find(".gk-welcome").innerHTML,
      remember: GlassKit.remember,
      open: (chosen) => { GlassKit.remember({ data: chosen, pin: null, label: null }); open(chosen); },
      ask: {
        pin: (index) => server.pin({ name, index }),
        lasso: (side, outline) => server.lasso({ name, side, outline }),
        search: (phrase) => server.search({ name, phrase }),
      },
    });
    if (again) map.find(".gk-data").focus();
  };

  await open(names.includes(link.get("data")) ? link.get("data") : names[0]);
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
  if (pinned >= 0) map.pin(pinned);
};
