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

std::vector<std::int64_t> ends_of(const std::vector<Edge>& edges) {
  std::vector<std::int64_t> ends;
  ends.reserve(2 * edges.size());
  for (const Edge e : edges) {
    ends.push_back(e.a);
    ends.push_back(e.b);
  }
  return ends;
}

// Per degree (bars (k, 2), birth simplices (k, 3), death simplices (k, 4)), unused vertices -1; the merges (m, 2); the
// cycles of degree 1 as (vertices, ends); the counts.
template <class Length>
nb::object python_diagram(const Diagram<Length>& diagram, int max_degree) {
  nb::list degrees;
  const auto number = [](Vertex v) { return v == no_vertex ? std::int64_t{-1} : static_cast<std::int64_t>(v); };
  for (int degree = 0; degree <= max_degree; ++degree) {
    const auto& bars = diagram.bars[degree];
    std::vector<double> values;
    std::vector<std::int64_t> births, deaths;
    values.reserve(2 * bars.size());
    for (const auto& bar : bars) {
      values.push_back(static_cast<double>(bar.birth));
      values.push_back(static_cast<double>(bar.death));
      for (const Vertex v : bar.birth_simplex) births.push_back(number(v));
      for (const Vertex v : bar.death_simplex) deaths.push_back(number(v));
    }
    degrees.append(nb::make_tuple(array_of(std::move(values), {bars.size(), 2}),
                                  array_of(std::move(births), {bars.size(), 3}),
                                  array_of(std::move(deaths), {bars.size(), 4})));
  }
  std::vector<std::int64_t> cycle_vertices, cycle_ends;
  for (const auto& cycle : diagram.cycles) {
    cycle_vertices.insert(cycle_vertices.end(), cycle.begin(), cycle.end());
    cycle_ends.push_back(static_cast<std::int64_t>(cycle_vertices.size()));
  }
  const std::size_t in_cycles = cycle_vertices.size();
  return nb::make_tuple(degrees, array_of(ends_of(diagram.merges), {diagram.merges.size(), 2}),
                        nb::make_tuple(array_of(std::move(cycle_vertices), {in_cycles}),
                                       array_of(std::move(cycle_ends), {diagram.cycles.size()})),
                        counts_of(diagram.counts));
}

template <class Length>
Distances<Length> square(const Matrix<Length>& matrix) {
  if (matrix.shape(0) != matrix.shape(1)) throw nb::value_error("distances are a square matrix");
  if (matrix.shape(0) > most_vertices) throw nb::value_error("too many points for a matrix of distances");
  return {matrix.data(), matrix.shape(0)};
}

// Whether a matrix is one of distances: symmetric, not negative, zero on the diagonal, without NaN. Tile by tile, with the
// mirror image of each at hand.
template <class Length>
bool is_distances(Matrix<Length> matrix) {
  constexpr std::size_t tile = 64;
  const Distances<Length> d = square(matrix);
  nb::gil_scoped_release release;
  for (std::size_t top = 0; top < d.n; top += tile) {
    for (std::size_t left = 0; left <= top; left += tile) {
      unsigned faults = 0;
      for (std::size_t i = top; i < std::min(d.n, top + tile); ++i)
        for (std::size_t j = left; j < std::min(i, left + tile); ++j)
          faults |= !(d.entries[i * d.n + j] == d.entries[j * d.n + i]) | !(d.entries[i * d.n + j] >= 0);
      if (faults) return false;
    }
    for (std::size_t i = top; i < std::min(d.n, top + tile); ++i)
      if (!(d.entries[i * d.n + i] == 0)) return false;
  }
  return true;
}

template <class Length>
nb::object persistence(Matrix<Length> matrix, int max_degree, double threshold, unsigned threads, bool cycles,
                       const std::string& instructions, bool to_the_end, std::size_t window_edges) {
  if (max_degree < 0 || max_degree > 2) throw nb::value_error("max_degree is 0, 1 or 2");
  const Distances<Length> distances = square(matrix);
  Request request;
  request.max_degree = max_degree;
  request.threshold = threshold;
  request.threads = threads;
  request.cycles = cycles;
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

// The edges of the minimum spanning forest, (m, 2), in order of length.
template <class Length>
nb::object forest(Matrix<Length> matrix, double threshold) {
  const Distances<Length> distances = square(matrix);
  PythonSignals signals;
  std::vector<Edge> edges;
  {
    nb::gil_scoped_release release;
    edges = spanning_forest(distances, nearest_length<Length>(threshold), signals);
  }
  return array_of(ends_of(edges), {edges.size(), 2});
}

// Positions, in a list of edges (m, 2) in order of length, of those that make its minimum spanning forest.
nb::object forest_of_edges(std::size_t n, Matrix<std::int64_t> ends) {
  if (ends.shape(1) != 2) throw nb::value_error("edges are (m, 2)");
  for (std::size_t k = 0; k < 2 * ends.shape(0); ++k)
    if (ends.data()[k] < 0 || static_cast<std::size_t>(ends.data()[k]) >= n) throw nb::value_error("no such vertex");
  std::vector<std::int64_t> kept;
  for (const std::size_t k : spanning_forest(n, ends.data(), ends.shape(0))) kept.push_back(static_cast<std::int64_t>(k));
  const std::size_t count = kept.size();
  return array_of(std::move(kept), {count});
}

}  // namespace
}  // namespace toposcope

NB_MODULE(_native, module) {
  using namespace toposcope;
  using nb::literals::operator""_a;
  module.doc() = "The native homology kernel; toposcope.rips.engine is its one caller.";
#ifdef TOPOSCOPE_CHECKS
  module.attr("checks") = true;
#else
  module.attr("checks") = false;
#endif
  const auto define = [&](auto length) {
    using Length = decltype(length);
    module.def("persistence", &persistence<Length>, "distances"_a.noconvert(), "max_degree"_a, "threshold"_a,
               "threads"_a = 1, "cycles"_a = false, "instructions"_a = "", "to_the_end"_a = false,
               "window_edges"_a = 0);
    module.def("is_distances", &is_distances<Length>, "distances"_a.noconvert());
    module.def("forest", &forest<Length>, "distances"_a.noconvert(), "threshold"_a);
  };
  define(float{});
  define(double{});
  module.def("forest_of_edges", &forest_of_edges, "n"_a, "edges"_a.noconvert());
  module.def("instructions", [] {
    std::vector<std::string> names;
    for (const Instructions* version : available_instructions()) names.emplace_back(version->name);
    return names;
  });
}
