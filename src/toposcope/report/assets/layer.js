// Two layers side by side: their diagrams over all draws with the controls behind, their barcodes, their Betti curves.

const pair = { chosen: DATA.pair, draw: 0, behind: true };
let redrawPair = () => {};

function openPair(a, b) {
  pair.chosen = [a, b];
  redrawPair();
  arrive("layers");
}

function words(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

// Bars of one draw and degree as [birth, death]; a death that never comes is Infinity.
function barsOf(entry) {
  const numbers = words(entry.bars), { top, levels } = DATA.diagrams;
  const value = (level) => (level > levels ? Infinity : (level / levels) * top);
  if (entry.zero) return Array.from(numbers, (death) => [0, value(death)]);
  return Array.from({ length: numbers.length / 2 }, (_, i) => [value(numbers[2 * i]), value(numbers[2 * i + 1])]);
}

const drawsOf = (i) => (DATA.diagrams.layers[i] ? DATA.diagrams.layers[i][0].length : 0);
const KINDS = DATA.controls.kinds;
// Bars and mean Betti curve of each control of a layer in one degree; null where there is none.
const controlsOf = (i, k) => (pair.behind && DATA.controls.layers[i] ? DATA.controls.layers[i][k] : KINDS.map(() => null));
const CONTROL_DASH = ["1.5 2.5", "6 2 1.5 2"];

function drawLayer(width) {
  const pick = (side, title) => {
    const select = h("select", {}, DATA.networks.map((net, n) => h("optgroup", { label: net.name },
      layersOf(n).map((i) => h("option", { value: i, selected: i === pair.chosen[side] ? "" : null }, `${DATA.layers[i].name}${DATA.networks.length > 1 ? ` (${net.name})` : ""}`)))));
    select.addEventListener("change", () => { pair.chosen[side] = Number(select.value); redrawPair(); });
    return h("label", {}, title, select);
  };
  const [a, b] = pair.chosen, sides = DATA.layers.length > 1 ? [a, b] : [a];
  const most = Math.max(...sides.map(drawsOf));
  pair.draw = Math.min(pair.draw, Math.max(0, most - 1));
  const draws = h("select", {}, Array.from({ length: most }, (_, draw) => h("option", { value: draw, selected: draw === pair.draw ? "" : null }, draw ? `${ordinal(draw + 1)} draw` : "1st draw, whose inputs are known")));
  draws.addEventListener("change", () => { pair.draw = Number(draws.value); redrawPair(); });
  const bars = sides.map((i) => (DATA.diagrams.layers[i] || []).map((all) => all.map(barsOf)));
  // Controls widen the frame by a quarter at most: what lies beyond stays out of sight, not the layers.
  const furthest = (some) => some.flat().reduce((most, value) => (Number.isFinite(value) && value > most ? value : most), 0);
  const all = furthest(bars.flat(3)), behind = sides.flatMap((i) => DATA.degrees.flatMap((k) => controlsOf(i, k).filter(Boolean).flatMap(barsOf)));
  const top = (Math.max(all, Math.min(furthest(behind), 1.25 * all)) || 1) * 1.04;
  const wide = width > 700 ? (width - 48) / 2 : width;
  const curves = DATA.degrees.map((k) => bettiPanel(k, sides, wide, top));
  return [
    h("div", { class: "pickers" }, sides.length > 1 ? [pick(0, "Layer A"), pick(1, "Layer B")] : null, most > 1 ? h("label", {}, "Draw that stands out", draws) : null),
    sides.length > 1 ? verdict(a, b) : null,
    KINDS.length ? h("div", { class: "controls" }, choices("Behind", [[true, "control clouds"], [false, "nothing"]], pair.behind, (on) => { pair.behind = on; redrawPair(); })) : null,
    degreeKey(),
    h("div", { class: "pair" }, sides.map((i, side) => h("div", { class: "panel" },
      h("h3", {}, `${"AB"[side]}: ${layerName(i)}`),
      diagram(bars[side], i, wide, top),
      about(i, bars[side])))),
    h("div", { class: "pair" }, sides.map((i, side) => h("div", { class: "panel" },
      h("h4", {}, `Barcode of ${"AB"[side]}`),
      h("p", { class: "sub" }, barcodeWords(bars[side])),
      wholeBarcode(bars[side], i, wide, top)))),
    h("p", { class: "key group" }, sides.map((i, side) => h("span", {}, dashKey(colour(DATA.layers[i].network), side ? "6 3" : null), `${"AB"[side]}: ${layerName(i)}`)),
      pair.behind ? KINDS.map((kind, c) => h("span", {}, dashKey("none", CONTROL_DASH[c % 2]), `${kind}, in the colour of its layer`)) : null),
    h("div", { class: "pair" }, curves),
  ];
}

const dashKey = (name, dash) => s("svg", { width: 26, height: 12, viewBox: "0 0 26 12", "aria-hidden": "true" }, s("line", { class: `line ${name}`, x1: 0, x2: 26, y1: 6, y2: 6, "stroke-dasharray": dash }));

function degreeKey() {
  const line = DATA.lines.some((ratios) => ratios && ratios.some((ratio) => real(ratio) > 1));
  return markKey([
    ...DATA.degrees.map((k) => (k
      ? [mark(k, 0, 0, 4.2, { class: "fill none" }), `H${k}`]
      : [s("line", { class: "zero", x1: -5, x2: 5, y1: 0, y2: 0, "stroke-width": 1.6 }), "H0, on the left edge"])),
    ...(pair.behind ? KINDS.map((kind, c) => [controlMark(c, 0, 0, 3.6), kind]) : []),
    ...(line ? [[s("line", { class: "noise-line", x1: -7, x2: 7, y1: 4, y2: -4 }), "above: longer than noise makes a bar"]] : []),
  ]);
}

// Controls are hollow squares and crosses, grey behind the layer's own marks.
const controlMark = (c, x, y, r) => s("path", { class: `behind behind${c % 2}`, d: controlShape(c, x, y, r) });
const controlShape = (c, x, y, r) => (c % 2
  ? `M${round(x - r)},${round(y - r)}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`
  : `M${round(x - r)},${round(y - r)}h${2 * r}v${2 * r}h${-2 * r}Z`);

function verdict(a, b) {
  if (a === b) return h("p", { class: "verdict" }, "Both sides show the same layer.");
  const tests = DATA.degrees.map((k) => testOf(a, b, k));
  const parts = DATA.degrees.map((k) => {
    const cell = between(a, b, k), test = tests[k];
    const noise = Number.isFinite(cell.noise) ? `, sampling noise ${format(cell.noise)}` : "";
    return `H${k}: mean ${DATA.measure} distance ${format(cell.mean)}${interval(cell)}${noise}${test ? `; ${testWords(test).replace(":", ",")}` : ""}.`;
  });
  const untested = tests.some(Boolean) ? null : h("li", {}, "This pair has no test: it was not among the planned comparisons, or could not be tested.");
  const alike = SIMILAR.map((other) => { const cell = besides(other, a, b, 0); return h("li", {}, `Beside it: mean ${other.name} ${Number.isNaN(cell.mean) ? "not defined" : format(cell.mean) + interval(cell)}.`); });
  return h("ul", { class: "verdict" }, parts.map((part) => h("li", {}, part)), untested, alike);
}

function about(i, bars) {
  const layer = DATA.layers[i];
  const above = DATA.degrees.filter((k) => real(DATA.lines[i]?.[k]) > 1).map((k) => {
    const first = bars[k][0], over = first.filter((bar) => isLong(i, k, bar)).length;
    return `${over} of ${plural(first.length, NAMES[k] || "bar")} of the first draw above the line`;
  });
  const parts = [
    layer.module, layer.shape ? `activation ${layer.shape}` : "", layer.reduction,
    layer.dimension !== null ? `vectors of length ${layer.dimension}` : "",
    layer.effective_dimension !== null ? `effective dimension ${format(layer.effective_dimension)}` : "",
    layer.duplicates ? `${layer.duplicates} duplicate rows` : "",
    layer.scale !== null ? `mean scale ${format(layer.scale)}` : "",
    bars.length ? plural(bars[0].length, "draw") : "",
    ...(bars.length ? above : []),
  ];
  return h("p", { class: "about" }, parts.filter(Boolean).join(" · "));
}

// Whether a bar is longer, by death / birth, than the universal null allows.
const isLong = (i, k, [birth, death]) => birth > 0 && death / birth >= real(DATA.lines[i]?.[k]);

function diagram(bars, i, width, top) {
  if (!bars.length) return h("p", { class: "empty" }, "No diagrams of this layer: its homology failed, or the artefacts are gone from the store.");
  const side = Math.min(width - 52, 430), left = 46, roof = 34, strip = 16;
  const x = linear(0, top, left, left + side), y = linear(0, top, roof + side, roof);
  const className = colour(DATA.layers[i].network);
  const marks = [], items = [], chosen = pair.draw;
  bars.forEach((draws, k) => draws.map((rows, draw) => [rows, draw]).sort((r, t) => (r[1] === chosen) - (t[1] === chosen)).forEach(([rows, draw]) => {
    const strong = draw === chosen;
    const opacity = strong ? 0.9 : Math.max(0.1, 0.34 / Math.sqrt(draws.length));
    // One path for all marks of a draw keeps ten thousand bars cheap.
    const shapes = [], strokes = [];
    for (const [birth, death] of rows) {
      const px = x(birth), py = death === Infinity ? strip : y(death);
      if (k === 0 && birth === 0) strokes.push(`M${round(px)},${round(py)}h9`);
      else shapes.push(moved(shape(k, strong ? 2.7 : 2.3), px, py));
      if (!strong) continue;
      const open = draw ? null : inputsOf(i, k, birth, death);
      items.push({ x: k === 0 && birth === 0 ? px + 5 : px, y: py, r: 3, open, text: [`H${k}, ${draw ? `${ordinal(draw + 1)} draw` : "first draw"}`, `born ${format(birth)}, ${death === Infinity ? "never dies" : `dies ${format(death)}`}`, ...(isLong(i, k, [birth, death]) ? ["longer than noise makes a bar"] : []), ...(open ? ["Enter or click: its inputs"] : [])] });
    }
    if (strokes.length) marks.push(s("path", { class: "line", d: strokes.join(""), opacity: strong ? 0.8 : opacity * 0.8, "stroke-width": 1.2 }));
    if (shapes.length) marks.push(s("path", { class: "fill", d: shapes.join(""), opacity }));
  }));
  return readable(canvas(left + side + 6, roof + side + 42, `Persistence diagram of ${layerName(i)}, ${plural(bars[0].length, "draw")}.`,
    s("path", { class: "shade", d: path([[x(0), y(0)], [x(top), y(top)], [x(top), y(0)]]) + "Z" }),
    axisLeft(y, left, { right: left + side, count: 5 }),
    s("rect", { class: "frame", x: left, y: strip - 9, width: side, height: 18 }),
    label(left - 8, strip + 4, "∞", { "text-anchor": "end", class: "plain" }),
    s("rect", { class: "frame", x: left, y: roof, width: side, height: side }),
    axisBottom(x, roof + side, { count: 5, title: `birth: ${DATA.unit}` }),
    s("text", { transform: `translate(11,${roof + side / 2}) rotate(-90)`, "text-anchor": "middle" }, "death"),
    DATA.degrees.map((k) => controlsOf(i, k).map((entry, c) => entry && s("path", { class: `behind behind${c % 2}`, d: barsOf(entry).filter(([, death]) => death === Infinity || death <= top).map(([birth, death]) => {
      const py = death === Infinity ? strip : y(death);
      return k === 0 && birth === 0 ? `M${round(x(0) + 12 + 7 * c)},${round(py)}h5` : controlShape(c, x(birth), py, 1.9);
    }).join("") }))),
    DATA.degrees.map((k) => noiseLine(real(DATA.lines[i]?.[k]), k, x, y, top)),
    s("g", { class: className }, marks)), items, { choose: (m) => items[m].open?.() });
}

// death = ratio × birth, as far as the frame goes.
function noiseLine(ratio, k, x, y, top) {
  if (!(ratio > 1) || !Number.isFinite(ratio)) return null;
  return s("g", {},
    s("line", { class: "noise-line", x1: round(x(0)), y1: round(y(0)), x2: round(x(top / ratio)), y2: round(y(top)) }),
    label(round(x(top / ratio)) + 4, round(y(top)) + 13 + 13 * (k - 1), `H${k}`, { class: "accent halo", size: 11 }));
}

function moved(d, x, y) {
  return d.replace(/^M([-\d.]+),([-\d.]+)/, (_, dx, dy) => `M${round(x + Number(dx))},${round(y + Number(dy))}`)
    .replace(/L([-\d.e]+),([-\d.e]+)/g, (_, dx, dy) => `L${round(x + Number(dx))},${round(y + Number(dy))}`);
}

const BARCODE_ROWS = 220;
const barcodeWords = (bars) => (bars.length ? DATA.degrees.map((k) => { const count = (bars[k][pair.draw] || []).length; return `${count > BARCODE_ROWS ? `the longest ${BARCODE_ROWS} of ` : ""}${plural(count, NAMES[k] || "bar")} (H${k})`; }).join(", ") : "");

// All bars of the draw that stands out, degree by degree in order of birth, then death; the longest where they are many.
function wholeBarcode(bars, i, width, top) {
  if (!bars.length) return null;
  const rows = DATA.degrees.flatMap((k) => {
    const all = (bars[k][pair.draw] || []).map((bar) => ({ k, bar, length: bar[1] - bar[0] }));
    const some = all.length > BARCODE_ROWS ? all.sort((r, t) => t.length - r.length).slice(0, BARCODE_ROWS) : all;
    return some.sort((r, t) => r.bar[0] - t.bar[0] || r.bar[1] - t.bar[1]);
  });
  if (!rows.length) return h("p", { class: "empty" }, "This draw has no bars.");
  const step = rows.length > 160 ? 1.6 : rows.length > 60 ? 2.2 : 4, gap = 12, roof = 8, left = 34;
  const x = linear(0, top, left, width - 16);
  const places = [];
  let y = roof, last = rows[0].k;
  const names = [[last, y]];
  for (const row of rows) {
    if (row.k !== last) { y += gap; last = row.k; names.push([last, y]); }
    places.push(y);
    y += step;
  }
  const bottom = y + 6, end = (death) => (death === Infinity ? x(top) + 8 : x(death));
  const items = rows.map(({ k, bar: [birth, death] }, r) => {
    const open = pair.draw ? null : inputsOf(i, k, birth, death);
    return { x: end(death), y: places[r] + step / 2, r: 2, open, text: [`H${k}`, `born ${format(birth)}, ${death === Infinity ? "never dies" : `dies ${format(death)}`}`, ...(isLong(i, k, [birth, death]) ? ["longer than noise makes a bar"] : []), ...(open ? ["Enter or click: its inputs"] : [])] };
  });
  const lines = (some) => some.map(({ row: { bar: [birth, death] }, r }) => `M${round(x(birth))},${round(places[r] + step / 2)}H${round(end(death))}`).join("");
  const numbered = rows.map((row, r) => ({ row, r }));
  return readable(canvas(width, bottom + 42, `Barcode of ${layerName(i)}, ${plural(rows.length, "bar")}.`,
    axisBottom(x, bottom, { count: 5, grid: roof, title: `filtration value: ${DATA.unit}` }),
    names.map(([k, at]) => label(left - 8, at + 9, `H${k}`, { "text-anchor": "end" })),
    s("g", { class: colour(DATA.layers[i].network) },
      DATA.degrees.map((k) => s("path", { class: "line", d: lines(numbered.filter(({ row }) => row.k === k)), "stroke-width": round(Math.min(3, step * 0.72)), opacity: k ? 1 : 0.55, "stroke-linejoin": "miter" })),
      numbered.filter(({ row }) => isLong(i, row.k, row.bar)).map(({ row, r }) => s("circle", { class: "fill", cx: round(end(row.bar[1])) + 5, cy: round(places[r] + step / 2), r: 2.4 })))),
  items, { locate: (px, py) => { let best = -1, least = 14; places.forEach((at, r) => { const far = Math.abs(py - at - step / 2); if (far < least) { least = far; best = r; } }); return best; },
    ring: (item) => s("line", { class: "ring", x1: left, x2: item.x, y1: item.y, y2: item.y }), choose: (m) => items[m].open?.() });
}

function bettiPanel(k, chosen, width, top) {
  const { points, layers } = DATA.betti, full = DATA.diagrams.top;
  const values = (text, most) => Array.from(words(text), (level) => (level / DATA.diagrams.levels) * real(most));
  const curves = chosen.map((i) => {
    const entry = layers[i] && layers[i][k];
    if (!entry) return null;
    return {
      i, mean: values(entry.mean, entry.top), low: entry.low && values(entry.low, entry.top), high: entry.high && values(entry.high, entry.top),
      controls: controlsOf(i, k).map((control) => control && values(control.curve, control.curveTop)),
    };
  });
  const at = Array.from({ length: points }, (_, j) => (j / (points - 1)) * full);
  const kept = at.filter((t) => t <= top * 1.001).length;
  const high = Math.max(1, ...curves.filter(Boolean).flatMap((curve) => [curve.high || curve.mean, ...curve.controls.filter(Boolean)]).flatMap((curve) => curve.slice(0, kept)));
  const height = 230, roof = 10, bottom = height - 42;
  const y = linear(0, high * 1.05, bottom, roof);
  const left = leftRoom(y);
  const x = linear(0, top, left, width - 10);
  const items = [];
  const drawn = curves.map((curve, side) => {
    if (!curve) return null;
    const line = (heights) => heights.slice(0, kept).map((value, j) => [x(at[j]), y(value)]);
    line(curve.mean).forEach(([px, py], j) => {
      if (j % 4 === 0) items.push({ x: px, y: py, r: 2, text: [`${"AB"[side]}: ${layerName(curve.i)}`, `at ${format(at[j])}: ${format(curve.mean[j])} bars in H${k}` + (curve.low ? ` (${format(curve.low[j])} to ${format(curve.high[j])})` : ""), ...curve.controls.map((control, c) => control && `${KINDS[c]}: ${format(control[j])}`).filter(Boolean)] });
    });
    return s("g", { class: colour(DATA.layers[curve.i].network) },
      curve.controls.map((control, c) => control && s("path", { class: "line", d: path(line(control)), "stroke-dasharray": CONTROL_DASH[c % 2], "stroke-width": 1.2, opacity: 0.75 })),
      curve.low ? s("path", { class: "band", d: path([...line(curve.high), ...line(curve.low).reverse()]) + "Z" }) : null,
      s("path", { class: "line", d: path(line(curve.mean)), "stroke-dasharray": side ? "6 3" : null }));
  });
  return h("div", { class: "panel" },
    h("h3", {}, `Betti curve, H${k}`),
    h("p", { class: "sub" }, ["pieces", "loops", "voids"][k] || `${k}-dimensional holes`),
    items.length ? readable(canvas(width, height, `Betti curves in H${k}.`,
      axisLeft(y, left, { right: width - 4 }),
      axisBottom(x, bottom, { count: 5, title: `filtration value: ${DATA.unit}` }),
      drawn), items) : h("p", { class: "empty" }, "No curves: the diagrams are not there."));
}
