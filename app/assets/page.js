// Small things that every page uses.
window.GlassKit = window.GlassKit || {};

// The button that switches between light and dark; the choice goes with the visitor from page to page.
GlassKit.masthead = (element) => {
  const name = "glass-kit-shade", store = window.localStorage;
  const kept = store.getItem(name);
  if (kept) document.body.classList.toggle("dark", kept === "dark");
  element.querySelector(".gk-shade").onclick = () => {
    store.setItem(name, document.body.classList.toggle("dark") ? "dark" : "light");
  };
};

// Deep links: what is looked at stands in the address.
GlassKit.remember = (changes) => {
  const link = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") link.delete(name); else link.set(name, value);
  }
  const text = link.toString();
  history.replaceState(null, "", location.pathname + (text && `?${text}`));
};

// The data set and the two models that are looked at go along to the other pages.
document.addEventListener("click", ({ target }) => {
  const link = target.closest?.(".nav-holder a");
  if (!link) return;
  const here = new URLSearchParams(location.search), there = new URL(link.href);
  for (const name of ["data", "left", "right"]) if (here.has(name)) there.searchParams.set(name, here.get(name));
  link.href = there;
});
