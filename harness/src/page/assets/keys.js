// The keyboard, the address, and the start.

const KEYS = [
  ["j  k", "next and previous run (in the list of cases: case)"],
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
  const { run, part } = route();
  tip.hidden = true;
  if (run === undefined) {
    if (current.run !== undefined || !current.shown) showGrid();
    const from = current.run;
    current = { shown: true };
    if (from !== undefined) {
      scrollTo(0, 0);
      focusCase(from);
    }
    return;
  }
  const fresh = current.run !== run;
  if (fresh) {
    showRun(run);
    scrollTo(0, 0);
    if (current.shown) main.focus({ preventScroll: true });
    say(document.title);
  }
  current = { shown: true, run };
  if (part === undefined) return;
  if (/^\d+$/.test(part)) byId("log").find(Number(part));
  else byId(part)?.scrollIntoView({ behavior: fresh ? "auto" : moving() });
}

// Where one came from.
function focusCase(run) {
  const href = linkTo(data.runs[run]);
  const links = [...main.querySelectorAll("a.chip")];
  links.find((link) => link.getAttribute("href") === href)?.focus();
}

function go(by) {
  if (!data.matrix) return;
  if (current.run !== undefined) {
    const [before, after] = neighbours(current.run);
    const next = by < 0 ? before : after;
    if (next !== undefined) location.hash = linkTo(data.runs[next]);
    return;
  }
  const links = [...main.querySelectorAll("a.failure, a.chip")].filter((link) => link.offsetParent);
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
  if (current.run !== undefined && byId(name)) location.hash = linkTo(data.runs[current.run], name);
}

const ACTS = {
  j: () => go(1), k: () => go(-1), "/": () => filterField()?.focus(), f: onlyFailures, t: nextTheme,
  1: () => part("timeline"), 2: () => part("memory"), 3: () => part("log"),
  "[": () => byId("memory")?.step(-1), "]": () => byId("memory")?.step(1),
  "?": () => (help.open ? help.close() : help.showModal()),
  Escape: () => { if (data.matrix && current.run !== undefined) location.hash = ""; },
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
