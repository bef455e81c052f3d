// Heatmaps of networks: the mean over matched layers, beside the same of CKA.

// Every layer of the network with fewer layers, and that of the other nearest in relative depth.
function matchedLayers(a, b) {
  const [few, many] = [layersOf(a), layersOf(b)];
  if (few.length > many.length) return matchedLayers(b, a).map(([x, y]) => [y, x]);
  const far = (i, j) => Math.abs(DATA.layers[i].depth - DATA.layers[j].depth);
  return many.length ? few.map((i) => [i, many.reduce((best, j) => (far(i, j) < far(i, best) ? j : best), many[0])]) : [];
}

function drawNets(width) {
  const nets = otherOf(shown.view) ? otherOf(shown.view).nets[shown.degree] : DATA.nets[shown.degree];
  const other = SIMILAR[shown.beside], twins = [];
  const cellOf = (from) => (i, j) => ({ mean: real(from.mean[i][j]), noise: otherOf(shown.view) && from === nets ? NaN : real(from.noise[i][j]), pairs: from.pairs[i][j] });
  return twoPanels(width, [
    (each) => [h("h3", {}, "Distance between networks"), netHeat(each, twins, {
      name: `Heatmap of mean distances between ${DATA.networks.length} networks in H${shown.degree}.`, title: `H${shown.degree}, ${viewName()}`,
      value: (i, j) => valueOf(cellOf(nets)(i, j)), tone: farTone, at: shown.view === "ratio" ? [1] : [], describe: (i, j) => describeNets(cellOf(nets)(i, j), i, j),
    })],
    other && ((each) => [h("h3", {}, `Beside it: ${other.name}`), netHeat(each, twins, {
      name: `Heatmap of mean ${other.name} between ${DATA.networks.length} networks.`, void: true, title: `mean ${other.name}`,
      value: (i, j) => cellOf(other.nets[0])(i, j).mean, tone: other.larger ? nearTone : farTone,
      describe: (i, j) => (i === j ? [networkName(i), "one and the same network"] : [`${networkName(i)} – ${networkName(j)}`, `mean ${other.name} over ${plural(cellOf(other.nets[0])(i, j).pairs, "matched pair")} of layers: ${format(cellOf(other.nets[0])(i, j).mean)}`]),
    })]),
  ], 460);
}

function describeNets(entry, i, j) {
  if (i === j) return [networkName(i), `H${shown.degree}, mean sampling noise of ${plural(entry.pairs, "layer")}: ${format(entry.mean)}`];
  const tests = matchedLayers(i, j).map(([a, b]) => testOf(a, b, shown.degree)).filter(Boolean);
  const least = Math.min(...tests.map((test) => real(test.p_adjusted)).filter(Number.isFinite));
  return [
    `${networkName(i)} – ${networkName(j)}`,
    `H${shown.degree}, mean over ${plural(entry.pairs, "matched pair")} of layers: ${format(entry.mean)}`,
    ...(Number.isFinite(entry.noise) ? [`sampling noise ${format(entry.noise)}; ${format(entry.mean / entry.noise)}× noise`] : []),
    tests.length ? `${tests.filter((test) => test.shown).length} of ${plural(tests.length, "layer")} shown to differ${Number.isFinite(least) ? `, least adjusted p = ${pValue(least)}` : ""}` : "not among the planned comparisons",
    "Enter or click: their layers that lie furthest apart",
  ];
}

// The matched layers of two networks with the largest mean distance.
function furthest(i, j) {
  const pairs = matchedLayers(i, j).map(([a, b]) => [a, b, between(a, b, shown.degree).mean]).filter(([, , mean]) => Number.isFinite(mean));
  return pairs.length ? pairs.reduce((best, one) => (one[2] > best[2] ? one : best)) : null;
}

function netHeat(width, twins, options) {
  const count = DATA.networks.length;
  const values = DATA.networks.flatMap((_, i) => DATA.networks.map((__, j) => options.value(i, j)));
  if (!values.some(Number.isFinite)) return h("p", { class: "empty" }, values.includes(Infinity) ? `Every distance in H${shown.degree} is infinite.` : "Nothing was measured between networks.");
  const tone = options.tone(values);
  const left = Math.min(width * 0.36, Math.max(...DATA.networks.map((net) => widthOf(net.name))) + 22);
  const cell = Math.min(72, (width - left - 2) / count);
  const offsets = DATA.networks.map((_, i) => i * cell), top = 12;
  const svg = canvas(left + count * cell + 2, top + count * cell + 4, options.name,
    DATA.networks.map((net, n) => [
      painted(s("rect", { class: colour(n), x: left + offsets[n], y: top - 8, width: cell - 1, height: 4 }), "--c"),
      painted(s("rect", { class: colour(n), x: left - 8, y: top + offsets[n], width: 4, height: cell - 1 }), "--c"),
      cell >= 11 ? label(left - 14, top + offsets[n] + cell / 2 + 4, shortened(net.name, left - 16), { "text-anchor": "end", class: "plain" }) : null,
    ]),
    s("g", { transform: `translate(${left},${top})` },
      heat(options.value, offsets, cell - 1, tone, options.void), own(offsets, cell),
      cell >= 34 ? offsets.flatMap((y, i) => offsets.map((x, j) => {
        const v = options.value(i, j);
        const text = label(x + cell / 2 - 0.5, y + cell / 2 + 4, format(v), { "text-anchor": "middle" });
        return painted(text, Number.isFinite(v) ? `--i${stepOf(v, tone)}` : v === Infinity ? "--page" : "--quiet");
      })) : null));
  gridReadable(svg, count, (i, j) => ({ x: left + offsets[j] + cell / 2, y: top + offsets[i] + cell / 2, box: [left + offsets[j], top + offsets[i], cell - 1], text: options.describe(i, j) }),
    (x, y) => [y, x].map((v, k) => { const i = Math.floor((v - (k ? left : top)) / cell); return i < 0 || i >= count ? -1 : i; }),
    (i, j) => { const found = i === j ? null : furthest(i, j); if (found) openPair(found[0], found[1]); }, twins);
  return [svg, scaleBar(width, left, tone, options.title, values.includes(Infinity), options.at)];
}
