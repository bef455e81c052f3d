// Sets of vertices as bits, and the graph of the edges so far as one set per vertex.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>

#include "common.hpp"

namespace toposcope {

constexpr std::size_t word_bits = 64;
constexpr std::size_t words_per_vector = 4;  // rows are padded to 32 bytes

inline std::size_t words_for(std::size_t vertices) {
  const std::size_t words = (vertices + word_bits - 1) / word_bits;
  return (words + words_per_vector - 1) / words_per_vector * words_per_vector;
}

inline Vertex lowest_bit(Word word) { return static_cast<Vertex>(__builtin_ctzll(word)); }

inline bool has(const Word* set, Vertex v) { return (set[v / word_bits] >> (v % word_bits)) & 1; }
inline void insert(Word* set, Vertex v) { set[v / word_bits] |= Word{1} << (v % word_bits); }
inline void erase(Word* set, Vertex v) { set[v / word_bits] &= ~(Word{1} << (v % word_bits)); }

inline Vertex lowest(const Word* set, std::size_t words) {
  for (std::size_t w = 0; w < words; ++w)
    if (set[w]) return static_cast<Vertex>(w * word_bits) + lowest_bit(set[w]);
  return no_vertex;
}

inline std::size_t count(const Word* set, std::size_t words) {
  std::size_t total = 0;
  for (std::size_t w = 0; w < words; ++w) total += static_cast<std::size_t>(__builtin_popcountll(set[w]));
  return total;
}

inline bool is_empty(const Word* set, std::size_t words) { return lowest(set, words) == no_vertex; }

// Word w of the set of the columns first, ..., n - 1.
inline Word columns_from(std::size_t w, std::size_t first, std::size_t n) {
  const std::size_t start = w * word_bits;
  if (start >= n || start + word_bits <= first) return 0;
  Word columns = ~Word{0};
  if (n - start < word_bits) columns &= (Word{1} << (n - start)) - 1;
  if (first > start) columns &= ~Word{0} << (first - start);
  return columns;
}

template <class Visit>
inline void for_each(const Word* set, std::size_t words, Visit visit) {
  for (std::size_t w = 0; w < words; ++w)
    for (Word rest = set[w]; rest; rest &= rest - 1) visit(static_cast<Vertex>(w * word_bits) + lowest_bit(rest));
}

// The vertices from the middle of the cloud outward. Sets of vertices are sets of places in this row: one near the middle
// knows many others, so the lowest vertex of a lune often settles it alone.
struct Places {
  std::vector<Vertex> vertex_at;
  std::vector<Vertex> place_of;

  // An edge of vertices as two places, not in order, and back.
  Edge pair(Vertex x, Vertex y) const { return {place_of[x], place_of[y]}; }
  Edge edge_at(Edge places) const { return edge_of(vertex_at[places.a], vertex_at[places.b]); }
};

// The graph of the edges so far, on places. Neighbourhoods are closed: every vertex is its own neighbour, so "c covers the
// set L" reads L ⊂ N[c], and the lune of an edge ab that is not in yet is N[a] ∩ N[b], without a and b.
class Graph {
 public:
  explicit Graph(std::size_t n) : n_(n), words_(words_for(n)), storage_(n * words_ + line, 0) {
    const std::size_t past = reinterpret_cast<std::uintptr_t>(storage_.data()) / sizeof(Word) % line;
    bits_ = storage_.data() + (line - past) % line;
    for (Vertex v = 0; v < n; ++v) insert(row(v), v);
  }

  std::size_t size() const { return n_; }
  std::size_t words() const { return words_; }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Word* row(Vertex v) { return bits_ + static_cast<std::size_t>(v) * words_; }
  const Word* row(Vertex v) const { return bits_ + static_cast<std::size_t>(v) * words_; }
  Word* data() { return bits_; }
  const Word* data() const { return bits_; }

  // The edge is about to be added.
  void prefetch(Edge e) const {
    __builtin_prefetch(row(e.a) + e.b / word_bits, 1);
    __builtin_prefetch(row(e.b) + e.a / word_bits, 1);
  }

  void add(Edge e) {
    insert(row(e.a), e.b);
    insert(row(e.b), e.a);
  }

 private:
  std::size_t n_;
  std::size_t words_;
  static constexpr std::size_t line = 8;  // words of a cache line, at which the first row starts
  std::vector<Word> storage_;
  Word* bits_;
};

}  // namespace toposcope
