// Distances and descriptors against relative depth: small multiples with bands over draws.

let depthDegree = 0;

function drawDepth(width, redraw) {
  const panels = [...travelPanels(depthDegree), ...DATA.depth.filter((panel) => panel.degree === null || panel.degree === depthDegree)];
  const columns = width >= 980 ? 3 : width >= 640 ? 2 : 1;
  const each = (width - (columns - 1) * 34) / columns;
  return [
    DATA.degrees.length > 1 ? h("div", { class: "controls" }, choices("Degree", DATA.degrees.map((k) => [k, `H${k}`]), depthDegree, (k) => { depthDegree = k; redraw(); })) : null,
    networkKey(redraw),
    h("div", { class: "panels three" }, panels.map((panel) => h("div", { class: "panel" },
      h("h3", {}, panel.degree === null ? panel.title : `${panel.title}, H${panel.degree}`),
      h("p", { class: "sub" }, panel.unit),
      depthPanel(panel, each)))),
  ];
}

// How far every layer lies from the first of its network, and from the one before, with the noise that it is held against.
function travelPanels(degree) {
  const values = (pairOf) => {
    const found = DATA.layers.map(() => null), noise = DATA.layers.map(() => NaN);
    DATA.networks.forEach((_, n) => layersOf(n).forEach((i, k, all) => {
      const from = pairOf(all, k);
      if (from === null) return;
      const cell = between(from, i, degree);
      found[i] = [cell.mean, cell.mean - cell.half, cell.mean + cell.half];
      noise[i] = cell.noise;
    }));
    return { degree, unit: `mean ${DATA.measure} over draws`, values: found, noise };
  };
  if (!DATA.networks.some((_, n) => layersOf(n).length > 1)) return [];
  return [
    { title: "Distance from the first layer", ...values((all, k) => (k ? all[0] : null)) },
    { title: "Step from the layer before", ...values((all, k) => (k ? all[k - 1] : null)) },
  ];
}

const realsOf = (panel) => panel.values.map((value) => (value ? value.map(real) : [NaN, NaN, NaN]));

function depthPanel(panel, width) {
  const values = realsOf(panel);
  const height = 190, top = 8, bottom = height - 40;
  const [low, high] = extent([...values.flat(), ...(panel.noise || [])]);
  const y = linear(low, high, bottom, top);
  const left = leftRoom(y, 5);
  const x = linear(0, 1, left + 6, width - 10);
  const items = [];
  const drawn = DATA.networks.map((net, n) => {
    const members = layersOf(n).filter((i) => Number.isFinite(values[i][0])).sort((a, b) => DATA.layers[a].depth - DATA.layers[b].depth);
    const at = (i) => x(members.length === 1 && !DATA.layers[i].depth ? 0 : DATA.layers[i].depth);
    members.forEach((i) => items.push({ x: at(i), y: y(values[i][0]), r: 3, i, text: [layerName(i), readValue(panel, values[i], panel.noise?.[i]), ...(HOLES?.layers[i] ? ["Enter or click: its bars and their inputs"] : [])] }));
    return s("g", { class: colour(n), opacity: lit(n) ? null : 0.1 },
      panel.noise && members.length > 1 ? s("path", { class: "noise", d: path(members.filter((i) => Number.isFinite(panel.noise[i])).map((i) => [at(i), y(panel.noise[i])])) }) : null,
      banded(members.map((i) => ({ at: at(i), value: values[i] })), y),
      s("path", { class: "line", d: path(members.map((i) => [at(i), y(values[i][0])])), "stroke-dasharray": dashes(n) }),
      members.map((i) => mark(net.family, at(i), y(values[i][0]), members.length > 20 ? 2 : 2.9, { class: "fill" })));
  });
  if (!items.length) return h("p", { class: "empty" }, "No finite value.");
  return readable(canvas(width, height, `${panel.title} against depth.`,
    axisLeft(y, left, { right: width - 4, count: 5 }),
    axisBottom(x, bottom, { count: 4 }),
    label((left + width) / 2, bottom + 34, "relative depth", { "text-anchor": "middle" }),
    drawn), items, HOLES ? { choose: (m) => openLayer(items[m].i) } : {});
}

const readValue = (panel, [mean, low, high], noise) => `${panel.title.toLowerCase()} ${format(mean)}${Number.isFinite(low) ? ` (${level}: ${format(low)} to ${format(high)})` : ""}${Number.isFinite(noise) ? `, sampling noise ${format(noise)}` : ""}`;

// The band of intervals around points {at, value: [mean, low, high]}; one alone is a stroke.
function banded(points, y) {
  const known = points.filter(({ value }) => Number.isFinite(value[1]));
  if (!known.length) return null;
  if (known.length === 1) return s("line", { class: "line", x1: known[0].at, x2: known[0].at, y1: y(known[0].value[1]), y2: y(known[0].value[2]) });
  return s("path", { class: "band", d: path([...known.map(({ at, value }) => [at, y(value[2])]), ...known.slice().reverse().map(({ at, value }) => [at, y(value[1])])]) + "Z" });
}
