// What an audit saw of the memory: the guest's addresses on the left, the machine's on the right.

// A part's height tells its size, in powers of two: 4 KiB beside 128 MiB stay readable. What nobody reaches and
// nobody needs to keep from the guest is only named.
function heightOf(part, reached) {
  if (part.kind === "gap") return 22;
  if (!reached && !["image", "tables"].includes(part.kind)) return 18;
  return Math.min(36 + 5 * Math.max(Math.log2(part.size / 4096), 0), 116);
}

function mapFigure(map, chosen) {
  const picture = svg("svg", { role: "img", "aria-label": mapSummary(map), class: "memory" });
  const holder = el("div", { class: "canvas" }, picture);
  holder.draw = () => draw(holder.clientWidth);
  return holder;

  function draw(width) {
    if (width === 0) return;
    const column = Math.min(width * 0.36, 300);
    const parts = [patterns()];
    const top = 30;
    const guest = place(map, "guest");
    const host = place(map, "host");
    const height = Math.max(guest.height, host.height);
    // Each column lies where its bands are as level as they can be; a short one is looked for at the top.
    const slope = guest.height < host.height / 2 ? 0 : host.middle - guest.middle;
    shift(guest, top + Math.min(Math.max(slope, 0), height - guest.height));
    shift(host, top + Math.min(Math.max(-slope, 0), height - host.height));
    parts.push(title(0, column, "guest-physical"), title(width - column, column, "host-physical"));
    map.bands.forEach((band, nth) => parts.push(bandOf(band, nth, guest, host, column, width)));
    for (const [side, at, places] of [["guest", 0, guest], ["host", width - column, host]]) {
      const named = new Set();
      map[side].forEach((part, nth) => parts.push(partOf(part, at, column, places, nth, mapped(map, side, nth), named)));
    }
    const room = height + top + 10;
    picture.setAttribute("viewBox", `0 0 ${width} ${room}`);
    picture.setAttribute("height", room);
    picture.replaceChildren(...parts);
  }

  function bandOf(band, nth, guest, host, column, width) {
    const [left, right] = [column, width - column];
    const ends = (places, [first, behind]) => [places.tops[first], places.tops[behind - 1] + places.heights[behind - 1]];
    const [a, b] = ends(guest, band.guest);
    const [c, d] = ends(host, band.host);
    const bend = (right - left) / 2;
    const shape = `M${left} ${a}C${left + bend} ${a} ${right - bend} ${c} ${right} ${c}V${d}C${right - bend} ${d} ${left + bend} ${b} ${left} ${b}Z`;
    const bad = band.breaches.length > 0;
    const kind = bad ? "bad" : band.access;
    // At the guest's end no two are in the same place, however the bands cross.
    const label = bad ? `${band.access} \u2717` : band.access;
    const [x, y] = [left + label.length * 4.2 + 18, (a + b) / 2];
    const words = bandWords(band);
    const act = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      chosen(nth);
    };
    const group = svg("g", { class: `band ${kind}`, tabindex: "0", role: "button", "aria-label": words, click: () => chosen(nth), keydown: act },
      svg("path", { class: "fill", d: shape }), svg("path", { class: "texture", d: shape, fill: `url(#${bad ? "bad" : `of-${band.access}`})` }),
      svg("rect", { class: "plate", x: x - label.length * 4.2 - 6, y: y - 10, width: label.length * 8.400 + 12, height: 20, rx: 10 }),
      svg("text", { x, y: y + 4, "text-anchor": "middle" }, label));
    return tipOf(group, words);
  }
}

// Where the parts of a column lie, and the middle of those that the guest reaches.
function place(map, side) {
  const heights = map[side].map((part, nth) => heightOf(part, mapped(map, side, nth).length > 0));
  const tops = [];
  let height = 0;
  let [sum, count] = [0, 0];
  heights.forEach((own, nth) => {
    tops.push(height);
    if (mapped(map, side, nth).length > 0) [sum, count] = [sum + height + own / 2, count + 1];
    height += own;
  });
  return { tops, heights, height, middle: count > 0 ? sum / count : height / 2 };
}

