// Earlier matrices of the same folder.

// What came of a scenario before, the newest on the right: of several cases the worst.
const WORST = "ftsynp-";
function strip(matrix, cases) {
  const width = 7;
  const columns = matrix.history.map((one) => cases.map((nth) => one.outcomes[nth]).sort((a, b) => WORST.indexOf(a) - WORST.indexOf(b))[0]);
  const now = cases.map((nth) => matrix.cases[nth].outcome).sort((a, b) => WORST.indexOf(a) - WORST.indexOf(b))[0];
  columns.push(now);
  const bad = columns.slice(0, -1).filter(isBad).length;
  const words = `did not pass in ${bad} of the ${many(columns.length - 1, "matrix", "matrices")} before`;
  const picture = svg("svg", { class: "strip", width: columns.length * width, height: 16, role: "img", "aria-label": words });
  columns.forEach((sign, nth) => {
    const height = isBad(sign) ? 16 : sign === "p" ? 8 : 4;
    picture.append(svg("rect", { class: sign === "-" ? "none" : sign, x: nth * width, y: 16 - height, width: width - 2, height, rx: 1 }));
  });
  return tipOf(picture, words);
}

// How a case went in the matrices before, and how long it took: a bar each, the newest on the right.
function pastOfCase(nth) {
  const matrix = data.matrix;
  if (!matrix || matrix.history.length === 0) return null;
  const at = matrix.cases.findIndex((one) => one.runs.includes(nth));
  const all = matrix.history.map((one) => ({ sign: one.outcomes[at], took: one.took[at] / 1000, name: when(one.started) })).filter((one) => one.sign !== "-");
  if (all.length === 0) return null;
  const before = all.map((one) => one.took);
  const bad = all.filter((one) => isBad(one.sign)).length;
  const now = matrix.cases[at];
  all.push({ sign: now.outcome, took: now.seconds, name: "this one" });
  const longest = Math.max(...all.map((one) => one.took), 0.001);
  const words = `${seconds(Math.min(...before))} to ${seconds(Math.max(...before))} before; did not pass in ${bad} of ${many(before.length, "matrix", "matrices")}`;
  const picture = svg("svg", { class: "strip", width: all.length * 12, height: 36, role: "group", "aria-label": words });
  all.forEach((one, place) => {
    const height = Math.max((36 * one.took) / longest, 3);
    const bar = svg("rect", { class: one.sign, x: place * 12, y: 36 - height, width: 9, height, rx: 1.5 });
    picture.append(partly(bar, `${one.name}: ${SIGNS[one.sign].word}, ${seconds(one.took)}`));
  });
  return el("div", { class: "was" }, picture, el("span", { class: "muted small" }, words));
}

function past(matrix) {
  if (matrix.history.length === 0) return null;
  const without = matrix.cases.filter((one) => one.outcome === "n").length;
  const failures = matrix.cases.filter((one) => one.fails).length;
  const all = [...matrix.history.map((one) => ({ name: when(one.started), seconds: one.seconds, counts: one.counts })),
    { name: when(matrix.started), seconds: matrix.seconds, counts: [matrix.cases.length - failures - without, failures, without], own: true }];
  const longest = Math.max(...all.map((one) => one.seconds));
  const anyWithout = all.some((one) => one.counts[2] > 0);
  const row = (one) => {
    const bar = el("span", { class: "took" });
    bar.style.width = `${(100 * one.seconds) / longest}%`;
    const [well, not, none] = one.counts;
    return el("tr", { class: one.own ? "own" : null }, el("th", { scope: "row" }, one.name),
      el("td", { class: "number p" }, String(well)), el("td", { class: not ? "number f" : "number muted" }, String(not)),
      anyWithout && el("td", { class: "number muted" }, String(none)),
      el("td", { class: "number" }, seconds(one.seconds)), el("td", { class: "bars" }, bar));
  };
  const head = el("tr", {}, ["Started", "Passed", "Failed", anyWithout && "Not run", "Time", ""].filter((name) => name !== false).map((name) => el("th", { scope: "col" }, name)));
  return el("section", { "aria-labelledby": "past" }, el("h2", { id: "past" }, "Before"),
    el("div", { class: "wide" }, el("table", { class: "past" }, el("thead", {}, head), el("tbody", {}, all.map(row).reverse()))));
}
