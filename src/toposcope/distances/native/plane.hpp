// Wasserstein distances in the plane: edges by price, an assignment over them, and the proof that it is optimal.
#pragma once

#include "moves.hpp"
#include "prices.hpp"

namespace toposcope {

// What proves a matching optimal: potentials, in units^p, that no pair and no way to the diagonal undercuts, and whose
// sum is what the matching costs.
struct Proof {
  std::vector<double> potentials_a;  // by row
  std::vector<double> potentials_b;
  double unit = 1;
};

namespace plane {

constexpr std::size_t nearest_few = 8;
constexpr std::size_t worst_few = 4;

template <Ground ground>
Moves moves_of(const Diagram& a, const Diagram& b, const Assignment& assignment) {
  const double share = share_of(ground);
  Moves moves;
  moves.reserve(a.bars.size() + b.bars.size());
  for (Index x = 0; x < a.bars.size(); ++x) {
    const Index y = assignment.a().partner[x];
    if (y == the_diagonal)
      moves.push_back({a.rows[x], the_diagonal, to_diagonal(a.bars[x], share)});
    else
      moves.push_back({a.rows[x], b.rows[y], exact_distance<ground>(a.bars[x], b.bars[y])});
  }
  for (Index y = 0; y < b.bars.size(); ++y)
    if (assignment.b().partner[y] == the_diagonal)
      moves.push_back({the_diagonal, b.rows[y], to_diagonal(b.bars[y], share)});
  return moves;
}

// Checked builds: the potentials add up to the cost, so that no matching is cheaper.
inline void check_proof([[maybe_unused]] const Assignment& assignment, [[maybe_unused]] double cost) {
#ifdef TOPOSCOPE_CHECKS
  double sum = 0, size = 0;
  for (const Side* side : {&assignment.a(), &assignment.b()})
    for (const double potential : side->potential) {
      sum += potential;
      size += std::abs(potential);
    }
  if (std::abs(cost - sum) > 1e-9 * cost + 1e-12 * size) throw std::logic_error("the matching is not proven optimal");
#endif
}

template <Ground ground, class Power>
Moves optimal(const Diagram& a, const Diagram& b, Power power, double unit, Interrupt& interrupt, Proof* proof) {
  const Prices<ground, Power> prices(a, b, unit, power, interrupt);
  Assignment assignment(prices.of_the_diagonal(a), prices.of_the_diagonal(b));
  assignment.add(prices.nearest(assignment.a().price, assignment.b().price, nearest_few));
  // Twice as many each time, for many bars at one place are all alike, and each needs another partner.
  for (std::size_t few = worst_few;; few *= 2) {
    assignment.solve(interrupt);
    if (!assignment.add(prices.too_cheap(assignment.a(), assignment.b(), few))) break;
  }
  Moves moves = moves_of<ground>(a, b, assignment);
  double cost = 0;
  for (const Move& move : moves) cost += power(move.cost / unit);
  check_proof(assignment, cost);
  if (proof != nullptr) {
    proof->unit = unit;
    proof->potentials_a.resize(a.bars.size());
    proof->potentials_b.resize(b.bars.size());
    for (Index x = 0; x < a.bars.size(); ++x) proof->potentials_a[a.rows[x]] = assignment.a().potential[x];
    for (Index y = 0; y < b.bars.size(); ++y) proof->potentials_b[b.rows[y]] = assignment.b().potential[y];
  }
  return moves;
}

}  // namespace plane

// An optimal matching for Wasserstein order p.
template <Ground ground>
Moves match_in_the_plane(const Diagram& a, const Diagram& b, double p, Interrupt& interrupt, Proof* proof = nullptr) {
  return with_power(p, [&](auto power) {
    double longest = 0;
    for (const Diagram* each : {&a, &b})
      if (!each->bars.empty()) longest = std::max(longest, to_diagonal(each->by_length.back(), share_of(ground)));
    for (double unit = unit_for(longest);;) {
      Moves moves = plane::optimal<ground>(a, b, power, unit, interrupt, proof);
      // High powers of costs that are small beside the longest bar vanish: then count again, in smaller units.
      const double farthest = largest_of(moves);
      if (farthest == 0 || power(farthest / unit) > 1e-200 || unit_for(farthest) >= unit) return moves;
      unit = unit_for(farthest);
    }
  });
}

}  // namespace toposcope
