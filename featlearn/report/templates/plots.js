const WIDE = 320;
const HIGH = 130;
const EDGE = 18;

/** Draw how often a unit answered what. */
function histogram(stage, unit) {
  const counts = stage.histogram[unit];
  const own = stage.positive?.[unit];
  const most = Math.max(...counts, 1);
  const step = WIDE / counts.length;
  const bar = (count, place, name) => {
    const height = ((HIGH - EDGE) * count) / most;
    return draw("rect", { class: name, x: place * step + 0.5, width: step - 1, y: HIGH - EDGE - height, height });
  };
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "bars", role: "img", "aria-label": `Histogram of its answers, from ${short(stage.low[unit])} to ${short(stage.high[unit])}` },
    ...counts.map((count, place) => bar(count, place, "all")),
    ...(own ?? []).map((count, place) => bar(count, place, "own")),
    draw("path", { d: `M0 ${HIGH - EDGE}H${WIDE}`, class: "axis" }),
    draw("text", { x: 0, y: HIGH - 4 }, short(stage.low[unit])),
    draw("text", { x: WIDE, y: HIGH - 4, "text-anchor": "end" }, short(stage.high[unit])));
  const width = (stage.high[unit] - stage.low[unit]) / counts.length;
  const rows = counts.map((count, place) => {
    const row = [`${short(stage.low[unit] + place * width)} to ${short(stage.low[unit] + (place + 1) * width)}`, String(count)];
    return own ? [...row, String(own[place])] : row;
  });
  const heads = ["Answer", "Images", ...(own ? ["Of its class"] : [])];
  return [svg, behind("Numbers", heads, rows)];
}

/** Draw a curve of invariance: the answer over how much images were changed. */
function tuningCurve(name, unitOfAmount, amounts, values, words) {
  const low = Math.min(...amounts);
  const span = Math.max(...amounts) - low || 1;
  const bottom = Math.min(0, ...values);
  const top = Math.max(1, ...values);
  const x = (amount) => ((amount - low) / span) * (WIDE - 4) + 2;
  const y = (value) => (HIGH - EDGE) * (1 - (value - bottom) / (top - bottom)) + 1;
  const line = amounts.map((amount, place) => `${x(amount)},${y(values[place])}`).join(" ");
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH + 6}`, class: "bars", role: "img", "aria-label": `Answer over ${name}` },
    draw("rect", { class: "half", x: 0, width: WIDE, y: y(top), height: y(top / 2) - y(top) }),
    draw("path", { d: `M0 ${y(0)}H${WIDE}`, class: "axis" }),
    draw("polyline", { points: line, class: "line" }),
    draw("text", { x: 0, y: HIGH + 2 }, `${short(low)}${unitOfAmount}`),
    draw("text", { x: WIDE, y: HIGH + 2, "text-anchor": "end" }, `${short(low + span)}${unitOfAmount}`));
  const rows = amounts.map((amount, place) => [`${short(amount)}${unitOfAmount}`, short(values[place])]);
  return make("figure", { class: "mini" }, make("figcaption", {}, make("b", {}, name), words ? ` ${words}` : null), svg, behind("Numbers", [name, "Answer"], rows));
}
