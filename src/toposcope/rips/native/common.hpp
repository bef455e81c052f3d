// The words that every file of the kernel uses: vertices, edges, lengths, and how a long computation is stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace toposcope {

using Vertex = std::uint32_t;
using Word = std::uint64_t;

constexpr Vertex no_vertex = std::numeric_limits<Vertex>::max();

// Two vertices of an edge share 32 bits, so a matrix has at most this many rows (17 GB of float32).
constexpr std::size_t most_vertices = 65535;

struct Edge {
  Vertex a;  // a < b
  Vertex b;

  friend bool operator==(Edge left, Edge right) { return left.a == right.a && left.b == right.b; }
};

inline Edge edge_of(Vertex x, Vertex y) { return x < y ? Edge{x, y} : Edge{y, x}; }

// A number for an edge; numbers order edges lexicographically.
inline std::uint32_t index_of(Edge e) { return (e.a << 16) | e.b; }
inline Edge edge_at(std::uint32_t index) { return {index >> 16, index & 0xffffu}; }

// A symmetric matrix of distances that somebody else owns. Infinite entries are no edges.
template <class Length>
struct Distances {
  const Length* entries;
  std::size_t n;

  const Length* row(Vertex v) const { return entries + static_cast<std::size_t>(v) * n; }
  Length operator()(Vertex x, Vertex y) const { return row(x)[y]; }
  Length length(Edge e) const { return row(e.a)[e.b]; }

  // The total order in which edges enter: by length, then lexicographically. Everything in the kernel rests on the
  // order being total; which order it is among ties changes no bar of positive length.
  __attribute__((always_inline)) bool earlier(Edge left, Edge right) const {
    const Length l = length(left);
    const Length r = length(right);
    return l < r || (l == r && index_of(left) < index_of(right));
  }

  // Whether v stands in the lune of xy: joined to both ends by earlier edges.
  bool in_lune(Vertex v, Edge xy) const {
    return v != xy.a && v != xy.b && earlier(edge_of(v, xy.a), xy) && earlier(edge_of(v, xy.b), xy);
  }
};

// Thrown when the caller asked the computation to stop; the binding turns it into what Python has pending.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

// Asked often, from the calling thread only; throws Interrupted when the computation must end.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  virtual void check() = 0;
};

}  // namespace toposcope
