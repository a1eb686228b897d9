// A run: its verdict, and what else is known of it.

function showRun(nth) {
  const run = data.runs[nth];
  document.title = `${text(run.scenario)} on ${text(run.machine)}: ${SIGNS[run.sign].word}`;
  byId("where").textContent = text(run.id);
  const parts = [
    data.matrix && crumbs(nth), verdict(run), sections(run), timelineOf(run), memoryOf(run), logOf(run),
  ];
  main.replaceChildren(el("article", {}, parts.filter(Boolean)));
  main.querySelectorAll(".figure").forEach((figure) => figure.draw());
}

// The runs as the grid has them, those that are filtered out left out.
function neighbours(nth) {
  const cases = data.matrix.cases.filter((one) => one.runs.length > 0);
  const wanted = grid.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one) => wanted.every((word) => text(one.name).toLowerCase().includes(word));
  const fails = (one) => !grid.failures || (one.outcome !== "p" && one.outcome !== "n");
  const runs = cases.filter((one) => fits(one) && fails(one)).flatMap((one) => one.runs);
  const at = runs.indexOf(nth);
  return at < 0 ? [undefined, runs[0]] : [runs[at - 1], runs[at + 1]];
}

function crumbs(nth) {
  const [before, after] = neighbours(nth);
  const link = (run, words, key) => run === undefined
    ? el("span", { class: "muted" }, words)
    : el("a", { href: linkTo(data.runs[run]), "aria-keyshortcuts": key }, words);
  // A case that the set-up failed is run again, and both runs are kept.
  const runs = data.matrix.cases.find((one) => one.runs.includes(nth))?.runs ?? [];
  const again = runs.length < 2 ? [] : runs.map((run, count) => run === nth
    ? el("b", { "aria-current": "page" }, `Run ${count + 1}`) : el("a", { href: linkTo(data.runs[run]) }, `Run ${count + 1}`));
  return el("nav", { class: "crumbs", "aria-label": "Runs" }, el("a", { href: "#", "aria-keyshortcuts": "Escape" }, "All cases"), again,
    el("span", { class: "grow" }), link(before, "Previous", "k"), link(after, "Next", "j"));
}

function verdict(run) {
  const card = el("section", { class: `verdict ${run.sign}`, id: "verdict" },
    el("div", { class: "stamp" }, icon(run.sign), el("span", {}, run.kind)),
    el("h1", {}, text(run.scenario)),
    el("p", { class: "muted" }, [text(run.machine), text(run.machine) !== run.arch && run.arch, seconds(run.seconds), `exit code ${run.exit_code}`].filter(Boolean).join(" \u00b7 ")),
    el("p", { class: "sentence" }, text(run.text)));
  if (run.sign !== "p") card.append(el("p", { class: "blame" }, "To look at: ", el("b", {}, text(run.blame))));
  if (run.cause) card.append(causeOf(run));
  if (run.stopped_at.length > 0) card.append(stopped(run));
  const was = pastOfCase(data.runs.indexOf(run));
  if (was) card.append(was);
  if (run.missing !== null) {
    card.append(el("p", { class: "notice" }, `Not all of the records could be read: ${text(run.missing)}`));
  }
  const facts = el("dl", { class: "facts" });
  for (const [what, said] of run.facts) facts.append(el("dt", {}, text(what)), el("dd", {}, text(said)));
  const commands = el("div", { class: "commands" }, run.commands.map(([what, words]) => command(text(what), text(words))));
  card.append(el("details", { class: "more", open: run.sign !== "p" }, el("summary", {}, "Facts and commands"), facts, commands));
  return card;
}

function causeOf(run) {
  const { text: words, look_at, line } = run.cause;
  const said = line === null
    ? el("code", {}, text(words))
    : el("a", { class: "source-line", href: linkTo(run, line) }, el("code", {}, text(words)));
  return el("div", { class: "cause" }, el("span", { class: "label" }, "Likely cause"), said,
    el("span", { class: "muted" }, `Look at: ${text(look_at)}`));
}

function stopped(run) {
  const places = run.stopped_at.map((place) => el("li", {}, el("code", {}, text(place))));
  const registers = run.registers === null ? null
    : el("details", {}, el("summary", {}, "Registers"), el("pre", { tabindex: "0" }, text(run.registers)));
  return el("div", { class: "cause" }, el("span", { class: "label" }, "Where the clock ran out"), el("ul", { class: "plain" }, places), registers);
}

function sections(run) {
  const parts = [["timeline", "Timeline"], run.audits.length > 0 && ["memory", "Memory"], ["log", "Log"]].filter(Boolean);
  return el("nav", { class: "sections", "aria-label": "Parts of this run" }, parts.map(([part, name]) => el("a", { href: linkTo(run, part) }, name)));
}
