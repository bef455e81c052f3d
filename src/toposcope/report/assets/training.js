// A training, checkpoint by checkpoint: how far each layer has come, and what it looks like where the slider stands.

const film = { training: 0, at: -1, degree: 0, layer: null };

const stepsOf = (training) => training.steps.map(real);
const stepText = (step) => (Number.isInteger(real(step)) ? String(real(step)).replace(/\B(?=(\d{3})+$)/g, "\u202f") : format(step));
const layerNamed = (n, name) => layersOf(n).find((i) => DATA.layers[i].name === name);
const namesIn = (training) => [...new Set(training.networks.flatMap((n) => layersOf(n).map((i) => DATA.layers[i].name)))];

function drawTraining(width, redraw) {
  const training = DATA.trainings[film.training], last = training.networks.length - 1;
  if (film.at < 0 || film.at > last) film.at = last;
  const names = namesIn(training);
  if (!names.includes(film.layer)) film.layer = furthestLayer(training, names);
  const panels = filmPanels(training, names);
  const columns = width >= 980 ? 3 : width >= 640 ? 2 : 1, each = (width - (columns - 1) * 34) / columns;
  const slider = h("input", { type: "range", id: "film-at", min: 0, max: last, step: 1, value: film.at });
  const said = h("output", { for: "film-at" }), cursors = [], frame = h("div", { class: "pair" });
  const curves = panels.map((panel) => filmPanel(training, names, panel, each, cursors, (k) => { film.at = k; slider.value = k; update(); }));
  const update = () => {
    const step = stepText(training.steps[film.at]), net = training.networks[film.at];
    const accuracy = real(DATA.networks[net].accuracy);
    const words = `step ${step}, checkpoint ${film.at + 1} of ${last + 1}`;
    said.replaceChildren(`${capital(words)}: ${networkName(net)}${Number.isFinite(accuracy) ? `, accuracy ${share(accuracy)}` : ""}.`);
    slider.setAttribute("aria-valuetext", words);
    cursors.forEach((move) => move(film.at));
    const wide = width > 700 ? (width - 48) / 2 : width;
    frame.replaceChildren(...stills(training, names, wide));
  };
  slider.addEventListener("input", () => { film.at = Number(slider.value); update(); });
  const pick = h("select", { id: "film-layer" }, names.map((name) => h("option", { value: name, selected: name === film.layer ? "" : null }, name)));
  pick.addEventListener("change", () => { film.layer = pick.value; redraw(); });
  update();
  return [
    h("div", { class: "controls" },
      DATA.trainings.length > 1 ? choices("Training", DATA.trainings.map((one, t) => [t, one.name]), film.training, (t) => { Object.assign(film, { training: t, at: -1, layer: null }); redraw(); }) : null,
      DATA.degrees.length > 1 ? choices("Degree", DATA.degrees.map((k) => [k, `H${k}`]), film.degree, (k) => { film.degree = k; redraw(); }) : null,
      h("label", { class: "inline" }, "Layer", pick)),
    h("div", { class: "cutter" }, h("label", { for: "film-at" }, "Checkpoint"), slider, said),
    layerKey(names),
    h("div", { class: "panels three" }, curves),
    frame,
  ];
}

// The layer that has come furthest between the first checkpoint and the last.
function furthestLayer(training, names) {
  const far = (name) => { const [a, b] = [training.networks[0], training.networks.at(-1)].map((n) => layerNamed(n, name)); return a === undefined || b === undefined ? NaN : between(a, b, film.degree).mean; };
  return names.reduce((best, name) => (far(name) > (far(best) || 0) ? name : best), names[0]);
}

