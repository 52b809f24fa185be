const WIDE = 320;
const HIGH = 130;
const EDGE = 18;
const SCALE = 34;

/** Share an axis out into two to four round steps, from the least value to the largest. */
function stepsOf(least, most) {
  const sizes = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100];
  const size = sizes.find((one) => (most - Math.min(least, 0)) / one < 4) ?? most;
  const steps = [];
  for (let step = Math.ceil(least / size); step * size <= most; step += 1) steps.push(step * size);
  return steps;
}

/** Draw a scale of per cent beside a plot, and fine lines across it. */
function percentScale(steps, left, y) {
  return steps.flatMap((step) => [
    draw("path", { d: `M${left} ${y(step)}H${WIDE}`, class: "grid" }),
    draw("text", { x: left - 6, y: y(step), "text-anchor": "end", "dominant-baseline": "central", class: "share" }, percent(step)),
  ]);
}

function percent(share) {
  return `${short(100 * share)} %`;
}

/** Draw how often a unit answered what: of its class and of the others, as shares of either. */
function histogram(stage, unit) {
  const own = stage.positive?.[unit];
  const sets = own
    ? [["others", "other", stage.histogram[unit].map((count, place) => count - own[place])], [stage.run.classes[stage.class[unit]], "own", own]]
    : [["images", "other", stage.histogram[unit]]];
  const drawn = sets.map(([name, mark, counts]) => {
    const images = counts.reduce((sum, count) => sum + count, 0);
    return { name, mark, counts, images, shares: counts.map((count) => count / Math.max(images, 1)) };
  });
  const bins = stage.histogram[unit].length;
  const ends = `from ${short(stage.low[unit])} to ${short(stage.high[unit])}`;
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH + EDGE}`, class: "bars", role: "img", "aria-label": `Histogram of its answers, ${ends}` },
    ...histogramBars(drawn, bins),
    draw("text", { x: SCALE, y: HIGH + EDGE - 4 }, short(stage.low[unit])),
    draw("text", { x: WIDE, y: HIGH + EDGE - 4, "text-anchor": "end" }, short(stage.high[unit])));
  const width = (stage.high[unit] - stage.low[unit]) / bins;
  const rows = stage.histogram[unit].map((_, place) => [
    `${short(stage.low[unit] + place * width)} to ${short(stage.low[unit] + (place + 1) * width)}`,
    ...drawn.flatMap(({ counts, shares }) => [String(counts[place]), percent(shares[place])]),
  ]);
  const heads = ["Answer", ...drawn.flatMap(({ name }) => [own ? `Images: ${name}` : "Images", "Share"])];
  const legend = own ? make("ul", { class: "legend" }, ...drawn.map(({ name, mark, images }) => make("li", { class: mark }, `${name} (${whole(images)} ${images === 1 ? "image" : "images"})`))) : null;
  return [svg, legend, behind("Numbers", heads, rows)].filter(Boolean);
}

/** Draw the bars of a histogram, sets before each other, over a scale of shares. */
function histogramBars(sets, bins) {
  const top = Math.max(...sets.flatMap(({ shares }) => shares), 0.001);
  const y = (share) => EDGE + (HIGH - EDGE) * (1 - share / top);
  const step = (WIDE - SCALE) / bins;
  return [
    draw("text", { x: 0, y: 9 }, sets.length > 1 ? "% of the images of each" : "% of the images"),
    ...percentScale(stepsOf(0, top), SCALE, y),
    ...sets.flatMap(({ mark, shares }) => shares.map((share, place) =>
      draw("rect", { class: mark, x: SCALE + place * step + 0.5, width: step - 1, y: y(share), height: HIGH - y(share) }))),
    draw("path", { d: `M${SCALE} ${HIGH}H${WIDE}`, class: "axis" }),
  ];
}

/** Draw a curve of invariance: the answer over how much images were changed. */
function tuningCurve(name, unitOfAmount, amounts, values, [from, to], words) {
  const left = 62; // letters are larger here
  const low = Math.min(...amounts);
  const span = Math.max(...amounts) - low || 1;
  const bottom = Math.min(0, ...values);
  const top = Math.max(1, ...values);
  const x = (amount) => left + ((amount - low) / span) * (WIDE - left - 4) + 2;
  const y = (value) => (HIGH - EDGE) * (1 - (value - bottom) / (top - bottom)) + 9;
  const line = amounts.map((amount, place) => `${x(amount)},${y(values[place])}`).join(" ");
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH + 14}`, class: "bars", role: "img", "aria-label": `Answer over ${name}` },
    ...percentScale(stepsOf(bottom, top).filter((step) => step >= 0), left, y),
    draw("path", { d: `M${left} ${y(0)}H${WIDE}`, class: "axis" }),
    draw("path", { d: `M${left} ${y(top / 2)}H${WIDE}`, class: "half" }),
    ...(from === null ? [] : [draw("path", { d: `M${x(from)} ${y(top / 2)}H${x(to)}`, class: "kept" })]),
    draw("polyline", { points: line, class: "line" }),
    draw("text", { x: left, y: HIGH + 10 }, `${short(low)}${unitOfAmount}`),
    draw("text", { x: WIDE, y: HIGH + 10, "text-anchor": "end" }, `${short(low + span)}${unitOfAmount}`));
  const rows = amounts.map((amount, place) => [`${short(amount)}${unitOfAmount}`, percent(values[place])]);
  return make("figure", { class: "mini" }, make("figcaption", {}, make("b", {}, name), ` ${words}`), svg, behind("Numbers", [name, "Answer"], rows));
}
