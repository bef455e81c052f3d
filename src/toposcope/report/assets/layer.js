// Two layers side by side: their diagrams over all draws, and their Betti curves together.

const pair = { chosen: DATA.pair };
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

function drawLayer(width) {
  const pick = (side, title) => {
    const select = h("select", {}, DATA.networks.map((net, n) => h("optgroup", { label: net.name },
      layersOf(n).map((i) => h("option", { value: i, selected: i === pair.chosen[side] ? "" : null }, `${DATA.layers[i].name}${DATA.networks.length > 1 ? ` (${net.name})` : ""}`)))));
    select.addEventListener("change", () => { pair.chosen[side] = Number(select.value); redrawPair(); });
    return h("label", {}, title, select);
  };
  const [a, b] = pair.chosen;
  const bars = [a, b].map((i) => (DATA.diagrams.layers[i] || []).map((draws) => draws.map(barsOf)));
  const ends = bars.flat(3).flat().filter(Number.isFinite);
  const top = (Math.max(...ends, 0) || 1) * 1.04;
  const wide = width > 700 ? (width - 48) / 2 : width;
  const curves = DATA.degrees.map((k) => bettiPanel(k, DATA.layers.length > 1 ? [a, b] : [a], wide, top));
  const sides = DATA.layers.length > 1 ? [a, b] : [a];
  return [
    sides.length > 1 ? [h("div", { class: "pickers" }, pick(0, "Layer A"), pick(1, "Layer B")), verdict(a, b)] : null,
    degreeKey(),
    h("div", { class: "pair" }, sides.map((i, side) => h("div", { class: "panel" },
      h("h3", {}, `${"AB"[side]}: ${layerName(i)}`),
      diagram(bars[side], i, wide, top),
      about(i, bars[side])))),
    h("p", { class: "key group" }, sides.map((i, side) => h("span", {},
      s("svg", { width: 26, height: 12, viewBox: "0 0 26 12", "aria-hidden": "true" }, s("line", { class: `line ${colour(DATA.layers[i].network)}`, x1: 0, x2: 26, y1: 6, y2: 6, "stroke-dasharray": side ? "6 3" : null })),
      `${"AB"[side]}: ${layerName(i)}`))),
    h("div", { class: "pair" }, curves),
  ];
}

function degreeKey() {
  return markKey(DATA.degrees.map((k) => k
    ? [mark(k, 0, 0, 4.2, { class: "fill none" }), `H${k}`]
    : [s("line", { class: "zero", x1: -5, x2: 5, y1: 0, y2: 0, "stroke-width": 1.6 }), "H0, on the left edge"]));
}

function verdict(a, b) {
  if (a === b) return h("p", { class: "verdict" }, "Both sides show the same layer.");
  const parts = DATA.degrees.map((k) => {
    const cell = between(a, b, k);
    const noise = Number.isFinite(cell.noise) ? `, sampling noise ${format(cell.noise)}` : "";
    const test = DATA.claims.flatMap((claim) => claim.cells).find((t) => t.degree === k && ((t.a === a && t.b === b) || (t.a === b && t.b === a)));
    const tested = test ? `; effect ${format(test.effect)}, adjusted p = ${pValue(test.p_adjusted)}, ${test.shown ? "shown to differ" : "not shown to differ"}` : "";
    return `H${k}: mean ${DATA.measure} distance ${format(cell.mean)}${noise}${tested}.`;
  });
  const untested = DATA.claims.some((claim) => claim.cells.some((t) => (t.a === a && t.b === b) || (t.a === b && t.b === a))) ? null : h("li", {}, "This pair has no test: it was not among the planned comparisons, or could not be tested.");
  return h("ul", { class: "verdict" }, parts.map((part) => h("li", {}, part)), untested);
}

function about(i, bars) {
  const layer = DATA.layers[i];
  const parts = [
    layer.module, layer.shape ? `activation ${layer.shape}` : "", layer.reduction,
    layer.dimension !== null ? `vectors of length ${layer.dimension}` : "",
    layer.effective_dimension !== null ? `effective dimension ${format(layer.effective_dimension)}` : "",
    layer.duplicates ? `${layer.duplicates} duplicate rows` : "",
    layer.scale !== null ? `mean scale ${format(layer.scale)}` : "",
    bars.length ? plural(bars[0].length, "draw") : "",
  ];
  return h("p", { class: "about" }, parts.filter(Boolean).join(" · "));
}

