const sheet = document.getElementById("sheet");
const opened = { stage: null, unit: 0, from: null };

/** What a tile of a sheet is called. */
const singular = { filter: "Filter", projection: "Projection", stimulus: "Optimal stimulus" };

const slot = (name) => sheet.querySelector(`[data-slot="${name}"]`);

/** Fill a part of the sheet, and leave it out where there is nothing. */
function fill(name, children) {
  slot(name).replaceChildren(...children);
  const part = sheet.querySelector(`[data-part="${name}"]`);
  if (part) part.hidden = children.length === 0;
}

/** Show everything that is known of a unit. */
function openSheet(stage, unit) {
  if (!sheet.open) opened.from = document.activeElement;
  Object.assign(opened, { stage, unit });
  slot("where").textContent = data.runs.length > 1 ? `${stage.run.name} · ${stage.name}` : stage.name;
  slot("title").textContent = `${stage.maps ? "Map" : "Unit"} ${stage.names[unit]}`;
  fill("facts", factsOf(stage, unit));
  fill("portraits", portraitsOf(stage, unit));
  fill("top", cropsOf(stage, unit, "top"));
  fill("least", cropsOf(stage, unit, "least"));
  fill("histogram", stage.histogram ? histogram(stage, unit) : []);
  slot("histogram-note").textContent = histogramNote(stage, unit);
  fill("invariance", invarianceOf(stage, unit));
  fill("neighbours", neighboursOf(stage, unit));
  fill("elsewhere", elsewhereOf(stage, unit));
  const order = orderOf(stage);
  for (const button of sheet.querySelectorAll("[data-go='1'], [data-go='-1']")) {
    button.disabled = order[order.indexOf(unit) + Number(button.dataset.go)] === undefined;
  }
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  slot("title").focus({ preventScroll: true });
  history.replaceState(null, "", `#unit=${encodeURIComponent(`${stage.key}/${stage.names[unit]}`)}`);
}

/** The units of a stage, in the order of its gallery. */
function orderOf(stage) {
  const order = galleries.get(stage.key)?.order ?? [];
  return order.includes(opened.unit) && opened.stage === stage ? order : stage.names.map((_, unit) => unit);
}

function go(step) {
  const order = orderOf(opened.stage);
  const next = order[order.indexOf(opened.unit) + step];
  if (next !== undefined) openSheet(opened.stage, next);
}

