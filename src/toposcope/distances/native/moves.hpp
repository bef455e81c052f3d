// What a matching moves: bars onto each other, bars onto the diagonal.
#pragma once

#include "common.hpp"

namespace toposcope {

struct Move {
  Index a;  // row of a bar, or the_diagonal
  Index b;
  double cost;
};

using Moves = std::vector<Move>;

inline double norm_of(const Moves& moves, double p) {
  std::vector<double> costs;
  costs.reserve(moves.size());
  for (const Move& move : moves) costs.push_back(move.cost);
  return norm_of(costs, p);
}

inline double largest_of(const Moves& moves) {
  double largest = 0;
  for (const Move& move : moves) largest = std::max(largest, move.cost);
  return largest;
}

// A power of two, at least x if that can be, whose inverse is a number too.
inline double unit_for(double x) {
  if (!(x > 0)) return 1;
  int exponent = 0;
  std::frexp(x, &exponent);
  return std::ldexp(1.0, std::min(std::max(exponent, -1000), 1023));
}

}  // namespace toposcope
