// Two layers' draws laid over one another: who is matched to whom, and which bars move most. Any pair, any draw.

const MOST = 6;
let redrawPairs = () => {};

// The matching of a pair in one degree and draw, made when it is first looked at; null where there are too many bars.
const MATCHED = new Map();
function matchedOf(a, b, k, draw) {
  const key = `${a} ${b} ${k} ${draw}`;
  if (!MATCHED.has(key)) {
    const [x, y] = [a, b].map((i) => DATA.diagrams.layers[i][k][draw]);
    const found = matchBars(barsOf(x), barsOf(y), DATA.distance, x.zero && y.zero);
    MATCHED.set(key, found && { ...found, cut: [x, y].some((entry) => barsOf(entry).length < entry.of) });
  }
  return MATCHED.get(key);
}

const spoken = (bar) => (bar ? `(${format(bar[0])}, ${format(bar[1])})` : "the diagonal");

const whichDraws = () => (pair.draw ? `${ordinal(pair.draw + 1)} draws` : "first draws");

function drawPairs(width) {
  const [a, b] = pair.chosen;
  if (a === b || DATA.layers.length < 2) return null;
  const name = DATA.distance.name, draw = pair.draw, which = whichDraws();
  const title = h("h3", { class: "group" }, `${which[0].toUpperCase()}${which.slice(1)} matched, ${name}`);
  if ([a, b].some((i) => draw >= drawsOf(i))) return [title, h("p", { class: "empty" }, "No matching: there is no diagram of one of the two.")];
  const wide = width > 700 ? (width - 48) / 2 : width;
  const key = markKey([[s("circle", { class: `fill ${colour(DATA.layers[a].network)}`, r: 4 }), `A: ${layerName(a)}`], [s("circle", { class: `open ${colour(DATA.layers[b].network)}`, r: 4 }), `B: ${layerName(b)}`], [s("line", { class: "match most", x1: -6, x2: 6, y1: 0, y2: 0 }), `the ${MOST} largest moves, and what they do`]]);
  return [title, key, h("div", { class: "pair" }, DATA.degrees.map((k) => {
    const found = matchedOf(a, b, k, draw);
    if (!found) return h("div", { class: "panel" }, h("h4", {}, `H${k}`), h("p", { class: "empty" }, "So many bars are not matched while you wait. In Python: ts.wasserstein(a, b, matching=True), or ts.bottleneck, with the diagrams of results.diagram(network, layer, draw)."));
    const { rows, value, cut } = found;
    return h("div", { class: "panel" },
      h("h4", {}, `H${k}: ${name} = ${format(value)} between the ${which}`),
      cut ? h("p", { class: "sub" }, "of the bars that are in this page; the shortest were left out") : null,
      rows.length ? [k === 0 ? slopes(rows, a, b, wide) : overlay(rows, k, a, b, wide), movers(rows)] : h("p", { class: "empty" }, `No bars in H${k}.`));
  }))];
}

function movers(rows) {
  const some = rows.filter((row) => row.cost > 0).slice(0, MOST);
  return h("ol", { class: "movers" }, some.map((row) => h("li", {}, row.cost === Infinity ? `${spoken(row.a || row.b)} has no partner that never dies` : row.a && row.b ? `A ${spoken(row.a)} to B ${spoken(row.b)}: ${format(row.cost)}` : `${row.a ? "A" : "B"} ${spoken(row.a || row.b)} to the diagonal: ${format(row.cost)}`)));
}

