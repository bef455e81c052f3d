// What heatmaps are made of: cells by colour, a scale below them, and reading them by row and column.

const HEAT = 64;

// A grid of cells, drawn as one path for each colour: ten thousand cells cost sixty-four elements.
// blank: cells without a value are empty, because there can be none; else they are hatched.
function heat(value, offsets, size, tone, blank) {
  const paths = Array.from({ length: HEAT }, () => []);
  const odd = [], missing = [];
  offsets.forEach((y, i) => offsets.forEach((x, j) => {
    const v = value(i, j);
    const box = `M${round(x)},${round(y)}h${round(size)}v${round(size)}h${round(-size)}Z`;
    if (Number.isNaN(v)) missing.push(blank ? box : `${box}m${round(size)},0l${round(-size)},${round(size)}`);
    else if (!Number.isFinite(v)) odd.push(box);
    else paths[stepOf(v, tone)].push(box);
  }));
  return [
    paths.map((boxes, k) => (boxes.length ? painted(s("path", { d: boxes.join(""), "shape-rendering": "crispEdges" }), `--h${k}`) : null)),
    missing.length ? s("path", { class: blank ? "void" : "missing", d: missing.join("") }) : null,
    odd.length ? painted(s("path", { d: odd.join(""), "shape-rendering": "crispEdges" }), "--quiet") : null,
  ];
}

// A tone says which values are near (light on a light page) and which are far: for similarities the large ones are near.
const stepOf = (v, { near, far }) => Math.max(0, Math.min(HEAT - 1, Math.round(((v - near) / (far - near || 1)) * (HEAT - 1))));
function painted(node, variable) { node.style.fill = `var(${variable})`; return node; }

// Where both sides are one and the same, a cell is framed: it shows no difference between two.
const own = (offsets, cell) => (cell > 6 ? offsets.map((x) => s("rect", { class: "own", x: round(x + 0.5), y: round(x + 0.5), width: round(cell - 2), height: round(cell - 2) })) : null);

// Cells are read by row and column; only the one looked at is described. twins: other grids of the same rows and
// columns, in which the same cell is ringed.
function gridReadable(svg, count, item, locate, choose, twins) {
  const items = new Proxy({ length: count * count }, { get: (target, key) => (key === "length" ? target.length : item(Math.floor(Number(key) / count), Number(key) % count)) });
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: count, ArrowUp: -count };
  const ring = ({ box: [x, y, side] }) => s("rect", { class: "ring", x: x - 1, y: y - 1, width: side + 2, height: side + 2 });
  const echo = s("g", { "aria-hidden": "true" });
  svg.append(echo);
  if (twins) twins.push({ svg, echo: (k) => echo.replaceChildren(...(k < 0 ? [] : [ring(items[k])])) });
  const others = () => (twins || []).filter((twin) => twin.svg !== svg);
  return readable(svg, items, {
    locate: (x, y) => { const [i, j] = locate(x, y); return i < 0 || j < 0 ? -1 : i * count + j; },
    move: (i, key) => (i + steps[key] < 0 || i + steps[key] >= count * count ? i : i + steps[key]),
    choose: choose && ((k) => choose(Math.floor(k / count), k % count)),
    ring, seen: (k) => others().forEach((twin) => twin.echo(k)),
  });
}

// The colours of a tone with their values; odd: whether there are infinite ones; at: values that a line marks.
function scaleBar(width, left, tone, title, odd, at) {
  const [low, high] = [Math.min(tone.near, tone.far), Math.max(tone.near, tone.far)];
  const bar = Math.min(240, width - left - 30), scale = linear(low, high, 0, bar);
  const colourAt = (k) => stepOf(low + ((high - low) * (k + 0.5)) / HEAT, tone);
  return canvas(width, 58, `Colour scale from ${format(low)} to ${format(high)}.`, s("g", { transform: `translate(${round(left)},10)` },
    Array.from({ length: HEAT }, (_, k) => painted(s("rect", { x: (k * bar) / HEAT, y: 0, width: bar / HEAT + 0.6, height: 9 }), `--h${colourAt(k)}`)),
    (at || []).filter((v) => v > low && v < high).map((v) => s("line", { class: "zero", x1: scale(v), x2: scale(v), y1: -3, y2: 13 })),
    scale.ticks(4).map((t, _, all) => label(scale(t), 24, tickText(t, all), { "text-anchor": t === low ? "start" : "middle" })),
    label(0, 41, title),
    odd ? [painted(s("rect", { x: bar + 12, y: 0, width: 9, height: 9 }), "--quiet"), label(bar + 26, 9, "∞")] : null));
}
