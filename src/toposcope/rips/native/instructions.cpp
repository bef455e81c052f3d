#include "instructions.hpp"

#include "loops.hpp"

// One set of functions per instruction set: the same loops, inlined into functions with a target attribute. Only these
// functions carry the wider instructions; no flag of the whole build does, so the library runs on every processor.
#define TOPOSCOPE_VERSION(SUFFIX, TARGET)                                                                             \
  TARGET static void between32_##SUFFIX(const float* row, std::size_t first, std::size_t n, float low, float high,    \
                                        Word* out) {                                                                  \
    loops::entries_between(row, first, n, low, high, out);                                                            \
  }                                                                                                                   \
  TARGET static void between64_##SUFFIX(const double* row, std::size_t first, std::size_t n, double low, double high, \
                                        Word* out) {                                                                  \
    loops::entries_between(row, first, n, low, high, out);                                                            \
  }                                                                                                                   \
  TARGET static void remove32_##SUFFIX(const float* row, const loops::Between<float>* between, std::size_t n,         \
                                       Word* open) {                                                                  \
    loops::remove_between(row, between, n, open);                                                                     \
  }                                                                                                                   \
  TARGET static void remove64_##SUFFIX(const double* row, const loops::Between<double>* between, std::size_t n,       \
                                       Word* open) {                                                                  \
    loops::remove_between(row, between, n, open);                                                                     \
  }                                                                                                                   \
  TARGET static std::size_t within32_##SUFFIX(const float* x, const float* y, std::size_t start, std::size_t n,       \
                                              float radius) {                                                         \
    return loops::first_within(x, y, start, n, radius);                                                               \
  }                                                                                                                   \
  TARGET static std::size_t within64_##SUFFIX(const double* x, const double* y, std::size_t start, std::size_t n,     \
                                              double radius) {                                                        \
    return loops::first_within(x, y, start, n, radius);                                                               \
  }                                                                                                                   \
  TARGET static std::size_t next_split_##SUFFIX(const std::uint64_t* edges, std::size_t begin, std::size_t end,       \
                                                Word* bits, std::size_t words, Word* lune, Word* rest) {              \
    return loops::next_split(edges, begin, end, bits, words, lune, rest);                                             \
  }                                                                                                                   \
  TARGET static std::size_t next_loop_##SUFFIX(const std::uint64_t* edges, std::size_t begin, std::size_t end,        \
                                               Word* bits, std::size_t words, Word* lune, Word* core, Word* pending,  \
                                               Word* link, Word* rest) {                                              \
    return loops::next_loop(edges, begin, end, bits, words, lune, core, pending, link, rest);                         \
  }                                                                                                                   \
  TARGET static bool reaches_all_in_two_##SUFFIX(const Word* bits, std::size_t words, const Word* near, Word* open) {   \
    return loops::reaches_all_in_two(bits, words, near, open);                                                        \
  }                                                                                                                   \
  static const Instructions SUFFIX##_instructions = {#SUFFIX,           between32_##SUFFIX, between64_##SUFFIX,       \
                                                     remove32_##SUFFIX, remove64_##SUFFIX,                              \
                                                     within32_##SUFFIX, within64_##SUFFIX,  next_split_##SUFFIX,      \
                                                     next_loop_##SUFFIX,                                                      reaches_all_in_two_##SUFFIX};

namespace toposcope {

TOPOSCOPE_VERSION(plain, )

#if defined(__x86_64__)
TOPOSCOPE_VERSION(avx2, __attribute__((target("avx2,bmi,bmi2,popcnt"))))
#endif

std::vector<const Instructions*> available_instructions() {
  std::vector<const Instructions*> versions{&plain_instructions};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
      __builtin_cpu_supports("popcnt"))
    versions.push_back(&avx2_instructions);
#endif
  return versions;
}

}  // namespace toposcope