// What is read at a match, and where Enter leads: to the inputs of B's bar, or else of A's.
function itemOf(row, degree, a, b, x, y) {
  const open = pair.draw ? null : (row.b && inputsOf(b, degree, ...row.b)) || (row.a && inputsOf(a, degree, ...row.a)) || null;
  return { x, y, r: 4, open, text: [`H${degree}, moves by ${format(row.cost)}`, `A ${spoken(row.a)}`, `B ${spoken(row.b)}`, ...(open ? ["Enter or click: its inputs"] : [])] };
}
// Degree 0: all bars are born at 0, so deaths of A on the left are joined to deaths of B on the right.
function slopes(rows, a, b, width) {
  const finite = rows.filter((row) => ![row.a, row.b].some((bar) => bar && bar[1] === Infinity));
  const high = Math.max(...finite.flatMap((row) => [row.a, row.b]).filter(Boolean).map(([, death]) => death), 0) || 1;
  const height = 300, roof = 10, floor = height - 34;
  const y = linear(0, high * 1.04, floor, roof), left = leftRoom(y, 5) + 8, right = width - 30;
  const at = (bar) => y(bar ? bar[1] : 0);
  const lines = finite.map((row, m) => ({ row, m, d: `M${round(left)},${round(at(row.a))}L${round(right)},${round(at(row.b))}` }));
  const items = lines.map(({ row }) => itemOf(row, 0, a, b, (left + right) / 2, (at(row.a) + at(row.b)) / 2));
  const ends = (x, side) => s("path", { class: `line ${colour(DATA.layers[side === "a" ? a : b].network)}`, d: finite.filter((row) => row[side]).map((row) => `M${round(x - 5)},${round(at(row[side]))}h10`).join("") });
  return readable(canvas(width, height, `Deaths of H0 in both ${whichDraws()}, matched.`,
    axisLeft(y, left - 8, { right: right + 8, count: 5 }),
    s("path", { class: "match", d: lines.filter(({ m }) => m >= MOST).map(({ d }) => d).join("") }),
    s("path", { class: "match most", d: lines.filter(({ m }) => m < MOST).map(({ d }) => d).join("") }),
    ends(left, "a"), ends(right, "b"),
    label(left, height - 12, "A: death", { "text-anchor": "middle", class: "strong" }), label(right, height - 12, "B: death", { "text-anchor": "middle", class: "strong" })),
  items, { choose: (m) => items[m].open?.() });
}

function overlay(rows, k, a, b, width) {
  const finite = rows.filter((row) => ![row.a, row.b].some((bar) => bar && bar[1] === Infinity));
  const bars = finite.flatMap((row) => [row.a, row.b]).filter(Boolean);
  if (!bars.length) return h("p", { class: "empty" }, `All bars in H${k} never die.`);
  const side = Math.min(width - 52, 400), left = 46, roof = 10;
  const ends = bars.flat(), least = Math.min(...ends), most = Math.max(...ends), room = (most - least) * 0.05 || 0.05;
  const [low, high] = [Math.max(0, least - room), most + room];
  const x = linear(low, high, left, left + side), y = linear(low, high, roof + side, roof);
  const put = (bar) => [x(bar[0]), y(bar[1])];
  const foot = (bar) => { const middle = (bar[0] + bar[1]) / 2; return [x(middle), y(middle)]; };
  const from = (row) => (row.a ? put(row.a) : foot(row.b)), to = (row) => (row.b ? put(row.b) : foot(row.a));
  const lines = (some) => some.map((row) => path([from(row), to(row)])).join("");
  const items = finite.map((row) => itemOf(row, k, a, b, (from(row)[0] + to(row)[0]) / 2, (from(row)[1] + to(row)[1]) / 2));
  return readable(canvas(left + side + 6, roof + side + 42, `Diagrams of H${k} of both ${whichDraws()}, matched.`,
    s("path", { class: "shade", d: path([[x(low), y(low)], [x(high), y(high)], [x(high), y(low)]]) + "Z" }),
    axisLeft(y, left, { right: left + side, count: 5 }),
    s("rect", { class: "frame", x: left, y: roof, width: side, height: side }),
    axisBottom(x, roof + side, { count: 5, title: `birth: ${DATA.unit}` }),
    s("text", { transform: `translate(11,${roof + side / 2}) rotate(-90)`, "text-anchor": "middle" }, "death"),
    s("path", { class: "match", d: lines(finite.slice(MOST)) }), s("path", { class: "match most", d: lines(finite.slice(0, MOST)) }),
    finite.filter((row) => row.a).map((row) => mark(k, ...put(row.a), 3, { class: `fill ${colour(DATA.layers[a].network)}` })),
    finite.filter((row) => row.b).map((row) => mark(k, ...put(row.b), 3.2, { class: `open ${colour(DATA.layers[b].network)}` }))),
  items, { choose: (m) => items[m].open?.() });
}
