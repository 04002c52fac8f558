// Small things that every tab uses.
window.GlassKit = window.GlassKit || {};

// The button that switches between light and dark, and the tab that the address asks for.
GlassKit.masthead = (element) => {
  element.querySelector(".gk-shade").onclick = () => {
    const dark = document.body.classList.toggle("dark");
    GlassKit.remember({ __theme: dark ? "dark" : "light" });
  };
  const wished = new URLSearchParams(location.search).get("tab");
  // Gradio draws its tabs twice (once to measure them) and listens to them a moment later.
  const open = (tries) => {
    const tab = [...document.querySelectorAll("button[role=tab]")].find((button) =>
      button.textContent.trim().toLowerCase() === wished && button.offsetParent);
    if (tab?.getAttribute("aria-selected") === "true") return;
    tab?.click();
    if (tries) setTimeout(open, 80, tries - 1);
  };
  if (wished) open(100);
};

// Runs once the element is on the screen: a tab that nobody opens asks the server for nothing.
GlassKit.whenSeen = (element, call) => {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    call();
  }, { rootMargin: "1500px" });
  watch.observe(element);
};

// A line for a visitor: what the server said, or that it said nothing.
GlassKit.trouble = (error) => (error instanceof TypeError
  ? "The server does not answer. Is the app still running? Then load the page again." : `${error.message}.`);

// The row of things to try: [[text, what it says to a pointer, action]].
GlassKit.tries = (node, all) => {
  node.replaceChildren("Try: ", ...all.map(([text, title, action]) =>
    GlassKit.element("button", { type: "button", title, onclick: action }, text)));
};

// Deep links: what is looked at stands in the address.
GlassKit.remember = (changes) => {
  const link = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") link.delete(name); else link.set(name, value);
  }
  const text = link.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
};
