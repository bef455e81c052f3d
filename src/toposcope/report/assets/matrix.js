// Heatmaps of all layers: distances on the left, in their own units or in those of the sampling noise, and on the right
// what was measured beside them on the same draws, CKA first.

const triangle = (i, j) => { const [a, b] = i < j ? [i, j] : [j, i]; return a * DATA.layers.length - (a * (a + 1)) / 2 + (b - a - 1); };

function between(i, j, degree) {
  if (i === j) return { mean: real(DATA.matrix.noise[degree][i]), half: NaN, noise: real(DATA.matrix.noise[degree][i]) };
  const floors = [i, j].map((k) => real(DATA.matrix.noise[degree][k])).filter(Number.isFinite);
  return {
    mean: real(DATA.matrix.mean[degree][triangle(i, j)]),
    half: real(DATA.matrix.half[degree][triangle(i, j)]),
    noise: floors.length ? floors.reduce((x, y) => x + y) / floors.length : NaN,
  };
}

// The same of something that was measured beside the distance; between a layer and itself there is nothing to measure.
function besides(other, i, j, degree) {
  const k = other.byDegree ? degree : 0;
  if (i === j) return { mean: other.larger ? 1 : 0, half: NaN };
  return { mean: real(other.mean[k][triangle(i, j)]), half: real(other.half[k][triangle(i, j)]) };
}

// Planned tests by pair and degree.
const TESTED = new Map();
DATA.claims.forEach((claim) => claim.cells.forEach((cell) => {
  const key = `${Math.min(cell.a, cell.b)} ${Math.max(cell.a, cell.b)} ${cell.degree}`;
  if (!TESTED.has(key)) TESTED.set(key, cell);
}));
const testOf = (i, j, degree) => TESTED.get(`${Math.min(i, j)} ${Math.max(i, j)} ${degree}`);
const testWords = (test) => (test ? `effect ${format(test.effect)}, adjusted p = ${pValue(test.p_adjusted)}: ${test.shown ? "shown to differ" : "not shown to differ"}` : "not among the planned tests, so without a p-value");

const SIMILAR = DATA.beside.filter((other) => !other.byDegree), OTHERS = DATA.beside.filter((other) => other.byDegree);
const shown = { degree: 0, view: "mean", beside: 0 };
const otherOf = (view) => (typeof view === "number" ? OTHERS[view] : null);

// The value of a pair in the view that is chosen, of what `layerCell` and its kin give.
const valueOf = (cell) => (shown.view === "ratio" ? cell.mean / cell.noise : cell.mean);
const cellIn = (i, j) => (otherOf(shown.view) ? { ...besides(otherOf(shown.view), i, j, shown.degree), noise: NaN } : between(i, j, shown.degree));
const viewName = () => (otherOf(shown.view) ? `mean ${otherOf(shown.view).name} distance` : shown.view === "ratio" ? "mean distance / sampling noise; line: 1×" : `mean ${DATA.measure} distance`);

function drawMatrixControls(redraw) {
  const place = document.getElementById("matrix-controls");
  if (!place) return;
  const noise = DATA.matrix.noise.some((row) => row.some((value) => Number.isFinite(real(value))));
  const views = [["mean", `mean ${DATA.measure}`], ...(noise ? [["ratio", "× sampling noise"]] : []), ...OTHERS.map((other, k) => [k, `mean ${other.name}`])];
  place.replaceChildren(...[
    DATA.degrees.length > 1 ? choices("Degree", DATA.degrees.map((k) => [k, `H${k}`]), shown.degree, (k) => { shown.degree = k; redraw(); }) : null,
    views.length > 1 ? choices("Distance", views, shown.view, (view) => { shown.view = view; redraw(); }) : null,
    SIMILAR.length > 1 ? choices("Beside it", SIMILAR.map((other, k) => [k, other.name]), shown.beside, (k) => { shown.beside = k; redraw(); }) : null,
  ].filter(Boolean));
}

function farTone(values) {
  const known = values.filter(Number.isFinite);
  const high = Math.max(...known, shown.view === "ratio" ? 1.5 : 0);
  return { near: 0, far: known.length && high > 0 ? high : 1 };
}
// Similarities end at 1; unbiased ones may fall below 0.
const nearTone = (values) => ({ near: 1, far: Math.min(0, ...values.filter(Number.isFinite)) });