function shift(places, by) {
  places.tops = places.tops.map((top) => top + by);
}

const mapped = (map, side, nth) => map.bands.filter((band) => band[side][0] <= nth && nth < band[side][1]);

function title(x, column, words) {
  return svg("text", { class: "lane", x: x + column / 2, y: 14, "text-anchor": "middle" }, words);
}

// A part that nobody reaches is a line; what is named above it already has its address alone.
function partOf(part, x, column, places, nth, bands, named) {
  const [y, height] = [places.tops[nth], places.heights[nth]];
  const bad = bands.some((band) => band.breaches.length > 0);
  const group = svg("g", { class: `part ${part.kind}${bands.length > 0 ? " reached" : ""}${bad ? " bad" : ""}` });
  const name = { gap: "nothing", declared: "declared, not mapped", undrawn: "mapped, not drawn" }[part.kind];
  const label = part.label === null ? name ?? part.kind : text(part.label) + ({ declared: ": not mapped", undrawn: ": mapped, not drawn" }[part.kind] ?? "");
  const fits = (words, size, room = column - 14) => (words.length * size > room ? `${words.slice(0, Math.max(Math.floor(room / size) - 1, 1))}\u2026` : words);
  partly(group, `${label}: ${part.start}..${part.end}, ${bytes(part.size)}`);
  if (part.kind === "gap") {
    group.append(svg("path", { d: `M${x + column / 2} ${y + 3}V${y + height - 3}` }),
      svg("text", { x: x + column / 2 + 8, y: y + 15 }, fits(bytes(part.size), 13)));
    return group;
  }
  group.append(svg("rect", { x: x + 0.5, y: y + 0.500, width: column - 1, height: height - 1, rx: 4 }));
  if (height > 20) {
    group.append(svg("text", { class: "name", x: x + 8, y: y + 16 }, fits(label, 7)));
    group.append(svg("text", { class: "address", x: x + 8, y: y + 29 }, fits(`${part.start}  ${bytes(part.size)}`, 6.400)));
    return group;
  }
  const size = bytes(part.size);
  const rest = column - size.length * 6.400 - 26;
  const first = named.has(label) || rest < 60 ? svg("text", { class: "address", x: x + 8, y: y + 13 }, fits(part.start, 6.400, rest)) : svg("text", { class: "name idle", x: x + 8, y: y + 13 }, fits(label, 6.600, rest));
  named.add(label);
  group.append(first, svg("text", { class: "address", x: x + column - 8, y: y + 13, "text-anchor": "end" }, size));
  return group;
}

// Permissions differ by pattern as well as by colour.
function patterns() {
  const lines = (id, d) => svg("pattern", { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, svg("path", { d, class: "line" }));
  return svg("defs", {}, lines("of-rw", "M0 8 8 0"), lines("of-rx", "M0 4H8"), lines("of-rwx", "M0 8 8 0M0 4H8"), lines("of-w", "M0 8 8 0"), lines("of-wx", "M0 8 8 0M0 4H8"), lines("of-x", "M0 4H8"),
    lines("bad", "M0 8 8 0M0 0 8 8"));
}

function bandWords(band) {
  const window = band.window === null ? "in no declared window" : `window ${text(band.window)}`;
  const breaches = band.breaches.map((breach) => `\n\u2717 ${text(breach)}`).join("");
  return `GPA ${band.gpa} \u2192 HPA ${band.hpa}\n${bytes(band.size)}, ${band.access}, ${window}\nleads to ${text(band.whose)}${breaches}`;
}

function mapSummary(map) {
  const words = map.bands.map((band) => `GPA ${band.gpa} to HPA ${band.hpa}, ${band.access}${band.breaches.length > 0 ? ", a breach" : ""}`);
  return `${many(map.bands.length, "mapping")}: ${words.join("; ")}`;
}
