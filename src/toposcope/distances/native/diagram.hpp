// A diagram made ready to be compared with many others.
#pragma once

#include <tuple>

#include "tree.hpp"

namespace toposcope {

struct Diagram {
  std::vector<Bar> bars;           // those that die, in the order of the tree
  std::vector<Index> rows;         // where each stood when it came
  Tree tree;
  std::vector<Bar> by_length;      // shortest first
  std::vector<Index> rows_by_length;
  std::vector<double> essential;   // births of those that never die, ascending
  bool born_together;              // as all of degree 0 is: then only deaths matter

  Diagram(std::vector<Bar> finite, std::vector<double> births)
      : bars(std::move(finite)), tree(bars, rows), rows_by_length(rows.size()), essential(std::move(births)) {
    std::sort(essential.begin(), essential.end());
    std::vector<Index> order(bars.size());
    std::iota(order.begin(), order.end(), Index{0});
    // Half a length does not overflow. Lengths that rounding made equal go by death.
    const auto key = [this](Index k) { return std::make_tuple(to_diagonal(bars[k], 0.5), bars[k].death, rows[k]); };
    std::sort(order.begin(), order.end(), [&](Index x, Index y) { return key(x) < key(y); });
    for (std::size_t k = 0; k < order.size(); ++k) rows_by_length[k] = rows[order[k]];
    for (const Index k : order) by_length.push_back(bars[k]);
    born_together = std::all_of(bars.begin(), bars.end(), [this](Bar bar) { return bar.birth == bars[0].birth; });
  }
};

// Bars that share one birth with those of the other diagram: a problem on a line.
inline bool on_a_line(const Diagram& a, const Diagram& b) {
  return a.born_together && b.born_together && (a.bars.empty() || b.bars.empty() || a.bars[0].birth == b.bars[0].birth);
}

}  // namespace toposcope
