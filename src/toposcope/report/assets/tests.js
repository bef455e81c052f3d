// Planned comparisons: one panel for each claim, one row for each pair of layers, one mark for each degree.

function drawTests(width) {
  const groups = [
    ["Planned by the study", DATA.claims.filter((claim) => claim.network === null)],
    ["Steps into each layer from the one before", DATA.claims.filter((claim) => claim.network !== null)],
  ].filter(([, claims]) => claims.length);
  const filled = DATA.degrees.map((k) => [mark(k, 0, 0, 4.2, { class: "fill none" }), `H${k}, shown to differ`]);
  const hollow = DATA.degrees.map((k) => [mark(k, 0, 0, 4.2, { class: "open none" }), `H${k}, not shown`]);
  return [
    markKey([...filled, ...hollow]),
    groups.map(([title, claims]) => {
      const range = effectRange(claims.flatMap((claim) => claim.cells.flatMap((cell) => [cell.effect, cell.low, cell.high].map(real))));
      const most = Math.max(1, Math.floor((width + 40) / 360));
      const columns = Math.ceil(claims.length / Math.ceil(claims.length / most)); // rows of equal length
      const each = Math.min(560, (width - (columns - 1) * 40) / columns);
      const panels = h("div", { class: "panels" }, claims.map((claim) => h("div", { class: "panel" },
        h("h4", {}, claim.network === null ? claim.claim : networkName(claim.network)),
        h("p", { class: "sub" }, summary(claim)),
        forest(claim, each, range))));
      panels.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 560px))`;
      return [h("h3", { class: "group" }, title), panels];
    }),
  ];
}

function summary(claim) {
  const rows = new Map();
  for (const cell of claim.cells) rows.set(`${cell.a} ${cell.b}`, rows.get(`${cell.a} ${cell.b}`) || cell.shown);
  const shown = [...rows.values()].filter(Boolean).length;
  const noun = claim.network === null ? "layer" : "step";
  const odd = claim.cells.filter((cell) => !Number.isFinite(real(cell.effect))).length;
  return `${shown} of ${plural(rows.size, noun)} shown to differ` + (odd ? `; ${plural(odd, "effect")} not finite and not drawn` : "");
}

// Linear while one axis can show all; beyond a 25-fold range of distances in multiples of the noise, logarithmic.
function effectRange(effects) {
  const known = effects.filter(Number.isFinite);
  const high = Math.max(0.5, ...known), low = Math.min(0, ...known);
  if (high < 24) return { log: false, low: low - (high - low) * 0.03, high: high + (high - low) * 0.04 };
  return { log: true, low: Math.log10(Math.max(0.05, 1 + low)) - 0.05, high: Math.log10(1 + high) + 0.06 };
}

function forest(claim, width, range) {
  const rows = [...new Map(claim.cells.map((cell) => [`${cell.a} ${cell.b}`, [cell.a, cell.b]])).values()];
  const place = new Map(rows.map(([a, b], i) => [`${a} ${b}`, i]));
  const parts = rows.map(([a, b]) => {
    const [x, y] = [DATA.layers[a].name, DATA.layers[b].name];
    return claim.network !== null ? [`→ ${y}`] : x === y ? [x] : [x, " | ", y];
  });
  const names = parts.map((part) => part.join(""));
  const full = rows.map(([a, b], i) => (claim.network === null ? names[i] : `${DATA.layers[a].name} → ${DATA.layers[b].name}`));
  const left = Math.min(width * 0.42, Math.max(...names.map((name) => widthOf(name))) + 14);
  const step = rows.length > 24 ? 15 : DATA.degrees.length > 2 ? 26 : 22;
  const top = 8, bottom = top + rows.length * step + 5;
  const x = linear(range.low, range.high, left, width - 10);
  const at = (effect) => x(range.log ? Math.max(range.low, Math.log10(Math.max(1e-9, 1 + effect))) : effect);
  const logTicks = { ticks: () => [1, 3, 10, 30, 100, 300, 1000, 1e4, 1e5, 1e6].map(Math.log10).filter((t) => t >= range.low && t <= range.high) };
  const axis = range.log ? Object.assign((t) => x(t), x, logTicks) : x;
  const items = [];
  const marks = claim.cells.map((cell) => {
    const effect = real(cell.effect), [low, high] = [real(cell.low), real(cell.high)];
    if (!Number.isFinite(effect)) return null;
    const spread = Math.min(5, step / 3.4);
    const y = top + (place.get(`${cell.a} ${cell.b}`) + 0.5) * step + (cell.degree - (DATA.degrees.length - 1) / 2) * spread;
    const px = at(effect), r = step > 20 ? 4.2 : 3.4;
    const interval = Number.isFinite(low) && Number.isFinite(high);
    items.push({ x: px, y, r, pair: [cell.a, cell.b], text: [
      `${full[place.get(`${cell.a} ${cell.b}`)]}, H${cell.degree}`,
      `effect ${format(effect)} (${format(1 + effect)}× sampling noise)` + (interval ? `, ${format(low)} to ${format(high)}` : ""),
      `p = ${pValue(cell.p)}, adjusted p = ${pValue(cell.p_adjusted)}`,
      cell.shown ? "shown to differ" : "not shown to differ",
      "Enter or click: both side by side",
    ] });
    return [
      interval ? s("line", { class: `line ${ink(claim)}`, x1: at(low), x2: at(high), y1: y, y2: y }) : null,
      s("line", { class: `stem ${ink(claim)}`, x1: at(0), x2: px, y1: y, y2: y }),
      mark(cell.degree, px, y, r, { class: `${cell.shown ? "fill" : "open"} ${ink(claim)}` }),
    ];
  });
  const svg = canvas(width, bottom + 44, `Effects of ${claim.claim}: ${summary(claim)}.`,
    axisBottom(axis, bottom, { grid: top, count: width < 380 ? 4 : 6, text: range.log ? (t) => `${Math.round(10 ** t)}×` : undefined }),
    label((left + width - 10) / 2, bottom + 35, range.log ? "distance, × sampling noise (log)" : "effect (× sampling noise − 1)", { "text-anchor": "middle" }),
    s("line", { class: "zero", x1: at(0), x2: at(0), y1: top - 4, y2: bottom }),
    parts.map((part, i) => label(left - 10, top + (i + 0.5) * step + 4, part.length > 1 ? shortenedPair(...part, left - 12) : shortened(part[0], left - 12), { "text-anchor": "end", class: "plain" })),
    marks);
  return readable(svg, items, { choose: (k) => openPair(...items[k].pair) });
}

const ink = (claim) => (claim.network === null ? "none" : colour(claim.network));
