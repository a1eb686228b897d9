// A run in time: what ran, its steps, what it printed, its exits, the audits. It is drawn anew for each look.

const EXIT_WORDS = [["page fault"], ["call"], ["other exit"], ["timer interrupt"], ["timer interrupt of the guest", "timer interrupts of the guest"], ["call from user mode", "calls from user mode"]];

// The picture that a pointer holds on to, wherever that goes.
let held = null;
addEventListener("pointermove", (event) => held?.move(event));
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => held?.end(event));

const WHO = { firmware: "firmware", hypervisor: "hypervisor", guest: "guest", machine: "the machine's programs", several: "several in turn", start: "before the first line" };

function timelineOf(run) {
  const time = run.timeline;
  const whole = [0, Math.max(time.end, 1) * 1.02];
  let [from, to] = whole;
  const picture = svg("svg", { tabindex: "0", role: "application", "aria-roledescription": "timeline", "aria-label": summary(run), keydown: key, wheel, dblclick: (event) => zoom(0.4, share(event)) });
  const span = el("span", { class: "muted", id: "span" });
  const button = (words, label, act) => el("button", { type: "button", class: "tool", "aria-label": label, click: act }, words);
  const figure = el("section", { class: "figure", id: "timeline", "aria-labelledby": "timeline-title" },
    el("div", { class: "tools" }, el("h2", { id: "timeline-title" }, "Timeline"), span, el("span", { class: "grow" }),
      button("+", "Zoom in", () => zoom(0.5)), button("\u2212", "Zoom out", () => zoom(2)), button("All", "The whole run", () => look(...whole))),
    el("div", { class: "canvas" }, picture), legend(time), stepList(run));
  figure.draw = draw;
  figure.view = () => [from, to];
  onWidth(figure, draw);
  drag(picture);
  return figure;

  function look(start, end) {
    const least = 20;
    const length = Math.min(Math.max(end - start, least), whole[1]);
    from = Math.min(Math.max(start, 0), whole[1] - length);
    to = from + length;
    draw();
  }
  function zoom(factor, at = 0.5) {
    const middle = from + (to - from) * at;
    const length = (to - from) * factor;
    look(middle - length * at, middle + length * (1 - at));
  }
  function pan(part) {
    const by = (to - from) * part;
    look(from + by, to + by);
  }
  function share(event) {
    const box = picture.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  }
  function wheel(event) {
    // A page is to scroll past it; with Ctrl, or once it has the focus, the wheel is for the picture.
    const mine = event.ctrlKey || document.activeElement === picture;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      pan(event.deltaX / 1000);
    } else if (mine) {
      event.preventDefault();
      zoom(Math.exp(event.deltaY / 400), share(event));
    }
  }
  function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const acts = { ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.7), 0: () => look(...whole), Home: () => look(0, to - from), End: () => look(whole[1] - (to - from), whole[1]) };
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
    say(`${moment(from, 100)} to ${moment(to, 100)}`);
  }

  // One pointer pans, two zoom.
  function drag(target) {
    const pointers = new Map();
    let moved = 0;
    target.addEventListener("dragstart", (event) => event.preventDefault());
    target.addEventListener("pointerdown", (event) => {
      if (pointers.size === 0) moved = 0;
      pointers.set(event.pointerId, event.clientX);
      held = { move, end: (ended) => pointers.delete(ended.pointerId) };
    });
    target.addEventListener("click", (event) => {
      if (moved > 3) event.preventDefault();
    }, true);

    function move(event) {
      if (!pointers.has(event.pointerId)) return;
      const width = target.getBoundingClientRect().width;
      const before = [...pointers.values()];
      const by = event.clientX - pointers.get(event.pointerId);
      pointers.set(event.pointerId, event.clientX);
      const now = [...pointers.values()];
      moved += Math.abs(by);
      if (now.length === 1 && moved > 3) pan(-by / width);
      if (now.length === 2) {
        const apart = (xs) => Math.max(Math.abs(xs[0] - xs[1]), 8);
        const middle = ((now[0] + now[1]) / 2 - target.getBoundingClientRect().left) / width;
        zoom(apart(before) / apart(now), middle);
      }
    }
  }

  function draw() {
    const width = figure.clientWidth;
    if (width === 0) return;
    const x = (at) => ((at - from) / (to - from)) * width;
    const parts = [];
    let y = axis(parts, x, width, from, to);
    const lanes = [["ran", phases], ["steps", steps], ["console", lines], ["exits, in order only", exits], ["audits", audits]];
    if (time.typed.length > 0) lanes.push(["typed", typed]);
    for (const [name, lane] of lanes) {
      const height = lane(parts, x, y + 14, width, run, from, to);
      if (height === 0) continue;
      parts.push(svg("text", { class: "lane", x: 2, y: y + 10 }, name));
      y += height + 20;
    }
    for (const [at, line] of time.marks) {
      const mark = svg("path", { class: `end ${run.sign}`, d: `M${x(at)} 18V${y - 4}` });
      parts.push(linked(mark, run, line, `${moment(at)}: ${lineText(run, line)}`));
    }
    picture.setAttribute("viewBox", `0 0 ${width} ${y}`);
    picture.setAttribute("height", y);
    // What had the focus has it again, if it is still to be seen.
    const had = picture.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    picture.replaceChildren(...parts);
    if (had !== null) [...picture.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === had)?.focus({ preventScroll: true });
    span.textContent = from <= 0 && to >= whole[1] ? moment(time.end, 100) : `${moment(from, (to - from) / 200)} to ${moment(to, (to - from) / 200)}`;
  }
}

