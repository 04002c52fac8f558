// Small things that every tab uses.
window.GlassKit = window.GlassKit || {};

// The button that switches between light and dark.
GlassKit.masthead = (element) => {
  element.querySelector(".gk-shade").onclick = () => {
    const dark = document.body.classList.toggle("dark");
    GlassKit.remember({ __theme: dark ? "dark" : "light" });
  };
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

// Answers may come in another order than their questions. const turn = GlassKit.turns(); then
// const last = turn() before each question, and last() afterwards: whether none was asked since.
GlassKit.turns = () => {
  let asked = 0;
  return () => {
    const mine = ++asked;
    return () => mine === asked;
  };
};

// A line for a visitor: what the server said, or that it said nothing.
GlassKit.trouble = (error) => (error instanceof TypeError
  ? "The server does not answer. Is the app still running? Then load the page again." : `${error.message}.`);

// The row of things to try: [[text, what it says to a pointer, action]].
GlassKit.tries = (node, all) => {
  node.replaceChildren("Try: ", ...all.map(([text, title, action]) =>
    GlassKit.element("button", { type: "button", title, onclick: action }, text)));
};

// Which tab the address asked for when the page came, and the title of the one that is open. Gradio
// selects its first tab while it draws the page, and the address follows what is selected.
GlassKit.askedTab = new URLSearchParams(location.search).get("tab") || "";
GlassKit.wishedTab = () => [
  GlassKit.askedTab,
  document.querySelector("button[role=tab][aria-selected=true]")?.textContent.trim() || "",
];

// Deep links: what is looked at stands in the address.
GlassKit.remember = (changes) => {
  const link = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") link.delete(name); else link.set(name, value);
  }
  const text = link.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
};
