// The matrix: what came of it, what failed, and the grid of scenarios and architectures.

// From so many scenarios on, those that passed are folded while others failed.
const FOLDED = 40;

function showGrid() {
  const matrix = data.matrix;
  document.title = "Matrix";
  byId("where").textContent = when(matrix.started);
  const parts = [gridHead(matrix), failed(), notRun(matrix), gridTable(matrix), past(matrix)];
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
  const facts = `${many(total, "case")}${shard} \u00b7 ${seconds(matrix.seconds)} \u00b7 ${many(matrix.jobs, "run")} at a time \u00b7 exit code ${matrix.exit_code}`;
  return el("section", { class: "head" },
    el("h1", {}, headline(matrix, counts)),
    bar, words, el("p", { class: "muted" }, facts), command("the same matrix again", text(matrix.command)));
}

// What makes the matrix fail, and nothing else, as its exit code has it.
function headline(matrix, counts) {
  const flaky = matrix.cases.filter((one) => one.outcome === "y" && one.fails).length;
  const parts = [..."fts"].filter((sign) => counts[sign]).map((sign) => `${counts[sign]} ${SIGNS[sign].word}`);
  if (flaky > 0) parts.push(`${flaky} flaky`);
  if (counts.n) parts.push(`${counts.n} not run`);
  if (parts.length > 0) return parts.join(", ");
  if (matrix.cases.length === 0) return "There are no cases";
  return counts.y ? "Everything passed, not at once" : "Everything passed";
}

// The cases that did not pass, each verdict once: most of what one comes for.
function failed() {
  const groups = groupsOfFailures();
  if (groups.length === 0) return null;
  return el("section", { "aria-labelledby": "failed" }, el("h2", { id: "failed" }, "What did not pass"), el("ul", { class: "failures" }, groups.map(failureGroup)));
}

function failureGroup({ sign, run, why, cases }) {
  const of = (nth) => data.matrix.cases[nth];
  const said = el("span", { class: "said" }, el("span", { class: "kind" }, kindOf(sign, run)), el("span", { class: "why" }, why));
  const link = (nth, ...more) => {
    const one = of(nth);
    const name = [el("span", { class: "unseen" }, `${SIGNS[sign].word}: `), el("b", {}, text(one.scenario)), " ", el("span", { class: "muted" }, text(one.machine)), "  ", lately(nth)];
    const inside = more.length > 0 ? [el("span", { class: "named" }, icon(sign), el("span", {}, name)), ...more] : name;
    if (one.runs.length === 0) return el("div", { class: `failure ${sign}` }, inside);
    return el("a", { class: `failure ${sign}`, href: linkTo(runThatCounts(one)) }, inside);
  };
  // A verdict of one case is one link; of several, each case is one.
  if (cases.length === 1) return el("li", {}, link(cases[0], said));
  return el("li", { class: `several ${sign}` }, el("div", { class: "named" }, icon(sign), el("ul", {}, cases.map((nth) => el("li", {}, link(nth))))), said);
}

function kindOf(sign, run) {
  if (run === undefined) return SIGNS[sign].word;
  if (sign === "y") return "flaky: it passed after the set-up had failed it";
  return `${run.kind} \u00b7 look at ${text(run.blame)}`;
}

// How it went before, where that is known.
function lately(nth) {
  const sign = lastTime(nth);
  if (isNew(nth)) return el("span", { class: "new" }, "passed the last time");
  if (!isBad(sign ?? "p")) return null;
  const before = data.matrix.history.map((past) => past.outcomes[nth]).reverse();
  const count = before.findIndex((one) => !isBad(one));
  const times = count < 0 ? before.length : count;
  return el("span", { class: "old" }, times < 2 ? "failed the last time, too" : `failed the last ${times} times, too`);
}

function notRun(matrix) {
  const cases = matrix.cases.filter((one) => one.outcome === "n");
  if (cases.length === 0) return null;
  const names = cases.slice(0, 3).map((one) => text(one.name)).join(", ");
  const more = cases.length > 3 ? ` and ${cases.length - 3} more` : "";
  return el("p", { class: "not-run" }, icon("n"), ` ${many(cases.length, "case was", "cases were")} not run: ${text(cases[0].without)} `, el("span", { class: "muted" }, `(${names}${more})`));
}

