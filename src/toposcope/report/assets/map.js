// The map: every layer as a point; paths follow every network through depth, or every layer through training.

const place = { distance: 0, degree: 0, paths: "depth" };

// The first distance and degree that have a map are shown first; false where there is none.
function firstMap() {
  return DATA.maps.some((entry, d) => entry.degrees.some((found, k) => { if (found) Object.assign(place, { distance: d, degree: k }); return found; }));
}

// Paths as {n, name, members}: layers in order; n is the network whose colour the path has, null where it goes through several.
function pathsOf(known) {
  const there = (some) => some.filter((i) => i !== undefined && known.includes(i));
  if (place.paths === "depth") return DATA.networks.map((net, n) => ({ n, name: net.name, members: there(layersOf(n)) }));
  return DATA.trainings.flatMap((training, t) => {
    const names = [...new Set(training.networks.flatMap((n) => layersOf(n).map((i) => DATA.layers[i].name)))];
    return names.map((name) => ({ n: null, training: t, name, members: there(training.networks.map((n) => layersOf(n).find((i) => DATA.layers[i].name === name))) }));
  });
}

function drawMap(width, redraw) {
  const here = DATA.maps[place.distance], degrees = DATA.degrees.filter((k) => here.degrees[k]);
  if (!here.degrees[place.degree]) [place.degree] = degrees;
  const chosen = here.degrees[place.degree];
  const at = chosen.at.map((point) => point.map(real));
  const known = at.map(([x], i) => [x, i]).filter(([x]) => Number.isFinite(x)).map(([, i]) => i);
  const lost = DATA.layers.length - known.length;
  const sides = [0, 1].map((axis) => [Math.min(...known.map((i) => at[i][axis])), Math.max(...known.map((i) => at[i][axis]))]);
  const spans = sides.map(([low, high]) => high - low || 1e-9);
  const pad = { x: Math.min(110, width * 0.16), top: 30, bottom: 64 };
  const wide = width - 2 * pad.x;
  const tall = Math.max(150, Math.min(460, (wide * spans[1]) / spans[0]));
  const unit = Math.min(wide / spans[0], tall / spans[1]);
  const height = pad.top + tall + pad.bottom;
  const px = (i) => [
    width / 2 + (at[i][0] - (sides[0][0] + sides[0][1]) / 2) * unit,
    pad.top + tall / 2 - (at[i][1] - (sides[1][0] + sides[1][1]) / 2) * unit,
  ];
  const lines = [], marks = [], ends = [], items = [], crowd = [];
  // Paths that share layers lie on one another: each further line runs beside, each earlier mark shows around.
  const segments = new Map();
  const beside = (key) => { segments.set(key, (segments.get(key) ?? -1) + 1); return segments.get(key) * 3; };
  const around = (x, y, n) => items.filter((item) => item.n < n && Math.hypot(item.x - x, item.y - y) < 2).length;
  const shares = new Map();
  pathsOf(known).forEach(({ n, name, members }) => {
    const ink = n === null ? "none" : colour(n);
    members.forEach((i, k) => {
      const [x, y] = px(i), share = members.length > 1 ? k / (members.length - 1) : 1;
      shares.set(i, { share, first: k === 0 && members.length > 1 });
      if (!k) return;
      const [fx, fy] = px(members[k - 1]);
      const long = Math.hypot(x - fx, y - fy);
      const aside = long ? beside([fx, fy, x, y].map(Math.round).join(" ")) : 0;
      const [ox, oy] = long ? [(-(y - fy) / long) * aside, ((x - fx) / long) * aside] : [0, 0];
      lines.push(s("line", { class: `line ${ink}`, x1: fx + ox, y1: fy + oy, x2: x + ox, y2: y + oy, opacity: n === null || lit(n) ? 0.35 + 0.5 * share : 0.08, "stroke-dasharray": n === null ? null : dashes(n) }));
      if (long > 26 && !aside && (n === null || lit(n))) lines.push(arrow((fx + x) / 2, (fy + y) / 2, Math.atan2(y - fy, x - fx), ink));
      for (let t = 0; t <= long; t += 9) crowd.push({ x: fx + ((x - fx) * t) / long, y: fy + ((y - fy) * t) / long });
    });
    if (members.length && (n === null || lit(n))) ends.push({ n, name, at: px(members.at(-1)) });
  });
  known.forEach((i) => {
    const [x, y] = px(i), n = DATA.layers[i].network, { share, first } = shares.get(i) || { share: 0, first: false };
    const under = around(x, y, n), r = (width < 560 ? 0.75 : 1) * (3.6 + 2.2 * share + 2.8 * under);
    const node = mark(DATA.networks[n].family, x, y, r, { class: `${first ? "open" : "fill"} ${colour(n)}`, opacity: !lit(n) ? 0.12 : shares.has(i) ? null : 0.45 });
    if (under) marks.unshift(node); else marks.push(node);
    items.push({ x, y, r, n, i, text: [layerName(i), `depth ${format(DATA.layers[i].depth)}${stepWords(n)}`, ...(HOLES?.layers[i] ? ["Enter or click: its bars and their inputs"] : [])] });
  });
  const noise = place.distance ? NaN : mean(DATA.matrix.noise[place.degree].map(real).filter(Number.isFinite)) * unit;
  const bar = niceStep(Math.min(wide, 220) / 2 / unit);
  const options = [
    DATA.maps.length > 1 ? choices("Distance", DATA.maps.map((entry, d) => [d, entry.name]).filter(([d]) => DATA.maps[d].degrees.some(Boolean)), place.distance, (d) => { place.distance = d; redraw(); }) : null,
    degrees.length > 1 ? choices("Degree", degrees.map((k) => [k, `H${k}`]), place.degree, (k) => { place.degree = k; redraw(); }) : null,
    DATA.trainings.length ? choices("Paths", [["depth", "through depth"], ["training", "through training"]], place.paths, (paths) => { place.paths = paths; redraw(); }) : null,
  ].filter(Boolean);
  return [
    options.length ? h("div", { class: "controls" }, options) : null,
    networkKey(redraw),
    readable(canvas(width, height, `Map of ${known.length} layers in H${place.degree}; stress ${chosen.stress}.`,
      lines, marks,
      ends.length <= (width < 560 ? 6 : 16) ? placed(ends, [...items, ...crowd], width) : null,
      s("g", { transform: `translate(0,${height - 34})` },
        s("line", { class: "zero", x1: 0, x2: bar * unit, y1: 0, y2: 0 }),
        label(0, -7, `${here.name} = ${Number(bar.toPrecision(3))}`),
        Number.isFinite(noise) ? [
          s("line", { class: "zero", x1: 0, x2: noise, y1: 20, y2: 20, "stroke-dasharray": "3 2" }),
          label(noise + 8, 24, "mean sampling noise"),
        ] : null)), items, HOLES ? { choose: (k) => openLayer(items[k].i) } : {}),
    h("p", { class: "about" }, `H${place.degree}. Stress-1 is ${chosen.stress} (0: the plane shows every distance exactly; above about 0.2 take the picture with care).`
      + DATA.degrees.filter((k) => !here.degrees[k]).map((k) => ` There is no map in H${k}: fewer than three layers lie at finite distances, or all at distance 0.`).join("")
      + (lost ? ` ${plural(lost, "layer")} without finite distances ${lost === 1 ? "is" : "are"} not on the map.` : "")),
  ];
}

