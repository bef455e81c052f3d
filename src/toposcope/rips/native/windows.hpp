// The edges of a filtration in order, a window of lengths at a time, so that they are never all in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "instructions.hpp"
#include "threads.hpp"

namespace toposcope {

// An edge as two places of the graph, with the leading bits of its length above them.
using SortedEdge = std::uint64_t;

inline Edge places_in(SortedEdge item) { return edge_at(static_cast<std::uint32_t>(item)); }

// The bits of a non-negative float, which order like the float.
inline std::uint64_t ordered_bits(float length) {
  length += 0.0f;  // -0 becomes 0
  std::uint32_t bits;
  std::memcpy(&bits, &length, sizeof bits);
  return bits;
}
inline std::uint64_t ordered_bits(double length) {
  length += 0.0;
  std::uint64_t bits;
  std::memcpy(&bits, &length, sizeof bits);
  return bits;
}

// A threshold as a length: the one nearest to it, so that a length that was rounded from the threshold itself is not above
// it; always finite.
template <class Length>
Length nearest_length(double threshold) {
  return static_cast<Length>(std::min(threshold, static_cast<double>(std::numeric_limits<Length>::max())));
}

// What one look at the whole matrix tells, vertex by vertex.
template <class Length>
struct Overview {
  std::vector<Length> farthest;  // distance of any other vertex
  std::vector<Length> sum;       // of all distances

  explicit Overview(std::size_t n) : farthest(n), sum(n) {}

  void look_at(const Distances<Length>& distances, Vertex v) {
    constexpr std::size_t lanes = 16;
    const Length* row = distances.row(v);
    std::array<Length, lanes> largest{};
    std::array<Length, lanes> total{};
    const auto take = [&](std::size_t k, Length length) {
      largest[k] = length > largest[k] ? length : largest[k];
      total[k] += length;
    };
    std::size_t w = 0;
    for (; w + lanes <= distances.n; w += lanes)
      for (std::size_t k = 0; k < lanes; ++k) take(k, row[w + k]);
    for (; w < distances.n; ++w) take(0, row[w]);
    farthest[v] = *std::max_element(largest.begin(), largest.end());
    sum[v] = std::accumulate(total.begin(), total.end(), Length{0});
  }

  // The longest edge that can matter in any degree: the enclosing radius min_v max_w d(v, w). Beyond it one vertex is
  // joined to all, so every lune is a cone and nothing is born or dies (Bauer 2021, section 4).
  Length enclosing_radius() const { return *std::min_element(farthest.begin(), farthest.end()); }

  Places places() const {
    Places places{std::vector<Vertex>(sum.size()), std::vector<Vertex>(sum.size())};
    std::iota(places.vertex_at.begin(), places.vertex_at.end(), Vertex{0});
    std::stable_sort(places.vertex_at.begin(), places.vertex_at.end(), [&](Vertex x, Vertex y) { return sum[x] < sum[y]; });
    for (Vertex p = 0; p < sum.size(); ++p) places.place_of[places.vertex_at[p]] = p;
    return places;
  }
};

// Cuts the range of lengths into windows of about `edges_each` edges, from a sample of the matrix: the ascending upper
// ends, the last of which is `longest`.
template <class Length>
std::vector<Length> window_ends(const Distances<Length>& distances, Length longest, std::size_t edges_each) {
  const std::size_t n = distances.n;
  const std::size_t edges = n * (n - 1) / 2;
  const std::size_t stride = std::max<std::size_t>(1, edges / 4096);
  std::vector<Length> sample;
  std::size_t skip = 0;
  for (Vertex a = 0; a + 1 < n; ++a) {
    const Length* row = distances.row(a) + a + 1;
    const std::size_t count = n - 1 - a;
    std::size_t at = skip;
    for (; at < count; at += stride)
      if (row[at] <= longest) sample.push_back(row[at]);
    skip = at - count;
  }
  std::sort(sample.begin(), sample.end());
  std::vector<Length> ends;
  const std::size_t step = std::max<std::size_t>(1, edges_each / stride);
  for (std::size_t at = step; at < sample.size(); at += step)
    if (sample[at] < longest && (ends.empty() || sample[at] > ends.back())) ends.push_back(sample[at]);
  ends.push_back(longest);
  return ends;
}

// The windows one after the other, each with its edges sorted by the total order. Several are collected in one pass
// over the matrix while they are small, and sorted when it is their turn.
template <class Length>
class Windows {
 public:
  // `ends`: ascending upper ends; the first window starts at zero. edges_each: how many edges a window has, about.
  Windows(const Distances<Length>& distances, const Places& places, const Instructions& instructions, Crew& crew,
          std::vector<Length> ends, std::size_t edges_each, Interrupt& interrupt)
      : distances_(distances), places_(places), instructions_(instructions), crew_(crew), ends_(std::move(ends)),
        edges_each_(edges_each), interrupt_(interrupt), blocks_(crew.size() == 1 ? 1 : 4 * crew.size()) {}

