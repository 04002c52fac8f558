// Each figure begins as a still picture; Plotly takes its place when it comes into view.
const bring = (entries, watcher) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
  watcher.unobserve(target);
  const { data, layout, config } = JSON.parse(target.querySelector("script").textContent);
  const live = document.createElement("div");
  if (layout.width) live.style.maxWidth = "100%";
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false; // a finger scrolls
  target.append(live);
  Plotly.newPlot(live, data, layout, config).then(() => target.querySelector("img").remove());
});
const watcher = new IntersectionObserver(bring, { rootMargin: "300px" });
document.querySelectorAll("figure[id]").forEach((figure) => watcher.observe(figure));