function factsOf(stage, unit) {
  const facts = Object.entries(measures).filter(([key]) => stage[key]).map(([key, { name, words }]) => [name, words(stage[key][unit], stage, unit)]);
  const [height, width] = stage.sees[unit];
  facts.push(["sees, pixels", `${width} × ${height}`]);
  const images = `${imagesOf(stage, unit)} images`;
  const best = stage.stimulus?.find((found) => found.unit === unit);
  if (best) facts.push(["stimulus above", best.percentile < 100 ? `${short(best.percentile)} % of ${images}` : `all ${images}`]);
  return facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function portraitsOf(stage, unit) {
  return Object.entries(stage.sheets).map(([kind, given]) => {
    const place = given.units ? given.units.indexOf(unit) : unit;
    if (place < 0) return null;
    const canvas = make("canvas", { role: "img", "aria-label": `${singular[kind]} of ${stage.names[unit]}` });
    canvas.style.aspectRatio = `${given.width} / ${given.height}`;
    lazily(canvas, () => paintTile(canvas, given, place, 220));
    const smooth = kind === "stimulus" && stage.stimulus.some((found) => found.unit === unit && found.smooth);
    return make("figure", {}, canvas, make("figcaption", {}, smooth ? `${singular[kind]}, kept smooth` : singular[kind]));
  }).filter(Boolean);
}

function cropsOf(stage, unit, kind) {
  const { run } = stage;
  const ranks = stage[kind]?.[unit] ?? [];
  const windows = ranks.map((_, rank) => windowOf(stage, unit, rank, kind));
  const marked = kind === "top" && windows.some((seen) => !seesAll(seen, run));
  return ranks.map((image, rank) => {
    const seen = windows[rank];
    const value = kind === "top" ? short(stage.topValues[unit][rank]) : "";
    const label = run.labels.length ? run.classes[run.labels[image]] : "";
    const words = [value, label].filter(Boolean).join(" · ");
    const crop = make("canvas", { role: "img", "aria-label": `Image ${image}, what the unit sees${words ? `: ${words}` : ""}` });
    crop.style.aspectRatio = `${seen[2]} / ${seen[3]}`;
    lazily(crop, () => paintCrop(crop, run, image, seen, 96));
    const whole = make("canvas", { role: "img", "aria-label": `Image ${image}, the part marked` });
    whole.style.aspectRatio = `${run.images.width} / ${run.images.height}`;
    lazily(whole, () => paintWhole(whole, run, image, seen, 96));
    return make("figure", {}, crop, marked ? whole : null, words ? make("figcaption", {}, words) : null);
  });
}

/** How many images a unit was looked at with. */
function imagesOf(stage, unit) {
  return whole((stage.histogram?.[unit] ?? []).reduce((sum, count) => sum + count, 0));
}

/** Say whether a window holds a whole image. */
function seesAll([left, top, width, height], run) {
  return left <= 0 && top <= 0 && left + width >= run.images.size[1] && top + height >= run.images.size[0];
}

function histogramNote(stage, unit) {
  if (!stage.histogram) return "";
  const images = imagesOf(stage, unit);
  if (!stage.positive) return `Its answers to the ${images} images of the sample.`;
  const name = stage.run.classes[stage.class[unit]];
  const less = stage.sign[unit] < 0 ? " It answers less to them." : "";
  return `Its answers to the ${images} images of the sample: to those of ${name}, the class that it tells best, and to the others, each as shares of their own number.${less}`;
}

function invarianceOf(stage, unit) {
  return (stage.invariance ?? []).filter(({ units }) => units.includes(unit)).map(({ name, unit: measure, amounts, units, curves, kept, goesOn }) => {
    const place = units.indexOf(unit);
    const [low, high] = kept[place];
    const [less, more] = goesOn[place];
    const words = low === null ? "is not near its peak"
      : `half is kept from ${short(low)}${measure}${less ? " or less" : ""} to ${short(high)}${measure}${more ? " or more" : ""}`;
    return tuningCurve(name, measure, amounts, curves[place], kept[place], words);
  });
}

function neighboursOf(stage, unit) {
  return (stage.neighbours?.[unit] ?? []).map((other, rank) =>
    unitButton(stage, other, firstKind(stage), 80, `r = ${short(stage.alike[unit][rank])}`));
}

function elsewhereOf(stage, unit) {
  const others = data.runs.filter((run) => run !== stage.run).flatMap((run) => run.stages).filter((other) => other.name === stage.name);
  return others.flatMap((other) => {
    const same = other.names.indexOf(stage.names[unit]);
    return same < 0 ? [] : [unitButton(other, same, firstKind(other), 80, other.run.name)];
  });
}

/** The unit that the address names, `#unit=KEY/NAME` or `#KEY/NAME`: the key of its stage, and its own name. */
function addressed() {
  try {
    return decodeURIComponent(/^#(?:unit=)?(.+)$/.exec(location.hash)?.[1] ?? "").split("/");
  } catch {
    return []; // someone has written half a sign
  }
}

/** Find a unit by its name, or the map that stands for it. */
function placeOf(stage, name) {
  const own = stage.names.indexOf(name);
  return own < 0 && stage.maps ? stage.names.indexOf(name.split(",")[0]) : own;
}

function followAddress() {
  const [key, name] = addressed();
  const stage = stages.get(key);
  const unit = stage ? placeOf(stage, name) : -1;
  const missing = unit < 0 && location.hash.startsWith("#unit=");
  document.getElementById("notice").textContent = missing ? "The address names a unit that this page does not show." : "";
  if (unit >= 0) openSheet(stage, unit);
}

function useSheet() {
  sheet.addEventListener("click", (event) => {
    if (event.target === sheet) sheet.close();
    const what = event.target.closest("[data-go]")?.dataset.go;
    if (what === "close") sheet.close();
    else if (what !== undefined) go(Number(what));
  });
  sheet.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowRight") go(1);
    if (event.key === "ArrowLeft") go(-1);
  });
  sheet.addEventListener("close", () => {
    history.replaceState(null, "", location.pathname + location.search);
    const gallery = galleries.get(opened.stage.key);
    const from = opened.from === document.body ? null : opened.from; // then the address opened it
    if (from && !from.closest(".tiles")) from.focus();
    else gallery?.focus(opened.unit);
  });
  window.addEventListener("hashchange", followAddress);
}