// Layers are told apart by how deep they lie: from light to dark, and in their dashes.
const layerInk = (k, count) => `--h${Math.round(24 + (count > 1 ? k / (count - 1) : 1) * (HEAT - 29))}`;
const inkOf = (node, k, count, property = "stroke") => { node.style[property] = `var(${layerInk(k, count)})`; return node; };
const layerDash = (k) => ["", "7 3", "2 3"][k % 3];
function layerKey(names) {
  const some = names.length > 14 ? names.filter((_, k) => k % Math.ceil(names.length / 14) === 0) : names;
  return h("p", { class: "key" }, some.map((name) => { const k = names.indexOf(name); return h("span", {}, s("svg", { width: 24, height: 12, viewBox: "0 0 24 12", "aria-hidden": "true" }, inkOf(s("line", { class: "line", x1: 0, x2: 24, y1: 6, y2: 6, "stroke-dasharray": layerDash(k) }), k, names.length)), name); }),
    some.length < names.length ? h("span", {}, `and ${names.length - some.length} between them`) : null);
}

// Values of every layer at every checkpoint: {title, unit, of(name, k) → [mean, low, high], noise(name, k)}.
function filmPanels(training, names) {
  const numbers = training.networks;
  const cell = (name, k, other) => { const [a, b] = [layerNamed(numbers[k], name), layerNamed(numbers[other], name)]; return a === undefined || b === undefined || a === b ? null : between(a, b, film.degree); };
  const distance = (title, other) => ({
    title: `${title}, H${film.degree}`, unit: `mean ${DATA.measure} over draws; dashed: mean sampling noise`,
    of: (name, k) => { const found = cell(name, k, other(k)); return found ? [found.mean, found.mean - found.half, found.mean + found.half] : [NaN, NaN, NaN]; },
    noise: mean(names.flatMap((name) => numbers.map((_, k) => cell(name, k, other(k))?.noise)).filter(Number.isFinite)),
  });
  const descriptors = DATA.depth.filter((panel) => panel.degree === film.degree || panel.degree === null).map((panel) => {
    const values = realsOf(panel);
    return { title: panel.degree === null ? panel.title : `${panel.title}, H${panel.degree}`, unit: panel.unit, of: (name, k) => values[layerNamed(numbers[k], name)] || [NaN, NaN, NaN], noise: NaN };
  });
  return [distance("Since the first checkpoint", () => 0), distance("Until the last checkpoint", () => numbers.length - 1), distance("Since the checkpoint before", (k) => Math.max(0, k - 1)), ...descriptors];
}

function filmPanel(training, names, panel, width, cursors, choose) {
  const steps = stepsOf(training), height = 200, roof = 8, bottom = height - 40;
  const values = names.map((name) => steps.map((_, k) => panel.of(name, k)));
  const [low, high] = extent([...values.flat(2), panel.noise]);
  const y = linear(low, high, bottom, roof), left = leftRoom(y, 5), right = width - 16;
  // Checkpoints are often denser at the start: then steps are spaced by their number.
  const gaps = steps.slice(1).map((step, k) => step - steps[k]), even = Math.max(...gaps) < 8 * Math.min(...gaps);
  const x = even ? linear(steps[0], steps.at(-1), left + 6, right) : linear(0, steps.length - 1, left + 6, right);
  const at = (k) => x(even ? steps[k] : k);
  const items = [];
  names.forEach((name, m) => values[m].forEach((value, k) => { if (Number.isFinite(value[0])) items.push({ x: at(k), y: y(value[0]), r: 3, k, text: [name, `step ${stepText(steps[k])}: ${readValue(panel, value, panel.noise)}`, "Enter or click: this checkpoint"] }); }));
  const head = [h("h3", {}, panel.title), h("p", { class: "sub" }, panel.unit)];
  if (!items.length) return h("div", { class: "panel" }, head, h("p", { class: "empty" }, "No finite value."));
  const cursor = s("line", { class: "cursor", y1: roof, y2: bottom });
  cursors.push((k) => { cursor.setAttribute("x1", round(at(k))); cursor.setAttribute("x2", round(at(k))); });
  const shownSteps = steps.map((_, k) => k).filter((k, _, all) => all.length <= 8 || k % Math.ceil(all.length / 8) === 0);
  return h("div", { class: "panel" }, head, readable(canvas(width, height, `${panel.title} against training.`,
    axisLeft(y, left, { right: width - 4, count: 5 }),
    s("line", { class: "axis", x1: left + 6, x2: right, y1: bottom, y2: bottom }),
    even ? axisBottom(x, bottom, { count: 4 }) : shownSteps.map((k) => label(round(at(k)), bottom + 16, stepText(steps[k]), { "text-anchor": "middle" })),
    label((left + width) / 2, bottom + 34, even ? "step" : "step, not to scale", { "text-anchor": "middle" }),
    Number.isFinite(panel.noise) ? s("line", { class: "noise", x1: left + 6, x2: right, y1: round(y(panel.noise)), y2: round(y(panel.noise)) }) : null,
    cursor,
    names.map((name, m) => {
      const points = values[m].map((value, k) => ({ at: at(k), value })).filter(({ value }) => Number.isFinite(value[0]));
      const band = name === film.layer ? banded(points, y) : null;
      if (band) inkOf(band, m, names.length, "fill");
      return s("g", { opacity: name === film.layer ? 1 : 0.75 }, band,
        inkOf(s("path", { class: "line", d: path(points.map(({ at: px, value }) => [px, y(value[0])])), "stroke-width": name === film.layer ? 2.6 : 1.4, "stroke-dasharray": layerDash(m) }), m, names.length),
        points.map(({ at: px, value }) => inkOf(s("circle", { cx: round(px), cy: round(y(value[0])), r: name === film.layer ? 3 : 2 }), m, names.length, "fill")));
    })), items, { choose: (m) => choose(items[m].k) }));
}