// A row for each scenario, a column for each architecture.
function gridTable(matrix) {
  const scenarios = new Map();
  matrix.cases.forEach((one, nth) => {
    const name = text(one.scenario);
    if (!scenarios.has(name)) scenarios.set(name, []);
    scenarios.get(name).push(nth);
  });
  const columns = matrix.arches.length + (matrix.history.length > 0 ? 2 : 1);
  const folds = foldsOf(matrix, scenarios);
  const body = el("tbody");
  const rows = [...scenarios].map(([name, cases]) => scenarioRow(matrix, name, cases));
  // What is folded has its row where the first of it would stand; the odd ones are at the end.
  const others = [];
  for (const row of rows) {
    const fold = folds.get(row.name);
    if (fold?.head === undefined && fold) {
      fold.head = foldRow(fold, columns, apply);
      if (fold.prefix !== null) body.append(fold.head);
    }
    row.fold = fold;
    if (fold?.prefix === null) others.push(row);
    else body.append(row);
  }
  if (others.length > 0) body.append(others[0].fold.head, ...others);

  const filter = el("input", {
    id: "filter", type: "search", placeholder: "Filter cases", autocomplete: "off", spellcheck: "false",
    "aria-label": "Filter cases by scenario or machine", input: () => { grid.filter = filter.value; apply(); },
  });
  filter.value = grid.filter;
  const only = el("input", { id: "failures", type: "checkbox", change: () => { grid.failures = only.checked; apply(); } });
  only.checked = grid.failures;
  const shown = el("span", { class: "muted", id: "shown", "aria-live": "polite" });
  const head = el("tr", {}, el("th", { scope: "col" }, "Scenario"),
    matrix.arches.map((arch) => el("th", { scope: "col" }, arch)), matrix.history.length > 0 && el("th", { scope: "col", class: "before" }, "Before"));
  const table = el("table", { class: "grid", keydown: moveInGrid }, el("thead", {}, head), body);

  function apply() {
    const asked = grid.filter.trim() !== "" || grid.failures;
    let count = 0;
    for (const row of rows) {
      let here = 0;
      for (const chip of row.querySelectorAll(".chip")) {
        chip.hidden = !fits(matrix.cases[chip.nth]);
        here += chip.hidden ? 0 : 1;
      }
      count += here;
      const folded = row.fold && !asked && !grid.unfolded.has(row.fold.prefix);
      row.hidden = here === 0 || Boolean(folded);
    }
    for (const fold of new Set(folds.values())) fold.head.hidden = asked;
    shown.textContent = `${count} of ${matrix.cases.length}`;
  }
  apply();
  return el("section", { "aria-labelledby": "all" },
    el("div", { class: "tools" }, el("h2", { id: "all" }, "All cases"), filter,
      el("label", { class: "switch" }, only, "Only failures"), shown), table);
}

function scenarioRow(matrix, name, cases) {
  const row = el("tr", {}, el("th", { scope: "row" }, name));
  for (const arch of matrix.arches) {
    const here = cases.filter((nth) => matrix.cases[nth].arch === arch);
    row.append(el("td", { "data-arch": arch }, here.map((nth) => chip(matrix.cases[nth], nth))));
  }
  if (matrix.history.length > 0) row.append(el("td", { class: "before" }, strip(matrix, cases)));
  row.name = name;
  return row;
}

// Scenarios of a large matrix that passed everywhere, by the word that their names begin with, or together where
// nothing else begins so; nothing is folded where nothing failed.
function foldsOf(matrix, scenarios) {
  const folds = new Map();
  if (scenarios.size < FOLDED || !matrix.cases.some(isFailure)) return folds;
  const whole = [...scenarios].filter(([, cases]) => cases.every((nth) => matrix.cases[nth].outcome === "p"));
  const prefixOf = (name) => name.split("-")[0];
  const groups = new Map();
  for (const [name, cases] of whole) {
    const prefix = prefixOf(name);
    if (!groups.has(prefix)) groups.set(prefix, { prefix, rest: [...scenarios.keys()].filter((one) => prefixOf(one) === prefix).length, names: [], cases: 0 });
    groups.get(prefix).names.push(name);
    groups.get(prefix).cases += cases.length;
  }
  const odd = { prefix: null, rest: 0, names: [], cases: 0 };
  for (const group of groups.values()) {
    const into = group.names.length > 1 ? group : odd;
    if (into === odd) {
      odd.names.push(...group.names);
      odd.cases += group.cases;
    }
    for (const name of group.names) folds.set(name, into);
  }
  return folds;
}

function foldRow(fold, columns, apply) {
  const open = grid.unfolded.has(fold.prefix);
  const count = fold.names.length;
  const all = fold.prefix !== null && count === fold.rest;
  const name = fold.prefix === null ? many(count, "other scenario") : `${fold.prefix}-* \u00b7 ${all ? many(count, "scenario") : `the other ${count}`}`;
  const button = el("button", { type: "button", class: "fold p", "aria-expanded": String(open), click: () => {
    if (!grid.unfolded.delete(fold.prefix)) grid.unfolded.add(fold.prefix);
    button.setAttribute("aria-expanded", String(grid.unfolded.has(fold.prefix)));
    apply();
  } }, el("span", { class: "name" }, name), el("span", { class: "muted" }, icon("p"), ` all ${many(fold.cases, "case")} passed`));
  return el("tr", { class: "folded" }, el("td", { colspan: columns }, button));
}

function chip(one, nth) {
  const plain = text(one.machine) === one.arch;
  const name = plain ? null : el("span", { class: "machine" }, text(one.machine).replace(`${one.arch}-`, ""));
  const words = `${text(one.name)}: ${SIGNS[one.outcome].word}`;
  const again = one.runs.length > 1 ? el("span", { class: "machine" }, `${one.runs.length} runs`) : null;
  const made = one.runs.length === 0
    ? el("span", { class: `chip ${one.outcome}`, title: `${words}, ${text(one.without)}` }, icon(one.outcome), name)
    : el("a", { class: `chip ${one.outcome}`, href: linkTo(runThatCounts(one)), "aria-label": `${words}, ${seconds(one.seconds)}` },
      icon(one.outcome), el("span", {}, seconds(one.seconds)), name, again);
  made.nth = nth;
  return made;
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
