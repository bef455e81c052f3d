// Pieces of one layer's first draw: the merge tree of degree 0, cut where the slider stands, and how pure the pieces are.

const PIECES_SHOWN = 10, FACES_SHOWN = 36, NAMES_SHOWN = 5;

// Leaves in an order in which no branches cross, and every merge as {left, right, height, size, x}.
function treeOf(draw) {
  const edges = words(draw.entry.merges), heights = Array.from(words(draw.entry.heights), heightOf);
  const root = Array.from({ length: draw.n }, (_, row) => row);
  const find = (row) => { while (root[row] !== row) row = root[row] = root[root[row]]; return row; };
  const node = root.map((row) => ({ rows: 1, row }));
  const merges = heights.map((height, m) => {
    const a = find(edges[2 * m]), b = find(edges[2 * m + 1]);
    const [left, right] = node[a].rows >= node[b].rows ? [node[a], node[b]] : [node[b], node[a]];
    root[b] = a;
    node[a] = { left, right, height, rows: left.rows + right.rows, edge: [edges[2 * m], edges[2 * m + 1]] };
    return node[a];
  });
  const tops = root.map((_, row) => row).filter((row) => find(row) === row).map((row) => node[row]).sort((a, b) => b.rows - a.rows);
  const order = [];
  const waiting = [...tops].reverse();
  while (waiting.length) {
    const next = waiting.pop();
    if (next.left) waiting.push(next.right, next.left); else { next.x = order.length; order.push(next.row); }
  }
  for (const merge of merges) merge.x = (merge.left.x + merge.right.x) / 2;
  return { merges, order, tops };
}

// Rows of each piece when every merge up to `cut` has happened, the largest first.
function piecesAt(tree, cut) {
  const pieces = [], waiting = [...tree.tops];
  while (waiting.length) {
    const node = waiting.pop();
    if (node.left && node.height > cut) waiting.push(node.left, node.right);
    else pieces.push(rowsOf(node));
  }
  return pieces.sort((a, b) => b.length - a.length);
}

function rowsOf(node) {
  const rows = [], waiting = [node];
  while (waiting.length) { const next = waiting.pop(); if (next.left) waiting.push(next.right, next.left); else rows.push(next.row); }
  return rows;
}

// The cut with the most pieces of three inputs or more: it does not look at classes.
function firstCut(tree) {
  let most = -1, best = 0;
  const heights = [...new Set(tree.merges.map((merge) => merge.height))];
  const tried = heights.length > 200 ? heights.filter((_, k) => k % Math.ceil(heights.length / 200) === 0) : heights;
  for (const height of tried) {
    const count = piecesAt(tree, height).filter((rows) => rows.length > 2).length;
    if (count >= most) { most = count; best = height; }
  }
  const above = heights.filter((height) => height > best);
  return above.length ? (best + Math.min(...above)) / 2 : best;
}

function drawTree(width) {
  const i = look.layer, draw = drawOf(i), tree = treeOf(draw);
  if (!tree.merges.length) return h("p", { class: "empty" }, "No two inputs of this draw merge below the threshold.");
  const top = Math.max(...tree.merges.map((merge) => merge.height)) || 1;
  const least = tree.merges[0].height * 0.92, most = top * 1.02;
  const steps = (value) => Math.round(((value - least) / (most - least)) * 1000);
  look.cut = Math.max(least, Math.min(look.cut ?? firstCut(tree), most));
  const slider = h("input", { type: "range", id: "look-cut", min: 0, max: 1000, value: steps(look.cut) });
  const said = h("output", { for: "look-cut" });
  const cut = s("g", { "aria-hidden": "true" }), below = s("path", { class: "branch" }), above = s("path", { class: "branch high" });
  const chart = dendrogram(draw, i, tree, top, width, [below, above, cut], (value) => { look.cut = value; slider.value = steps(value); update(); });
  const list = h("div", { class: "panel" }), picture = h("div", { class: "panel" });
  const columns = width >= 760 ? 2 : 1, each = (width - (columns - 1) * 36) / columns;
  const update = () => {
    const pieces = piecesAt(tree, look.cut), joined = pieces.filter((rows) => rows.length > 1);
    const [low, high] = chart.branches(look.cut);
    below.setAttribute("d", low);
    above.setAttribute("d", high);
    cut.replaceChildren(...chart.line(look.cut));
    const text = `${plural(joined.length, "piece")} of two inputs or more, ${plural(pieces.length - joined.length, "input")} alone`;
    said.replaceChildren(`Cut at ${format(look.cut)}: ${text}. ${purity(draw, joined)}`);
    slider.setAttribute("aria-valuetext", `${format(look.cut)}: ${text}`);
    list.replaceChildren(h("h3", {}, "Pieces at the cut"), ...pieceRows(draw, pieces));
    picture.replaceChildren(h("h3", {}, "The draw in the plane"), h("p", { class: "sub" }, `${planeWords(draw)}; lines are the merges up to the cut`), plane(draw, Math.min(each, 460), forestOn(tree)));
  };
  slider.addEventListener("input", () => { look.cut = least + (Number(slider.value) / 1000) * (most - least); update(); });
  update();
  const grid = h("div", { class: "pair pieces" }, picture, list);
  return [
    h("h3", { class: "group" }, `Pieces of ${layerName(i)}, first draw (H0)`),
    h("div", { class: "cutter" }, h("label", { for: "look-cut" }, "Cut"), slider, said),
    chart.svg, classKey(draw), grid,
  ];
}