// What stands still where the slider stands: all layers along depth, and one diagram with that of the first checkpoint behind.
function stills(training, names, width) {
  const [first, here] = [training.networks[0], training.networks[film.at]];
  const i = layerNamed(here, film.layer), before = layerNamed(first, film.layer);
  return [
    h("div", { class: "panel" }, h("h3", {}, `All layers at step ${stepText(training.steps[film.at])}, H${film.degree}`),
      h("p", { class: "sub" }, `mean ${DATA.measure} distance of each layer from itself at the first checkpoint; thin: its interval, dashed: sampling noise`),
      profile(training, names, width)),
    h("div", { class: "panel" }, h("h3", {}, `${film.layer} at step ${stepText(training.steps[film.at])}`),
      h("p", { class: "sub" }, film.at ? "first draw; hollow and grey: the same draw at the first checkpoint" : "first draw of the first checkpoint"),
      i === undefined ? h("p", { class: "empty" }, "This checkpoint has no such layer.") : still(i, film.at ? before : undefined, width)),
  ];
}

function profile(training, names, width) {
  const here = training.networks[film.at], first = training.networks[0];
  const travelled = (name, n) => { const [a, b] = [layerNamed(first, name), layerNamed(n, name)]; return a === undefined || b === undefined || a === b ? null : between(a, b, film.degree); };
  const rows = names.map((name) => ({ name, far: travelled(name, here) }));
  const high = Math.max(...training.networks.flatMap((n) => names.map((name) => travelled(name, n))).filter(Boolean).flatMap((cell) => [cell.mean, cell.mean + cell.half]).filter(Number.isFinite), 0) || 1;
  const left = Math.min(width * 0.36, Math.max(...names.map((name) => widthOf(name, 11.5, 600))) + 14), step = Math.max(13, Math.min(26, 380 / names.length));
  const roof = 6, bottom = roof + rows.length * step + 4, x = linear(0, high * 1.04, left, width - 12);
  const middle = (m) => round(roof + (m + 0.5) * step);
  const items = rows.map(({ name, far }, m) => ({ x: x(far && Number.isFinite(far.mean) ? far.mean : 0), y: middle(m), r: 4, text: [name, far ? `since the first checkpoint ${format(far.mean)}${interval(far)}, sampling noise ${format(far.noise)}` : "the first checkpoint itself"] }));
  const upright = (at, m, name) => s("line", { class: name, x1: round(x(at)), x2: round(x(at)), y1: middle(m) - step * 0.42, y2: middle(m) + step * 0.42 });
  return readable(canvas(width, bottom + 44, "Distances of all layers at the checkpoint from themselves at the first.",
    axisBottom(x, bottom, { grid: roof, count: 5, title: `mean ${DATA.measure} distance` }),
    rows.map(({ name, far }, m) => [
      label(left - 8, middle(m) + 4, shortened(name, left - 10), { "text-anchor": "end", class: name === film.layer ? "strong" : "plain" }),
      far && Number.isFinite(far.mean) ? [
        inkOf(s("rect", { x: round(x(0)), y: round(middle(m) - step * 0.3), width: Math.max(0, round(x(far.mean) - x(0))), height: round(step * 0.6) }), m, names.length, "fill"),
        Number.isFinite(far.half) ? ["under", "whisker"].map((name) => s("line", { class: name, x1: round(x(Math.max(0, far.mean - far.half))), x2: round(x(far.mean + far.half)), y1: middle(m), y2: middle(m) })) : null,
        Number.isFinite(far.noise) ? ["under", "noise"].map((name) => upright(far.noise, m, name)) : null,
      ] : null,
    ])), items);
}

