// The offer to get the photographs, and how far that is; `arrived` is called once all have come.
GlassKit.photographs = (element, server, arrived) => {
  const find = (name) => element.querySelector(`.gk-get-${name}`), store = "glass-kit-photographs";
  const key = () => localStorage.getItem(store) ?? "";
  let timer = null, before = null;

  const show = (said) => {
    const { running, mine, count, of, megabytes, line, came, pictures } = said, all = count === of && !running;
    find("row").hidden = find("about").hidden = all;
    find("start").hidden = running;
    find("start").textContent = count ? `Get the other ${of - count} photographs` : `Get the ${of} photographs`;
    find("stop").hidden = !mine;
    find("bar").hidden = !running;
    find("bar").value = count / of;
    find("count").textContent = count || running ? `${count} of ${of}, ${megabytes} MB` : "";
    find("line").textContent = all ? `All ${of} photographs are here.` : line;
    if (count !== before?.count) {
      const known = GlassKit.came?.here ?? [];  // those of before a new beginning are looked at again
      // For the map that is shown and the next ones; here: keys, or null for all.
      GlassKit.came = { pictures, here: all ? null : new Set([...known, ...came]) };
      window.dispatchEvent(new Event("gk-photographs"));
    }
    if (all) arrived();
    if (all && !before) element.hidden = true;  // they came before this page
    before = said;
    return !all;
  };
  const look = async () => {
    clearTimeout(timer);
    const said = await server.told({ key: key() }).catch(() => null);
    if (!element.isConnected) return;
    if (!said || said.error || show(said)) timer = setTimeout(look, before?.running ? 1000 : 10_000);
  };
  find("start").onclick = async () => {
    const said = await server.start({}).catch(() => null);
    if (said?.key) localStorage.setItem(store, said.key);
    if (!said) find("line").textContent = "The server does not answer. Is the app still running?";
    look();
  };
  find("stop").onclick = async () => {
    find("stop").hidden = true;
    await server.halt({ key: key() }).catch(() => null);
    look();
  };
  look();
};
