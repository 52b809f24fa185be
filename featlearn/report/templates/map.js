/** Colours of classes, told apart by every kind of colour vision (after Tol 2021). */
const CLASS_COLOURS = ["#0a67a6", "#c8520a", "#14805e", "#9a4a8e", "#8a6d00", "#cc6677", "#44aa99", "#332288", "#999933", "#882255"];

/** The map of the images of a run, by one stage's features. */
class DataMap {
  constructor(box, run) {
    Object.assign(this, { box, run, canvas: box.querySelector("canvas"), words: box.querySelector(".readout") });
    this.tools = { stage: box.querySelector("[data-tool=stage]"), method: box.querySelector("[data-tool=method]") };
    this.tools.stage.value = String(run.map.stages.length - 1);
    this.chosen = null;
    for (const tool of Object.values(this.tools)) tool.addEventListener("input", () => this.paint());
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.choose(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.paint()).observe(this.canvas);
  }

  get points() {
    return this.run.map.stages[this.tools.stage.value][this.tools.method.value];
  }

  /** Where the corner of a thumbnail lies on the canvas. */
  corner([x, y], side) {
    return [x * (this.canvas.width - side), y * (this.canvas.height - side)];
  }

  async paint() {
    const bitmap = await picture(this.run.images.key);
    const size = this.canvas.clientWidth;
    if (size === 0) return;
    const context = room(this.canvas, size, size * 0.72);
    const side = Math.max(14, size * 0.034) * (this.canvas.width / size);
    this.points.forEach((_, place) => this.thumbnail(context, bitmap, place, side));
    if (this.chosen !== null) this.thumbnail(context, bitmap, this.chosen, side * 3.2);
  }

  thumbnail(context, bitmap, place, side) {
    const image = this.run.map.images[place];
    const label = this.run.labels[image];
    let [x, y] = this.corner(this.points[place], Math.max(14, this.canvas.clientWidth * 0.034) * (this.canvas.width / this.canvas.clientWidth));
    x = Math.min(Math.max(x, 0), this.canvas.width - side - 4);
    y = Math.min(Math.max(y, 0), this.canvas.height - side - 4);
    const edge = place === this.chosen ? 4 : 2;
    if (label !== undefined) {
      context.fillStyle = CLASS_COLOURS[label % CLASS_COLOURS.length];
      context.fillRect(x, y, side + 2 * edge, side + 2 * edge);
    }
    context.drawImage(bitmap, ...tilePlace(this.run.images, image), x + edge, y + edge, side, side);
  }

  point(event) {
    const frame = this.canvas.getBoundingClientRect();
    const across = 1 - Math.max(14, frame.width * 0.034) / frame.width;
    const [x, y] = [(event.clientX - frame.left) / frame.width / across, (event.clientY - frame.top) / frame.height / across];
    let best = null;
    let least = 0.05;
    this.points.forEach(([left, top], place) => {
      const away = Math.hypot(left - x + 0.017, top - y + 0.023);
      if (away < least) [best, least] = [place, away];
    });
    this.choose(best);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const order = this.points.map((_, place) => place).sort((a, b) => this.points[a][0] - this.points[b][0]);
    const at = this.chosen === null ? (step > 0 ? -1 : order.length) : order.indexOf(this.chosen);
    this.choose(order[Math.min(Math.max(at + step, 0), order.length - 1)]);
  }

  choose(place) {
    if (place === this.chosen) return;
    this.chosen = place;
    const image = this.run.map.images[place];
    const label = this.run.labels[image];
    this.words.textContent = place === null ? "Point at an image, or use the arrow keys." : `Image ${image}${label === undefined ? "" : `, ${this.run.classes[label]}`}`;
    this.paint();
  }
}

function useMaps() {
  for (const box of document.querySelectorAll(".data-map")) {
    const run = data.runs.find(({ key }) => key === box.dataset.run);
    if (run?.map) new DataMap(box, run);
  }
}