// The first draw's diagram in all degrees, with that of another checkpoint behind.
function still(i, before, width) {
  if (!DATA.diagrams.layers[i]) return h("p", { class: "empty" }, "No diagrams of this layer.");
  const side = Math.min(width - 52, 380), left = 46, roof = 10;
  const finite = (j) => DATA.degrees.map((k) => (j === undefined || !DATA.diagrams.layers[j] ? [] : barsOf(DATA.diagrams.layers[j][k][0]).filter(([, death]) => death !== Infinity)));
  // One frame for all checkpoints, so that nothing jumps but the bars.
  const every = DATA.trainings[film.training].networks.map((n) => layerNamed(n, film.layer));
  const top = every.flatMap((j) => finite(j).flat(2)).reduce((most, value) => Math.max(most, value), 0) * 1.04 || 1;
  const x = linear(0, top, left, left + side), y = linear(0, top, roof + side, roof);
  const flat = (k, [birth]) => k === 0 && birth === 0;
  const items = finite(i).flatMap((bars, k) => bars.map((bar) => { const open = inputsOf(i, k, ...bar); return { x: flat(k, bar) ? x(0) + 5 : x(bar[0]), y: y(bar[1]), r: 3, open, text: [`H${k}, first draw`, `born ${format(bar[0])}, dies ${format(bar[1])}`, ...(open ? ["Enter or click: its inputs"] : [])] }; }));
  const drawn = (j, aside, r) => finite(j).map((bars, k) => [k, bars.map((bar) => (flat(k, bar) ? `M${round(x(0) + aside)},${round(y(bar[1]))}h9` : moved(shape(k, r), x(bar[0]), y(bar[1])))).join("")]);
  return readable(canvas(left + side + 6, roof + side + 42, `Persistence diagram of ${layerName(i)}, first draw.`,
    s("path", { class: "shade", d: path([[x(0), y(0)], [x(top), y(top)], [x(top), y(0)]]) + "Z" }),
    axisLeft(y, left, { right: left + side, count: 5 }),
    s("rect", { class: "frame", x: left, y: roof, width: side, height: side }),
    axisBottom(x, roof + side, { count: 5, title: `birth: ${DATA.unit}` }),
    s("text", { transform: `translate(11,${roof + side / 2}) rotate(-90)`, "text-anchor": "middle" }, "death"),
    drawn(before, 12, 2.6).map(([, d]) => s("path", { class: "behind", d })),
    s("g", { class: colour(DATA.layers[i].network) }, drawn(i, 0, 2.9).map(([k, d]) => s("path", { class: k ? "fill" : "line", d, "stroke-width": k ? null : 1.3 })))),
  items, { choose: (m) => items[m].open?.() });
}