function summary(run) {
  const phases = run.timeline.phases.map((phase) => `${WHO[phase.who]} ${moment(phase.to - phase.from, 100)}`);
  return `${phases.join(", ")}; ${many(run.timeline.steps.length, "step")}; arrows move, plus and minus zoom, 0 shows all`;
}

// A mark that leads to its line in the log, or to another part of the page.
function linked(mark, run, part, words) {
  if (part === null || part === undefined) return partly(mark, words);
  return tipOf(svg("a", { href: linkTo(run, part), "aria-label": words }, mark), words);
}

function lineText(run, line) {
  const at = line === null ? undefined : placeOf(run, line);
  return at === undefined ? "" : text(run.log.texts[at]);
}

function axis(parts, x, width, from, to) {
  const wanted = ((to - from) * 90) / width;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted);
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    parts.push(svg("path", { class: "rule", d: `M${x(at)} 16V4000` }));
    const near = x(at) < 30 ? "start" : x(at) > width - 30 ? "end" : "middle";
    parts.push(svg("text", { class: "tick", x: x(at), y: 11, "text-anchor": near }, moment(at, step)));
  }
  return 20;
}

function phases(parts, x, y, width, run) {
  for (const phase of run.timeline.phases) {
    const [left, right] = [Math.max(x(phase.from), -2), Math.min(x(phase.to), width + 2)];
    if (right < 0 || left > width) continue;
    const name = phase.what === null ? WHO[phase.who] : `${phase.who} ${text(phase.what)}`;
    const words = `${name}: ${moment(phase.from)} to ${moment(phase.to)}, ${moment(phase.to - phase.from)}`;
    parts.push(partly(svg("rect", { class: `phase ${phase.who}`, x: left, y, width: Math.max(right - left - 1, 1), height: 24, rx: 3 }), words));
    const fits = right - left > name.length * 6.6 + 12 ? name : right - left > WHO[phase.who].length * 6.6 + 10 ? WHO[phase.who] : "";
    if (fits) parts.push(svg("text", { class: "inside", x: Math.max(left, 0) + 7, y: y + 16 }, fits));
  }
  return 24;
}

function steps(parts, x, y, width, run, from, to) {
  const free = [-1e9, -1e9, -1e9];
  for (const step of run.timeline.steps) {
    if (step.at < from || step.at > to) continue;
    const at = x(step.at);
    const name = text(step.name);
    const words = `step ${name}${step.by ? ` (${step.by})` : ""}: ${moment(step.at)}`;
    const room = name.length * 6.2 + 14;
    // A name stands behind its mark, and where there is no room for it in front.
    const turned = at + room > width;
    const row = free.findIndex((end) => (turned ? at - room : at) > end);
    const mark = svg("g", { class: `step ${step.by ?? ""}` }, svg("circle", { cx: at, cy: y + 5, r: 4 }));
    if (row >= 0) {
      free[row] = turned ? at + 6 : at + room;
      mark.append(svg("path", { d: `M${at} ${y + 10}v${row * 13 + 3}` }), svg("text", { x: turned ? at - 5 : at + 5, y: y + 20 + row * 13, "text-anchor": turned ? "end" : "start" }, name));
    }
    parts.push(linked(mark, run, step.line, words));
  }
  if (run.timeline.awaited === null) return 52;
  // It has a row of its own below the names, whatever these are.
  if (run.timeline.end <= to && run.timeline.end >= from) {
    const at = x(run.timeline.end);
    const words = `awaited: ${text(run.timeline.awaited)}`;
    parts.push(svg("path", { class: "awaits", d: `M${at} ${y + 10}V${y + 49}` }), partly(svg("circle", { class: "awaited", cx: at, cy: y + 5, r: 5 }), words));
    const before = at > words.length * 6.6 + 8;
    parts.push(svg("text", { class: "awaited", x: before ? at - 5 : at + 5, y: y + 59, "text-anchor": before ? "end" : "start" }, words));
  }
  return 66;
}

