// The data, and what all views share. Foreign text only ever becomes a text node.

// What cannot be drawn is told; the rest of the page stays of use.
function unwell(error) {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.setAttribute("role", "alert");
  notice.append(`This could not be drawn: ${error?.message ?? error}. The records themselves are whole; please report it with the page. `);
  document.getElementById("main").prepend(notice);
  return notice;
}
addEventListener("error", (event) => unwell(event.error ?? event.message));

const data = JSON.parse(document.getElementById("data").textContent);
const text = (id) => data.texts[id];

// What there is very much of stands in rows; the names of the fields are there once.
const FIELDS = Object.fromEntries(data.rows);
const named = (kind, rows) => rows.map((row) => Object.fromEntries(FIELDS[kind].map((field, at) => [field, row[at]])));
if (data.matrix) data.matrix.cases = named("case", data.matrix.cases);
for (const map of data.maps) {
  map.guest = named("part", map.guest);
  map.host = named("part", map.host);
  map.bands = named("band", map.bands);
}

// A run, once it is looked at.
function unpack(run) {
  if (run.unpacked) return run;
  const time = run.timeline;
  time.phases = named("phase", time.phases);
  time.steps = named("step", time.steps);
  time.exits = named("exits", time.exits);
  run.audits = named("audit", run.audits);
  // Times are differences; -1 is none, and what is below that a step back.
  let last = 0;
  run.log.times = run.log.times.map((step) => {
    if (step === -1) return -1;
    last += step < 0 ? step + 1 : step;
    return last;
  });
  run.unpacked = true;
  return run;
}
const byId = (id) => document.getElementById(id);
const main = byId("main");
const SVG = "http://www.w3.org/2000/svg";

// An element; a function is a listener, a text child is text.
function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== undefined && child !== null && child !== false) element.append(child);
  }
  return element;
}

const SIGNS = {
  p: { word: "passed", path: "M3 8.5 6.5 12 13 4.5" },
  y: { word: "flaky", path: "M2.5 9.5c2-4 3.5-4 5.5-1.5s3.5 2.500 5.500-1.500" },
  f: { word: "failed", path: "M4 4 12 12M12 4 4 12" },
  t: { word: "timed out", path: "M8 2.500a5.500 5.500 0 1 0 .01 0M8 5V8.500L10.500 10" },
  s: { word: "stopped by the set-up", path: "M8 3V9M8 12.400V12.600" },
  n: { word: "not run", path: "M4 8H12" },
  "-": { word: "no such case", path: "" },
};
const isBad = (sign) => "fts".includes(sign);

function icon(sign) {
  const path = svg("path", { d: SIGNS[sign].path });
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}

// `2026-11-26T15:01:44.123Z` for people.
const when = (id) => text(id).replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");
const seconds = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(1)) + " s";
const many = (count, one, several = one + "s") => `${count.toLocaleString("en")} ${count === 1 ? one : several}`;

// Microseconds, with the digits that `step` microseconds can tell apart.
function moment(micros, step = 1) {
  if (step >= 1e6) return (micros / 1e6).toFixed(0) + " s";
  const digits = step >= 1e5 ? 1 : step >= 1e4 ? 2 : step >= 1e3 ? 3 : step >= 100 ? 4 : step >= 10 ? 5 : 6;
  return (micros / 1e6).toFixed(digits) + " s";
}

