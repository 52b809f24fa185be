const PAIRS = 8;

/** Units of the same stage and name in several runs: a row for each run, some units at a time. */
class Pairs {
  constructor(box) {
    this.table = box.querySelector(".pairs");
    this.tools = { stage: box.querySelector("[data-tool=stage]"), kind: box.querySelector("[data-tool=kind]") };
    this.buttons = [...box.querySelectorAll("[data-go]")];
    this.from = 0;
    this.tools.kind.value = firstKind(this.rows[0]);
    this.tools.stage.addEventListener("input", () => this.show(0));
    this.tools.kind.addEventListener("input", () => this.show(this.from));
    for (const button of this.buttons) {
      button.addEventListener("click", () => this.show(this.from + PAIRS * Number(button.dataset.go)));
    }
    this.show(0);
  }

  /** The stages that are compared, a row each. */
  get rows() {
    return data.runs.flatMap((run) => run.stages).filter(({ name }) => name === this.tools.stage.value);
  }

  show(from) {
    const rows = this.rows;
    const places = rows.map((stage) => new Map(stage.names.map((name, unit) => [name, unit])));
    const names = [...new Set(rows.flatMap(({ names: own }) => own))].filter((name) => places.filter((own) => own.has(name)).length > 1);
    this.from = from;
    const shown = names.slice(from, from + PAIRS);
    const head = make("tr", {}, make("th", { scope: "col" }, "Run"), ...shown.map((name) => make("th", { scope: "col" }, name)));
    const body = rows.map((stage, row) => make("tr", {}, make("th", { scope: "row" }, stage.run.name),
      ...shown.map((name) => make("td", {}, this.cell(stage, places[row].get(name))))));
    this.table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
    for (const button of this.buttons) {
      const first = from + PAIRS * Number(button.dataset.go);
      button.disabled = first < 0 || first >= names.length;
    }
  }

  cell(stage, unit) {
    if (unit === undefined) return "–";
    const wanted = this.tools.kind.value;
    const kind = stage.sheets[wanted] || (wanted === "top" && stage.top) ? wanted : "projection";
    return unitButton(stage, unit, kind, 84, stage.score ? measures.score.words(stage.score[unit], stage, unit) : null);
  }
}

function useComparison() {
  for (const box of document.querySelectorAll(".together")) new Pairs(box);
}
