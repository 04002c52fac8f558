// Draws every figure in the colours of the page, again when light and dark change.
(function () {
  "use strict";
  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  function draw(box) {
    if (!box.offsetWidth) return; // inside closed details: drawn when they open
    if (!box.spec) box.spec = JSON.parse(box.querySelector("script").textContent);
    var layout = JSON.parse(JSON.stringify(box.spec.layout));
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { color: colour("--text"), size: 13, family: getComputedStyle(document.body).fontFamily };
    layout.hoverlabel = { bgcolor: colour("--ground"), font: { color: colour("--text") } };
    ["xaxis", "yaxis"].forEach(function (name) {
      var axis = (layout[name] = layout[name] || {});
      axis.gridcolor = axis.zerolinecolor = axis.linecolor = colour("--line");
      axis.fixedrange = true; // a finger on the figure scrolls the page
    });
    Plotly.react(box, box.spec.data, layout, { responsive: true, displayModeBar: false });
  }
  function drawAll() { document.querySelectorAll(".plot").forEach(draw); }
  drawAll();
  document.querySelectorAll("details").forEach(function (part) {
    part.addEventListener("toggle", function () { part.querySelectorAll(".plot").forEach(draw); });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
