// Each figure begins as a still picture; Plotly takes its place when it comes into view, on a phone
// when it is tapped: there the picture shows all of it, and the live figure is wider than the page.
const narrow = matchMedia("(max-width: 700px)");

const live = (figure) => {
  const { data, layout, config } = JSON.parse(figure.querySelector("script").textContent);
  const place = document.createElement("div");
  if (layout.width) place.style.maxWidth = "100%";
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false; // a finger scrolls
  figure.append(place);
  return Plotly.newPlot(place, data, layout, config).then(() => figure.querySelector("img").remove());
};

const seen = (entries, watcher) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
  watcher.unobserve(target);
  if (!narrow.matches) return live(target);
  const button = document.createElement("button");
  Object.assign(button, { className: "closer", type: "button", textContent: "Look closer" });
  const open = () => { target.classList.add("wide"); button.remove(); live(target); };
  button.onclick = open;
  target.querySelector("img").onclick = open;
  target.append(button);
});
const watcher = new IntersectionObserver(seen, { rootMargin: "300px" });
document.querySelectorAll("figure[id]").forEach((figure) => watcher.observe(figure));
