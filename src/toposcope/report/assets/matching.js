// The optimal matching of two diagrams, computed where it is looked at: for any pair of layers, at no cost in bytes.
// Bars are [birth, death]. A matching moves each bar to a bar of the other side or to the diagonal; a Wasserstein
// distance is the least sum of moves to the power of its order, the bottleneck distance the least longest move.

const MATCHABLE = 1_500_000; // products of two numbers of bars up to which a browser answers while one waits;
const MATCHABLE_AT_LEAST = 250_000; // the bottleneck tries a matching at many values

// {value, rows: [{a, b, cost}]}: null for the diagonal, the largest moves first; null where there are too many bars.
function matchBars(a, b, { order, ground }, zeroBirths) {
  const [p, q] = [real(order), real(ground)];
  const finite = (bars) => bars.filter(([, death]) => death !== Infinity);
  const [x, y] = [finite(a), finite(b)];
  if (x.length * y.length > (p === Infinity ? MATCHABLE_AT_LEAST : MATCHABLE)) return null;
  const rows = essential(a, b);
  const move = (s1, s2) => { const [u, v] = [Math.abs(s1[0] - s2[0]), Math.abs(s1[1] - s2[1])]; return q === Infinity ? Math.max(u, v) : (u ** q + v ** q) ** (1 / q); };
  const fall = ([birth, death]) => (q === Infinity ? (death - birth) / 2 : (death - birth) * 2 ** (1 / q - 1));
  const partner = (p === Infinity ? bottleneckMatching : zeroBirths ? lineMatching : cheapestMatching)(
    x.map((s1) => y.map((s2) => move(s1, s2))), x.map(fall), y.map(fall), p, x, y);
  const taken = new Set(partner);
  x.forEach((bar, i) => rows.push({ a: bar, b: partner[i] < 0 ? null : y[partner[i]], cost: partner[i] < 0 ? fall(bar) : move(bar, y[partner[i]]) }));
  y.forEach((bar, j) => { if (!taken.has(j)) rows.push({ a: null, b: bar, cost: fall(bar) }); });
  rows.sort((r, t) => t.cost - r.cost);
  const most = rows.length ? rows[0].cost : 0;
  const value = p === Infinity || !(most > 0) || most === Infinity ? most : most * rows.reduce((sum, row) => sum + (row.cost / most) ** p, 0) ** (1 / p);
  return { value, rows };
}

// Bars that never die are matched with one another in the order of their births; one too many is infinitely far.
function essential(a, b) {
  const births = [a, b].map((bars) => bars.filter(([, death]) => death === Infinity).sort((s1, s2) => s1[0] - s2[0]));
  return Array.from({ length: Math.max(births[0].length, births[1].length) }, (_, k) => {
    const [x, y] = births.map((bars) => bars[k] || null);
    return { a: x, b: y, cost: x && y ? Math.abs(x[0] - y[0]) : Infinity };
  });
}

// Bars that are all born at 0 lie on a line, where some optimal matching never crosses: a table of prefixes decides.
function lineMatching(cost, alone, others, p, x, y) {
  const by = (bars) => bars.map((_, i) => i).sort((i, j) => bars[i][1] - bars[j][1]);
  const [rows, columns] = [by(x), by(y)], [n, m] = [rows.length, columns.length];
  const from = new Uint8Array((n + 1) * (m + 1));
  let before = new Float64Array(m + 1), now = new Float64Array(m + 1);
  for (let j = 1; j <= m; j++) { before[j] = before[j - 1] + others[columns[j - 1]] ** p; from[j] = 2; }
  for (let i = 1; i <= n; i++) {
    const r = rows[i - 1], lone = alone[r] ** p, line = cost[r];
    now[0] = before[0] + lone;
    from[i * (m + 1)] = 1;
    for (let j = 1; j <= m; j++) {
      const c = columns[j - 1];
      let best = before[j - 1] + line[c] ** p, way = 0;
      if (before[j] + lone < best) { best = before[j] + lone; way = 1; }
      if (now[j - 1] + others[c] ** p < best) { best = now[j - 1] + others[c] ** p; way = 2; }
      now[j] = best;
      from[i * (m + 1) + j] = way;
    }
    [before, now] = [now, before];
  }
  const partner = new Array(n).fill(-1);
  for (let i = n, j = m; i || j;) {
    const way = from[i * (m + 1) + j];
    if (way === 0) partner[rows[--i]] = columns[--j]; else if (way === 1) i--; else j--;
  }
  return partner;
}