// Two panels where there is something beside the distance, else one.
function twoPanels(width, panels, most = 780) {
  const some = panels.filter(Boolean);
  const gap = 44, columns = some.length > 1 && width >= 760 ? 2 : 1;
  const each = Math.min(most, (width - (columns - 1) * gap) / columns);
  const grid = h("div", { class: columns > 1 ? "beside" : "" }, some.map((panel) => h("div", { class: "panel wide" }, panel(each))));
  return grid;
}

function drawMatrix(width) {
  const order = DATA.networks.flatMap((_, n) => layersOf(n)), twins = [];
  const other = SIMILAR[shown.beside];
  return twoPanels(width, [
    (each) => [h("h3", {}, "Distance"), layerHeat(each, order, twins, {
      name: `Heatmap of distances between ${order.length} layers in H${shown.degree}; the same numbers are in distance_means.csv.`,
      value: (i, j) => valueOf(cellIn(i, j)), tone: farTone, describe, tests: true,
      title: `H${shown.degree}, ${viewName()}`, empty: `No distance in H${shown.degree} was measured.`, at: shown.view === "ratio" ? [1] : [],
    })],
    other && ((each) => [h("h3", {}, `Beside it: ${other.name}`), layerHeat(each, order, twins, {
      name: `Heatmap of ${other.name} between ${order.length} layers; the same numbers are in similarity_means.csv.`,
      value: (i, j) => besides(other, i, j, 0).mean, tone: other.larger ? nearTone : farTone, describe: (i, j) => describeBeside(other, i, j),
      void: true, title: `mean ${other.name}${other.larger ? ", 1 is most similar" : ""}`, empty: `${other.name} was not measured.`,
    })]),
  ]);
}

function layerHeat(width, order, twins, options) {
  const names = order.map((i) => DATA.layers[i].name);
  const count = order.length;
  const gap = DATA.networks.length > 1 ? (count > 40 ? 3 : 5) : 0;
  const gaps = gap * (DATA.networks.map((_, n) => layersOf(n).length).filter(Boolean).length - 1);
  const over = Math.max(...DATA.networks.map((net) => Math.min(130, widthOf(net.name, 11.5, 600)))) * 0.6;
  const fit = (left) => Math.min(44, (width - left - gaps - (DATA.networks.length > 6 ? over : 2)) / count);
  let left = Math.min(width * 0.3, Math.max(...names.map((name) => widthOf(name, 11))) + 22);
  const named = fit(left) >= 10.5;
  if (!named) left = 16;
  const cell = fit(left);
  // Where names do not fit above their blocks they lean.
  const room = DATA.networks.map((_, n) => layersOf(n).length * cell - 4), leaning = DATA.networks.some((net, n) => room[n] > 0 && widthOf(net.name, 11.5, 600) > room[n]);
  const tallest = Math.max(...DATA.networks.map((net) => Math.min(130, widthOf(net.name, 11.5, 600))));
  const top = leaning ? 24 + tallest * 0.64 : 26;
  const offsets = [], blocks = [];
  let place = 0;
  order.forEach((i, k) => {
    const n = DATA.layers[i].network;
    if (k && n !== DATA.layers[order[k - 1]].network) place += gap;
    offsets.push(place);
    if (!blocks.length || blocks.at(-1).n !== n) blocks.push({ n, from: place });
    place += cell;
    blocks.at(-1).to = place;
  });
  const value = (i, j) => options.value(order[i], order[j]);
  const values = order.flatMap((_, i) => order.map((__, j) => value(i, j)));
  if (!values.some(Number.isFinite)) return h("p", { class: "empty" }, values.includes(Infinity) ? `Every distance in H${shown.degree} is infinite.` : options.empty);
  const tone = options.tone(values);
  const svg = canvas(Math.min(width, left + place + 2 + (leaning ? tallest * 0.6 : 0)), top + place + 4, options.name,
    blocks.map((block) => [
      painted(s("rect", { class: colour(block.n), x: left + block.from, y: top - 8, width: block.to - block.from, height: 4 }), "--c"),
      painted(s("rect", { class: colour(block.n), x: left - 8, y: top + block.from, width: 4, height: block.to - block.from }), "--c"),
      leaning
        ? label(0, 0, shortened(networkName(block.n), 130, 11.5, 600), { class: "strong", transform: `translate(${round(left + (block.from + block.to) / 2 - 4)},${round(top - 14)}) rotate(-40)` })
        : label(left + block.from, top - 14, shortened(networkName(block.n), block.to - block.from - 4, 11.5, 600), { class: "strong" }),
    ]),
    named ? names.map((name, i) => label(left - 14, top + offsets[i] + cell / 2 + 4, shortened(name, left - 16, Math.min(11.5, cell * 0.92)), { "text-anchor": "end", class: "plain", size: Math.min(11.5, cell * 0.92) })) : null,
    s("g", { transform: `translate(${left},${top})` },
      heat(value, offsets, cell - (cell > 8 ? 1 : 0), tone, options.void), own(offsets, cell),
      options.tests && cell >= 5 ? testMarks(order, offsets, cell, value, tone) : null));
  const find = (v) => offsets.findIndex((from) => v >= from && v < from + cell);
  gridReadable(svg, count, (i, j) => ({ x: left + offsets[j] + cell / 2, y: top + offsets[i] + cell / 2, box: [left + offsets[j], top + offsets[i], cell - 1], text: options.describe(order[i], order[j]) }),
    (x, y) => [find(y - top), find(x - left)], (i, j) => openPair(order[i], order[j]), twins);
  return [svg, scaleBar(width, left, tone, options.title, values.includes(Infinity), options.at)];
}

