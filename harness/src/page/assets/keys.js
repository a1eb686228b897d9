// The keyboard, the address, and the start.

const KEYS = [
  ["j  k", "next and previous run (in the list of cases: case)"],
  ["n  p", "next and previous of those that did not pass"],
  ["Enter", "open"],
  ["Esc", "back to all cases; close; leave a field"],
  ["/", "filter"],
  ["f", "only failures"],
  ["1  2  3", "timeline, memory, log"],
  ["[  ]", "previous and next audit"],
  ["arrows", "in the list of cases: go; in the timeline: move"],
  ["+  \u2212  0", "in the timeline: zoom, and all of it (or the wheel, once it is clicked; or two fingers)"],
  ["t", "light, dark, or as the system has it"],
  ["?", "this list"],
];

const help = byId("help");
help.append(el("h2", { id: "help-title" }, "Keys"), el("dl", { class: "keys" }, KEYS.flatMap(([key, words]) => [
  el("dt", {}, key.split("  ").map((one) => el("kbd", {}, one))), el("dd", {}, words)])),
el("form", { method: "dialog" }, el("button", { class: "tool" }, "Close")));

let current = {};

function show() {
  untell();
  try {
    showPlace();
  } catch (error) {
    main.replaceChildren();
    const notice = unwell(error);
    if (current.run !== undefined && data.matrix) notice.append(el("a", { href: "#" }, "All cases"));
  }
}

function showPlace() {
  const before = current;
  const { run, part } = route();
  current = { shown: true, run };
  if (run === undefined) {
    if (before.shown && before.run === undefined) return scrollTo({ top: 0, behavior: moving() });
    showGrid();
    if (before.run === undefined) return;
    scrollTo(0, grid.scroll);
    focusCase(before.run);
    return;
  }
  const fresh = before.run !== run;
  if (fresh) {
    showRun(run);
    scrollTo(0, 0);
    if (before.shown) main.focus({ preventScroll: true });
    say(document.title);
  } else if (part === undefined) {
    scrollTo({ top: 0, behavior: moving() });
  }
  if (part !== undefined) showPart(part, fresh);
}

function showPart(part, fresh) {
  if (/^\d+$/.test(part)) return byId("log").find(Number(part));
  const [name, nth] = part.split("/");
  if (nth !== undefined) showAudit(Number(nth) - 1);
  byId(name)?.scrollIntoView({ behavior: fresh ? "auto" : moving() });
}

// A link to where one is already changes no address; it leads there all the same.
function follow(href) {
  if (new URL(href, location.href).hash === location.hash) show();
  else location.hash = href;
}

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (!link || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.matches(".failure, .chip")) {
    grid.from = link.matches(".failure") ? "failure" : "chip";
    grid.scroll = scrollY;
  }
  if (new URL(link.getAttribute("href"), location.href).hash !== location.hash) return;
  event.preventDefault();
  show();
});

// Where one came from: the list, or the grid, which is unfolded for it.
function focusCase(run) {
  const all = [...main.querySelectorAll("a.failure, a.chip")].filter((link) => link.getAttribute("href") === linkTo(data.runs[run]));
  const links = all.filter((link) => link.offsetParent);
  const folded = all[0]?.closest("tr")?.fold;
  if (links.length > 0) return (links.find((link) => link.matches(`.${grid.from}`)) ?? links[0]).focus();
  if (!folded || grid.unfolded.has(folded.prefix)) return;
  grid.unfolded.add(folded.prefix);
  showGrid();
  focusCase(run);
}

function go(by) {
  if (!data.matrix) return;
  if (current.run !== undefined) return goTo(neighbours(current.run), by);
  move("a.failure, a.chip, button.fold", by);
}

function goToFailure(by) {
  if (!data.matrix) return;
  if (current.run !== undefined) return goTo(around(failedRuns(), current.run), by);
  move("a.failure", by);
}

function goTo([before, after], by) {
  const next = by < 0 ? before : after;
  if (next !== undefined) follow(linkTo(data.runs[next]));
}

function move(selector, by) {
  const links = [...main.querySelectorAll(selector)].filter((link) => link.offsetParent);
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at < 0 ? 0 : at + by, 0), links.length - 1)]?.focus();
}

function filterField() {
  return current.run === undefined ? byId("filter") : byId("log-filter");
}

function onlyFailures() {
  const box = byId("failures");
  if (box) box.click();
}

function part(name) {
  if (current.run !== undefined && byId(name)) follow(linkTo(data.runs[current.run], name));
}

const ACTS = {
  j: () => go(1), k: () => go(-1), n: () => goToFailure(1), p: () => goToFailure(-1), "/": () => filterField()?.focus(), f: onlyFailures, t: nextTheme,
  1: () => part("timeline"), 2: () => part("memory"), 3: () => part("log"),
  "[": () => byId("memory")?.step(-1), "]": () => byId("memory")?.step(1),
  "?": () => (help.open ? help.close() : help.showModal()),
  Escape: () => {
    if (toldOf) untell();
    else if (data.matrix && current.run !== undefined) follow("#");
  },
};

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const field = event.target.closest("input");
  if (field && field.type === "search") {
    if (event.key === "Escape" || event.key === "Enter") field.blur();
    return;
  }
  if (help.open && event.key === "Escape") return help.close();
  if (help.open && event.key !== "?") return;
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

addEventListener("hashchange", show);
byId("skip").addEventListener("click", () => main.focus());
byId("theme").addEventListener("click", nextTheme);
byId("keys").addEventListener("click", () => help.showModal());
byId("brand").textContent = data.matrix ? "Matrix" : "Run";
byId("foot").textContent = `Made by ${data.made_by} from records; it asks nothing of any server.`;
setTheme(theme);
show();
