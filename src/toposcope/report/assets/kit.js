// What every chart is made of: elements, scales, axes, marks, and one way to read a mark by pointer or keyboard.
// Text reaches the page through text nodes only, so that no name can become markup.

const DATA = JSON.parse(document.getElementById("data").textContent);

function element(namespace, name, attributes, children) {
  const made = namespace ? document.createElementNS(namespace, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) if (value != null) made.setAttribute(key, value);
  for (const child of children.flat(9)) if (child != null) made.append(child);
  return made;
}
const h = (name, attributes, ...children) => element(null, name, attributes, children);
const s = (name, attributes, ...children) => element("http://www.w3.org/2000/svg", name, attributes, children);

const real = (value) => (value === null || value === undefined ? NaN : value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);

function format(value) {
  const x = real(value);
  if (Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size < 1e-12) return "0"; // what is left of rounding

  const text = size < 1e-3 || size >= 1e6 ? x.toExponential(2) : size >= 1000 ? x.toFixed(0) : x.toPrecision(3);
  return text.replace(/-/g, "−").replace(/\B(?=(\d{3})+$)/g, size >= 1000 && size < 1e6 ? "\u202f" : "");
}
const pValue = (value) => (value === null ? "–" : value >= 0.1 ? value.toFixed(2) : value < 1e-4 ? value.toExponential(1).replace("-", "−") : value.toPrecision(2));
const level = `${Number((100 * DATA.confidence).toPrecision(4))} %`;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// Scales

function linear(low, high, from, to) {
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  return Object.assign(scale, { low, high, from, to, ticks: (count) => ticks(low, high, count) });
}

function ticks(low, high, count) {
  const step = niceStep((high - low) / Math.max(1, count));
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) out.push(Number((k * step).toPrecision(12)));
  return out;
}

function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1) * power;
}

// [low, high] around values, wide enough to draw, from zero when that costs little.
function extent(values, room = 0.06) {
  const known = values.filter(Number.isFinite);
  if (!known.length) return [0, 1];
  let low = Math.min(...known), high = Math.max(...known);
  if (low > 0 && low < high * 0.6) low = 0;
  if (high - low <= 1e-9 * Math.max(Math.abs(high), 1e-300)) {
    const around = Math.abs(high) * 0.1 || 1;
    return [low - around, high + around];
  }
  return [low === 0 ? 0 : low - (high - low) * room, high + (high - low) * room];
}

function tickText(value, all) {
  const step = all.length > 1 ? Math.abs(all[1] - all[0]) : Math.abs(value) || 1;
  const largest = Math.max(...all.map(Math.abs));
  if (largest >= 1e6 || (largest < 1e-3 && largest > 0)) return value === 0 ? "0" : value.toExponential(1).replace(/-/g, "−");
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))).replace("-", "−");
}

// Text

const ruler = document.createElement("canvas").getContext("2d");
function widthOf(text, size = 11.5, weight = 400) {
  ruler.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

// The text, or its two ends around "…": layer names differ at their ends.
function shortened(text, width, size = 11.5, weight = 400) {
  if (widthOf(text, size, weight) <= width) return text;
  const letters = [...text];
  let low = 0, high = letters.length;
  const cut = (kept) => letters.slice(0, Math.ceil(kept / 2)).join("") + "…" + letters.slice(letters.length - Math.floor(kept / 2)).join("");
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(cut(middle), size, weight) <= width) low = middle; else high = middle - 1;
  }
  return cut(low);
}

// Two names and what stands between them, each with its share of the width.
function shortenedPair(a, joint, b, width) {
  const room = width - widthOf(joint);
  const [wide, tall] = [widthOf(a), widthOf(b)];
  if (wide + tall <= room) return a + joint + b;
  const first = wide < room / 2 ? wide : tall < room / 2 ? room - tall : room / 2;
  return shortened(a, first + 0.5) + joint + shortened(b, room - first + 0.5);
}

function label(x, y, text, attributes) {
  const { size, ...others } = attributes || {};
  const made = s("text", { x, y, ...others }, text);
  if (size) made.style.fontSize = `${size}px`;
  return made;
}

// Names