  // Goes to the next window; false behind the last one.
  bool next() {
    if (next_ == ends_.size()) return false;
    if (next_ == collected_) collect();
    ++next_;
    sort(next_ - 1 + in_sight_.size() - collected_);
    return true;
  }

  bool is_first() const { return next_ == 1; }
  Length high() const { return ends_[next_ - 1]; }
  const std::vector<SortedEdge>& edges() const { return edges_; }

 private:
  static constexpr std::size_t most_windows = 4;  // of a pass

  // Windows of a pass. A small matrix lies in the cache and is quickly looked through again; for a large one so many
  // edges as take 16 MB are collected at once.
  std::size_t windows_of_a_pass() const {
    constexpr std::size_t small = 1500;
    constexpr std::size_t most_edges = std::size_t{1} << 21;
    if (distances_.n < small) return 1;
    return std::clamp<std::size_t>(most_edges / edges_each_, 1, most_windows);
  }

  // How the lengths low < length <= high of a window become 32 leading bits.
  struct Scale {
    std::uint64_t origin;
    std::uint64_t span;
    int shift = 0;

    Scale(Length low, Length high) : origin(low < 0 ? 0 : ordered_bits(low)), span(ordered_bits(high) - origin) {
      while ((span >> shift) >> 32) ++shift;
    }
    std::uint64_t leading(Length length) const { return (ordered_bits(length) - origin) >> shift; }
  };

  // Rows of the matrix that one thread looks through, and what it found there, window by window.
  struct Block {
    Vertex first_row;
    Vertex end_row;
    std::array<std::vector<SortedEdge>, most_windows> edges;
  };

  struct Range {
    const SortedEdge* begin;
    const SortedEdge* end;
  };

  // One pass over the matrix, for the windows from `next_` on.
  void collect() {
    if (blocks_.size() == 1) edges_.swap(blocks_[0].edges[0]);  // memory of the window before
    in_sight_.clear();
    const std::size_t some = windows_of_a_pass();
    for (; in_sight_.size() < some && collected_ < ends_.size(); ++collected_)
      in_sight_.emplace_back(collected_ == 0 ? Length{-1} : ends_[collected_ - 1], ends_[collected_]);
    const std::size_t n = distances_.n;
    crew_.share(blocks_.size(), [&](std::size_t k, unsigned thread) {
      blocks_[k].first_row = static_cast<Vertex>(k * n / blocks_.size());
      blocks_[k].end_row = static_cast<Vertex>((k + 1) * n / blocks_.size());
      collect(blocks_[k], thread);
    });
  }

  // Edges of one window in these rows, with some to spare.
  std::size_t expected(const Block& block) const {
    const double n = static_cast<double>(distances_.n);
    const double pairs = (block.end_row - block.first_row) * (n - 0.5 * (block.first_row + block.end_row));
    return static_cast<std::size_t>(1.1 * static_cast<double>(edges_each_) * pairs / (0.5 * n * n)) + distances_.n;
  }

