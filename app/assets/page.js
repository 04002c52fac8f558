// Small things that every tab uses.
window.GlassKit = window.GlassKit || {};

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
