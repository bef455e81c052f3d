// Degree 1, while no loop lives: only edges whose lune is empty matter then, and they can be listed without a sweep.
#pragma once

#include <array>

#include "instructions.hpp"

namespace toposcope {

// Lists the edges that are not in the graph yet, not above `longest`, and will find their lune empty: the relative
// neighbourhood graph from here on. While no loop lives, nothing else can happen up to degree 1, so this list certifies
// which stretches of the sweep may be skipped, and where it ends. One per thread, for some of the rows.
template <class Length>
class LookAhead {
 public:
  LookAhead(const Distances<Length>& distances, const Places& places, const Graph& graph,
            const Instructions& instructions, Length longest)
      : distances_(distances), places_(places), graph_(graph), instructions_(instructions), longest_(longest),
        open_(graph.words()), unsettled_(graph.words()) {}

  const std::vector<Length>& lengths() const { return lengths_; }

  // The edges from the vertex at a place outward. The lune of ab holds a vertex if b lies in N[c] for a neighbour c of
  // a, or if c is nearer to b than a is. The first is told for a row at once by a few second neighbourhoods, the second by
  // the few neighbours of a nearest to the middle, and then pair by pair. Only what is left is looked up in the matrix.
  void look_from(Vertex place) {
    const std::size_t words = graph_.words();
    const std::size_t n = distances_.n;
    const Word* near = graph_.row(place);
    for (std::size_t w = 0; w < words; ++w) open_[w] = columns_from(w, place + 1, n) & ~near[w];
    if (instructions_.reaches_all_in_two(graph_.data(), words, near, open_.data())) return;
    std::fill(unsettled_.begin(), unsettled_.end(), Word{0});
    for_each(open_.data(), words, [&](Vertex other) { insert(unsettled_.data(), places_.vertex_at[other]); });
    const Vertex a = places_.vertex_at[place];
    const Length* row = distances_.row(a);
    // The vertex itself is between nothing: it fills the list up.
    std::array<loops::Between<Length>, loops::some_between> between;
    between.fill({row, std::numeric_limits<Length>::infinity()});
    std::size_t some = 0;
    for (std::size_t w = 0; w < words && some < between.size(); ++w) {
      for (Word rest = near[w]; rest && some < between.size(); rest &= rest - 1) {
        const Vertex c = places_.vertex_at[w * word_bits + lowest_bit(rest)];
        between[some++] = {distances_.row(c), row[c]};
      }
    }
    instructions_.remove_between(row, between.data(), n, unsettled_.data());
    for_each(unsettled_.data(), words, [&](Vertex b) {
      const Length length = row[b];
      if (length > longest_ || any_nearer(row, length, places_.place_of[b])) return;
      if (!any_nearer(distances_.row(b), length, place) && is_empty_lune(edge_of(a, b))) lengths_.push_back(length);
    });
  }

 private:
  // Whether a neighbour of the vertex at a place has an entry below `length` in a row of the matrix.
  bool any_nearer(const Length* row, Length length, Vertex place) const {
    const Word* near = graph_.row(place);
    for (std::size_t w = 0; w < graph_.words(); ++w)
      for (Word rest = near[w]; rest; rest &= rest - 1)
        if (row[places_.vertex_at[w * word_bits + lowest_bit(rest)]] < length) return true;
    return false;
  }

  bool is_empty_lune(Edge ab) const {
    const Length* a = distances_.row(ab.a);
    const Length* b = distances_.row(ab.b);
    for (std::size_t v = 0;; ++v) {
      v = instructions_.first_within(a, b, v, distances_.n, distances_.length(ab));
      if (v == distances_.n) return true;
      if (distances_.in_lune(static_cast<Vertex>(v), ab)) return false;
    }
  }

  const Distances<Length>& distances_;
  const Places& places_;
  const Graph& graph_;
  const Instructions& instructions_;
  const Length longest_;
  std::vector<Word> open_;       // places
  std::vector<Word> unsettled_;  // vertices
  std::vector<Length> lengths_;
};

// What is known of the rest of a sweep up to degree 1.
template <class Length>
class Outlook {
 public:
  bool is_known() const { return known_; }

  void know(std::vector<Length> empty_lunes) {
    empty_lunes_ = std::move(empty_lunes);
    std::sort(empty_lunes_.begin(), empty_lunes_.end());
    known_ = true;
  }

  // The length of the first edge not shorter than `length` that will find its lune empty; infinity if there is none.
  Length next_empty(Length length) const {
    const auto next = std::lower_bound(empty_lunes_.begin(), empty_lunes_.end(), length);
    return next == empty_lunes_.end() ? std::numeric_limits<Length>::infinity() : *next;
  }

 private:
  bool known_ = false;
  std::vector<Length> empty_lunes_;
};

}  // namespace toposcope
