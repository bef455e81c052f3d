// What Python sees of the distances: arrays in, numbers and matchings out, the GIL released in between.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <chrono>

#include "measures.hpp"
#include "pairs.hpp"

namespace nb = nanobind;

namespace toposcope {
namespace {

template <class Number>
using Rows = nb::ndarray<const Number, nb::shape<-1, 2>, nb::c_contig, nb::device::cpu>;
using Values = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// A numpy array that owns its values.
template <class Number>
nb::object array_of(std::vector<Number> values, std::vector<std::size_t> shape) {
  auto* kept = new std::vector<Number>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Number>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, Number>(kept->data(), shape.size(), shape.data(), owner));
}

nb::object array_of(std::vector<double> values) {
  const std::size_t count = values.size();
  return array_of(std::move(values), {count});
}

// Looks for Ctrl-C, and says how far things are, about ten times a second. Called from the thread that Python called.
class PythonSignals : public Interrupt {
 public:
  explicit PythonSignals(nb::object progress = nb::none(), const std::atomic<std::size_t>* done = nullptr)
      : progress_(std::move(progress)), done_(done) {}

  void check() override {
    if (++asked_ % 64 != 0 && done_ == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    nb::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (!progress_.is_none()) progress_(done_->load());
  }

 private:
  nb::object progress_;
  const std::atomic<std::size_t>* done_;
  unsigned asked_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

Ground ground_of(double norm) { return norm == 1 ? Ground::one : norm == 2 ? Ground::two : Ground::infinity; }

Diagram diagram_of(Rows<double> finite, Values births) {
  std::vector<Bar> bars(finite.shape(0));
  for (std::size_t k = 0; k < bars.size(); ++k) bars[k] = {finite.data()[2 * k], finite.data()[2 * k + 1]};
  if (bars.size() >= the_diagonal) throw nb::value_error("too many bars");
  return Diagram(std::move(bars), std::vector<double>(births.data(), births.data() + births.shape(0)));
}

double distance_of(const Diagram& a, const Diagram& b, double order, double ground) {
  PythonSignals signals;
  nb::gil_scoped_release release;
  return distance(a, b, order, ground_of(ground), signals);
}

double sliced_of(const Diagram& a, const Diagram& b, double order, std::size_t directions) {
  nb::gil_scoped_release release;
  return sliced_distance(a, Projections(a, directions), b, Projections(b, directions), order);
}

// (pairs (m, 2) of rows, -1 for the diagonal; costs (m,); potentials of a and of b and their unit, or nothing).
nb::object matching_of(const Diagram& a, const Diagram& b, double order, double ground, bool in_the_plane) {
  PythonSignals signals;
  Moves moves;
  Proof proof;
  {
    nb::gil_scoped_release release;
    moves = order == infinity ? bottleneck_moves(a, b, signals)
                              : wasserstein_moves(a, b, order, ground_of(ground), signals, in_the_plane, &proof);
  }
  std::vector<std::int64_t> rows;
  std::vector<double> costs;
  const auto row = [](Index k) { return k == the_diagonal ? std::int64_t{-1} : static_cast<std::int64_t>(k); };
  for (const Move& move : moves) {
    rows.push_back(row(move.a));
    rows.push_back(row(move.b));
    costs.push_back(move.cost);
  }
  const std::size_t count = costs.size();
  return nb::make_tuple(array_of(std::move(rows), {count, 2}), array_of(std::move(costs)),
                        array_of(std::move(proof.potentials_a)), array_of(std::move(proof.potentials_b)), proof.unit);
}

struct Pair {
  std::size_t a, b;
};

std::vector<Pair> pairs_of(const Rows<std::int64_t>& rows, std::size_t count) {
  std::vector<Pair> pairs(rows.shape(0));
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    pairs[k] = {static_cast<std::size_t>(rows.data()[2 * k]), static_cast<std::size_t>(rows.data()[2 * k + 1])};
    if (pairs[k].a >= count || pairs[k].b >= count) throw nb::value_error("no such diagram");
  }
  return pairs;
}

template <class Measure>
nb::object measured(std::size_t count, unsigned threads, nb::object progress, Measure measure) {
  std::vector<double> values(count);
  std::atomic<std::size_t> done{0};
  PythonSignals signals(std::move(progress), &done);
  {
    nb::gil_scoped_release release;
    for_each_pair(count, threads, signals, done,
                  [&](std::size_t k, Interrupt& interrupt) { values[k] = measure(k, interrupt); });
  }
  return array_of(std::move(values));
}

nb::object distances_of(const std::vector<const Diagram*>& diagrams, Rows<std::int64_t> rows, double order,
                        double ground, unsigned threads, nb::object progress) {
  const std::vector<Pair> pairs = pairs_of(rows, diagrams.size());
  return measured(pairs.size(), threads, std::move(progress), [&](std::size_t k, Interrupt& interrupt) {
    return distance(*diagrams[pairs[k].a], *diagrams[pairs[k].b], order, ground_of(ground), interrupt);
  });
}

nb::object sliced_distances_of(const std::vector<const Diagram*>& diagrams, Rows<std::int64_t> rows, double order,
                               std::size_t directions, unsigned threads, nb::object progress) {
  const std::vector<Pair> pairs = pairs_of(rows, diagrams.size());
  std::vector<Projections> projections;
  for (const Diagram* each : diagrams) projections.emplace_back(*each, directions);
  return measured(pairs.size(), threads, std::move(progress), [&](std::size_t k, Interrupt&) {
    const auto [a, b] = pairs[k];
    return sliced_distance(*diagrams[a], projections[a], *diagrams[b], projections[b], order);
  });
}

nb::object lower_bounds_of(const std::vector<const Diagram*>& diagrams, Rows<std::int64_t> rows, double order,
                           double ground) {
  const std::vector<Pair> pairs = pairs_of(rows, diagrams.size());
  return measured(pairs.size(), 1, nb::none(), [&](std::size_t k, Interrupt&) {
    return lower_bound(*diagrams[pairs[k].a], *diagrams[pairs[k].b], order, ground_of(ground));
  });
}

// Of order 1: it is a metric, so the difference of the distances to the empty diagram.
nb::object sliced_lower_bounds_of(const std::vector<const Diagram*>& diagrams, Rows<std::int64_t> rows,
                                  std::size_t directions) {
  const std::vector<Pair> pairs = pairs_of(rows, diagrams.size());
  const Projections nothing(Diagram({}, {}), directions);
  std::vector<double> sizes;
  for (const Diagram* each : diagrams) sizes.push_back(sliced(Projections(*each, directions), nothing, 1));
  return measured(pairs.size(), 1, nb::none(), [&](std::size_t k, Interrupt&) {
    const auto [a, b] = pairs[k];
    return together(std::abs(sizes[a] - sizes[b]), essential_distance(*diagrams[a], *diagrams[b], 1), 1);
  });
}

}  // namespace
}  // namespace toposcope

