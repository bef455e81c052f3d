// Heatmaps of distances between layers and between networks, in units of the distance or of the sampling noise.

const HEAT = 64;

function between(i, j, degree) {
  if (i === j) return { mean: real(DATA.matrix.noise[degree][i]), half: NaN, noise: real(DATA.matrix.noise[degree][i]) };
  const [a, b] = i < j ? [i, j] : [j, i];
  const size = DATA.layers.length;
  const place = a * size - (a * (a + 1)) / 2 + (b - a - 1);
  const floors = [a, b].map((k) => real(DATA.matrix.noise[degree][k])).filter(Number.isFinite);
  return {
    mean: real(DATA.matrix.mean[degree][place]),
    half: real(DATA.matrix.half[degree][place]),
    noise: floors.length ? floors.reduce((x, y) => x + y) / floors.length : NaN,
  };
}

const shown = { degree: 0, ratio: false };
const valueOf = (cell) => (shown.ratio ? cell.mean / cell.noise : cell.mean);

function drawMatrixControls(redraw) {
  const place = document.getElementById("matrix-controls");
  if (!place) return;
  const noise = DATA.matrix.noise.some((row) => row.some((value) => Number.isFinite(real(value))));
  place.replaceChildren(...[
    DATA.degrees.length > 1 ? choices("Degree", DATA.degrees.map((k) => [k, `H${k}`]), shown.degree, (k) => { shown.degree = k; redraw(); }) : null,
    noise ? choices("Show", [[false, `mean ${DATA.measure}`], [true, "× sampling noise"]], shown.ratio, (ratio) => { shown.ratio = ratio; redraw(); }) : null,
  ].filter(Boolean));
}

// A grid of cells, drawn as one path for each colour: ten thousand cells cost sixty-four elements.
function heat(value, offsets, size, low, high) {
  const paths = Array.from({ length: HEAT }, () => []);
  const odd = [], missing = [];
  offsets.forEach((y, i) => offsets.forEach((x, j) => {
    const v = value(i, j);
    const box = `M${round(x)},${round(y)}h${round(size)}v${round(size)}h${round(-size)}Z`;
    if (Number.isNaN(v)) missing.push(`${box}m${round(size)},0l${round(-size)},${round(size)}`);
    else if (!Number.isFinite(v)) odd.push(box);
    else paths[stepOf(v, low, high)].push(box);
  }));
  return [
    paths.map((boxes, k) => (boxes.length ? painted(s("path", { d: boxes.join(""), "shape-rendering": "crispEdges" }), `--h${k}`) : null)),
    missing.length ? s("path", { class: "missing", d: missing.join("") }) : null,
    odd.length ? painted(s("path", { d: odd.join(""), "shape-rendering": "crispEdges" }), "--quiet") : null,
  ];
}
const stepOf = (v, low, high) => Math.max(0, Math.min(HEAT - 1, Math.round(((v - low) / (high - low || 1)) * (HEAT - 1))));
function painted(node, variable) { node.style.fill = `var(${variable})`; return node; }

// The diagonal is framed: it shows noise, and is no distance between two layers.
const own = (offsets, cell) => (cell > 6 ? offsets.map((x) => s("rect", { class: "own", x: round(x + 0.5), y: round(x + 0.5), width: round(cell - 2), height: round(cell - 2) })) : null);

function domain(values) {
  const known = values.filter(Number.isFinite);
  const high = Math.max(...known, shown.ratio ? 1.5 : 0);
  return [0, known.length && high > 0 ? high : 1];
}

function scaleBar(width, left, low, high, values) {
  const odd = values.some((v) => v === Infinity);
  if (!values.some(Number.isFinite)) return h("p", { class: "empty" }, odd ? `Every distance in H${shown.degree} is infinite.` : `No distance in H${shown.degree} was measured.`);
  const bar = Math.min(240, width - left - 30), scale = linear(low, high, 0, bar);
  return canvas(width, 58, `Colour scale from ${format(low)} to ${format(high)}.`, s("g", { transform: `translate(${round(left)},10)` },
    Array.from({ length: HEAT }, (_, k) => painted(s("rect", { x: (k * bar) / HEAT, y: 0, width: bar / HEAT + 0.6, height: 9 }), `--h${k}`)),
    shown.ratio && high > 1 ? s("line", { class: "zero", x1: scale(1), x2: scale(1), y1: -3, y2: 13 }) : null,
    scale.ticks(4).map((t, _, all) => label(scale(t), 24, tickText(t, all), { "text-anchor": t === low ? "start" : "middle" })),
    label(0, 41, shown.ratio ? `H${shown.degree}, mean distance / sampling noise; line: 1×` : `H${shown.degree}, mean ${DATA.measure} distance`),
    odd ? [painted(s("rect", { x: bar + 12, y: 0, width: 9, height: 9 }), "--quiet"), label(bar + 26, 9, "∞")] : null));
}

