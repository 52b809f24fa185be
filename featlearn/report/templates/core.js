"use strict";

/** What the page knows of units, by run and stage. */
const data = JSON.parse(document.getElementById("units").textContent);
const stages = new Map();
for (const run of data.runs) {
  for (const stage of run.stages) stages.set(stage.key, Object.assign(stage, { run }));
}

/** Make an element; children are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make an element of a drawing. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Write a whole number with its thousands apart. */
function whole(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Write a number to three digits, as people read it. */
function short(value) {
  if (value === null || value === undefined) return "–";
  const digits = Number(value.toPrecision(3));
  const text = Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(1)
    : Math.abs(value) >= 1e3 ? whole(digits) : String(digits);
  return text.replace("-", "−");
}

/** Write a table behind a plot. */
function behind(words, heads, rows) {
  const table = make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, place) =>
      place === 0 ? make("th", { scope: "row" }, cell) : make("td", {}, cell))))));
  return make("details", { class: "behind" }, make("summary", {}, words), table);
}

/** Switch the theme, and remember it where the browser lets us. */
function useTheme() {
  const root = document.documentElement;
  for (const input of document.querySelectorAll("input[name=theme]")) {
    input.checked = input.value === (root.dataset.theme ?? "auto");
    input.addEventListener("change", () => {
      if (input.value === "auto") delete root.dataset.theme;
      else root.dataset.theme = input.value;
      try {
        localStorage.setItem("featlearn-theme", input.value);
      } catch {
        // Then it holds for this visit.
      }
    });
  }
}