NB_MODULE(_native, module) {
  using namespace toposcope;
  using nb::literals::operator""_a;
  module.doc() = "The native distances between diagrams; toposcope.distances is their one caller.";
#ifdef TOPOSCOPE_CHECKS
  module.attr("checks") = true;
#else
  module.attr("checks") = false;
#endif
  nb::class_<Diagram>(module, "Prepared")
      .def("__init__", [](Diagram* self, Rows<double> finite,
                          Values births) { new (self) Diagram(diagram_of(finite, births)); },
           "finite"_a.noconvert(), "births"_a.noconvert());
  module.def("distance", &distance_of, "a"_a, "b"_a, "order"_a, "ground"_a);
  module.def("sliced", &sliced_of, "a"_a, "b"_a, "order"_a, "directions"_a);
  module.def("matching", &matching_of, "a"_a, "b"_a, "order"_a, "ground"_a, "in_the_plane"_a = false);
  module.def("distances", &distances_of, "diagrams"_a, "pairs"_a.noconvert(), "order"_a, "ground"_a, "threads"_a = 1,
             "progress"_a = nb::none());
  module.def("sliced_distances", &sliced_distances_of, "diagrams"_a, "pairs"_a.noconvert(), "order"_a, "directions"_a,
             "threads"_a = 1, "progress"_a = nb::none());
  module.def("sliced_lower_bounds", &sliced_lower_bounds_of, "diagrams"_a, "pairs"_a.noconvert(), "directions"_a);
  module.def("lower_bounds", &lower_bounds_of, "diagrams"_a, "pairs"_a.noconvert(), "order"_a, "ground"_a);
}
