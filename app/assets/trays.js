// Two trays of pictures on the Groups page: a click, Enter or a drag takes a picture to the other one.
// The value is {members, outside, sides}; a picture is {index, caption, labels, stranger, shared: rivals
// whose idea it carries too, picture: its address or null, note}; move(index) is called for one that
// shall change its tray.
GlassKit.trays = (element, props, watch, move) => {
  const find = (selector) => element.querySelector(selector), trays = [find(".gk-members"), find(".gk-outside")];
  for (const tray of trays) {
    tray.onclick = (event) => {
      const tile = event.target.closest("[data-index]");
      if (tile) move(Number(tile.dataset.index));
    };
    tray.ondragstart = (event) => event.dataTransfer.setData("text/plain", event.target.dataset.index);
    tray.ondragover = (event) => event.preventDefault();
    tray.ondrop = (event) => {
      event.preventDefault();
      const index = Number(event.dataTransfer.getData("text/plain"));
      if (!tray.querySelector(`[data-index="${index}"]`)) move(index);
    };
    tray.onpointerover = (event) => {
      const tile = event.target.closest("[data-index]");
      if (tile) find(".gk-pointed").textContent = tile.title;
    };
    tray.addEventListener("focusin", tray.onpointerover);
  }

  const make = GlassMap.element;
  const tile = ({ index, caption, labels, stranger, shared, picture, note }, action) => make("button", {
    type: "button", draggable: "true", title: `${labels}: “${caption}”`, "data-index": index,
    class: `${stranger ? "gk-stranger" : ""} ${shared ? "gk-shared" : ""}`,
    "aria-label": `${action}: ${caption}${shared && ` (also ${shared})`}`,
  }, picture ? make("img", { src: picture, alt: "", draggable: "false" }) : make("span", {}, caption), make("small", {}, note ?? ""));

  const show = () => {
    const { members, outside, sides } = props.value, focused = document.activeElement.dataset.index;
    for (const tray of trays) tray.classList.toggle("gk-texts", !members[0]?.picture);
    trays[0].replaceChildren(...members.map((one) => tile(one, "take out")));
    trays[1].replaceChildren(...outside.map((one) => tile(one, "put in")));
    find(".gk-count").textContent = `(${members.length} pictures)`;
    find(".gk-sides").textContent = sides ?? "";
    if (focused) find(`[data-index="${focused}"]`)?.focus();
  };
  watch("value", show);
  show();
};