// Bytes in the largest unit that divides them if that leaves a number one can read, else rounded in the next larger one.
function bytes(size) {
  const units = [[2 ** 60, "EiB"], [2 ** 50, "PiB"], [2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"]];
  for (const [unit, name] of units) {
    if (size >= unit && size % unit === 0 && size / unit < 1024) return `${size / unit} ${name}`;
  }
  for (const [unit, name] of units) {
    if (size >= unit) return `${(size / unit).toFixed(1)} ${name}`;
  }
  return many(size, "byte");
}

function say(words) {
  byId("said").textContent = words;
}

// Acts when an element's width changes; what that does to its height is no reason to act again.
function onWidth(element, act) {
  let width;
  new ResizeObserver(([entry]) => {
    if (entry.contentRect.width === width) return;
    width = entry.contentRect.width;
    requestAnimationFrame(act);
  }).observe(element);
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const moving = () => (calm.matches ? "auto" : "smooth");

// Text to be copied, and a button that does so.
function command(label, words) {
  const code = el("code", { tabindex: "0", "aria-label": label }, words);
  const sign = (d) => svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d }));
  const [copies, done] = [sign("M6 6H13.5V13.5H6ZM3.500 10H2.500V2.500H10V3.500"), sign(SIGNS.p.path)];
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy: ${label}`, title: "Copy", click: copy }, copies);
  async function copy() {
    const selected = getSelection();
    selected.selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      document.execCommand("copy");
    }
    button.replaceChildren(done);
    button.classList.add("copied");
    say(`Copied: ${label}`);
    setTimeout(() => { button.replaceChildren(copies); button.classList.remove("copied"); }, 1500);
  }
  return el("div", { class: "command" }, el("span", { class: "label" }, label), el("div", { class: "typed-in" }, code, button));
}

// An argument as a shell takes it.
const quoted = (word) => (/^[\w\-./:=+,@]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// What a drawing tells of a part: beside the pointer, at what has the focus, and where a finger was.
const tip = byId("tip");
let toldOf = null;
function tipOf(element, words) {
  const show = (event) => {
    toldOf = element;
    tip.textContent = words;
    tip.hidden = false;
    const box = element.getBoundingClientRect();
    const x = event.clientX || box.left + Math.min(box.width / 2, 60);
    const y = event.clientY || Math.min(Math.max(box.top + box.height / 2, 60), innerHeight - 60);
    tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - tip.offsetWidth - 8))}px`;
    const below = y + 18 + tip.offsetHeight < innerHeight;
    tip.style.top = `${below ? y + 18 : Math.max(8, y - tip.offsetHeight - 12)}px`;
  };
  const hide = () => {
    if (toldOf === element) untell();
  };
  element.addEventListener("pointermove", (event) => event.pointerType !== "touch" && show(event));
  element.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && document.activeElement !== element && hide());
  element.addEventListener("focusin", show);
  element.addEventListener("focusout", hide);
  element.addEventListener("click", show);
  return element;
}

function untell() {
  toldOf = null;
  tip.hidden = true;
}

addEventListener("pointerdown", (event) => {
  if (toldOf && !toldOf.contains(event.target)) untell();
});

// The same for a part of a drawing that is no link: it can have the focus, and a name.
function partly(element, words) {
  return tipOf(fill(element, { tabindex: "0", role: "img", "aria-label": words }, []), words);
}

// Light, dark, or as the system has it; kept where there is a place to keep it.
const THEMES = ["auto", "light", "dark"];
let theme = "auto";
try {
  theme = localStorage.getItem("harness-theme") ?? "auto";
} catch { /* there is no such place, as in some browsers for a file */ }
if (!THEMES.includes(theme)) theme = "auto";

function setTheme(chosen) {
  theme = chosen;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
  byId("theme").setAttribute("aria-label", `Colours: ${theme}`);
  try {
    localStorage.setItem("harness-theme", theme);
  } catch { /* as above */ }
}
const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);

// Where the address leads: `#id` is a run, `#id/57` its line 57, `#id/memory` a part of its
// page, and `#id/memory/2` what the second audit saw.
const runOf = new Map(data.runs.map((run, nth) => [text(run.id), nth]));
const linkTo = (run, part) => "#" + encodeURI(text(run.id)).replaceAll("#", "%23") + (part === undefined ? "" : `/${part}`);

function route() {
  let hash = location.hash.slice(1);
  try {
    hash = decodeURIComponent(hash);
  } catch { /* it is no link of ours, and leads nowhere */ }
  const [, id, part] = hash.match(/^(.*?)(?:\/(\d+|timeline|memory(?:\/\d+)?|log))?$/s);
  const run = runOf.get(id) ?? (data.matrix ? undefined : 0);
  return { run, part };
}
