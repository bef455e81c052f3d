#include "instructions.hpp"

#include "lanes.hpp"
#include "measures.hpp"

namespace toposcope::pairs {
namespace {

template <class Measure, class Number, std::size_t bytes, std::size_t R, std::size_t C>
[[gnu::always_inline]] inline void all_rows(const Number* a, std::size_t rows_a, const Number* b, std::size_t rows_b,
                                            std::size_t stride, std::size_t width, std::size_t terms, bool same,
                                            double* out) {
  for (std::size_t i = 0; i < rows_a; i += R)
    for (std::size_t j = same ? i / C * C : 0; j < rows_b; j += C)
      rows_against_rows<Measure, Number, bytes, R, C>(a + i * stride, b + j * stride, stride, width, terms,
                                                      out + i * tile_rows + j, tile_rows);
}

// One function per measure and number. Only they carry the wider instructions; no flag of the build does, so that the
// library runs on every processor.
#define TOPOSCOPE_PANELS(SUFFIX, TARGET, NAME, MEASURE, NUMBER, BYTES, R, C)                                        \
  TARGET void NAME##_##NUMBER##_##SUFFIX(const NUMBER* a, std::size_t rows_a, const NUMBER* b, std::size_t rows_b,    \
                                         std::size_t stride, std::size_t width, std::size_t terms, bool same,        \
                                         double* out) {                                                              \
    all_rows<MEASURE, NUMBER, BYTES, R, C>(a, rows_a, b, rows_b, stride, width, terms, same, out);                   \
  }

#define TOPOSCOPE_VERSION(SUFFIX, TARGET, BYTES, R, C)                                              \
  TOPOSCOPE_PANELS(SUFFIX, TARGET, squares, Squares, float, BYTES, R, C)                            \
  TOPOSCOPE_PANELS(SUFFIX, TARGET, absolutes, Absolutes, float, BYTES, R, C)                        \
  TOPOSCOPE_PANELS(SUFFIX, TARGET, largest, Largest, float, BYTES, R, C)                            \
  TOPOSCOPE_PANELS(SUFFIX, TARGET, squares, Squares, double, BYTES, R, C)                           \
  TOPOSCOPE_PANELS(SUFFIX, TARGET, absolutes, Absolutes, double, BYTES, R, C)                       \
  TOPOSCOPE_PANELS(SUFFIX, TARGET, largest, Largest, double, BYTES, R, C)                           \
  const Instructions SUFFIX##_instructions = {                                                      \
      #SUFFIX,                                                                                      \
      {squares_float_##SUFFIX, absolutes_float_##SUFFIX, largest_float_##SUFFIX},                   \
      {squares_double_##SUFFIX, absolutes_double_##SUFFIX, largest_double_##SUFFIX}};

TOPOSCOPE_VERSION(plain, , 16, 3, 3)
#if defined(__x86_64__)
TOPOSCOPE_VERSION(avx2, __attribute__((target("avx2,fma"))), 32, 3, 3)
TOPOSCOPE_VERSION(avx512, __attribute__((target("avx512f,avx512dq,fma,prefer-vector-width=512"))), 64, 4, 6)
#endif

}  // namespace

std::vector<const Instructions*> available_instructions() {
  std::vector<const Instructions*> versions{&plain_instructions};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) versions.push_back(&avx2_instructions);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) versions.push_back(&avx512_instructions);
#endif
  return versions;
}

}  // namespace toposcope::pairs