function lines(parts, x, y, width, run) {
  const { times, sources } = run.log;
  const drawn = { f: "", c: "", h: "" };
  const last = {};
  for (let nth = 0; nth < times.length; nth += 1) {
    const source = sources[nth];
    if (times[nth] < 0 || drawn[source] === undefined) continue;
    const at = Math.round(x(times[nth]) * 2) / 2;
    if (at < 0 || at > width || last[source] === at) continue;
    last[source] = at;
    drawn[source] += `M${at} ${source === "h" ? y : y + 3}V${source === "h" ? y + 16 : y + 13}`;
  }
  for (const [source, d] of Object.entries(drawn)) {
    if (d) parts.push(svg("path", { class: `prints ${source}`, d }));
  }
  return 16;
}

// The exits between two events have an order and no times, so they fill the time between these.
function exits(parts, x, y, width, run, from, to) {
  const { exits: all } = run.timeline;
  if (all.length === 0) return 0;
  const scale = (count) => (count === 0 ? 0 : 5 + 5 * Math.log2(1 + count));
  const most = Math.max(...all.map((one) => scale(one.counts.reduce((a, b) => a + b))));
  for (const one of all) {
    const [left, right] = [Math.max(x(one.from), 0), Math.min(x(one.to), width)];
    if (one.to < from || one.from > to) continue;
    const each = one.counts.map((count, nth) => count && many(count, ...EXIT_WORDS[nth])).filter(Boolean);
    const words = each.join(", ");
    const total = one.counts.reduce((a, b) => a + b);
    const height = (36 * scale(total)) / most;
    const kind = one.counts[0] > 0 ? "faults" : one.counts[1] + one.counts[2] > 0 ? "calls" : "besides";
    const shape = { x: left, y: y + 36 - height, width: Math.max(right - left - 1, 2), height, rx: 2 };
    const tell = `between ${moment(one.from)} and ${moment(one.to)}, in order only: ${words}`;
    parts.push(partly(svg("rect", { class: `exits ${kind}`, ...shape }), tell));
    const shorter = each.map((_, nth) => each.slice(0, each.length - nth).join(", ") + (nth > 0 ? ", \u2026" : ""));
    const fits = [...shorter, total.toLocaleString("en")].find((label) => right - left > label.length * 5.8 + 10);
    if (fits) parts.push(svg("text", { class: "within", x: left + 5, y: y + 31 }, fits));
  }
  return 36;
}

function audits(parts, x, y, width, run) {
  if (run.audits.length === 0) return 0;
  run.audits.forEach((audit, nth) => {
    const at = x(audit.at);
    if (at < -8 || at > width + 8) return;
    const bad = audit.breaches.length > 0;
    const mark = svg("path", { class: bad ? "audit bad" : "audit", d: `M${at} ${y}l7 7-7 7-7-7z` });
    parts.push(linked(mark, run, `memory/${nth + 1}`, lineText(run, audit.line) || text(audit.moment)));
  });
  return 14;
}

function typed(parts, x, y, width, run) {
  for (const [at, line] of run.timeline.typed) {
    if (x(at) < -5 || x(at) > width + 5) continue;
    const mark = svg("rect", { class: "typed", x: x(at) - 4, y, width: 8, height: 12, rx: 2 });
    parts.push(linked(mark, run, line, `typed: ${lineText(run, line)}`));
  }
  return 12;
}

function legend(time) {
  const item = (name, words) => el("li", {}, el("span", { class: `key ${name}` }), words);
  const items = time.phases.map((phase) => phase.who).filter((who, nth, all) => all.indexOf(who) === nth).map((who) => item(who, WHO[who]));
  const gap = time.not_kept > 0 ? el("p", { class: "notice" }, `The log was longer than what is kept of it: the exits in ${many(time.not_kept, "byte")} of its middle are missing here.`) : null;
  const note = time.exits.length > 0 ? el("p", { class: "muted small" }, "QEMU's log of the exits has no times. A block holds the exits that came between two events which tell how far the log was; within it only their order is known.") : null;
  const less = time.left_out.length > 0 ? el("p", { class: "notice" }, `Left out of the middle, to keep this page small: ${time.left_out.map(text).join(", ")}.`) : null;
  return el("div", {}, el("ul", { class: "legend" }, items), note, gap, less);
}

// The same for who reads rather than looks.
function stepList(run) {
  const rows = run.timeline.steps.map((step) => el("tr", {}, el("td", { class: "number" }, moment(step.at)),
    el("td", {}, step.line === null ? text(step.name) : el("a", { href: linkTo(run, step.line) }, text(step.name))),
    el("td", { class: "muted" }, step.by ?? "")));
  if (rows.length === 0) return null;
  return el("details", { class: "more" }, el("summary", {}, `${many(rows.length, "step")} as a list`), el("div", { class: "wide" }, el("table", {}, el("tbody", {}, rows))));
}
