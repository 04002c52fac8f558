// Report: choose what is compared, wait, read it in a frame, download it.
window.GlassKit = window.GlassKit || {};

GlassKit.reportPage = (element, server) => {
  const root = element.querySelector(".gk-report"), el = GlassKit.element;
  if (root.glassKit) return;
  root.glassKit = true;
  const find = (selector) => root.querySelector(selector), form = find("form"), status = find(".gk-status");

  const listing = GlassKit.turns();
  const list = async () => {
    const last = listing();
    const answer = await server.kept({ name: form.data.value });
    if (!last()) return;
    const names = answer.runs || [];
    find(".gk-compared").hidden = !names.length;
    find(".gk-compared span").replaceChildren(...names.map((name) => el("label", {},
      el("input", { type: "checkbox", value: name }), name)));
  };

  form.onsubmit = async (event) => {
    event.preventDefault();
    const name = form.data.value;
    const runs = [...root.querySelectorAll(".gk-compared input:checked")].map((box) => box.value);
    status.textContent = "Measuring every model ...";
    find(".gk-go").disabled = true;
    const answer = await server.make({ name, runs });
    find(".gk-go").disabled = false;
    if (answer.error) { status.textContent = answer.error; return; }
    const frame = find(".gk-paper"), link = find(".gk-download");
    frame.src = link.href = `kit/report/${answer.report}.html`;
    link.download = `glass-kit-${name}.html`;
    frame.hidden = link.hidden = false;
    status.textContent = "";
    root.dataset.ready = answer.report;
  };
  GlassKit.tries(find(".gk-tries"), [["untrained against trained on groups", "Make or open this report", () => form.requestSubmit()]]);
  form.data.onchange = list;
  list();
};