const networkName = (n) => DATA.networks[n].name;
const layerName = (i) => `${networkName(DATA.layers[i].network)} / ${DATA.layers[i].name}`;
const colour = (n) => `c${n % 8}`;
const dashes = (n) => ["", "6 3", "2 3", "8 3 2 3"][Math.floor(n / 8) % 4];
const layersOf = (n) => DATA.layers.map((layer, i) => [layer, i]).filter(([layer]) => layer.network === n).map(([, i]) => i);

// Marks: circle, diamond, triangle, square, down-triangle, plus; equal in area.

const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`,
  (r) => `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`,
  (r) => `M0,${-1.35 * r}L${1.22 * r},${0.85 * r}L${-1.22 * r},${0.85 * r}Z`,
  (r) => `M${-0.9 * r},${-0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}Z`,
  (r) => `M0,${1.35 * r}L${1.22 * r},${-0.85 * r}L${-1.22 * r},${-0.85 * r}Z`,
  (r) => `M${-0.45 * r},${-1.2 * r}h${0.9 * r}v${0.75 * r}h${0.75 * r}v${0.9 * r}h${-0.75 * r}v${0.75 * r}h${-0.9 * r}v${-0.75 * r}h${-0.75 * r}v${-0.9 * r}h${0.75 * r}Z`,
];
const shape = (k, r) => SHAPES[k % SHAPES.length](r);
const mark = (k, x, y, r, attributes) => s("path", { d: shape(k, r), transform: `translate(${round(x)},${round(y)})`, ...attributes });
const round = (value) => Math.round(value * 100) / 100;

// Axes

function axisBottom(scale, y, options = {}) {
  const at = scale.ticks(options.count || 5);
  return s("g", {},
    options.grid ? at.map((t) => s("line", { class: "grid", x1: round(scale(t)), x2: round(scale(t)), y1: options.grid, y2: y })) : null,
    s("line", { class: "axis", x1: scale.from, x2: scale.to, y1: y, y2: y }),
    at.map((t) => label(round(scale(t)), y + 16, (options.text || tickText)(t, at), { "text-anchor": "middle" })),
    options.title ? label((scale.from + scale.to) / 2, y + 34, options.title, { "text-anchor": "middle" }) : null);
}

function axisLeft(scale, x, options = {}) {
  const at = scale.ticks(options.count || 4);
  return s("g", {},
    at.map((t) => s("line", { class: "grid", x1: x, x2: options.right, y1: round(scale(t)), y2: round(scale(t)) })),
    at.map((t) => label(x - 7, round(scale(t)) + 4, tickText(t, at), { "text-anchor": "end" })));
}

const leftRoom = (scale, count = 4) => { const at = scale.ticks(count); return Math.max(...at.map((t) => widthOf(tickText(t, at)))) + 12; };

function canvas(width, height, name, ...children) {
  return s("svg", { viewBox: `0 0 ${round(width)} ${round(height)}`, width: round(width), height: round(height), role: "img", "aria-label": name }, ...children);
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${round(x)},${round(y)}`).join("");

// Reading a mark: the nearest one under the pointer, or one after another with the arrow keys.
// items: {x, y, r, text: [title, line, …]}. options.move(i, key) → i steps; options.locate(x, y) → i finds; options.ring
// draws the highlight of an item. options.seen(i) is told of it (-1: of none). options.choose(i): what a click or the Enter key does; options.start: the chosen one.

const tip = document.getElementById("tip");

function showTip(text, svg, x, y, image) {
  const picture = image ? [h("img", { class: "thumb none", src: image, alt: "", width: 56, height: 56 })] : [];
  tip.replaceChildren(...picture, h("b", {}, text[0]), ...text.slice(1).map((line) => h("div", {}, line)));
  tip.hidden = false;
  const box = svg.getBoundingClientRect();
  const ratio = box.width / svg.viewBox.baseVal.width || 1;
  const left = box.left + x * ratio, top = box.top + y * ratio;
  const room = document.documentElement.clientWidth;
  const wide = tip.offsetWidth, high = tip.offsetHeight;
  tip.style.left = `${Math.max(6, Math.min(left + 14, room - wide - 8)) + scrollX}px`;
  tip.style.top = `${(top - high - 14 < 4 ? top + 18 : top - high - 14) + scrollY}px`;
}
function hideTip() { tip.hidden = true; }
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

