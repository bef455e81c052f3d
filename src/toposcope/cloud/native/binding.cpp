// What Python sees: a cloud in, distances written into the array that it gives. The GIL is released in between.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <optional>
#include <string>

#include "tiles.hpp"

namespace nb = nanobind;

namespace toposcope::pairs {
namespace {

template <class In>
using Points = nb::ndarray<const In, nb::ndim<2>, nb::device::cpu>;
template <class Out>
using Result = nb::ndarray<Out, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using PerRow = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Looks for Ctrl-C about ten times a second. Called from the thread that Python called; signals reach the main one.
class PythonSignals : public Interrupt {
 public:
  void check() override {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    nb::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

Kind kind_named(const std::string& name) {
  if (name == "euclidean") return Kind::euclidean;
  if (name == "sqeuclidean") return Kind::sqeuclidean;
  if (name == "manhattan") return Kind::manhattan;
  if (name == "chebyshev") return Kind::chebyshev;
  throw nb::value_error(("no measure " + name).c_str());
}

const Instructions& instructions_named(const std::string& name) {
  const auto versions = available_instructions();
  if (name.empty()) return *versions.back();
  for (const Instructions* version : versions)
    if (name == version->name) return *version;
  throw nb::value_error(("instructions " + name + " are not available here").c_str());
}

template <class In, class Out>
void distances(Points<In> points, Result<Out> out, const std::string& measure, unsigned threads,
               std::optional<PerRow> shift, std::optional<PerRow> scale, const std::string& instructions) {
  const std::size_t n = points.shape(0);
  const bool condensed = out.shape(0) != n * n;
  if (condensed && 2 * out.shape(0) != n * (n - (n > 0))) throw nb::value_error("out is n² or n(n-1)/2 long");
  Cloud<In> cloud{points.data(), n, points.shape(1), points.stride(0), points.stride(1)};
  if (shift.has_value() != scale.has_value()) throw nb::value_error("shift and scale go together");
  if (shift) {
    if (shift->shape(0) != n || scale->shape(0) != n) throw nb::value_error("shift and scale are one number per row");
    cloud.shift = shift->data();
    cloud.scale = scale->data();
  }
  const Target<Out> target{out.data(), n, condensed};
  const Kind kind = kind_named(measure);
  const Instructions& version = instructions_named(instructions);
  PythonSignals signals;
  nb::gil_scoped_release release;
  all_pairs(cloud, kind, target, threads, version, signals);
}

}  // namespace
}  // namespace toposcope::pairs

NB_MODULE(_pairs, module) {
  using namespace toposcope::pairs;
  using nb::literals::operator""_a;
  module.doc() = "Distances between the rows of a cloud; toposcope.cloud.metrics is its one caller.";
  const auto define = [&](auto in, auto result) {
    module.def("distances", &distances<decltype(in), decltype(result)>, "points"_a.noconvert(), "out"_a.noconvert(),
               "measure"_a, "threads"_a = 1, "shift"_a = nb::none(), "scale"_a = nb::none(), "instructions"_a = "");
  };
  define(float{}, float{});
  define(float{}, double{});
  define(double{}, float{});
  define(double{}, double{});
  module.def("instructions", [] {
    std::vector<std::string> names;
    for (const Instructions* version : available_instructions()) names.emplace_back(version->name);
    return names;
  });
}
