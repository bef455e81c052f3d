// Lower bounds that cost next to nothing.
#pragma once

#include "diagram.hpp"
#include "moves.hpp"

namespace toposcope {

// No bar changes its distance to the diagonal by more than it moves. So a matching costs at least what it does to those
// distances, where the diagonal is at 0; and of numbers, those matched in order cost least.
inline double difference_of_lengths(const Diagram& a, const Diagram& b, double p, double share) {
  const std::vector<Bar>& x = a.by_length;
  const std::vector<Bar>& y = b.by_length;
  std::vector<double> differences(std::max(x.size(), y.size()));
  for (std::size_t k = 1; k <= differences.size(); ++k) {
    const double left = k <= x.size() ? to_diagonal(x[x.size() - k], share) : 0;
    const double right = k <= y.size() ? to_diagonal(y[y.size() - k], share) : 0;
    differences[k - 1] = std::abs(left - right);
  }
  if (p < infinity) return norm_of(differences, p);
  return differences.empty() ? 0 : *std::max_element(differences.begin(), differences.end());
}

}  // namespace toposcope
