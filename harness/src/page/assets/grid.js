// The matrix: what came of it, what failed, and the grid of scenarios and architectures.

const grid = { filter: "", failures: false };

function countsOf(cases) {
  const counts = {};
  for (const one of cases) counts[one.outcome] = (counts[one.outcome] ?? 0) + 1;
  return counts;
}

function showGrid() {
  const matrix = data.matrix;
  document.title = "Matrix";
  byId("where").textContent = when(matrix.started);
  const parts = [gridHead(matrix), failed(matrix), gridTable(matrix), past(matrix)];
  main.replaceChildren(...parts.filter(Boolean));
}

function gridHead(matrix) {
  const counts = countsOf(matrix.cases);
  const total = matrix.cases.length;
  const bar = el("div", { class: "proportions", "aria-hidden": "true" });
  const words = el("ul", { class: "counts" });
  for (const sign of "ftsynp") {
    if (!counts[sign]) continue;
    const share = el("span", { class: `of ${sign}` });
    share.style.flexGrow = counts[sign];
    bar.append(share);
    words.append(el("li", { class: sign }, icon(sign), el("b", {}, String(counts[sign])), " ", SIGNS[sign].word));
  }
  const shard = matrix.shard ? `, part ${matrix.shard}` : "";
  const facts = `${many(total, "case")}${shard} · ${seconds(matrix.seconds)} · ${many(matrix.jobs, "run")} at a time · exit code ${matrix.exit_code}`;
  return el("section", { class: "head" },
    el("h1", {}, counts.p === total ? "Everything passed" : headline(counts)),
    bar, words, el("p", { class: "muted" }, facts), command("the same matrix again", text(matrix.command)));
}

function headline(counts) {
  const bad = (counts.f ?? 0) + (counts.t ?? 0) + (counts.s ?? 0);
  if (bad > 0) return `${many(bad, "case")} did not pass`;
  return counts.n ? "Not every case was run" : "Everything passed, not at once";
}

// The cases that did not pass, each with its verdict: most of what one comes for.
function failed(matrix) {
  const cases = matrix.cases.filter((one) => isBad(one.outcome));
  if (cases.length === 0) return null;
  const row = (one) => {
    const run = data.runs[one.runs.at(-1)];
    return el("li", {}, el("a", { class: `failure ${one.outcome}`, href: linkTo(run) },
      icon(one.outcome), el("span", { class: "unseen" }, SIGNS[one.outcome].word),
      el("b", {}, text(one.scenario)), el("span", { class: "muted" }, text(one.machine)),
      el("span", { class: "why" }, text(run.text).replace(/\s*\n\s*/g, " "))));
  };
  return el("section", { "aria-labelledby": "failed" }, el("h2", { id: "failed" }, "What did not pass"), el("ul", { class: "failures" }, cases.map(row)));
}

// A row for each scenario, a column for each architecture.
function gridTable(matrix) {
  const rows = new Map();
  matrix.cases.forEach((one, nth) => {
    const name = text(one.scenario);
    if (!rows.has(name)) rows.set(name, []);
    rows.get(name).push(nth);
  });
  const hasPast = matrix.history.length > 0;
  const body = el("tbody");
  for (const [name, cases] of rows) {
    const row = el("tr", {}, el("th", { scope: "row" }, name));
    for (const arch of matrix.arches) {
      const here = cases.filter((nth) => matrix.cases[nth].arch === arch);
      row.append(el("td", { "data-arch": arch }, here.map((nth) => chip(matrix.cases[nth]))));
    }
    if (hasPast) row.append(el("td", { class: "before" }, strip(matrix, cases)));
    row.cases = cases.map((nth) => matrix.cases[nth]);
    row.words = cases.map((nth) => text(matrix.cases[nth].name)).join(" ").toLowerCase();
    body.append(row);
  }
  const filter = el("input", {
    id: "filter", type: "search", placeholder: "Filter cases", value: grid.filter, autocomplete: "off", spellcheck: "false",
    "aria-label": "Filter cases by scenario or machine", input: () => { grid.filter = filter.value; apply(); },
  });
  filter.value = grid.filter;
  const only = el("input", { id: "failures", type: "checkbox", change: () => { grid.failures = only.checked; apply(); } });
  only.checked = grid.failures;
  const shown = el("span", { class: "muted", id: "shown", "aria-live": "polite" });
  const head = el("tr", {}, el("th", { scope: "col" }, "Scenario"),
    matrix.arches.map((arch) => el("th", { scope: "col" }, arch)), hasPast && el("th", { scope: "col", class: "before" }, "Before"));
  const table = el("table", { class: "grid", keydown: moveInGrid }, el("thead", {}, head), body);

  function apply() {
    const wanted = grid.filter.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of body.rows) {
      const fits = wanted.every((word) => row.words.includes(word));
      const fails = row.cases.some((one) => one.outcome !== "p" && one.outcome !== "n");
      row.hidden = !fits || (grid.failures && !fails);
      if (!row.hidden) count += row.cases.length;
    }
    shown.textContent = `${count} of ${matrix.cases.length}`;
  }
  apply();
  return el("section", { "aria-labelledby": "all" },
    el("div", { class: "tools" }, el("h2", { id: "all" }, "All cases"), filter,
      el("label", { class: "switch" }, only, "Only failures"), shown),
    el("div", { class: "wide" }, table));
}

function chip(one) {
  const plain = text(one.machine) === one.arch;
  const name = plain ? null : el("span", { class: "machine" }, text(one.machine).replace(`${one.arch}-`, ""));
  const words = `${text(one.name)}: ${SIGNS[one.outcome].word}`;
  if (one.runs.length === 0) return el("span", { class: "chip n", title: words }, icon("n"), name);
  const again = one.runs.length > 1 ? el("span", { class: "machine" }, `${one.runs.length} runs`) : null;
  return el("a", { class: `chip ${one.outcome}`, href: linkTo(data.runs[one.runs.at(-1)]), "aria-label": `${words}, ${seconds(one.seconds)}` },
    icon(one.outcome), el("span", {}, seconds(one.seconds)), name, again);
}

// The arrows go from case to case, as they lie.
function moveInGrid(event) {
  const from = event.target.closest("a.chip");
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!from || !steps || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const links = [...event.currentTarget.querySelectorAll("a.chip")].filter((link) => link.offsetParent);
  const center = (link) => {
    const box = link.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const [x, y] = center(from);
  let best;
  for (const link of links) {
    const [right, down] = [center(link)[0] - x, center(link)[1] - y];
    const along = right * steps[0] + down * steps[1];
    const across = Math.abs(right * steps[1] + down * steps[0]);
    if (along <= 1 || (steps[0] && across > 4)) continue;
    const far = along + 3 * across;
    if (!best || far < best.far) best = { far, link };
  }
  best?.link.focus();
}
