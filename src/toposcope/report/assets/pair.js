// Two layers' first draws laid over one another: who is matched to whom, and which bars move most.

const MOST = 6;
let redrawPairs = () => {};

// Matched bars as {a, b, cost}: bars are [birth, death], null for the diagonal; those that move most first.
function matchedOf(entry, swapped) {
  const numbers = words(entry.rows), rows = [];
  for (let m = 0; m < numbers.length; m += 5) {
    const bar = (at) => (numbers[at] || numbers[at + 1] ? [heightOf(numbers[at]), heightOf(numbers[at + 1])] : null);
    const [a, b] = [bar(m), bar(m + 2)];
    rows.push({ a: swapped ? b : a, b: swapped ? a : b, cost: heightOf(numbers[m + 4]) });
  }
  return rows;
}

const spoken = (bar) => (bar ? `(${format(bar[0])}, ${format(bar[1])})` : "the diagonal");

function drawPairs(width) {
  const [a, b] = pair.chosen;
  if (a === b) return null;
  const held = DATA.pairs.held.find((one) => (one.a === a && one.b === b) || (one.a === b && one.b === a));
  const title = h("h3", { class: "group" }, `First draws matched, ${DATA.pairs.name}`);
  if (!held) return [title, h("p", { class: "empty" }, `No matching of this pair is in the page: it holds those of ${DATA.pairs.held.length} of ${plural(DATA.pairs.of, "planned comparison")}.`)];
  const wide = width > 700 ? (width - 48) / 2 : width;
  const key = markKey([[s("circle", { class: `fill ${colour(DATA.layers[a].network)}`, r: 4 }), `A: ${layerName(a)}`], [s("circle", { class: `open ${colour(DATA.layers[b].network)}`, r: 4 }), `B: ${layerName(b)}`], [s("line", { class: "match most", x1: -6, x2: 6, y1: 0, y2: 0 }), `the ${MOST} largest moves, and what they do`]]);
  return [title, key, h("div", { class: "pair" }, held.degrees.map((entry, k) => {
    const rows = matchedOf(entry, held.a !== a);
    return h("div", { class: "panel" },
      h("h4", {}, `H${k}: ${DATA.pairs.name} = ${format(entry.value)} between the first draws`),
      rows.length ? [k === 0 ? slopes(rows, a, b, wide) : overlay(rows, k, a, b, wide), movers(rows)] : h("p", { class: "empty" }, `No bars in H${k}.`));
  }))];
}

function movers(rows) {
  const some = rows.filter((row) => row.cost > 0).slice(0, MOST);
  return h("ol", { class: "movers" }, some.map((row) => h("li", {}, row.cost === Infinity ? `${spoken(row.a || row.b)} has no partner that never dies` : row.a && row.b ? `A ${spoken(row.a)} to B ${spoken(row.b)}: ${format(row.cost)}` : `${row.a ? "A" : "B"} ${spoken(row.a || row.b)} to the diagonal: ${format(row.cost)}`)));
}

// What is read at a match, and where Enter leads: to the inputs of B's bar, or else of A's.
function itemOf(row, degree, a, b, x, y) {
  const open = (row.b && inputsOf(b, degree, ...row.b)) || (row.a && inputsOf(a, degree, ...row.a)) || null;
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
  return readable(canvas(width, height, `Deaths of H0 in both first draws, matched.`,
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
  return readable(canvas(left + side + 6, roof + side + 42, `Diagrams of H${k} of both first draws, matched.`,
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
