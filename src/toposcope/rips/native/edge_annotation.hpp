// Degree 1: which living loop classes an edge carries.
//
// When an edge xy enters with a vertex v in its lune, it is homologous, relative to its ends, to the path x-v-y of two
// earlier edges; the triangle xyv says so. So every edge unfolds into edges whose lune was empty when they came: edges
// of the spanning forest, which carry nothing, and edges that gave birth to a class, which carry it (the reduced Rips
// complex of Koyama, Mémoli, Robins and Turner 2023). The sum along a closed path is its class in H1.
//
// Unfolding is lazy: an edge is looked at when a relation asks for it, and remembered.
#pragma once

#include "classes.hpp"
#include "bits.hpp"

namespace toposcope {

template <class Length>
class EdgeAnnotation {
 public:
  // The graph holds all edges that are ever asked for.
  EdgeAnnotation(const Distances<Length>& distances, const Places& places, const Graph& graph)
      : distances_(distances), places_(places), graph_(graph) {}

  Classes& classes() { return classes_; }
  const Classes& classes() const { return classes_; }
  Edge birth_edge(Class c) const { return births_[c]; }

  // An edge with an empty lune that joined two components.
  void add_tree_edge(Edge e) {
    tree_.push_back(e);
    table_.put(index_of(e), {});
  }

  // An edge with an empty lune that closed a loop.
  void open(Edge e) {
    const Class c = classes_.open();
    births_.push_back(e);
    table_.put(index_of(e), {c});
  }

  // sum += the class of an earlier edge, in living classes.
  void add_edge(Edge e, Combination& sum) {
    if (read(e, sum)) return;
    unfold(e);
    read(e, sum);
  }

  // The vertex over which xy unfolds: the one of its lune that stands nearest to the middle. The graph may hold later
  // edges as well, so what is joined to both ends has to be compared.
  Vertex apex(Edge xy) const {
    const Length* x = distances_.row(xy.a);
    const Length* y = distances_.row(xy.b);
    const Length radius = distances_.length(xy);
    const Word* near_x = graph_.row(places_.place_of[xy.a]);
    const Word* near_y = graph_.row(places_.place_of[xy.b]);
    for (std::size_t w = 0; w < graph_.words(); ++w) {
      for (Word both = near_x[w] & near_y[w]; both; both &= both - 1) {
        const Vertex v = places_.vertex_at[w * word_bits + lowest_bit(both)];
        if (x[v] <= radius && y[v] <= radius && distances_.in_lune(v, xy)) return v;
      }
    }
    return no_vertex;
  }

  // Unfolded edges are only remembered for speed; between two relations they may be forgotten.
  void forget_beyond(std::size_t most) {
    if (table_.size() <= most + tree_.size() + births_.size()) return;
    table_.clear();
    for (const Edge e : tree_) table_.put(index_of(e), {});
    for (Class c = 0; c < births_.size(); ++c) table_.put(index_of(births_[c]), {c});
  }

 private:
  struct Unfolding {
    Edge edge;
    Vertex apex;
  };

  // An edge older than every living class carries none of them, nor any class to come.
  bool carries_nothing(Edge e) {
    const Class oldest = classes_.oldest();
    return oldest == classes_.size() || distances_.earlier(e, births_[oldest]);
  }

  // sum += the class of e, if it is known; whether it is.
  bool read(Edge e, Combination& sum) {
    return table_.add_to(index_of(e), sum, classes_, scratch_) || carries_nothing(e);
  }

  // Fills the table for e and all it unfolds into, without recursion: chains can be as long as there are edges.
  void unfold(Edge e) {
    pending_.clear();
    push(e);
    while (!pending_.empty()) {
      const auto [edge, vertex] = pending_.back();
      const Edge first = edge_of(edge.a, vertex);
      const Edge second = edge_of(edge.b, vertex);
      sum_.clear();
      const bool first_known = read(first, sum_);
      const bool second_known = read(second, sum_);
      if (first_known && second_known) {
        table_.put(index_of(edge), sum_);
        pending_.pop_back();
        continue;
      }
      if (!first_known) push(first);
      if (!second_known) push(second);
    }
  }

  void push(Edge e) {
    const Vertex v = apex(e);
    // An edge with an empty lune is a generator and known; only a matrix that is not symmetric comes here.
    if (v == no_vertex) throw std::logic_error("the matrix of distances is not symmetric");
    pending_.push_back({e, v});
  }

  const Distances<Length>& distances_;
  const Places& places_;
  const Graph& graph_;
  Classes classes_;
  std::vector<Edge> births_;
  std::vector<Edge> tree_;
  CombinationTable<std::uint32_t> table_;  // of generators, and of what was unfolded
  std::vector<Unfolding> pending_;
  Combination sum_;
  Combination scratch_;
};

}  // namespace toposcope
