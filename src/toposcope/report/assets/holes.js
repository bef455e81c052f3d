// From a bar to its inputs: the longest bars of one layer's first draw, the draw in the plane, and the images around a
// loop. `look` is what is looked at; openBar and openLayer lead here from other charts.

const HOLES = DATA.holes;
const look = { layer: HOLES ? [...DATA.pair].reverse().concat(HOLES.layers.map((_, i) => i)).find((i) => HOLES.layers[i]) : null, bar: 0, cut: null };
let redrawHoles = () => {}, redrawTree = () => {};

const heightOf = (level) => (level > DATA.diagrams.levels ? Infinity : (level / DATA.diagrams.levels) * DATA.diagrams.top);
const NAMES = ["piece", "loop", "void"];
const capital = (word) => word[0].toUpperCase() + word.slice(1);
const ordinal = (k) => `${k}${k % 100 > 10 && k % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][k % 10] || "th"}`;

// Everything about the inputs of one layer's draw: their names, classes, images and places.
function drawOf(i) {
  const entry = HOLES.layers[i], cloud = HOLES.clouds[entry.cloud];
  const at = words(entry.plane), levels = DATA.diagrams.levels;
  const span = Math.max(...entry.sides) || 1;
  return {
    entry, cloud, n: cloud.ids.length,
    place: (row) => [at[2 * row] / levels / span, at[2 * row + 1] / levels / span],
    ratio: entry.sides[1] / span, wide: entry.sides[0] / span,
    id: (row) => cloud.ids[row],
    classOf: (row) => (cloud.labels.length ? cloud.labels[row] : -1),
    className: (row) => (cloud.labels.length ? cloud.classes[cloud.labels[row]] : ""),
    image: (row) => (cloud.images[row] >= 0 ? HOLES.images[cloud.images[row]] : null),
    text: (row) => cloud.texts[row] || "",
    title: (row) => (cloud.texts[row] ? `${cloud.ids[row]}: ${cloud.texts[row]}${cloud.labels.length ? ` (class ${cloud.classes[cloud.labels[row]]})` : ""}` : cloud.labels.length ? `${cloud.ids[row]}, class ${cloud.classes[cloud.labels[row]]}` : `${cloud.ids[row]}`),
  };
}

// A class is a form and a colour, so that either can be missed. Six forms and eight colours make twenty-four.
const classMark = (k, x, y, r, more = "") => mark(Math.max(0, k), x, y, r, { class: `fill ${k < 0 ? "none" : colour(k)} ${more}` });

function classKey(draw) {
  const { classes } = draw.cloud;
  if (!classes.length) return null;
  const some = classes.slice(0, 24);
  return h("p", { class: "key classes" }, h("span", {}, "Class:"),
    some.map((name, k) => h("span", {}, s("svg", { width: 12, height: 12, viewBox: "-6 -6 12 12", "aria-hidden": "true" }, classMark(k, 0, 0, 3.6)), name)),
    classes.length > some.length ? h("span", {}, `and ${classes.length - some.length} more, in the same forms again`) : null);
}

const barOf = (i, b) => { const [degree, birth, death, born, died, cycle] = HOLES.layers[i].bars[b]; return { degree, birth: heightOf(birth), death: heightOf(death), born, died, cycle }; };
const lifeOf = (bar) => `${format(bar.birth)} to ${bar.death === Infinity ? "∞" : format(bar.death)}`;

function barName(i, b) {
  const bar = barOf(i, b);
  const place = HOLES.layers[i].bars.slice(0, b + 1).filter(([degree]) => degree === bar.degree).length;
  return `${capital(NAMES[bar.degree])} ${place}`;
}

