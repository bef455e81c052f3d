// Which instructions the innermost loops use, chosen when the program runs.
#pragma once

#include "loops.hpp"

namespace toposcope {

// One version of every loop of loops.hpp.
struct Instructions {
  const char* name;
  void (*between32)(const float*, std::size_t, std::size_t, float, float, Word*);
  void (*between64)(const double*, std::size_t, std::size_t, double, double, Word*);
  void (*remove32)(const float*, const loops::Between<float>*, std::size_t, Word*);
  void (*remove64)(const double*, const loops::Between<double>*, std::size_t, Word*);
  std::size_t (*within32)(const float*, const float*, std::size_t, std::size_t, float);
  std::size_t (*within64)(const double*, const double*, std::size_t, std::size_t, double);
  std::size_t (*next_split)(const std::uint64_t*, std::size_t, std::size_t, Word*, std::size_t, Word*, Word*);
  std::size_t (*next_loop)(const std::uint64_t*, std::size_t, std::size_t, Word*, std::size_t, Word*, Word*, Word*,
                           Word*, Word*);
  bool (*reaches_all_in_two)(const Word*, std::size_t, const Word*, Word*);

  void entries_between(const float* row, std::size_t first, std::size_t n, float low, float high, Word* out) const {
    between32(row, first, n, low, high, out);
  }
  void entries_between(const double* row, std::size_t first, std::size_t n, double low, double high, Word* out) const {
    between64(row, first, n, low, high, out);
  }
  void remove_between(const float* row, const loops::Between<float>* between, std::size_t n, Word* open) const {
    remove32(row, between, n, open);
  }
  void remove_between(const double* row, const loops::Between<double>* between, std::size_t n, Word* open) const {
    remove64(row, between, n, open);
  }
  std::size_t first_within(const float* x, const float* y, std::size_t start, std::size_t n, float radius) const {
    return within32(x, y, start, n, radius);
  }
  std::size_t first_within(const double* x, const double* y, std::size_t start, std::size_t n, double radius) const {
    return within64(x, y, start, n, radius);
  }
};

// Versions that this processor can run, the plain one first.
std::vector<const Instructions*> available_instructions();

}  // namespace toposcope
