// The distances between two diagrams, whole: which method for which bars, and the bars that never die.
//
// The files, in reading order: common, moves (what a matching is), tree, diagram, bounds; assignment, prices, plane (any
// bars); line, slopes, table, radius (bars born together); bottleneck, sliced; this one; pairs (many at once), binding.
#pragma once

#include "bottleneck.hpp"
#include "plane.hpp"
#include "radius.hpp"
#include "sliced.hpp"
#include "slopes.hpp"
#include "table.hpp"

namespace toposcope {

template <class Function>
auto with_ground(Ground ground, Function f) {
  switch (ground) {
    case Ground::one:
      return f(std::integral_constant<Ground, Ground::one>{});
    case Ground::two:
      return f(std::integral_constant<Ground, Ground::two>{});
    default:
      return f(std::integral_constant<Ground, Ground::infinity>{});
  }
}

// The bars that never die, matched by birth: of order p, or the largest for infinite p. Unequal counts: infinite.
inline double essential_distance(const Diagram& a, const Diagram& b, double p) {
  if (a.essential.size() != b.essential.size()) return infinity;
  std::vector<double> costs;
  for (std::size_t k = 0; k < a.essential.size(); ++k) costs.push_back(std::abs(a.essential[k] - b.essential[k]));
  if (p < infinity) return norm_of(costs, p);
  return costs.empty() ? 0 : *std::max_element(costs.begin(), costs.end());
}

// An order of diagrams, so that both orders of a pair are computed alike, to the bit.
inline bool comes_first(const Diagram& a, const Diagram& b) {
  if (a.bars.size() != b.bars.size()) return a.bars.size() < b.bars.size();
  for (std::size_t k = 0; k < a.bars.size(); ++k) {
    const auto x = std::make_pair(a.bars[k].birth, a.bars[k].death), y = std::make_pair(b.bars[k].birth, b.bars[k].death);
    if (x != y) return x < y;
  }
  return true;
}

inline void turn(Moves& moves) {
  for (Move& move : moves) std::swap(move.a, move.b);
}

// How bars that die are matched; `on_any_plane` leaves the method for lines out.
inline Moves wasserstein_moves(const Diagram& a, const Diagram& b, double p, Ground ground, Interrupt& interrupt,
                               bool on_any_plane = false, Proof* proof = nullptr) {
  if (!comes_first(a, b)) {
    Moves moves = wasserstein_moves(b, a, p, ground, interrupt, on_any_plane, proof);
    if (proof != nullptr) std::swap(proof->potentials_a, proof->potentials_b);
    turn(moves);
    return moves;
  }
  if (on_any_plane || !on_a_line(a, b))
    return with_ground(ground, [&](auto norm) { return match_in_the_plane<norm()>(a, b, p, interrupt, proof); });
  const double share = share_of(ground);
  if (line::order_is_optimal(a, b, p, share))
    return line::in_order(a, b, std::vector<char>(a.bars.size()), std::vector<char>(b.bars.size()), share);
  if (p == 1) return line::match_first_order(a, b, share);
  Moves moves;
  with_power(p, [&](auto power) { return line::higher_order(a, b, p, power, share, interrupt, &moves); });
  return moves;
}

inline Moves bottleneck_moves(const Diagram& a, const Diagram& b, Interrupt& interrupt) {
  if (comes_first(a, b)) return BottleneckMatching(a, b, interrupt).moves();
  Moves moves = BottleneckMatching(b, a, interrupt).moves();
  turn(moves);
  return moves;
}

// What the bars that die move.
inline double moved(const Diagram& a, const Diagram& b, double p, Ground ground, Interrupt& interrupt) {
  const bool in_a_row = on_a_line(a, b);
  if (p == infinity) return in_a_row ? bottleneck_on_a_line(a, b) : largest_of(bottleneck_moves(a, b, interrupt));
  const double share = share_of(ground);
  if (p > 1 && in_a_row && !line::order_is_optimal(a, b, p, share))
    return with_power(p, [&](auto power) { return line::higher_order(a, b, p, power, share, interrupt, nullptr); });
  return norm_of(wasserstein_moves(a, b, p, ground, interrupt), p);
}

inline double together(double moved, double essential, double p) {
  return p < infinity ? norm_of(std::vector<double>{moved, essential}, p) : std::max(moved, essential);
}

// The distance of order p; infinite p is the bottleneck distance, in the norm L-infinity.
inline double distance(const Diagram& a, const Diagram& b, double p, Ground ground, Interrupt& interrupt) {
  const double essential = essential_distance(a, b, p);
  if (essential == infinity) return infinity;
  return together(comes_first(a, b) ? moved(a, b, p, ground, interrupt) : moved(b, a, p, ground, interrupt), essential, p);
}

inline double sliced_distance(const Diagram& a, const Projections& of_a, const Diagram& b, const Projections& of_b,
                              double p) {
  const double essential = essential_distance(a, b, p);
  if (essential == infinity) return infinity;
  return together(comes_first(a, b) ? sliced(of_a, of_b, p) : sliced(of_b, of_a, p), essential, p);
}

// A lower bound of the distance, in linear time.
inline double lower_bound(const Diagram& a, const Diagram& b, double p, Ground ground) {
  return together(difference_of_lengths(a, b, p, share_of(ground)), essential_distance(a, b, p), p);
}

}  // namespace toposcope
