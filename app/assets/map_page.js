// The Map tab: one map of a data set after the other, and links to what is looked at.
window.GlassKit = window.GlassKit || {};

GlassKit.element = GlassMap.element;
GlassKit.ramp = GlassMap.ramp;

// One download a data set, whichever tabs ask.
GlassKit.maps = new Map();
GlassKit.loadMap = (name) => {
  if (!GlassKit.maps.has(name)) {
    const loading = fetch(`kit/map/${encodeURIComponent(name)}.json`).then(async (answer) => {
      const said = await answer.json().catch(() => ({ error: `the map of ${name} could not be read (${answer.status})` }));
      if (said.error) throw new Error(said.error);
      return said;
    });
    loading.catch(() => GlassKit.maps.delete(name));  // the next one who asks tries again
    GlassKit.maps.set(name, loading);
  }
  return GlassKit.maps.get(name);
};

GlassKit.mapPage = async (element, server, names) => {
  const find = (selector) => element.querySelector(selector), trouble = find(".gk-map-trouble");
  const link = new URLSearchParams(location.search), turns = GlassKit.turns();
  let map = null;

  const open = async (name) => {
    const last = turns();
    trouble.hidden = true;
    let data;
    try {
      data = await GlassKit.loadMap(name);
    } catch (error) {
      if (last()) Object.assign(trouble, { textContent: GlassKit.trouble(error), hidden: false });
    }
    if (!data || !last()) return;
    const again = map !== null;
    map = new GlassMap(find(".gk-map-place"), data, {
      layout: map?.layout ?? link.get("view") ?? undefined,
      datasets: names,
      welcome: find(".gk-welcome").innerHTML,
      remember: GlassKit.remember,
      open: (chosen) => { GlassKit.remember({ data: chosen, pin: null }); open(chosen); },
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
  if (data.colourings[colour]) map.setColour(colour);
  if (link.get("q")) {
    map.find(".gk-search input").value = link.get("q");
    await map.search(link.get("q"));
  }
  if (pinned >= 0) map.pin(pinned);
};
