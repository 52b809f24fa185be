/** Let a chart say what its curves are worth where one points. */
class Curve {
  constructor(box, { place, series }) {
    Object.assign(this, { box, place, series });
    this.steps = [...new Set(series.flatMap(({ x }) => x))].sort((a, b) => a - b);
    this.at = null;
    this.mark = make("div", { class: "crosshair", "aria-hidden": "true", hidden: true });
    this.mark.style.top = `${100 * place.top}%`;
    this.mark.style.height = `${100 * place.height}%`;
    this.words = make("p", { class: "readout", "aria-live": "polite" }, "Point at the curves, or use the arrow keys.");
    box.append(this.mark);
    box.after(this.words);
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `Curves of ${box.dataset.title}; arrow keys read them step by step`);
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerdown", (event) => this.point(event));
    box.addEventListener("pointerleave", () => (this.mark.hidden = true));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  point(event) {
    const frame = this.box.getBoundingClientRect();
    const share = ((event.clientX - frame.left) / frame.width - this.place.left) / this.place.width;
    const step = this.place.x[0] + share * (this.place.x[1] - this.place.x[0]);
    let best = 0;
    this.steps.forEach((value, place) => {
      if (Math.abs(value - step) < Math.abs(this.steps[best] - step)) best = place;
    });
    this.read(best);
  }

  key(event) {
    const moves = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const from = this.at ?? (moves[event.key] > 0 ? -1 : this.steps.length);
    this.read(Math.min(Math.max(from + moves[event.key], 0), this.steps.length - 1));
  }

  read(at) {
    this.at = at;
    const step = this.steps[at];
    const parts = this.series.map(({ name, x, y }) => [name, y[x.indexOf(step)]]).filter(([, value]) => value !== undefined);
    this.words.replaceChildren(make("b", {}, `Step ${step}`), ...parts.flatMap(([name, value]) => [" · ", `${name} ${short(value)}`]));
    const share = (step - this.place.x[0]) / (this.place.x[1] - this.place.x[0]);
    this.mark.style.left = `${100 * (this.place.left + share * this.place.width)}%`;
    this.mark.hidden = false;
  }
}

function useCurves() {
  const known = data.charts;
  for (const box of document.querySelectorAll("[data-curve]")) {
    const given = known[box.dataset.curve];
    if (given) new Curve(box, given);
  }
}