function drawMatrix(width) {
  const order = DATA.networks.flatMap((_, n) => layersOf(n));
  const names = order.map((i) => DATA.layers[i].name);
  const count = order.length;
  const gap = DATA.networks.length > 1 ? 5 : 0;
  const sizes = DATA.networks.map((_, n) => layersOf(n).length).filter(Boolean);
  const gaps = gap * (sizes.length - 1);
  let left = Math.min(width * 0.3, Math.max(...names.map((name) => widthOf(name, 11))) + 22);
  let cell = Math.min(44, (Math.min(width, 780) - left - gaps) / count);
  const named = cell >= 10.5;
  if (!named) { left = 16; cell = Math.min(44, (Math.min(width, 780) - left - gaps) / count); }
  const top = 26;
  const offsets = [];
  let place = 0;
  order.forEach((i, k) => {
    if (k && DATA.layers[i].network !== DATA.layers[order[k - 1]].network) place += gap;
    offsets.push(place);
    place += cell;
  });
  const cells = (i, j) => between(order[i], order[j], shown.degree);
  const values = order.flatMap((_, i) => order.map((__, j) => valueOf(cells(i, j))));
  const [low, high] = domain(values);
  const blocks = [];
  order.forEach((i, k) => {
    const n = DATA.layers[i].network;
    if (!blocks.length || blocks.at(-1).n !== n) blocks.push({ n, from: offsets[k], to: 0 });
    blocks.at(-1).to = offsets[k] + cell;
  });
  const items = { length: count * count };
  const svg = canvas(left + place + 2, top + place + 4, `Heatmap of distances between ${count} layers in H${shown.degree}; the same numbers are in distance_means.csv.`,
    blocks.map((block) => [
      painted(s("rect", { class: colour(block.n), x: left + block.from, y: top - 8, width: block.to - block.from, height: 4 }), "--c"),
      painted(s("rect", { class: colour(block.n), x: left - 8, y: top + block.from, width: 4, height: block.to - block.from }), "--c"),
      label(left + block.from, top - 14, shortened(networkName(block.n), block.to - block.from - 4, 11.5, 600), { class: "strong" }),
    ]),
    named ? names.map((name, i) => label(left - 14, top + offsets[i] + cell / 2 + 4, shortened(name, left - 16, Math.min(11.5, cell * 0.92)), { "text-anchor": "end", class: "plain", size: Math.min(11.5, cell * 0.92) })) : null,
    s("g", { transform: `translate(${left},${top})` }, heat((i, j) => valueOf(cells(i, j)), offsets, cell - (cell > 8 ? 1 : 0), low, high), own(offsets, cell)));
  const find = (v) => offsets.findIndex((from) => v >= from && v < from + cell);
  gridReadable(svg, count, (i, j) => ({ x: left + offsets[j] + cell / 2, y: top + offsets[i] + cell / 2, box: [left + offsets[j], top + offsets[i], cell - 1], text: describe(order[i], order[j]) }), (x, y) => [find(y - top), find(x - left)], (i, j) => openPair(order[i], order[j]));
  return [svg, scaleBar(width, left, low, high, values)];
}

// Cells are read by row and column; only the one looked at is described.
function gridReadable(svg, count, item, locate, choose) {
  const items = new Proxy({ length: count * count }, { get: (target, key) => (key === "length" ? target.length : item(Math.floor(Number(key) / count), Number(key) % count)) });
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: count, ArrowUp: -count };
  return readable(svg, items, {
    locate: (x, y) => { const [i, j] = locate(x, y); return i < 0 || j < 0 ? -1 : i * count + j; },
    move: (i, key) => (i + steps[key] < 0 || i + steps[key] >= count * count ? i : i + steps[key]),
    choose: choose && ((k) => choose(Math.floor(k / count), k % count)),
    ring: ({ box: [x, y, side] }) => s("rect", { class: "ring", x: x - 1, y: y - 1, width: side + 2, height: side + 2 }),
  });
}

