// The words that every file here uses: bars, what it costs to move one, and how a long computation is stopped.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace toposcope {

using Index = std::uint32_t;

constexpr Index nobody = std::numeric_limits<Index>::max();      // not decided
constexpr Index the_diagonal = std::numeric_limits<Index>::max() - 1;
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Bar {
  double birth;
  double death;
};

// The norm of the plane in which bars move.
enum class Ground { one, two, infinity };

template <Ground ground>
double norm(double x, double y) {
  if constexpr (ground == Ground::one) return x + y;
  if constexpr (ground == Ground::two) return std::sqrt(x * x + y * y);
  return std::max(x, y);
}

// What share of its length leads a bar to the diagonal: 2^(1/q - 1).
inline double share_of(Ground ground) {
  if (ground == Ground::one) return 1;
  return ground == Ground::two ? std::sqrt(0.5) : 0.5;
}

inline double to_diagonal(Bar bar, double share) {
  const double length = bar.death - bar.birth;
  return length < infinity ? share * length : share * bar.death - share * bar.birth;
}

// x^p, for x >= 0.
struct First {
  double operator()(double x) const { return x; }
};
struct Second {
  double operator()(double x) const { return x * x; }
};
struct Any {
  double p;
  double operator()(double x) const { return std::pow(x, p); }
};

// Calls f with x^p as a function that the compiler can see through.
template <class Function>
auto with_power(double p, Function f) {
  if (p == 1) return f(First{});
  if (p == 2) return f(Second{});
  return f(Any{p});
}

// (Σ cost^p)^(1/p) without over- or underflow on the way.
inline double norm_of(const std::vector<double>& costs, double p) {
  double largest = 0, sum = 0;
  for (const double cost : costs) largest = std::max(largest, cost);
  if (largest == 0 || largest == infinity) return largest;
  if (p == 1) {
    for (const double cost : costs) sum += cost;
    return sum;
  }
  for (const double cost : costs) sum += std::pow(cost / largest, p);
  return largest * std::pow(sum, 1 / p);
}

// Thrown when the caller asked the computation to stop.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

// Asked often by long loops; throws when the computation must end.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  virtual void check() = 0;
};

}  // namespace toposcope
