// Which vector instructions the innermost loop uses, chosen when the program runs.
#pragma once

#include <cstddef>
#include <vector>

namespace toposcope::pairs {

// Rows of one side of a tile: a multiple of what every version takes at a time.
constexpr std::size_t tile_rows = 144;
// Bytes that rows are aligned to and filled up to, the widest register.
constexpr std::size_t alignment = 64;

// All pairs of two packed panels of rows, or of one with itself (then only what lies at or right of the diagonal is
// sure to be there). a, b: rows `stride` apart. out: (tile_rows, tile_rows).
template <class Number>
using Panels = void (*)(const Number* a, std::size_t rows_a, const Number* b, std::size_t rows_b, std::size_t stride,
                        std::size_t width, std::size_t terms, bool same, double* out);

template <class Number>
struct Version {
  Panels<Number> squares, absolutes, largest;
};

struct Instructions {
  const char* name;
  Version<float> in_float;
  Version<double> in_double;

  const Version<float>& of(float) const { return in_float; }
  const Version<double>& of(double) const { return in_double; }
};

// Versions that this processor can run, the plain one first.
std::vector<const Instructions*> available_instructions();

}  // namespace toposcope::pairs
