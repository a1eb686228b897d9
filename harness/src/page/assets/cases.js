// The cases of a matrix: which of them one looks at, and in which order.

const grid = { filter: "", failures: false, unfolded: new Set(), from: "chip", scroll: 0 };

// What one looks at first: what fails the matrix, and what passed only the second time.
const isFailure = (one) => one.fails || isBad(one.outcome) || one.outcome === "y";

// Whether a case is among those that are asked for. The grid, its count and the keys all go by this.
function fits(one) {
  const name = text(one.name).toLowerCase();
  const wanted = grid.filter.toLowerCase().split(/\s+/).filter(Boolean);
  return wanted.every((word) => name.includes(word)) && (!grid.failures || isFailure(one));
}

function countsOf(cases) {
  const counts = {};
  for (const one of cases) counts[one.outcome] = (counts[one.outcome] ?? 0) + 1;
  return counts;
}

// How a case went in the last matrix that had it: a sign, or nothing.
function lastTime(nth) {
  const before = data.matrix.history.map((past) => past.outcomes[nth]).filter((sign) => sign !== "-" && sign !== "n");
  return before.at(-1);
}

// Whether it passed the last time and fails now, which most often has to do with what was changed since.
const isNew = (nth) => ["p", "y"].includes(lastTime(nth)) && data.matrix.cases[nth].outcome !== "y";

// Why a case did not pass, on one line, without what all verdicts of its kind begin with.
function whyOf(one) {
  if (one.runs.length === 0) return text(one.without);
  const run = data.runs[one.outcome === "y" ? one.runs[0] : one.runs.at(-1)];
  const lines = text(run.text).split("\n").map((line) => line.trim()).filter(Boolean);
  if (lines.length > 1 && lines[0].endsWith(":")) lines.shift();
  return lines.join(" ");
}

const runThatCounts = (one) => data.runs[one.runs.at(-1)];

// What did not pass, those with the same verdict together: newly broken first, what is only flaky last.
function groupsOfFailures() {
  const groups = new Map();
  data.matrix.cases.forEach((one, nth) => {
    if (!isFailure(one)) return;
    const run = one.runs.length > 0 ? runThatCounts(one) : undefined;
    const why = whyOf(one);
    const key = `${one.outcome} ${run?.kind} ${why}`;
    if (!groups.has(key)) groups.set(key, { sign: one.outcome, run, why, cases: [] });
    groups.get(key).cases.push(nth);
  });
  const rank = (group) => (group.sign === "y" ? 2 : group.cases.some(isNew) ? 0 : 1);
  const sorted = [...groups.values()].sort((one, other) => rank(one) - rank(other));
  for (const group of sorted) group.cases.sort((one, other) => isNew(other) - isNew(one) || one - other);
  return sorted;
}

// The runs that failed, in the order of their list.
function failedRuns() {
  const cases = groupsOfFailures().flatMap((group) => group.cases.map((nth) => data.matrix.cases[nth]));
  return cases.filter((one) => one.runs.length > 0).map((one) => one.runs.at(-1));
}

// The runs before and behind one, as the grid has them, those that are filtered out left out.
function neighbours(nth) {
  return around(data.matrix.cases.filter(fits).flatMap((one) => one.runs), nth);
}

function around(runs, nth) {
  const at = runs.indexOf(nth);
  return at < 0 ? [undefined, runs[0]] : [runs[at - 1], runs[at + 1]];
}