// Shortest augmenting paths (Jonker and Volgenant 1987), one row after another. A column is worth what its bar would
// pay for the diagonal, and every row has the diagonal for itself, where a path may end as well as in a free column.
function cheapestMatching(cost, alone, others, p, _x, _y, forbidden = Infinity) {
  const n = alone.length, m = others.length, large = 1e9;
  const paid = (value) => (value > forbidden ? large : value ** p);
  const lone = Float64Array.from(alone, paid), worth = Float64Array.from(others, paid);
  const matrix = cost.map((line) => Float64Array.from(line, (value, j) => paid(value) - worth[j]));
  const u = Float64Array.from(lone, (value, i) => matrix[i].reduce((least, w) => (w < least ? w : least), value)), v = new Float64Array(m);
  const partner = new Int32Array(n).fill(-1), owner = new Int32Array(m).fill(-1);
  const dist = new Float64Array(m), via = new Int32Array(m), done = new Uint8Array(m);
  for (let start = 0; start < n; start++) {
    dist.fill(Infinity);
    done.fill(0);
    const rows = [start], at = [0], columns = [];
    let row = start, base = 0, end = Infinity, ending = -1, column = -1;
    for (;;) {
      if (base + lone[row] - u[row] < end) { end = base + lone[row] - u[row]; ending = row; }
      const line = matrix[row];
      let least = Infinity;
      column = -1;
      for (let j = 0; j < m; j++) {
        if (done[j]) continue;
        const reach = base + line[j] - u[row] - v[j];
        if (reach < dist[j]) { dist[j] = reach; via[j] = row; }
        if (dist[j] < least) { least = dist[j]; column = j; }
      }
      if (column < 0 || end <= least) { column = -1; break; }
      if (owner[column] < 0) { end = least; break; }
      done[column] = 1;
      columns.push(column);
      base = least;
      row = owner[column];
      rows.push(row);
      at.push(base);
    }
    rows.forEach((r, k) => { u[r] += end - at[k]; });
    columns.forEach((c) => { v[c] -= end - dist[c]; });
    // Along the path every row gives its column to the row before it.
    if (column < 0) {
      column = partner[ending];
      partner[ending] = -1;
    }
    while (column >= 0) {
      const r = via[column], next = partner[r];
      owner[column] = r;
      partner[r] = column;
      column = r === start ? -1 : next;
    }
  }
  return Array.from(partner);
}

// The least value at which every bar that is farther from the diagonal has a partner within it; and of all matchings
// within it the one of the least sum. Covering either side is enough (Mendelsohn and Dulmage 1958).
function bottleneckMatching(cost, alone, others) {
  const values = [...new Set([0, ...alone, ...others, ...cost.flat()])].sort((s1, s2) => s1 - s2);
  const across = others.map((_, j) => alone.map((__, i) => cost[i][j]));
  const enough = (limit) => covers(cost, alone, limit, others.length) && covers(across, others, limit, alone.length);
  let low = 0, high = values.length - 1;
  while (low < high) { const middle = (low + high) >> 1; if (enough(values[middle])) high = middle; else low = middle + 1; }
  return cheapestMatching(cost, alone, others, 1, null, null, values[low]);
}

// Whether every row that is farther from the diagonal than `limit` finds a column of its own within it.
function covers(cost, alone, limit, columns) {
  const owner = new Int32Array(columns).fill(-1);
  const stamp = new Int32Array(columns).fill(-1);
  const find = (row, turn) => {
    for (let j = 0; j < columns; j++) {
      if (stamp[j] === turn || cost[row][j] > limit) continue;
      stamp[j] = turn;
      if (owner[j] < 0 || find(owner[j], turn)) { owner[j] = row; return true; }
    }
    return false;
  };
  return alone.every((value, row) => value <= limit || find(row, row));
}
