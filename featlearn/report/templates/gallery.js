const ROWS = 4;
const TILE = 96;

/** Let one stage's units be shown, sorted, filtered and searched. */
class Gallery {
  constructor(box) {
    this.box = box;
    this.stage = stages.get(box.dataset.stage);
    this.list = box.querySelector(".tiles");
    this.heading = box.querySelector("h3, h4, h5");
    this.status = box.querySelector(".count");
    this.more = box.querySelector(".more");
    this.all = false;
    this.order = [];
    this.tools = Object.fromEntries([...box.querySelectorAll("[data-tool]")].map((tool) => [tool.dataset.tool, tool]));
    this.tools.kind.value = firstKind(this.stage);
    this.tools.sort.value = firstMeasure(this.stage);
    for (const name of ["kind", "sort", "map", "class", "search"]) {
      this.tools[name]?.addEventListener("input", () => this.show());
    }
    this.tools.order.addEventListener("click", () => {
      this.tools.order.setAttribute("aria-pressed", String(!this.reversed));
      this.show();
    });
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      this.show();
      if (!this.all) this.box.scrollIntoView({ block: "start" });
    });
    this.list.addEventListener("keydown", (event) => this.move(event));
    this.show();
  }

  get reversed() {
    return this.tools.order.getAttribute("aria-pressed") === "true";
  }

  /** Which units pass the filters and the search. */
  passes(unit) {
    const { search } = this.tools;
    const map = this.tools.map?.value ?? "";
    const group = this.tools.class?.value ?? "";
    if (map !== "" && String(this.stage.map[unit]) !== map) return false;
    if (group !== "" && String(this.stage.class[unit]) !== group) return false;
    const wanted = search.value.trim().toLowerCase().replaceAll(" ", "");
    if (wanted === "") return true;
    const name = this.stage.names[unit];
    const own = this.stage.class ? this.stage.run.classes[this.stage.class[unit]].toLowerCase() : "";
    return name === wanted || name.startsWith(`${wanted},`) || (wanted.includes(",") && name.startsWith(wanted)) || (own !== "" && own.includes(wanted));
  }

  /** Units in the order that was asked for; what has no figure comes last. */
  sorted() {
    const units = this.stage.names.map((_, unit) => unit).filter((unit) => this.passes(unit));
    const values = this.stage[this.tools.sort.value];
    if (this.tools.sort.value !== "names") {
      const up = ["orientation", "frequency"].includes(this.tools.sort.value);
      units.sort((one, other) => {
        const [a, b] = [values[one], values[other]];
        if (a === null || b === null) return (a === null) - (b === null) || one - other;
        return (up !== this.reversed ? a - b : b - a) || one - other;
      });
    } else if (this.reversed) units.reverse();
    return units;
  }

  show() {
    this.order = this.sorted();
    const columns = Math.max(3, Math.floor((this.list.clientWidth + 10) / (TILE + 10)));
    const first = columns * ROWS;
    const shown = this.all ? this.order : this.order.slice(0, first);
    const kind = this.tools.kind.value;
    const measure = measures[this.tools.sort.value];
    const values = this.stage[this.tools.sort.value];
    const items = shown.map((unit) => {
      const words = measure?.words(values[unit], this.stage, unit);
      return make("li", { "data-unit": unit }, unitButton(this.stage, unit, kind, TILE, words));
    });
    this.list.replaceChildren(...items);
    this.focusable(items[0]);
    const total = this.stage.names.length;
    const found = this.order.length === total ? `${whole(total)} units` : `${whole(this.order.length)} of ${whole(total)} units`;
    this.status.textContent = this.order.length === 0 ? "No unit is so." : `${found}${measure ? `, by ${measure.name}` : ""}`;
    this.more.hidden = this.order.length <= first;
    this.more.textContent = this.all ? "Show fewer" : `Show all ${whole(this.order.length)}`;
  }

  /** Let the Tab key stop at one unit; arrows move on from there. */
  focusable(item) {
    for (const button of this.list.querySelectorAll("button")) button.tabIndex = -1;
    const button = item?.querySelector("button");
    if (button) button.tabIndex = 0;
    return button;
  }

  move(event) {
    const items = [...this.list.children];
    const at = items.indexOf(event.target.closest("li"));
    const columns = getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: items.length - 1 - at };
    const to = items[at + steps[event.key]];
    if (at < 0 || to === undefined || !(event.key in steps)) return;
    event.preventDefault();
    this.focusable(to).focus();
  }

  /** Put the focus on a unit, shown on demand; on the heading where the filters leave it out. */
  focus(unit) {
    const tile = () => this.list.querySelector(`[data-unit="${unit}"]`);
    if (!tile() && this.order.includes(unit)) {
      this.all = true;
      this.show();
    }
    (this.focusable(tile()) ?? this.heading).focus();
  }
}

const galleries = new Map();