// At which step of its training a network was kept.
function stepWords(n) {
  const found = DATA.trainings.find((training) => training.networks.includes(n));
  return found ? `, step ${stepText(found.steps[found.networks.indexOf(n)])}` : "";
}

const mean = (values) => values.reduce((x, y) => x + y, 0) / values.length;

function arrow(x, y, angle, className) {
  return s("path", { class: `fill ${className}`, d: "M4.5,0L-3,3.4L-1.4,0L-3,-3.4Z", opacity: 0.8, transform: `translate(${round(x)},${round(y)}) rotate(${round((angle * 180) / Math.PI)})` });
}

// Names at the ends of paths, each in the first place around its point where it covers neither marks nor other names.
function placed(ends, crowd, width) {
  const taken = [];
  return ends.map(({ n, name, at: [x, y] }) => {
    const text = shortened(name, 150, 11.5, 600);
    const wide = widthOf(text, 11.5, 600);
    const options = [[12, 4], [-12 - wide, 4], [-wide / 2, -12], [-wide / 2, 21], [10, -9], [10, 17], [-10 - wide, -9], [-10 - wide, 17], [14, 30], [14, -24]];
    const cost = ([dx, dy]) => {
      const box = [x + dx - 2, y + dy - 11, x + dx + wide + 2, y + dy + 3];
      const off = box[0] < 0 || box[2] > width ? 50 : 0;
      const over = taken.filter((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1]).length;
      const covered = crowd.filter((item) => item.x > box[0] - 5 && item.x < box[2] + 5 && item.y > box[1] - 4 && item.y < box[3] + 4).length;
      return [off + 10 * over + covered, box];
    };
    const best = options.map((option) => [option, ...cost(option)]).reduce((a, b) => (b[1] < a[1] ? b : a));
    taken.push(best[2]);
    return painted(label(x + best[0][0], y + best[0][1], text, { class: `strong halo ${n === null ? "none" : colour(n)}` }), "--c");
  });
}