function purity(draw, joined) {
  const rows = joined.flat();
  if (!draw.cloud.labels.length || !rows.length) return "";
  const most = (some) => Math.max(...counted(draw, some).map(([, count]) => count));
  const pure = joined.reduce((sum, some) => sum + most(some), 0) / rows.length;
  return `Purity ${share(pure)}: so many of the ${rows.length} inputs in pieces are of their piece’s most frequent class (one single piece: ${share(most(rows) / rows.length)}).`;
}

function pieceRows(draw, pieces) {
  const joined = pieces.filter((rows) => rows.length > 1), alone = pieces.filter((rows) => rows.length === 1).flat();
  const shown = joined.slice(0, PIECES_SHOWN);
  // Images stand close; names and texts take a line each.
  const seen = pieces.flat().some((r) => draw.image(r)), most = seen ? FACES_SHOWN : NAMES_SHOWN;
  const more = (rows) => (rows.length > most ? h("span", {}, `+ ${rows.length - most}`) : null);
  const row = (title, rows) => h("li", {}, h("p", { class: "sub" }, title),
    seen ? h("div", { class: "faces" }, rows.slice(0, most).map((r) => face(draw, r)), more(rows)) : h("div", { class: "faces named" }, strip(draw, rows.slice(0, most), false), more(rows)));
  const classes = (rows) => (draw.cloud.labels.length ? `: ${classesOf(draw, rows)}` : "");
  return [h("ul", { class: "rows" },
    shown.map((rows) => row(`${plural(rows.length, "input")}${classes(rows)}`, rows)),
    joined.length > shown.length ? h("li", {}, h("p", { class: "sub" }, `and ${plural(joined.length - shown.length, "smaller piece")}`)) : null,
    alone.length ? row(`${plural(alone.length, "input")} alone${classes(alone)}`, alone) : null)];
}

function forestOn(tree) {
  const kept = tree.merges.filter((merge) => merge.height <= look.cut);
  return { order: new Map(), name: `${plural(kept.length, "merge")} up to the cut are drawn.`, below: (at) => s("path", { class: "forest", d: kept.map((merge) => path(merge.edge.map(at))).join("") }), above: () => null };
}

// The tree with leaves along x and filtration value upwards; below it one row of ticks for each class.
function dendrogram(draw, i, tree, top, width, layers, choose) {
  const { classes } = draw.cloud;
  const raster = classes.length > 1 && classes.length <= 12 ? classes.length : classes.length ? 1 : 0;
  const step = raster > 1 ? 11 : 12;
  const tall = 230, roof = 8, floor = roof + tall;
  // Below the first merge there is nothing to see.
  const y = linear(tree.merges[0].height * 0.92, top * 1.02, floor, roof);
  const left = Math.max(leftRoom(y), ...(raster > 1 ? classes.map((name) => Math.min(90, widthOf(name, 10)) + 12) : [0]));
  const x = linear(-0.5, draw.n - 0.5, left, width - 6);
  const at = (node) => (node.left ? y(node.height) : floor);
  const wide = (width - left) / draw.n;
  const elbow = (m) => `M${round(x(m.left.x))},${round(at(m.left))}V${round(y(m.height))}H${round(x(m.right.x))}V${round(at(m.right))}`;
  const face = Math.min(22, wide - 1.5);
  const seen = face >= 9 && tree.order.some((row) => draw.image(row));
  const ground = floor + (seen ? face + 6 : 4);
  const items = tree.merges.map((m) => ({ x: x(m.x), y: y(m.height), height: m.height, text: [`Merge at ${format(m.height)}`, `${plural(m.left.rows, "input")} and ${plural(m.right.rows, "input")}`, "Enter or click: cut just below it"] })).sort((a, b) => a.x - b.x);
  const ticks = tree.order.map((row, leaf) => {
    const k = draw.classOf(row);
    return k < 0 ? null : s("rect", { class: `fill ${colour(k)}`, x: round(x(leaf) - wide * 0.42), y: ground + (raster > 1 ? k * step : 0) + 1, width: round(Math.max(0.6, wide * 0.84)), height: step - 2 });
  });
  const svg = readable(canvas(width, ground + raster * step + 8, `Merge tree of ${plural(draw.n, "input")} of ${layerName(i)}.`,
    axisLeft(y, left, { right: width - 6 }),
    raster > 1 ? classes.map((name, k) => [
      s("line", { class: "grid", x1: left, x2: width - 6, y1: ground + (k + 0.5) * step, y2: ground + (k + 0.5) * step }),
      label(left - 7, ground + (k + 0.5) * step + 3.5, shortened(name, 90, 10), { "text-anchor": "end", size: 10 }),
    ]) : null,
    ticks,
    seen ? tree.order.map((row, leaf) => draw.image(row) && s("image", { href: draw.image(row), x: round(x(leaf) - face / 2), y: floor + 3, width: round(face), height: round(face) })) : null,
    layers), items, { choose: (k) => choose(items[k].height * 0.9999) });
  return {
    svg,
    branches: (cut) => [tree.merges.filter((m) => m.height <= cut), tree.merges.filter((m) => m.height > cut)].map((some) => some.map(elbow).join("")),
    line: (cut) => [s("line", { class: "cut", x1: left, x2: width - 6, y1: round(y(cut)), y2: round(y(cut)) }), label(left + 4, round(y(cut)) - 5, format(cut), { class: "strong halo" })],
  };
}
