// The audits of a run: one at a time, with its map, and what else it saw.

let showAudit = () => {};

function memoryOf(run) {
  if (run.audits.length === 0) return null;
  const broken = run.audits.findIndex((audit) => audit.breaches.length > 0);
  const fullest = run.audits.reduce((best, audit, nth) => (data.maps[audit.map].bands.length > data.maps[run.audits[best].map].bands.length ? nth : best), 0);
  let shown = broken >= 0 ? broken : fullest;
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Audits", keydown: key }, run.audits.map(tab));
  const panel = el("div", { role: "tabpanel", id: "audit", "aria-labelledby": "audit-words" });
  const figure = el("section", { class: "figure", id: "memory", "aria-labelledby": "memory-title" },
    el("div", { class: "tools" }, el("h2", { id: "memory-title" }, "Memory"), el("span", { class: "muted" }, many(run.audits.length, "audit"))), tabs, panel);
  let map;
  figure.draw = () => map.draw();
  showAudit = show;
  onWidth(figure, () => map.draw());
  show(shown);
  return figure;

  function tab(audit, nth) {
    const bad = audit.breaches.length > 0;
    const words = text(audit.moment).replace(/^at hv_guest_/, "").replace(/, time /, " ");
    return el("button", { type: "button", role: "tab", "aria-controls": "audit", class: bad ? "bad" : null, click: () => show(nth) },
      bad ? `${words} \u2717` : words);
  }
  function key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
    tabs.children[shown].focus();
  }
  function step(by) {
    show(Math.min(Math.max(shown + by, 0), run.audits.length - 1));
  }
  function show(nth) {
    if (run.audits[nth] === undefined) return;
    shown = nth;
    figure.step = step;
    [...tabs.children].forEach((one, at) => {
      one.setAttribute("aria-selected", at === nth);
      one.tabIndex = at === nth ? 0 : -1;
    });
    tabs.children[nth].scrollIntoView?.({ block: "nearest", inline: "nearest" });
    const audit = run.audits[nth];
    untell();
    map = mapFigure(data.maps[audit.map], choose);
    panel.replaceChildren(...auditParts(run, audit, map, nth, panel));
    map.draw();
  }
  function choose(nth) {
    point(panel.querySelectorAll(".mappings tbody tr")[nth]);
  }
}

// Shows a row of a table, which may be folded away.
function point(row) {
  if (!row) return;
  row.closest("details").open = true;
  row.scrollIntoView({ block: "nearest", behavior: moving() });
  row.classList.add("target");
  setTimeout(() => row.classList.remove("target"), 1500);
}

// The breaches of an audit. One of a register leads to it; one that the card tells already is not told again.
function breachList(run, audit, panel) {
  const rowOf = (name) => [...panel.querySelectorAll(".registers tr")].find((row) => row.firstChild.textContent === name);
  const item = (id) => {
    const words = text(id);
    const name = words.match(/^\S+/)?.[0] ?? "";
    const isRegister = registerNames(audit).includes(name);
    const told = run.cause?.text === id;
    const show = el("a", { href: linkTo(run, "memory"), click: (event) => {
      event.preventDefault();
      point(rowOf(name));
    } }, told ? `the breach of ${name} that the verdict tells` : words);
    return el("li", {}, isRegister ? show : words);
  };
  return el("ul", { class: "breaches" }, audit.breaches.map(item));
}

const registerNames = (audit) => data.registers[audit.registers].filter((_, at) => at % 3 === 0).map(text);

function auditParts(run, audit, map, nth, panel) {
  const same = nth > 0 && run.audits[nth - 1].map === audit.map ? ", the same map as in the audit before" : "";
  const held = audit.held ? audit.breaches.length === 0 ? "as declared" : `${many(audit.found, "breach", "breaches")}` : "held against nothing";
  const format = audit.format === null ? "no second stage" : text(audit.format);
  const words = `${text(audit.moment)}, ${moment(audit.at)}: ${format}, ${held}${same}; the machine stood still for ${audit.took_ms.toFixed(1)} ms. `;
  const parts = [el("p", { id: "audit-words" }, words, audit.line !== null && el("a", { href: linkTo(run, audit.line) }, "In the log"))];
  if (audit.breaches.length > 0) parts.push(breachList(run, audit, panel));
  const drawn = data.maps[audit.map];
  if (drawn.bands.length > 0 || drawn.guest.length > 0) parts.push(map, mapLegend(drawn));
  else parts.push(el("p", { class: "muted" }, "Nothing was mapped."));
  parts.push(auditTables(audit, drawn));
  return parts;
}

function mapLegend(map) {
  const item = (kind, words) => el("li", {}, el("span", { class: `key ${kind}` }), words);
  const access = [...new Set(map.bands.map((band) => band.access))].sort();
  const items = access.map((kind) => item(kind, { r: "r: read", rw: "rw: read, write", rx: "rx: read, execute", rwx: "rwx: read, write, execute", w: "w: write", x: "x: execute", wx: "wx: write, execute" }[kind] ?? kind));
  if (map.bands.some((band) => band.breaches.length > 0)) items.push(item("bad", "a breach"));
  if (map.host.some((part) => part.kind === "image")) items.push(item("image", "the hypervisor's image and tables"));
  items.push(el("li", { class: "muted" }, "heights tell sizes in powers of two"));
  const more = map.left_out > 0 ? el("p", { class: "notice" }, `${many(map.left_out, "mapping")} mapped and not drawn here; \`audit\` lists them all.`) : null;
  return el("div", {}, el("ul", { class: "legend" }, items), more);
}

function auditTables(audit, map) {
  const rows = map.bands.map((band) => el("tr", { class: band.breaches.length > 0 ? "bad" : null }, [band.gpa, band.hpa, bytes(band.size), band.access,
    band.window === null ? "\u2013" : text(band.window), text(band.whose)].map((cell) => el("td", {}, cell))));
  const head = (names) => el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name))));
  const registers = data.registers[audit.registers];
  const sets = [];
  for (let at = 0; at < registers.length; at += 3) {
    const name = text(registers[at]);
    const bad = audit.breaches.some((breach) => text(breach).startsWith(`${name} `));
    sets.push(el("tr", { class: bad ? "bad" : null }, el("th", { scope: "row" }, name), el("td", {}, text(registers[at + 1])), el("td", { class: "bits" }, text(registers[at + 2]))));
  }
  const list = (ids) => el("ul", { class: "plain mono" }, ids.map((id) => el("li", {}, text(id))));
  const counts = audit.counts ? "Registers that confine the guest" : "Registers (the host's at this moment: they do not count)";
  return el("div", { class: "mono" },
    rows.length > 0 && el("details", { class: "more" }, el("summary", {}, `${many(rows.length, "mapping")} as a table`),
      el("div", { class: "wide" }, el("table", { class: "mappings" }, head(["GPA", "HPA", "size", "access", "window", "whose"]), el("tbody", {}, rows)))),
    sets.length > 0 && el("details", { class: "more", open: sets.some((row) => row.className === "bad") }, el("summary", {}, counts), el("div", { class: "wide" }, el("table", { class: "registers" }, el("tbody", {}, sets)))),
    audit.open.length + audit.programs.length > 0 && el("details", { class: "more" }, el("summary", {}, "Ports, model-specific registers, programs' text"), list([...audit.open, ...audit.programs])));
}
