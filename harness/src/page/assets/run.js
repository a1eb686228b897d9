// A run: its verdict, and what else is known of it.

function showRun(nth) {
  const run = unpack(data.runs[nth]);
  document.title = `${text(run.scenario)} on ${text(run.machine)}: ${SIGNS[run.sign].word}`;
  byId("where").textContent = text(run.id);
  const parts = [
    data.matrix && crumbs(nth), verdict(run), sections(run), timelineOf(run), memoryOf(run), logOf(run),
  ];
  main.replaceChildren(el("article", {}, parts.filter(Boolean)));
  main.querySelectorAll(".figure").forEach((figure) => figure.draw());
}

function crumbs(nth) {
  const step = (run, words, key) => run === undefined
    ? el("span", { class: "muted" }, words)
    : el("a", { href: linkTo(data.runs[run]), "aria-keyshortcuts": key }, words);
  const pair = (what, [before, after], [back, on], more = []) => el("span", { class: "pair" }, step(before, [el("span", { class: "unseen" }, `Previous ${what}`), "\u2039"], back),
    more.length > 0 ? more : what, step(after, [el("span", { class: "unseen" }, `Next ${what}`), "\u203a"], on));
  // A case that the set-up failed is run again, and both runs are kept.
  const runs = data.matrix.cases.find((one) => one.runs.includes(nth))?.runs ?? [];
  const again = runs.length < 2 ? [] : runs.map((run, count) => run === nth
    ? el("b", { "aria-current": "page" }, `Run ${count + 1}`) : el("a", { href: linkTo(data.runs[run]) }, `Run ${count + 1}`));
  const failures = failedRuns();
  const at = failures.indexOf(nth);
  return el("nav", { class: "crumbs", "aria-label": "Runs" }, el("a", { href: "#", "aria-keyshortcuts": "Escape" }, "All cases"), again,
    el("span", { class: "grow" }),
    at >= 0 && pair("failure", around(failures, nth), ["p", "n"], [`failure ${at + 1} of ${failures.length}`]),
    pair("case", neighbours(nth), ["k", "j"]));
}

// Facts that one seldom asks for, and that are long.
const BOOTED = new Set(["QEMU", "hypervisor", "guest", "second guest", "firmware"]);

function verdict(run) {
  const card = el("section", { class: `verdict ${run.sign}`, id: "verdict" },
    el("div", { class: "title" }, el("h1", {}, text(run.scenario)), el("div", { class: "stamp" }, icon(run.sign), el("span", {}, run.kind)), pastOfCase(data.runs.indexOf(run))),
    el("p", { class: "muted" }, [text(run.machine), text(run.machine) !== run.arch && run.arch, seconds(run.seconds), `exit code ${run.exit_code}`].filter(Boolean).join(" \u00b7 ")));
  // Where the verdict is the cause's own words, these stand once.
  const sentences = text(run.text).split("\n").map((line) => line.trim()).filter(Boolean);
  const said = run.cause === null ? sentences : sentences.filter((line) => line !== text(run.cause.text));
  if (said.length > 0) card.append(el("p", { class: "sentence" }, said.join("\n").replace(/:$/, "")));
  if (run.sign !== "p") card.append(el("p", { class: "blame" }, "To look at: ", el("b", {}, text(run.blame))));
  if (run.missing !== null) {
    card.append(el("p", { class: "notice" }, `Not all of the records could be read: ${text(run.missing)}`));
  }
  if (run.cause) card.append(causeOf(run));
  if (run.stopped_at.length > 0) card.append(stopped(run));
  if (run.sign !== "p") card.append(...lastLines(run));
  const list = (facts) => el("dl", { class: "facts" }, facts.flatMap(([what, fact]) => [el("dt", {}, text(what)), el("dd", {}, text(fact))]));
  const isFile = ([what]) => BOOTED.has(text(what));
  const facts = el("div", {}, list(run.facts.filter((fact) => !isFile(fact))),
    run.facts.some(isFile) && el("details", { class: "booted" }, el("summary", {}, "What was booted"), list(run.facts.filter(isFile))));
  card.append(el("details", { class: "more", open: run.sign !== "p" }, el("summary", {}, "Facts and commands"), el("div", { class: "known" }, facts, commandsOf(run))));
  return card;
}

// What one can type, of which most needs the run's files.
function commandsOf(run) {
  const commands = el("div", { class: "commands" }, run.commands.map(([what, words]) => command(text(what), text(words))));
  if (run.folder === null) return commands;
  const within = text(run.folder);
  const folder = within.startsWith("/") ? within : [data.folder, within].filter(Boolean).join("/");
  const { command: hand, note } = run.by_hand;
  commands.append(command("judge the records again", `${data.program} judge ${quoted(folder)}`));
  if (run.audits.length > 0) commands.append(command("what the machine held, as a table", `${data.program} audit ${quoted(folder)}`));
  if (hand !== null) {
    const words = text(hand);
    commands.append(command("the same machine by hand, its console on the terminal", words.startsWith("TMPDIR=") ? `cd ${quoted(folder)} && ${words}` : words));
  }
  if (note !== null) commands.append(el("p", { class: "by-hand" }, el("span", { class: "label" }, "the same machine by hand"), el("span", {}, text(note))));
  if (isMoved()) {
    commands.append(el("p", { class: "notice" }, `The run's files are not part of this folder: the commands name them where this page was made, in ${data.folder}.`));
  }
  return commands;
}

// Whether the page is looked at elsewhere than where it was made.
function isMoved() {
  let here = location.pathname;
  try {
    here = decodeURIComponent(here);
  } catch { /* as it stands, then */ }
  return location.protocol !== "file:" || here.slice(0, here.lastIndexOf("/")) !== data.folder;
}

function causeOf(run) {
  const { text: words, look_at, line } = run.cause;
  const at = line === null ? undefined : placeOf(run, line);
  const said = at === undefined ? el("code", {}, text(words)) : el("a", { class: "source-line", href: linkTo(run, line) }, el("code", {}, text(words)));
  const cause = el("div", { class: "cause" }, el("span", { class: "label" }, "Likely cause"), said, el("span", { class: "muted" }, `Look at: ${text(look_at)}`));
  // An audit is no line among others: what it saw is below.
  if (at === undefined || run.log.sources[at] === "a") return cause;
  const around = [];
  for (let near = Math.max(at - 5, 0); near <= Math.min(at + 5, run.log.texts.length - 1); near += 1) {
    if (numberOf(run, near) - line !== near - at) continue;
    const row = lineOf(run, near);
    if (near === at) row.classList.add("is-cause");
    around.push(row);
  }
  cause.append(el("div", { class: "lines around", role: "list", "aria-label": "The lines around it" }, around));
  return cause;
}

// The end of the console, unless the cause stands there and is shown already.
function lastLines(run) {
  const last = [];
  for (let at = run.log.texts.length - 1; at >= 0 && last.length < 10; at -= 1) {
    if ("chf".includes(run.log.sources[at])) last.unshift(at);
  }
  const cause = run.cause?.line === undefined || run.cause?.line === null ? undefined : placeOf(run, run.cause.line);
  const isShown = cause !== undefined && run.log.sources[cause] !== "a" && last.length > 0 && Math.abs(last.at(-1) - cause) <= 5;
  if (last.length === 0 || isShown) return [];
  return [el("div", { class: "ends" }, el("span", { class: "label" }, "The end of the console"),
    el("div", { class: "lines last", role: "list", "aria-label": "The end of the console" }, last.map((at) => lineOf(run, at))))];
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