function describe(i, j) {
  const cell = between(i, j, shown.degree);
  const noise = Number.isFinite(cell.noise) ? `sampling noise ${format(cell.noise)}` : "sampling noise not known";
  if (i === j) return [layerName(i), `H${shown.degree}, two disjoint draws of this layer: ${format(cell.mean)}`];
  const interval = Number.isFinite(cell.half) ? ` (${level}: ${format(cell.mean - cell.half)} to ${format(cell.mean + cell.half)})` : "";
  if (Number.isNaN(cell.mean)) return [`${layerName(i)} – ${layerName(j)}`, `H${shown.degree}: not measured, because a task failed`];
  return [
    `${layerName(i)} – ${layerName(j)}`,
    `H${shown.degree}, mean ${DATA.measure} ${format(cell.mean)}${interval}`,
    noise + (Number.isFinite(cell.mean / cell.noise) ? `; ${format(cell.mean / cell.noise)}× noise` : ""),
    "Enter or click: both side by side",
  ];
}

function drawNets(width) {
  const count = DATA.networks.length;
  const nets = DATA.nets[shown.degree];
  const cellOf = (i, j) => ({ mean: real(nets.mean[i][j]), noise: real(nets.noise[i][j]) });
  const values = DATA.networks.flatMap((_, i) => DATA.networks.map((__, j) => valueOf(cellOf(i, j))));
  const [low, high] = domain(values);
  const left = Math.min(width * 0.36, Math.max(...DATA.networks.map((net) => widthOf(net.name))) + 22);
  const cell = Math.min(72, (Math.min(width, 460) - left) / count);
  const offsets = DATA.networks.map((_, i) => i * cell);
  const top = 12;
  const svg = canvas(left + count * cell + 2, top + count * cell + 4, `Heatmap of mean distances between ${count} networks in H${shown.degree}.`,
    DATA.networks.map((net, n) => [
      painted(s("rect", { class: colour(n), x: left + offsets[n], y: top - 8, width: cell - 1, height: 4 }), "--c"),
      painted(s("rect", { class: colour(n), x: left - 8, y: top + offsets[n], width: 4, height: cell - 1 }), "--c"),
      cell >= 11 ? label(left - 14, top + offsets[n] + cell / 2 + 4, shortened(net.name, left - 16), { "text-anchor": "end", class: "plain" }) : null,
    ]),
    s("g", { transform: `translate(${left},${top})` },
      heat((i, j) => valueOf(cellOf(i, j)), offsets, cell - 1, low, high), own(offsets, cell),
      cell >= 34 ? offsets.flatMap((y, i) => offsets.map((x, j) => {
        const v = valueOf(cellOf(i, j));
        const text = label(x + cell / 2 - 0.5, y + cell / 2 + 4, format(v), { "text-anchor": "middle" });
        return painted(text, Number.isFinite(v) ? `--i${stepOf(v, low, high)}` : v === Infinity ? "--page" : "--quiet");
      })) : null));
  gridReadable(svg, count, (i, j) => {
    const entry = cellOf(i, j), pairs = nets.pairs[i][j];
    const text = i === j
      ? [networkName(i), `H${shown.degree}, mean sampling noise of ${plural(pairs, "layer")}: ${format(entry.mean)}`]
      : [`${networkName(i)} – ${networkName(j)}`, `H${shown.degree}, mean over ${plural(pairs, "matched pair")} of layers: ${format(entry.mean)}`, `sampling noise ${format(entry.noise)}; ${format(entry.mean / entry.noise)}× noise`];
    return { x: left + offsets[j] + cell / 2, y: top + offsets[i] + cell / 2, box: [left + offsets[j], top + offsets[i], cell - 1], text };
  }, (x, y) => [y, x].map((v, k) => { const i = Math.floor((v - (k ? left : top)) / cell); return i < 0 || i >= count ? -1 : i; }));
  return [svg, scaleBar(width, left, low, high, values)];
}
