// Small things that every tab uses.
window.GlassKit = window.GlassKit || {};

// The button that switches between light and dark, and the tab that the address asks for.
GlassKit.masthead = (element) => {
  element.querySelector(".gk-shade").onclick = () => {
    const dark = document.body.classList.toggle("dark");
    GlassKit.remember({ __theme: dark ? "dark" : "light" });
  };
  const wished = new URLSearchParams(location.search).get("tab");
  if (!wished) return;
  // Gradio draws its tabs more than once while it starts, each time with its own choice, and takes no
  // click before it has attached its handlers: ours is asked for until the visitor does something.
  const open = () => {
    const tab = [...document.querySelectorAll("button[role=tab]")].find((button) =>
      button.textContent.trim().toLowerCase() === wished && button.offsetParent);
    if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
  };
  const asking = setInterval(open, 150);
  for (const kind of ["pointerdown", "keydown"])
    addEventListener(kind, () => clearInterval(asking), { capture: true, once: true });
  open();
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