  void collect(Block& block, unsigned thread) const {
    const std::size_t n = distances_.n;
    const std::size_t some = in_sight_.size();
    const std::size_t first = collected_ - some;
    const Length low = first == 0 ? Length{-1} : ends_[first - 1];
    std::array<Length, most_windows> high;
    high.fill(std::numeric_limits<Length>::infinity());
    std::copy_n(ends_.begin() + static_cast<std::ptrdiff_t>(first), some, high.begin());
    std::array<std::size_t, most_windows> found{};
    for (std::size_t k = 0; k < some; ++k) block.edges[k].reserve(expected(block));
    std::vector<Word> columns(words_for(n));
    for (Vertex a = block.first_row; a < block.end_row; ++a) {
      if (thread == 0) interrupt_.check();
      const Length* row = distances_.row(a);
      instructions_.entries_between(row, a + 1, n, low, ends_[collected_ - 1], columns.data());
      for (std::size_t k = 0; k < some; ++k)
        if (block.edges[k].size() < found[k] + n) block.edges[k].resize(found[k] + n);
      for_each(columns.data(), columns.size(), [&](Vertex b) {
        std::size_t k = 0;
        for (std::size_t later = 0; later + 1 < most_windows; ++later) k += row[b] > high[later];
        block.edges[k][found[k]++] = (in_sight_[k].leading(row[b]) << 32) | index_of(places_.pair(a, b));
      });
    }
    for (std::size_t k = 0; k < some; ++k) block.edges[k].resize(found[k]);
  }

  // Sorts the edges of a window in sight into edges_: by two digits, the lower one first, then what agrees in both.
  // Edges come in lexicographic order of vertices, which a stable sort keeps, whatever parts threads take.
  void sort(std::size_t window) {
    const Scale& scale = in_sight_[window];
    std::vector<Range> parts;
    std::size_t total = 0;
    for (const Block& block : blocks_) {
      const std::vector<SortedEdge>& found = block.edges[window];
      parts.push_back({found.data(), found.data() + found.size()});
      total += found.size();
    }
    other_.resize(total);
    // Later windows start with the bits 0.
    const std::uint64_t least = is_first() && total > 0 ? least_of(parts) : 0;
    int lowest = 32;  // bits below those that the digits hold
    while (((scale.span >> scale.shift) - (least >> 32)) >> (lowest - 32) >> (2 * digit)) ++lowest;
    distribute(parts, least, lowest, other_);
    // Memory of edges that stand in the other list by now.
    if (blocks_.size() == 1) edges_.swap(blocks_[0].edges[window]);
    edges_.resize(total);
    distribute(cut(other_), 0, lowest + digit, edges_);
    const auto longer_bits = [](SortedEdge left, SortedEdge right) { return (left >> 32) < (right >> 32); };
    if (scale.shift == 0)
      sort_runs(lowest, longer_bits);
    else
      sort_runs(lowest, [&](SortedEdge left, SortedEdge right) {
        return distances_.earlier(places_.edge_at(places_in(left)), places_.edge_at(places_in(right)));
      });
  }

  // The lowest leading bits of any edge.
  std::uint64_t least_of(const std::vector<Range>& parts) const {
    std::vector<SortedEdge> least(parts.size(), ~SortedEdge{0});
    share(parts.size(), [&](std::size_t p, unsigned) {
      for (const SortedEdge* e = parts[p].begin; e != parts[p].end; ++e) least[p] = std::min(least[p], *e);
    });
    return *std::min_element(least.begin(), least.end()) >> 32 << 32;
  }

