// The log: every source in one order, each line with a link of its own.

const SOURCES = {
  f: ["firmware", "the firmware, on the console"],
  c: ["console", "the hypervisor or its guest, on the console"],
  h: ["@hv", "the hypervisor's report: lines with the run's nonce, which is left out here"],
  q: ["exits", "QEMU's log of the guest's exits, in order only"],
  a: ["audit", "a look at the machine itself"],
  k: ["typed", "typed on the console"],
  n: ["harness", "the harness, and QEMU by its messages"],
};
const BLOCK = 200;
const LINE = 19.4;
const log = { hidden: new Set(), filter: "" };

// Numbers count the lines that are left out, so that a link stays what it is.
function numberOf(run, at) {
  return run.log.left_out.reduce((number, [from, count]) => (from <= at ? number + count : number), at);
}

function placeOf(run, number) {
  let before = 0;
  for (const [from, count] of run.log.left_out) {
    if (number < from + before) break;
    before += count;
    if (number < from + before) return undefined;
  }
  return number - before < run.log.texts.length ? number - before : undefined;
}

function logOf(run) {
  const present = [...new Set(run.log.sources)].sort((a, b) => Object.keys(SOURCES).indexOf(a) - Object.keys(SOURCES).indexOf(b));
  const counts = {};
  for (const source of run.log.sources) counts[source] = (counts[source] ?? 0) + 1;
  const toggle = (source) => {
    const [name, words] = SOURCES[source];
    const button = el("button", { type: "button", class: `source ${source}`, "aria-pressed": String(!log.hidden.has(source)), title: words, click: () => {
      if (!log.hidden.delete(source)) log.hidden.add(source);
      button.setAttribute("aria-pressed", String(!log.hidden.has(source)));
      apply();
    } }, name, " ", el("span", { class: "count" }, counts[source].toLocaleString("en")));
    return button;
  };
  const filter = el("input", { type: "search", id: "log-filter", placeholder: "Filter lines", "aria-label": "Filter the lines of the log", autocomplete: "off", spellcheck: "false", input: () => { log.filter = filter.value; apply(); } });
  filter.value = log.filter;
  const shown = el("span", { class: "muted", "aria-live": "polite" });
  const list = el("div", { class: "lines", role: "list" });
  const stepsAt = new Map();
  for (const step of run.timeline.steps) {
    if (step.line !== null) stepsAt.set(step.line, [...(stepsAt.get(step.line) ?? []), text(step.name)]);
  }
  const gaps = new Map(run.log.left_out.map(([at, count]) => [at, leftOut(run, count)]));
  const rows = [];
  let block;
  for (let at = 0; at < run.log.texts.length; at += 1) {
    const gap = gaps.get(at);
    if (gap) list.append(gap);
    if (at % BLOCK === 0 || gap) list.append(block = el("div", { class: "block", role: "presentation" }));
    const row = lineOf(run, at, stepsAt);
    rows.push(row);
    block.append(row);
    block.style.containIntrinsicSize = `auto ${block.childElementCount * LINE}px`;
  }
  if (gaps.has(run.log.texts.length)) list.append(gaps.get(run.log.texts.length));
  const section = el("section", { class: "log", id: "log", "aria-labelledby": "log-title" },
    el("div", { class: "tools" }, el("h2", { id: "log-title" }, "Log"), present.map(toggle), filter, shown),
    rows.length > 0 ? list : el("p", { class: "muted" }, "There are no lines."));
  section.find = find;
  apply();
  return section;

  function apply() {
    const wanted = log.filter.toLowerCase();
    let count = 0;
    rows.forEach((row, at) => {
      const fits = !log.hidden.has(run.log.sources[at]) && (!wanted || text(run.log.texts[at]).toLowerCase().includes(wanted));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    shown.textContent = count === rows.length ? many(count, "line") : `${count.toLocaleString("en")} of ${many(rows.length, "line")}`;
  }

  // Shows a line, even one that is filtered out; where there is none, it says so at the place where it would be.
  function find(number) {
    list.querySelector(".lost")?.remove();
    list.querySelector(".target")?.classList.remove("target");
    const at = placeOf(run, number);
    if (at === undefined) return lost(number);
    const row = rows[at];
    row.hidden = false;
    row.classList.add("target");
    row.scrollIntoView({ block: "center", behavior: "auto" });
    row.querySelector("a").focus({ preventScroll: true });
  }

  function lost(number) {
    const gap = run.log.left_out.findLast(([from]) => from + numberOf(run, from - 1) - (from - 1) <= number);
    const notice = el("p", { class: "notice target lost", role: "status" }, `Line ${number} is not on this page.`);
    if (gap) gaps.get(gap[0]).after(notice);
    else list.prepend(notice);
    notice.scrollIntoView({ block: "center", behavior: "auto" });
    say(notice.textContent);
  }
}

function lineOf(run, at, stepsAt = new Map()) {
  const number = numberOf(run, at);
  const source = run.log.sources[at];
  const time = run.log.times[at];
  const steps = (stepsAt.get(number) ?? []).map((name) => el("span", { class: "badge" }, name));
  const when = time < 0 ? el("span", { class: "time", title: "QEMU's log has no times: it came before the next line with one" }, "\u00b7") : el("span", { class: "time" }, (time / 1e6).toFixed(6));
  return el("div", { class: `line ${source}`, role: "listitem" }, el("a", { class: "number", href: linkTo(run, number), "aria-label": `Line ${number}` }, String(number)),
    when, el("span", { class: "from" }, SOURCES[source][0]), el("span", { class: "says" }, text(run.log.texts[at]), steps));
}

function leftOut(run, count) {
  return el("p", { class: "notice", role: "listitem" }, `${many(count, "line")} left out here: this page is kept small. The run's folder has them all, in console.log and events.jsonl${data.matrix ? `, and \`${data.program} page FOLDER\` makes a page with more of them` : ""}.`);
}