function diagram(bars, i, width, top) {
  if (!bars.length) return h("p", { class: "empty" }, "No diagrams of this layer: its homology failed, or the artefacts are gone from the store.");
  const side = Math.min(width - 52, 430), left = 46, roof = 34, strip = 16;
  const x = linear(0, top, left, left + side), y = linear(0, top, roof + side, roof);
  const className = colour(DATA.layers[i].network);
  const marks = [], items = [];
  bars.forEach((draws, k) => draws.map((rows, draw) => [rows, draw]).reverse().forEach(([rows, draw]) => {
    const opacity = draw ? Math.max(0.1, 0.34 / Math.sqrt(draws.length)) : 0.9;
    // One path for all marks of a draw keeps ten thousand bars cheap.
    const shapes = [], strokes = [];
    for (const [birth, death] of rows) {
      const px = x(birth), py = death === Infinity ? strip : y(death);
      if (k === 0 && birth === 0) strokes.push(`M${round(px)},${round(py)}h9`);
      else shapes.push(moved(shape(k, draw ? 2.3 : 2.7), px, py));
      if (draw) continue;
      const open = inputsOf(i, k, birth, death);
      items.push({ x: k === 0 && birth === 0 ? px + 5 : px, y: py, r: 3, open, text: [`H${k}, first draw`, `born ${format(birth)}, ${death === Infinity ? "never dies" : `dies ${format(death)}`}`, ...(open ? ["Enter or click: its inputs"] : [])] });
    }
    if (strokes.length) marks.push(s("path", { class: "line", d: strokes.join(""), opacity: draw ? opacity * 0.8 : 0.8, "stroke-width": 1.2 }));
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
    s("g", { class: className }, marks)), items, { choose: (m) => items[m].open?.() });
}

function moved(d, x, y) {
  return d.replace(/^M([-\d.]+),([-\d.]+)/, (_, dx, dy) => `M${round(x + Number(dx))},${round(y + Number(dy))}`)
    .replace(/L([-\d.e]+),([-\d.e]+)/g, (_, dx, dy) => `L${round(x + Number(dx))},${round(y + Number(dy))}`);
}

function bettiPanel(k, chosen, width, top) {
  const { points, layers } = DATA.betti, full = DATA.diagrams.top;
  const curves = chosen.map((i) => {
    const entry = layers[i] && layers[i][k];
    if (!entry) return null;
    const values = (text) => Array.from(words(text), (level) => (level / DATA.diagrams.levels) * real(entry.top));
    return { i, mean: values(entry.mean), low: entry.low && values(entry.low), high: entry.high && values(entry.high) };
  });
  const at = Array.from({ length: points }, (_, j) => (j / (points - 1)) * full);
  const kept = at.filter((t) => t <= top * 1.001).length;
  const high = Math.max(1, ...curves.filter(Boolean).flatMap((curve) => (curve.high || curve.mean).slice(0, kept)));
  const height = 230, roof = 10, bottom = height - 42;
  const y = linear(0, high * 1.05, bottom, roof);
  const left = leftRoom(y);
  const x = linear(0, top, left, width - 10);
  const items = [];
  const drawn = curves.map((curve, side) => {
    if (!curve) return null;
    const line = (values) => values.slice(0, kept).map((value, j) => [x(at[j]), y(value)]);
    line(curve.mean).forEach(([px, py], j) => {
      if (j % 4 === 0) items.push({ x: px, y: py, r: 2, text: [`${"AB"[side]}: ${layerName(curve.i)}`, `at ${format(at[j])}: ${format(curve.mean[j])} bars in H${k}` + (curve.low ? ` (${format(curve.low[j])} to ${format(curve.high[j])})` : "")] });
    });
    return s("g", { class: colour(DATA.layers[curve.i].network) },
      curve.low ? s("path", { class: "band", d: path([...line(curve.high), ...line(curve.low).reverse()]) + "Z" }) : null,
      s("path", { class: "line", d: path(line(curve.mean)), "stroke-dasharray": side ? "6 3" : null }));
  });
  return h("div", { class: "panel" },
    h("h3", {}, `Betti curve, H${k}`),
    h("p", { class: "sub" }, ["pieces", "loops", "voids"][k] || `${k}-dimensional holes`),
    readable(canvas(width, height, `Betti curves in H${k}.`,
      axisLeft(y, left, { right: width - 4 }),
      axisBottom(x, bottom, { count: 5, title: `filtration value: ${DATA.unit}` }),
      drawn), items));
}