function drawHoles(width, redraw) {
  const i = look.layer, draw = drawOf(i), { bars } = draw.entry;
  look.bar = Math.min(look.bar, Math.max(0, bars.length - 1));
  const layers = h("select", { id: "look-layer" }, DATA.networks.map((net, n) => {
    const members = layersOf(n).filter((k) => HOLES.layers[k]);
    return members.length ? h("optgroup", { label: net.name }, members.map((k) => h("option", { value: k, selected: k === i ? "" : null }, `${DATA.layers[k].name}${DATA.networks.length > 1 ? ` (${net.name})` : ""}`))) : null;
  }));
  layers.addEventListener("change", () => showLayer(Number(layers.value)));
  const chosen = h("select", { id: "look-bar" }, bars.map((_, b) => h("option", { value: b, selected: b === look.bar ? "" : null }, `${barName(i, b)}: ${lifeOf(barOf(i, b))}`)));
  chosen.addEventListener("change", () => { look.bar = Number(chosen.value); redraw(); });
  const pickers = h("div", { class: "pickers" }, h("label", {}, "Layer", layers), bars.length ? h("label", {}, "Bar, longest first", chosen) : null);
  const told = document.getElementById("told");
  told.replaceChildren();
  if (!bars.length) return [pickers, h("p", { class: "empty" }, DATA.degrees.length > 1 ? "The first draw of this layer has no loops." : "Homology stopped at degree 0, so there are no loops; the pieces are below.")];
  const bar = barOf(i, look.bar);
  const columns = width >= 900 ? 3 : width >= 600 ? 2 : 1;
  const each = (width - (columns - 1) * 36) / columns;
  const grid = h("div", { class: "trio" },
    h("div", { class: "panel" }, h("h3", {}, "Longest bars"), h("p", { class: "sub" }, keptOf(draw.entry)), barcode(i, each, redraw)),
    h("div", { class: "panel" }, h("h3", {}, "The draw in the plane"), h("p", { class: "sub" }, planeWords(draw)), plane(draw, each, loopOn(draw, bar)), classKey(draw)),
    h("div", { class: "panel" }, h("h3", {}, bar.cycle.length ? "Around the loop" : "Where it is born and dies"), h("p", { class: "sub" }, bar.cycle.length ? `${plural(bar.cycle.length, "input")} in order` : `its first and last simplex`), around(draw, bar, each)));
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  told.append(...story(draw, i, bar));
  return [pickers, grid];
}

const keptOf = (entry) => entry.of.map((count, j) => [count, j + 1]).filter(([count]) => count).map(([count, k]) => {
  const kept = entry.bars.filter(([degree]) => degree === k).length;
  return (kept < count ? `${kept} of ` : "") + `${plural(count, NAMES[k])} (H${k})`;
}).join(", ") + " of the first draw";

const share = (value) => `${format(100 * value)} %`;
const planeWords = (draw) => `principal axes, ${share(draw.entry.explained[0])} and ${share(draw.entry.explained[1])} of the variance`;

