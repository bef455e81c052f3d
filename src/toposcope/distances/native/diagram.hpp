// A diagram made ready to be compared with many others. Nothing here depends on the order in which its bars came.
#pragma once

#include <tuple>

#include "tree.hpp"

namespace toposcope {

// Puts bars into the order of a key; returns which one stands where.
template <class Key>
std::vector<Index> sort_by(std::vector<Bar>& bars, Key key) {
  std::vector<Index> order(bars.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index x, Index y) {
    return std::make_tuple(key(bars[x]), x) < std::make_tuple(key(bars[y]), y);
  });
  std::vector<Bar> sorted;
  sorted.reserve(bars.size());
  for (const Index k : order) sorted.push_back(bars[k]);
  bars = std::move(sorted);
  return order;
}

struct Diagram {
  std::vector<Bar> by_length;  // bars that die, the shortest first
  std::vector<Index> rows_by_length;  // where each stood when it came
  std::vector<Bar> bars;  // the same in the order of the tree
  std::vector<Index> rows;
  Tree tree;
  std::vector<double> essential;  // births of the bars that never die, ascending
  bool born_together;  // as all of degree 0 is: then only deaths matter

  Diagram(std::vector<Bar> finite, std::vector<double> births)
      : by_length(std::move(finite)), rows_by_length(sorted_by_length(by_length)), bars(by_length), tree(bars, rows),
        essential(std::move(births)) {
    for (Index& row : rows) row = rows_by_length[row];
    std::sort(essential.begin(), essential.end());
    born_together = std::all_of(bars.begin(), bars.end(), [this](Bar bar) { return bar.birth == bars[0].birth; });
  }

 private:
  // Half a length does not overflow. Lengths that rounding made equal go by death.
  static std::vector<Index> sorted_by_length(std::vector<Bar>& bars) {
    return sort_by(bars, [](Bar bar) { return std::make_tuple(to_diagonal(bar, 0.5), bar.death, bar.birth); });
  }
};

// Bars that share one birth with those of the other diagram: a problem on a line.
inline bool on_a_line(const Diagram& a, const Diagram& b) {
  return a.born_together && b.born_together && (a.bars.empty() || b.bars.empty() || a.bars[0].birth == b.bars[0].birth);
}

}  // namespace toposcope
