// Small things that every tab uses: waiting for the page, tabs in the address.
window.GlassKit = window.GlassKit || {};

// Gradio may run a component's script before the page's own scripts were read.
GlassKit.whenReady = (start) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
};

// The button that switches between light and dark; what was chosen is kept in the address.
GlassKit.shade = (element) => {
  element.querySelector(".gk-shade").onclick = () => {
    const dark = document.body.classList.toggle("dark");
    GlassKit.remember({ __theme: dark ? "dark" : "light" });
  };
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