// Which classes, and how many of each, the most frequent first.
function counted(draw, rows) {
  const counts = new Map();
  for (const row of rows) counts.set(draw.className(row), (counts.get(draw.className(row)) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
const classesOf = (draw, rows, most = 8) => { const all = counted(draw, rows); return all.slice(0, most).map(([name, count]) => `“${name}” ×${count}`).join(", ") + (all.length > most ? ", …" : ""); };

function story(draw, i, bar) {
  const where = h("strong", {}, `${barName(i, look.bar)} of ${layerName(i)}. `);
  const died = bar.death === Infinity ? "It never dies: no simplex fills it up to the threshold." : `It dies at ${format(bar.death)}, when the last side of the ${bar.degree === 1 ? "triangle" : "tetrahedron"} of ${bar.died.map(draw.id).join(", ")} fills it.`;
  if (!bar.cycle.length) return [where, `Born at ${format(bar.birth)} with the triangle of ${bar.born.map(draw.id).join(", ")}. ${died}`];
  const ratio = real(DATA.lines[i]?.[bar.degree]);
  const noise = !(ratio > 1) || !(bar.birth > 0) ? "" : isLong(i, bar.degree, [bar.birth, bar.death]) ? ` Its death / birth, ${format(bar.death / bar.birth)}, is more than noise reaches (${format(ratio)}).` : ` Noise reaches a death / birth of ${format(ratio)}, and this bar has ${format(bar.death / bar.birth)}: by itself it is not shown to be more than noise.`;
  const classes = draw.cloud.labels.length ? ` Classes on it: ${classesOf(draw, bar.cycle, 24)}.` : "";
  return [where, `${plural(bar.cycle.length, "input")} around a hole: born at ${format(bar.birth)}, when its longest edge, ${bar.born.map(draw.id).join(" to ")}, closes it. ${died}`, h("strong", {}, classes), noise,
    " One representative of many: other loops run around the same hole; of those through this edge it has the fewest inputs."];
}

// The barcode: one row for each bar, the longest on top.
function barcode(i, width, redraw) {
  const { bars } = HOLES.layers[i];
  const step = bars.length > 24 ? 11 : 14, top = 6, bottom = top + bars.length * step + 4;
  const all = bars.map((_, b) => barOf(i, b));
  const ends = all.flatMap((bar) => [bar.birth, bar.death]).filter(Number.isFinite);
  const [least, most] = [Math.min(...ends), Math.max(...ends)], room = (most - least) * 0.04 || 0.1 * most || 1;
  const [low, high] = [Math.max(0, least - room), most + room];
  const x = linear(low, high, 30, width - 14);
  const items = all.map((bar, b) => ({ x: x(bar.death === Infinity ? high : bar.death), y: top + (b + 0.5) * step, box: [0, top + b * step, width, step], text: [barName(i, b), `born ${format(bar.birth)}, ${bar.death === Infinity ? "never dies" : `dies ${format(bar.death)}`}`, "Enter or click: its inputs"] }));
  return readable(canvas(width, bottom + 40, `Barcode of the ${plural(bars.length, "longest bar")} of the first draw of ${layerName(i)}.`,
    s("rect", { class: "chosen", x: 0, y: top + look.bar * step, width, height: step }),
    axisBottom(x, bottom, { count: 4, grid: top, title: `filtration value: ${DATA.unit}` }),
    all.map((bar, b) => s("g", { class: b === look.bar ? "bar on" : "bar" },
      label(24, top + (b + 0.5) * step + 3.5, (bar.degree === 2 ? "v" : "") + barName(i, b).split(" ")[1], { "text-anchor": "end", size: 10 }),
      s("line", { x1: round(x(bar.birth)), x2: round(x(Math.min(bar.death, high))), y1: top + (b + 0.5) * step, y2: top + (b + 0.5) * step, "stroke-width": step > 12 ? 5 : 4, "stroke-dasharray": bar.degree === 2 ? "3 1.5" : null })))), items, {
    locate: (px, py) => { const b = Math.floor((py - top) / step); return b >= 0 && b < bars.length ? b : -1; },
    ring: ({ box: [bx, by, bw, bh] }) => s("rect", { class: "ring", x: bx, y: by, width: bw, height: bh }),
    start: look.bar, choose: (b) => { look.bar = b; redraw(); },
  });
}

// The draw in the plane, with what is laid over it: over(at) gives marks, on the rows that stand out.
function plane(draw, width, over) {
  const pad = 16, wide = Math.min(width, 460) - 2 * pad;
  const unit = wide / Math.max(draw.wide, draw.ratio, 1e-9);
  const tall = Math.max(80, Math.min(wide, draw.ratio * unit));
  const at = (row) => { const [x, y] = draw.place(row); return [pad + (wide - draw.wide * unit) / 2 + x * unit, pad + (tall + draw.ratio * unit) / 2 - y * unit]; };
  const rows = Array.from({ length: draw.n }, (_, row) => row);
  const r = draw.n > 600 ? 1.8 : draw.n > 250 ? 2.4 : 3.2;
  const items = rows.map((row) => { const [x, y] = at(row); return { x, y, r, image: draw.image(row), text: [draw.title(row), ...(over.order.has(row) ? [over.order.get(row)] : [])] }; });
  const quiet = rows.filter((row) => !over.order.has(row));
  return readable(canvas(wide + 2 * pad, tall + 2 * pad, `${plural(draw.n, "input")} on two principal axes. ${over.name}`,
    s("rect", { class: "frame", x: 0.5, y: 0.5, width: wide + 2 * pad - 1, height: tall + 2 * pad - 1 }),
    over.below(at),
    s("g", { opacity: over.order.size ? 0.5 : 0.95 }, quiet.map((row) => classMark(draw.classOf(row), ...at(row), r))),
    over.above(at),
    rows.filter((row) => over.order.has(row)).map((row) => classMark(draw.classOf(row), ...at(row), r + 1.6, "edged"))), items);
}

// A loop laid over the plane: its edges in order, the birth edge, and the triangle that fills it.
function loopOn(draw, bar) {
  const order = new Map();
  [...bar.died].forEach((row) => order.set(row, "corner of the simplex that fills it"));
  (bar.cycle.length ? bar.cycle : bar.born).forEach((row, k) => order.set(row, bar.cycle.length ? `${ordinal(k + 1)} of ${bar.cycle.length} on the loop` : "corner of its first simplex"));
  const line = (at, rows, name, close) => s("path", { class: name, d: path(rows.map(at)) + (close ? "Z" : "") });
  return {
    order, name: bar.cycle.length ? `A loop of ${bar.cycle.length} is drawn.` : "",
    below: (at) => triples(bar.died).map((three) => line(at, three, "filling", true)),
    above: (at) => [
      bar.cycle.length ? [line(at, bar.cycle, "halo-line"), line(at, bar.cycle, "loop")] : line(at, bar.born, "loop", true),
      bar.cycle.length ? line(at, bar.born, "birth") : null,
    ],
  };
}

// The triangles of a triangle or a tetrahedron.
const triples = (rows) => (rows.length === 4 ? rows.map((row) => rows.filter((other) => other !== row)) : rows.length ? [rows] : []);

const BY_RING = 26;

function around(draw, bar, width) {
  const simplex = (rows, title) => (rows.length ? [h("p", { class: "sub group" }, title), strip(draw, rows, false)] : null);
  const end = bar.death === Infinity ? null : simplex(bar.died, `filled at ${format(bar.death)} by ${bar.degree === 1 ? "the triangle of" : "the tetrahedron of"}`);
  if (!bar.cycle.length) return [simplex(bar.born, `born at ${format(bar.birth)} with the triangle of`), end];
  const seen = bar.cycle.some((row) => draw.image(row));
  return [seen && bar.cycle.length <= BY_RING ? ring(draw, bar, width) : strip(draw, bar.cycle, true), end];
}

// Images in order around a circle. The birth edge lies on top, between the last and the first.
function ring(draw, bar, width) {
  const side = Math.min(width, 380), m = bar.cycle.length;
  const size = Math.max(22, Math.min(54, (Math.PI * side * 0.72) / m - 8));
  const named = draw.cloud.labels.length > 0;
  const radius = (side - size) / 2 - 6;
  const at = (k) => { const angle = -Math.PI / 2 + ((k + 0.5) * 2 * Math.PI) / m; return [side / 2 + radius * Math.cos(angle), side / 2 + radius * Math.sin(angle)]; };
  const first = at(0), last = at(m - 1);
  const items = bar.cycle.map((row, k) => ({ x: at(k)[0], y: at(k)[1], r: size / 2, image: draw.image(row), text: [draw.title(row), `${ordinal(k + 1)} of ${m} on the loop`] }));
  return readable(canvas(side, side, `${plural(m, "input")} in order around the loop: ${bar.cycle.map(draw.title).join("; ")}.`,
    s("path", { class: "loop", d: path(bar.cycle.map((_, k) => at(k))) }),
    s("path", { class: "birth", d: path([last, first]) }),
    label(side / 2, side / 2 - 8, `born ${format(bar.birth)}`, { "text-anchor": "middle", class: "plain" }),
    label(side / 2, side / 2 + 10, bar.death === Infinity ? "never dies" : `dies ${format(bar.death)}`, { "text-anchor": "middle", class: "plain" }),
    bar.cycle.map((row, k) => {
      const [x, y] = at(k), uri = draw.image(row);
      const node = uri ? s("image", { href: uri, x: round(x - size / 2), y: round(y - size / 2), width: round(size), height: round(size) }) : classMark(draw.classOf(row), x, y, 7);
      return [
        s("rect", { class: `holder ${named ? colour(draw.classOf(row)) : "none"}`, x: round(x - size / 2 - 1), y: round(y - size / 2 - 1), width: round(size + 2), height: round(size + 2) }), node,
      ];
    }),
    named ? bar.cycle.map((row, k) => inward(...at(k), side / 2, size, shortened(draw.className(row), size + 14, 11.5, 600))) : null), items, { ring: (item) => s("rect", { class: "ring", x: item.x - item.r - 3, y: item.y - item.r - 3, width: 2 * item.r + 6, height: 2 * item.r + 6 }), move: (k, key) => (k + (key === "ArrowRight" || key === "ArrowDown" ? 1 : m - 1)) % m });
}

// A name on the inner side of an image of a ring, where no other image lies.
function inward(x, y, middle, size, text) {
  const [dx, dy] = [x - middle, y - middle], far = Math.hypot(dx, dy) || 1, [cos, sin] = [dx / far, dy / far];
  const off = size / 2 / Math.max(Math.abs(cos), Math.abs(sin)) + 9;
  return label(round(x - off * cos), round(y - off * sin + 4), text, { "text-anchor": cos > 0.5 ? "end" : cos < -0.5 ? "start" : "middle", class: "strong halo" });
}

// Inputs one after another, by image where there is one, else by name.
function strip(draw, rows, numbered) {
  const seen = rows.some((row) => draw.image(row));
  return h(numbered ? "ol" : "ul", { class: seen ? "strip" : "strip named" }, rows.map((row) => h("li", {}, face(draw, row), seen ? h("span", {}, draw.className(row) || shortened(draw.id(row), 60)) : h("span", {}, draw.title(row)))));
}

function face(draw, row) {
  const uri = draw.image(row), k = draw.classOf(row);
  if (uri) return h("img", { class: `thumb ${k < 0 ? "none" : colour(k)}`, src: uri, alt: draw.title(row), title: draw.title(row), width: 40, height: 40 });
  return s("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, classMark(k, 0, 0, 4));
}

// The ways in.

function showLayer(i) {
  Object.assign(look, { layer: i, bar: 0, cut: null });
  redrawHoles();
  redrawTree();
}

function arrive(id) {
  const place = document.getElementById(id);
  place.scrollIntoView({ block: "start" });
  place.querySelector("select, input, svg[tabindex]")?.focus({ preventScroll: true });
}

function openLayer(i) {
  if (!HOLES || !HOLES.layers[i]) return;
  showLayer(i);
  arrive("holes");
}

// The bar of a diagram's first draw, by degree, birth and death: true where its inputs are known.
function inputsOf(i, degree, birth, death) {
  const entry = HOLES && HOLES.layers[i];
  if (!entry) return null;
  const level = (value) => (value === Infinity ? DATA.diagrams.levels + 1 : Math.round((value / DATA.diagrams.top) * DATA.diagrams.levels));
  if (degree === 0) return death === Infinity ? null : () => { Object.assign(look, { layer: i, bar: 0, cut: death * 0.9999 }); redrawHoles(); redrawTree(); arrive("figure-tree"); };
  const b = entry.bars.findIndex(([k, from, to]) => k === degree && from === level(birth) && to === level(death));
  return b < 0 ? null : () => { Object.assign(look, { layer: i, bar: b, cut: null }); redrawHoles(); redrawTree(); arrive("holes"); };
}