// A planned test is a dot in its cell: full where a difference was shown, hollow where it was not.
function testMarks(order, offsets, cell, value, tone) {
  const r = Math.min(3.4, cell * 0.2);
  return order.flatMap((a, i) => order.map((b, j) => {
    const test = i === j ? null : testOf(a, b, shown.degree), v = value(i, j);
    if (!test || !Number.isFinite(v)) return null;
    const ink = `var(--i${stepOf(v, tone)})`;
    const dot = s("circle", { cx: round(offsets[j] + (cell - 1) / 2), cy: round(offsets[i] + (cell - 1) / 2), r: round(r) });
    Object.assign(dot.style, test.shown ? { fill: ink } : { fill: "none", stroke: ink, strokeWidth: 1 });
    return dot;
  }));
}

const pairName = (i, j) => `${layerName(i)} – ${layerName(j)}`;
const interval = (cell) => (Number.isFinite(cell.half) ? ` (${level}: ${format(cell.mean - cell.half)} to ${format(cell.mean + cell.half)})` : "");
const alikeLine = (i, j) => { const other = SIMILAR[shown.beside]; const cell = other && besides(other, i, j, 0); return other && i !== j ? [`${other.name} ${Number.isNaN(cell.mean) ? "not defined" : format(cell.mean) + interval(cell)}`] : []; };

function describe(i, j) {
  const other = otherOf(shown.view), cell = cellIn(i, j);
  if (i === j) return [layerName(i), other ? "one and the same layer" : `H${shown.degree}, two disjoint draws of this layer: ${format(cell.mean)}`];
  if (Number.isNaN(cell.mean)) return [pairName(i, j), `H${shown.degree}: not measured, because a task failed`];
  const noise = Number.isFinite(cell.noise) ? `sampling noise ${format(cell.noise)}` : "sampling noise not known";
  return [
    pairName(i, j),
    `H${shown.degree}, mean ${other ? other.name : DATA.measure} ${format(cell.mean)}${interval(cell)}`,
    ...(other ? [] : [noise + (Number.isFinite(cell.mean / cell.noise) ? `; ${format(cell.mean / cell.noise)}× noise` : "")]),
    `${DATA.measure}: ${testWords(testOf(i, j, shown.degree))}`,
    ...alikeLine(i, j),
    "Enter or click: both side by side",
  ];
}

function describeBeside(other, i, j) {
  if (i === j) return [layerName(i), "one and the same layer"];
  const cell = besides(other, i, j, 0), distance = between(i, j, shown.degree);
  const same = DATA.layers[i].network === DATA.layers[j].network;
  return [
    pairName(i, j),
    Number.isNaN(cell.mean) ? `${other.name}: not defined${same ? "" : "; the two networks saw different inputs, or a layer is constant"}` : `mean ${other.name} ${format(cell.mean)}${interval(cell)}`,
    `H${shown.degree}, mean ${DATA.measure} ${format(distance.mean)}${interval(distance)}`,
    "Enter or click: both side by side",
  ];
}