function readable(svg, items, options = {}) {
  if (!items.length) return svg;
  let current = options.start ?? -1;
  const ring = s("g", { "aria-hidden": "true" });
  svg.append(ring);
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("aria-label", `${svg.getAttribute("aria-label")} Arrow keys read the marks one by one.${options.choose ? " Enter opens one." : ""}`);
  const show = (i) => {
    if (i === current && !tip.hidden) return;
    current = i;
    const item = items[i];
    ring.replaceChildren(options.ring ? options.ring(item) : s("circle", { class: "ring", cx: item.x, cy: item.y, r: (item.r || 4) + 3.5 }));
    options.seen?.(i);
    showTip(item.text, svg, item.x, item.y, item.image);
  };
  const clear = () => { current = options.start ?? -1; ring.replaceChildren(); options.seen?.(-1); hideTip(); };
  const nearest = (x, y) => {
    let best = -1, least = options.reach || 26 ** 2;
    items.forEach((item, i) => { const d = (item.x - x) ** 2 + (item.y - y) ** 2; if (d < least) { least = d; best = i; } });
    return best;
  };
  const under = (event) => {
    const box = svg.getBoundingClientRect();
    const ratio = svg.viewBox.baseVal.width / box.width;
    return (options.locate || nearest)((event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio);
  };
  svg.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (options.choose) svg.style.cursor = found < 0 ? "" : "pointer";
    if (found < 0) clear(); else show(found);
  });
  if (options.choose) {
    // A click is told in whole pixels, and rows of a barcode are not much more: what was under the pointer counts.
    let pressed = null;
    svg.addEventListener("pointerdown", (event) => { pressed = under(event); });
    svg.addEventListener("click", (event) => { const found = pressed ?? under(event); pressed = null; if (found >= 0) options.choose(found); });
  }
  svg.addEventListener("pointerleave", clear);
  svg.addEventListener("blur", clear);
  svg.addEventListener("keydown", (event) => {
    if (options.choose && current >= 0 && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      options.choose(current);
      return;
    }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = current < 0 ? 0 : options.move ? options.move(current, event.key) : current + step;
    show(Math.max(0, Math.min(items.length - 1, next)));
  });
  return svg;
}

// Controls

let groups = 0;
function choices(title, options, chosen, change) {
  const name = `choice-${groups++}`;
  return h("fieldset", {}, h("legend", {}, title), options.map(([value, text]) => {
    const input = h("input", { type: "radio", name, value, checked: value === chosen ? "" : null });
    input.addEventListener("change", () => change(value));
    return h("label", {}, input, h("span", {}, text));
  }));
}

// Figures draw themselves again when their width changes.

const figures = [];
function figure(id, draw) {
  const place = document.querySelector(`#figure-${id} .plot`);
  if (!place) return () => {};
  let width = 0;
  const redraw = () => {
    width = place.clientWidth;
    hideTip();
    // Whoever changed a control by keyboard stays on it.
    const controls = () => [...place.querySelectorAll("input, select, button, svg[tabindex]")];
    const held = controls().indexOf(document.activeElement);
    place.replaceChildren(...[draw(width, redraw)].flat(9).filter(Boolean));
    if (held >= 0) controls()[held]?.focus({ preventScroll: true });
  };
  figures.push(() => { if (Math.abs(place.clientWidth - width) > 1) redraw(); });
  redraw();
  return redraw;
}
let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => figures.forEach((check) => check()), 120); });

// The network that stands out in charts of all networks; null: none does.
let spot = null;
const lit = (n) => spot === null || spot === n;

// Names with their colours and forms; each is a switch that lets its network stand out.
function networkKey(redraw) {
  if (DATA.networks.length < 2) return null;
  return h("p", { class: "key" }, DATA.networks.map((net, n) => {
    const entry = h("button", { type: "button", "aria-pressed": spot === n, title: "let this network stand out" },
      s("svg", { width: 24, height: 12, viewBox: "0 0 24 12", "aria-hidden": "true" },
        s("line", { class: `line ${colour(n)}`, x1: 0, x2: 24, y1: 6, y2: 6, "stroke-dasharray": dashes(n) }),
        mark(net.family, 12, 6, 4, { class: `fill ${colour(n)}` })),
      net.name);
    entry.addEventListener("click", () => { spot = spot === n ? null : n; redraw(); });
    return entry;
  }));
}

function markKey(entries) {
  const icon = (node) => s("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, node);
  return h("p", { class: "key" }, entries.map(([node, text]) => h("span", {}, icon(node), text)));
}
