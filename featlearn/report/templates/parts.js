/** Figures that units are sorted by: how each is written. */
const measures = {
  activity: { name: "activity", words: (value) => short(value) },
  sparsity: { name: "sparsity", words: (value) => short(value) },
  score: { name: "AUC", words: (value, stage, unit) => `${short(value)} ${stage.sign[unit] < 0 ? "against" : "for"} ${stage.run.classes[stage.class[unit]]}` },
  orientation: { name: "orientation", words: (value) => (value === null ? "–" : `${value}°`) },
  frequency: { name: "cycles per pixel", words: (value) => short(value) },
  strength: { name: "tuning", words: (value) => short(value) },
};

/** Name a unit for people who do not see it. */
function spoken(stage, unit) {
  const parts = [`${stage.name} ${stage.names[unit]}`];
  if (stage.activity) parts.push(`activity ${short(stage.activity[unit])}`);
  if (stage.score) parts.push(measures.score.words(stage.score[unit], stage, unit));
  if (stage.orientation[unit] !== null) parts.push(`orientation ${stage.orientation[unit]} degrees`);
  return parts.join(", ");
}

/** Make a canvas that shows a unit in one of the ways there are. */
function portrait(stage, unit, kind, size) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const sheet = stage.sheets[kind];
  if (sheet?.units && !sheet.units.includes(unit)) return canvas;
  const place = sheet?.units ? sheet.units.indexOf(unit) : unit;
  const [width, height] = kind === "top" ? windowOf(stage, unit, 0, "top").slice(2) : [sheet.width, sheet.height];
  canvas.style.aspectRatio = `${width} / ${height}`;
  lazily(canvas, () => kind === "top"
    ? paintCrop(canvas, stage.run, stage.top[unit][0], windowOf(stage, unit, 0, "top"), size)
    : paintTile(canvas, sheet, place, size));
  return canvas;
}

/** Make a button that opens the sheet of a unit. */
function unitButton(stage, unit, kind, size, words) {
  const button = make("button", { type: "button", class: "tile", "aria-label": spoken(stage, unit), title: spoken(stage, unit) },
    portrait(stage, unit, kind, size), make("span", {}, stage.names[unit]), words ? make("small", {}, words) : null);
  button.addEventListener("click", () => openSheet(stage, unit));
  return button;
}

/** The kind of picture that says most about a stage's units. */
function firstKind(stage) {
  return stage.sheets.filter && stage === stage.run.stages[0] ? "filter" : "projection";
}

/** The figure by which the first units shown say most: what they tell, what they are tuned to. */
function firstMeasure(stage) {
  if (stage.score) return "score";
  if (stage === stage.run.stages[0]) return "strength";
  return stage.sparsity ? "sparsity" : "names";
}