  // One stable pass: the edges of all parts, less `least`, to `out`, by the digit above the lowest bits.
  void distribute(const std::vector<Range>& parts, std::uint64_t least, int lowest,
                  std::vector<SortedEdge>& out) const {
    const auto digit_of = [&](SortedEdge e) { return (e - least) >> lowest & ((1 << digit) - 1); };
    std::vector<std::array<std::uint32_t, 1 << digit>> places(parts.size());
    share(parts.size(), [&](std::size_t p, unsigned) {
      places[p].fill(0);
      for (const SortedEdge* e = parts[p].begin; e != parts[p].end; ++e) ++places[p][digit_of(*e)];
    });
    std::uint32_t next = 0;
    for (std::size_t value = 0; value < 1 << digit; ++value)
      for (auto& of_part : places) next += std::exchange(of_part[value], next);
    share(parts.size(), [&](std::size_t p, unsigned) {
      for (const SortedEdge* e = parts[p].begin; e != parts[p].end; ++e) out[places[p][digit_of(*e)]++] = *e - least;
    });
  }

  // What agrees in all bits from `lowest` on, by the whole length.
  template <class Earlier>
  void sort_runs(int lowest, Earlier earlier) {
    SortedEdge* const stop = edges_.data() + edges_.size();
    const auto run_ends = [&](const SortedEdge* e) { return e == stop || (e[-1] ^ e[0]) >> lowest; };
    // Parts end where a run ends.
    std::vector<SortedEdge*> ends{edges_.data()};
    for (std::size_t p = 1; p <= blocks_.size(); ++p) {
      SortedEdge* end = std::max(ends.back(), edges_.data() + p * edges_.size() / blocks_.size());
      while (end != edges_.data() && !run_ends(end)) ++end;
      ends.push_back(end);
    }
    share(blocks_.size(), [&](std::size_t p, unsigned) {
      for (SortedEdge* first = ends[p]; first != ends[p + 1];) {
        SortedEdge* last = first + 1;
        if (run_ends(last)) {
          first = last;
          continue;
        }
        while (!run_ends(last)) ++last;
        sort_run(first, last, earlier);
        first = last;
      }
    });
  }

  // Stable; nearly all runs are of two or three edges.
  template <class Earlier>
  static void sort_run(SortedEdge* first, SortedEdge* last, Earlier earlier) {
    constexpr std::ptrdiff_t few = 32;
    if (last - first > few) {
      if (!std::is_sorted(first, last, earlier)) std::stable_sort(first, last, earlier);
      return;
    }
    for (SortedEdge* next = first + 1; next < last; ++next) {
      const SortedEdge e = *next;
      SortedEdge* at = next;
      for (; at != first && earlier(e, at[-1]); --at) *at = at[-1];
      *at = e;
    }
  }

  // As many equal parts as there are blocks.
  std::vector<Range> cut(const std::vector<SortedEdge>& edges) const {
    std::vector<Range> parts(blocks_.size());
    for (std::size_t p = 0; p < parts.size(); ++p)
      parts[p] = {edges.data() + p * edges.size() / parts.size(), edges.data() + (p + 1) * edges.size() / parts.size()};
    return parts;
  }

  // Few edges are sorted sooner by one thread.
  template <class Work>
  void share(std::size_t parts, Work work) const {
    if (other_.size() >= 1 << 14) return crew_.share(parts, work);
    for (std::size_t p = 0; p < parts; ++p) work(p, 0u);
  }

  static constexpr int digit = 11;

  const Distances<Length>& distances_;
  const Places& places_;
  const Instructions& instructions_;
  Crew& crew_;
  const std::vector<Length> ends_;
  const std::size_t edges_each_;
  Interrupt& interrupt_;
  std::size_t next_ = 0;       // window
  std::size_t collected_ = 0;  // windows so far
  std::vector<Scale> in_sight_;  // of the windows of this pass
  std::vector<Block> blocks_;
  std::vector<SortedEdge> edges_;
  std::vector<SortedEdge> other_;
};

}  // namespace toposcope
