// What Python sees of the kernel: arrays in, arrays out, the GIL released in between.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>

#include "sweep.hpp"

namespace nb = nanobind;

namespace toposcope {
namespace {

template <class Number>
using Matrix = nb::ndarray<const Number, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// A numpy array that owns its values.
template <class Number>
nb::object array_of(std::vector<Number> values, std::vector<std::size_t> shape) {
  auto* kept = new std::vector<Number>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Number>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, Number>(kept->data(), shape.size(), shape.data(), owner));
}

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

const Instructions& instructions_named(const std::string& name) {
  const auto versions = available_instructions();
  if (name.empty()) return *versions.back();
  for (const Instructions* version : versions)
    if (name == version->name) return *version;
  throw nb::value_error(("instructions " + name + " are not available here").c_str());
}

nb::dict counts_of(const Counts& counts) {
  nb::dict out;
  out["edges"] = counts.edges;
  out["empty_lunes"] = counts.empty_lunes;
  out["extra_components"] = counts.extra_components;
  out["loops"] = counts.loops;
  for (int k = 0; k < 3; ++k) {
    out[("births_" + std::to_string(k)).c_str()] = counts.births[k];
    out[("deaths_" + std::to_string(k)).c_str()] = counts.deaths[k];
  }
  return out;
}

// Per degree (bars (k, 2), birth simplices (k, 3), death simplices (k, 4)); then the merges (m, 2) and the counts.
template <class Length>
nb::object python_diagram(const Diagram<Length>& diagram, int max_degree) {
  nb::list degrees;
  for (int degree = 0; degree <= max_degree; ++degree) {
    const auto& bars = diagram.bars[degree];
    std::vector<double> values;
    std::vector<std::int64_t> births, deaths;
    values.reserve(2 * bars.size());
    for (const auto& bar : bars) {
      values.push_back(static_cast<double>(bar.birth));
      values.push_back(static_cast<double>(bar.death));
      for (const Vertex v : bar.birth_simplex) births.push_back(v == no_vertex ? -1 : static_cast<std::int64_t>(v));
      for (const Vertex v : bar.death_simplex) deaths.push_back(v == no_vertex ? -1 : static_cast<std::int64_t>(v));
    }
    degrees.append(nb::make_tuple(array_of(std::move(values), {bars.size(), 2}),
                                  array_of(std::move(births), {bars.size(), 3}),
                                  array_of(std::move(deaths), {bars.size(), 4})));
  }
  std::vector<std::int64_t> merges;
  for (const Edge e : diagram.merges) {
    merges.push_back(e.a);
    merges.push_back(e.b);
  }
  return nb::make_tuple(degrees, array_of(std::move(merges), {diagram.merges.size(), 2}), counts_of(diagram.counts));
}

template <class Length>
nb::object persistence(Matrix<Length> matrix, int max_degree, double threshold, unsigned threads,
                       const std::string& instructions, bool to_the_end, std::size_t window_edges) {
  if (matrix.shape(0) != matrix.shape(1)) throw nb::value_error("distances are a square matrix");
  if (matrix.shape(0) > most_vertices) throw nb::value_error("too many points for a matrix of distances");
  const Distances<Length> distances{matrix.data(), matrix.shape(0)};
  Request request;
  request.max_degree = max_degree;
  request.threshold = threshold;
  request.threads = threads;
  request.to_the_end = to_the_end;
  request.window_edges = window_edges;
  const Instructions& version = instructions_named(instructions);
  PythonSignals signals;
  Diagram<Length> diagram;
  {
    nb::gil_scoped_release release;
    diagram = rips(distances, request, version, signals);
  }
  return python_diagram(diagram, max_degree);
}

}  // namespace
}  // namespace toposcope

NB_MODULE(_native, module) {
  using namespace toposcope;
  using nb::literals::operator""_a;
  module.doc() = "The native homology kernel; toposcope.rips.engine is its one caller.";
  module.def("persistence", &persistence<float>, "distances"_a.noconvert(), "max_degree"_a, "threshold"_a,
             "threads"_a = 1, "instructions"_a = "", "to_the_end"_a = false, "window_edges"_a = 0);
  module.def("persistence", &persistence<double>, "distances"_a.noconvert(), "max_degree"_a, "threshold"_a,
             "threads"_a = 1, "instructions"_a = "", "to_the_end"_a = false, "window_edges"_a = 0);
  module.def("instructions", [] {
    std::vector<std::string> names;
    for (const Instructions* version : available_instructions()) names.emplace_back(version->name);
    return names;
  });
}
