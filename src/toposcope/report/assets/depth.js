// Descriptors against relative depth: small multiples with bands over draws.

let depthDegree = 0;

function drawDepth(width, redraw) {
  const panels = DATA.depth.filter((panel) => panel.degree === null || panel.degree === depthDegree);
  const columns = width >= 980 ? 3 : width >= 640 ? 2 : 1;
  const each = (width - (columns - 1) * 34) / columns;
  return [
    DATA.degrees.length > 1 ? h("div", { class: "controls" }, choices("Degree", DATA.degrees.map((k) => [k, `H${k}`]), depthDegree, (k) => { depthDegree = k; redraw(); })) : null,
    networkKey(),
    h("div", { class: "panels three" }, panels.map((panel) => h("div", { class: "panel" },
      h("h3", {}, panel.degree === null ? panel.title : `${panel.title}, H${panel.degree}`),
      h("p", { class: "sub" }, panel.unit),
      depthPanel(panel, each)))),
  ];
}

function depthPanel(panel, width) {
  const values = panel.values.map((value) => (value ? value.map(real) : [NaN, NaN, NaN]));
  const height = 190, top = 8, bottom = height - 40;
  const [low, high] = extent(values.flat());
  const y = linear(low, high, bottom, top);
  const left = leftRoom(y, 5);
  const x = linear(0, 1, left + 6, width - 10);
  const items = [];
  const drawn = DATA.networks.map((net, n) => {
    const members = layersOf(n).filter((i) => Number.isFinite(values[i][0])).sort((a, b) => DATA.layers[a].depth - DATA.layers[b].depth);
    const at = (i) => x(members.length === 1 && !DATA.layers[i].depth ? 0 : DATA.layers[i].depth);
    const banded = members.filter((i) => Number.isFinite(values[i][1]));
    members.forEach((i) => {
      const [mean, lower, upper] = values[i];
      const interval = Number.isFinite(lower) ? ` (${level}: ${format(lower)} to ${format(upper)})` : "";
      items.push({ x: at(i), y: y(mean), r: 3, text: [layerName(i), `${panel.title.toLowerCase()} ${format(mean)}${interval}`] });
    });
    return s("g", { class: colour(n) },
      banded.length > 1 ? s("path", { class: "band", d: path([...banded.map((i) => [at(i), y(values[i][2])]), ...banded.slice().reverse().map((i) => [at(i), y(values[i][1])])]) + "Z" }) : null,
      banded.length === 1 ? s("line", { class: "line", x1: at(banded[0]), x2: at(banded[0]), y1: y(values[banded[0]][1]), y2: y(values[banded[0]][2]) }) : null,
      s("path", { class: "line", d: path(members.map((i) => [at(i), y(values[i][0])])), "stroke-dasharray": dashes(n) }),
      members.map((i) => mark(net.family, at(i), y(values[i][0]), members.length > 20 ? 2 : 2.9, { class: "fill" })));
  });
  if (!items.length) return h("p", { class: "empty" }, "No finite value.");
  return readable(canvas(width, height, `${panel.title} against depth.`,
    axisLeft(y, left, { right: width - 4, count: 5 }),
    axisBottom(x, bottom, { count: 4 }),
    label((left + width) / 2, bottom + 34, "relative depth", { "text-anchor": "middle" }),
    drawn), items);
}
