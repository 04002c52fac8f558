// Two trays of pictures: a click, Enter or a drag takes a picture to the other one.
//
// new GlassTrays(element, move): element holds .gk-members and .gk-outside; move(index) is called for
// a picture that shall change its tray. show({members, outside, sides}) draws them; a picture is
// {index, caption, labels, stranger, shared: rivals whose idea it carries too, picture: its address or
// null, note}.
class GlassTrays {
  constructor(element, move) {
    this.element = element;
    for (const tray of element.querySelectorAll(".gk-tray")) {
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
      const point = (event) => {
        const tile = event.target.closest("[data-index]");
        if (tile) element.querySelector(".gk-pointed").textContent = tile.title;
      };
      tray.addEventListener("pointerover", point);
      tray.addEventListener("focusin", point);
    }
  }

  show({ members, outside, sides }) {
    const focused = document.activeElement.dataset.index;
    for (const tray of this.element.querySelectorAll(".gk-tray")) tray.classList.toggle("gk-texts", !members[0]?.picture);
    this.element.querySelector(".gk-members").replaceChildren(...members.map((one) => GlassTrays.tile(one, "take out")));
    this.element.querySelector(".gk-outside").replaceChildren(...outside.map((one) => GlassTrays.tile(one, "put in")));
    this.element.querySelector(".gk-count").textContent = `(${members.length} pictures)`;
    this.element.querySelector(".gk-sides").textContent = sides ?? "";
    if (focused) this.element.querySelector(`[data-index="${focused}"]`)?.focus();
  }

  static tile({ index, caption, labels, stranger, shared, picture, note }, action) {
    const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
    const tile = make("button", { type: "button", draggable: true, title: `${labels}: “${caption}”` });
    tile.dataset.index = index;
    tile.classList.toggle("gk-stranger", stranger);
    tile.classList.toggle("gk-shared", Boolean(shared));
    tile.setAttribute("aria-label", `${action}: ${caption}${shared && ` (also ${shared})`}`);
    tile.append(picture ? make("img", { src: picture, alt: "", draggable: false }) : make("span", { textContent: caption }));
    tile.append(make("small", { textContent: note ?? "" }));
    return tile;
  }
}
