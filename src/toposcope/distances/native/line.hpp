// Bars that are all born together, as in degree 0: only lengths matter, and some optimal matching does not cross.
//
// So it is enough to know who goes to the diagonal; the others are matched in order. slopes.hpp finds that out for order
// 1, table.hpp for higher orders, and radius.hpp the bottleneck distance.
//
// Read: Aggarwal, Bar-Noy, Khuller, Kravets, Schieber, "Efficient minimum cost matching using quadrangle inequality"
// (1992), for matchings on a line.
#pragma once

#include "diagram.hpp"
#include "moves.hpp"

namespace toposcope {
namespace line {

inline std::vector<double> lengths_of(const std::vector<Bar>& bars, double per_unit) {
  std::vector<double> lengths;
  lengths.reserve(bars.size());
  for (const Bar bar : bars) lengths.push_back((0.5 * bar.death - 0.5 * bar.birth) * (2 * per_unit));
  return lengths;
}

inline double longest_of(const Diagram& a, const Diagram& b) {
  double longest = 0;
  for (const Diagram* each : {&a, &b})
    if (!each->bars.empty()) longest = std::max(longest, to_diagonal(each->by_length.back(), 0.5));
  return longest;
}

// The moves, once it is known who goes to the diagonal: the others are matched in order.
inline Moves in_order(const Diagram& a, const Diagram& b, const std::vector<char>& left_a,
                      const std::vector<char>& left_b, double share) {
  Moves moves;
  moves.reserve(a.bars.size() + b.bars.size());
  std::size_t j = 0;
  const auto skip = [&] {
    for (; j < b.bars.size() && left_b[j]; ++j)
      moves.push_back({the_diagonal, b.rows_by_length[j], to_diagonal(b.by_length[j], share)});
  };
  for (std::size_t i = 0; i < a.bars.size(); ++i) {
    if (left_a[i]) {
      moves.push_back({a.rows_by_length[i], the_diagonal, to_diagonal(a.by_length[i], share)});
      continue;
    }
    skip();
    moves.push_back({a.rows_by_length[i], b.rows_by_length[j], std::abs(a.by_length[i].death - b.by_length[j].death)});
    ++j;
  }
  skip();
  return moves;
}

// Whether matching in order is surely optimal: as many on both sides and none much longer. A pair never costs more than
// both ways to the diagonal once that holds for the shortest with the longest, and without the diagonal order is best,
// the cost being convex.
inline bool order_is_optimal(const Diagram& a, const Diagram& b, double p, double share) {
  if (a.bars.size() != b.bars.size()) return false;
  if (a.bars.empty()) return true;
  const double low = std::min(to_diagonal(a.by_length.front(), 0.5), to_diagonal(b.by_length.front(), 0.5));
  const double ratio = low / longest_of(a, b);
  return std::pow(1 - ratio, p) <= std::pow(share * ratio, p) + std::pow(share, p);
}

}  // namespace line
}  // namespace toposcope
