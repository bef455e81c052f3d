// The innermost loops, written once in plain C++ and compiled once per instruction set (instructions.cpp).
//
// Nothing here allocates, throws or calls out, so that a version compiled for AVX2 shares no code with the plain one.
#pragma once

#include "bits.hpp"

#define TOPOSCOPE_INLINE inline __attribute__((always_inline))

namespace toposcope::loops {

// 64 bytes of 0 or 1 as bits.
TOPOSCOPE_INLINE Word pack(const unsigned char* hit) {
  Word bits = 0;
  for (std::size_t byte = 0; byte < 8; ++byte) {
    Word eight;
    __builtin_memcpy(&eight, hit + 8 * byte, 8);
    // The product moves byte k to bit 56 + k (little-endian, as all processors that are built for).
    bits |= ((eight * 0x0102040810204080ull) >> 56) << (8 * byte);
  }
  return bits;
}

// Bits of the entries with low < entry <= high, for columns first..n of one row of a matrix; bits outside are cleared.
template <class Length>
TOPOSCOPE_INLINE void entries_between(const Length* row, std::size_t first, std::size_t n, Length low, Length high,
                                      Word* out) {
  const std::size_t words = words_for(n);
  for (std::size_t w = 0; w < first / word_bits; ++w) out[w] = 0;
  for (std::size_t w = first / word_bits; w < words; ++w) {
    const std::size_t start = w * word_bits;
    const std::size_t count = start >= n ? 0 : (n - start < word_bits ? n - start : word_bits);
    Word bits = 0;
    if (count == word_bits) {
      unsigned char hit[word_bits];
      for (std::size_t k = 0; k < word_bits; ++k)
        hit[k] = static_cast<unsigned char>((row[start + k] > low) & (row[start + k] <= high));
      bits = pack(hit);
    } else {
      for (std::size_t k = 0; k < count; ++k)
        bits |= static_cast<Word>((row[start + k] > low) & (row[start + k] <= high)) << k;
    }
    out[w] = bits;
  }
  if (first % word_bits && first / word_bits < words) out[first / word_bits] &= ~Word{0} << (first % word_bits);
}

// A vertex between others: its row of the matrix, and its distance from the vertex whose row is looked at.
template <class Length>
struct Between {
  const Length* row;
  Length gap;
};

constexpr std::size_t some_between = 8;

// Takes the columns b out of `open` for which one of some vertices c is nearer to both a and b than they are to each
// other. `row` is that of a.
template <class Length>
TOPOSCOPE_INLINE void remove_between(const Length* row, const Between<Length>* between, std::size_t n, Word* open) {
  // The least, over all c, of the larger of the two distances of c; written for the vector registers.
  const auto is_between = [&](std::size_t b) {
    Length least = std::numeric_limits<Length>::infinity();
    for (std::size_t c = 0; c < some_between; ++c) {
      const Length other = between[c].row[b];
      const Length larger = other > between[c].gap ? other : between[c].gap;
      least = larger < least ? larger : least;
    }
    return least < row[b];
  };
  for (std::size_t w = 0; w * word_bits < n; ++w) {
    if (!open[w]) continue;
    const std::size_t start = w * word_bits;
    const std::size_t count = n - start < word_bits ? n - start : word_bits;
    Word bits = 0;
    if (count == word_bits) {
      unsigned char hit[word_bits];
      for (std::size_t k = 0; k < word_bits; ++k) hit[k] = static_cast<unsigned char>(is_between(start + k));
      bits = pack(hit);
    } else {
      for (std::size_t k = 0; k < count; ++k) bits |= static_cast<Word>(is_between(start + k)) << k;
    }
    open[w] &= ~bits;
  }
}

// The first vertex from `start` on that is within `radius` of both x and y (ends of equal length included).
template <class Length>
TOPOSCOPE_INLINE std::size_t first_within(const Length* x, const Length* y, std::size_t start, std::size_t n,
                                          Length radius) {
  constexpr std::size_t chunk = 32;
  std::size_t v = start;
  for (; v + chunk <= n; v += chunk) {
    unsigned hits = 0;
    for (std::size_t k = 0; k < chunk; ++k) hits += (x[v + k] <= radius) & (y[v + k] <= radius);
    if (hits) break;
  }
  for (; v < n; ++v)
    if (x[v] <= radius && y[v] <= radius) return v;
  return n;
}

// Four words at a time; plain C++ splits it into what the processor has. Rows are padded to whole vectors.
typedef Word Vector __attribute__((vector_size(8 * words_per_vector), aligned(8), may_alias));

TOPOSCOPE_INLINE Word any_of(const Vector& v) { return (v[0] | v[1]) | (v[2] | v[3]); }

// out = left & right; whether anything is in it.
TOPOSCOPE_INLINE bool intersect(const Word* left, const Word* right, Word* out, std::size_t words) {
  Vector any = {0, 0, 0, 0};
  for (std::size_t w = 0; w < words; w += words_per_vector) {
    const Vector both = *reinterpret_cast<const Vector*>(left + w) & *reinterpret_cast<const Vector*>(right + w);
    *reinterpret_cast<Vector*>(out + w) = both;
    any |= both;
  }
  return any_of(any) != 0;
}

// out = set without removed; whether anything is left. out may be set.
TOPOSCOPE_INLINE bool subtract(const Word* set, const Word* removed, Word* out, std::size_t words) {
  Vector any = {0, 0, 0, 0};
  for (std::size_t w = 0; w < words; w += words_per_vector) {
    const Vector left = *reinterpret_cast<const Vector*>(set + w) & ~*reinterpret_cast<const Vector*>(removed + w);
    *reinterpret_cast<Vector*>(out + w) = left;
    any |= left;
  }
  return any_of(any) != 0;
}

// What the lowest vertex of a lune tells about it.
enum class First { none, knows_all, leaves_some };

// Finds the lune of two vertices, whose neighbours are a and b, and in `rest` what its lowest vertex does not know.
TOPOSCOPE_INLINE First first_of_lune(const Word* bits, std::size_t words, const Word* a, const Word* b, Word* lune,
                                     Word* rest) {
  std::size_t w = 0;
  while (w < words && !(a[w] & b[w])) ++w;
  if (w == words) {
    for (w = 0; w < words; ++w) lune[w] = 0;
    return First::none;
  }
  const Word* first = bits + (w * word_bits + static_cast<std::size_t>(__builtin_ctzll(a[w] & b[w]))) * words;
  Vector any = {0, 0, 0, 0};
  for (std::size_t v = 0; v < words; v += words_per_vector) {
    const Vector both = *reinterpret_cast<const Vector*>(a + v) & *reinterpret_cast<const Vector*>(b + v);
    const Vector left = both & ~*reinterpret_cast<const Vector*>(first + v);
    *reinterpret_cast<Vector*>(lune + v) = both;
    *reinterpret_cast<Vector*>(rest + v) = left;
    any |= left;
  }
  return any_of(any) ? First::leaves_some : First::knows_all;
}

TOPOSCOPE_INLINE std::size_t lowest_of(const Word* set) {
  std::size_t w = 0;
  while (!set[w]) ++w;
  return w * word_bits + static_cast<std::size_t>(__builtin_ctzll(set[w]));
}

// What became of the neighbours of a vertex of `rest`.
enum class Joined { none, some, the_last };

// Takes the neighbours out of `rest` if the part of `set` that is not in `rest` has one of them.
TOPOSCOPE_INLINE Joined join(const Word* neighbours, const Word* set, Word* rest, std::size_t words) {
  Vector reached = {0, 0, 0, 0};
  Vector left = {0, 0, 0, 0};
  for (std::size_t w = 0; w < words; w += words_per_vector) {
    const Vector here = *reinterpret_cast<const Vector*>(neighbours + w) & *reinterpret_cast<const Vector*>(set + w);
    const Vector before = *reinterpret_cast<const Vector*>(rest + w);
    reached |= here & ~before;
    *reinterpret_cast<Vector*>(rest + w) = before & ~here;
    left |= before & ~here;
  }
  if (any_of(reached)) return any_of(left) ? Joined::some : Joined::the_last;
  // All of them were in `rest`, and go back.
  for (std::size_t w = 0; w < words; w += words_per_vector)
    *reinterpret_cast<Vector*>(rest + w) |=
        *reinterpret_cast<const Vector*>(neighbours + w) & *reinterpret_cast<const Vector*>(set + w);
  return Joined::none;
}

// Whether all of `rest`, a part of `set`, hangs together with the remainder of `set`, which is connected. What does not
// stays in `rest`.
//
// Whole neighbourhoods are joined at once, so a set whose members know each other well takes two or three steps.
TOPOSCOPE_INLINE bool join_all(const Word* bits, std::size_t words, const Word* set, Word* rest) {
  for (;;) {
    bool joined = false;
    for (std::size_t w = 0; w < words; ++w) {
      for (Word pending = rest[w]; pending; pending &= pending - 1) {
        const std::size_t v = w * word_bits + static_cast<std::size_t>(__builtin_ctzll(pending));
        const Joined here = join(bits + v * words, set, rest, words);
        if (here == Joined::the_last) return true;
        if (here == Joined::none) continue;
        joined = true;
        pending &= rest[w] | (pending & -pending);
      }
    }
    if (!joined) return false;
  }
}

// Whether the graph on the non-empty `set` is connected. What its lowest vertex does not reach stays in `rest`.
TOPOSCOPE_INLINE bool is_connected(const Word* bits, std::size_t words, const Word* set, Word* rest) {
  return !subtract(set, bits + lowest_of(set) * words, rest, words) || join_all(bits, words, set, rest);
}

// Whether the flag complex on the non-empty `set` is certainly connected and without loops (H1 = 0 over Z/2).
//
// It grows from a cone, the lowest vertex and its neighbours. Gluing a vertex on along its link L adds nothing in degree
// 0 or 1 if L is not empty and connected (Mayer-Vietoris: H1 before → H1 after → reduced H0(L)). What cannot be glued
// that way stays in `pending`; `core` is what could. `link` and `rest` are scratch.
TOPOSCOPE_INLINE bool has_no_loops(const Word* bits, std::size_t words, const Word* set, Word* core, Word* pending,
                                   Word* link, Word* rest) {
  const Word* cone = bits + lowest_of(set) * words;
  if (!subtract(set, cone, pending, words)) return true;
  for (std::size_t w = 0; w < words; ++w) core[w] = set[w] & cone[w];
  for (;;) {
    bool glued = false;
    bool left = false;
    for (std::size_t w = 0; w < words; ++w) {
      for (Word these = pending[w]; these; these &= these - 1) {
        const std::size_t v = w * word_bits + static_cast<std::size_t>(__builtin_ctzll(these));
        if (!intersect(bits + v * words, core, link, words) || !is_connected(bits, words, link, rest)) {
          left = true;
          continue;
        }
        glued = true;
        insert(core, static_cast<Vertex>(v));
        erase(pending, static_cast<Vertex>(v));
      }
    }
    if (!left) return true;
    if (!glued) return false;
  }
}

// Adds edges in order until one whose lune is empty or not connected, which is not added. Returns its position, or `end`.
// `lune` then holds its lune, and `rest` what the lowest vertex of it does not reach.
TOPOSCOPE_INLINE std::size_t next_split(const std::uint64_t* edges, std::size_t begin, std::size_t end, Word* bits,
                                        std::size_t words, Word* lune, Word* rest) {
  constexpr std::size_t ahead = 6;
  for (std::size_t at = begin; at < end; ++at) {
    if (at + ahead < end) {
      const std::uint64_t next = edges[at + ahead];
      const Word* first = bits + ((next >> 16) & 0xffffu) * words;
      const Word* second = bits + (next & 0xffffu) * words;
      for (std::size_t w = 0; w < words; w += 8) {
        __builtin_prefetch(first + w);
        __builtin_prefetch(second + w);
      }
    }
    const std::size_t a = (edges[at] >> 16) & 0xffffu;
    const std::size_t b = edges[at] & 0xffffu;
    const First first = first_of_lune(bits, words, bits + a * words, bits + b * words, lune, rest);
    if (first == First::none) return at;
    if (first == First::leaves_some && !join_all(bits, words, lune, rest)) return at;
    insert(bits + a * words, static_cast<Vertex>(b));
    insert(bits + b * words, static_cast<Vertex>(a));
  }
  return end;
}

// As next_split, but also stops at lunes that may have loops, with `core` and `pending` as has_no_loops leaves them.
TOPOSCOPE_INLINE std::size_t next_loop(const std::uint64_t* edges, std::size_t begin, std::size_t end, Word* bits,
                                       std::size_t words, Word* lune, Word* core, Word* pending, Word* link,
                                       Word* rest) {
  for (std::size_t at = begin; at < end; ++at) {
    const std::size_t a = (edges[at] >> 16) & 0xffffu;
    const std::size_t b = edges[at] & 0xffffu;
    if (!intersect(bits + a * words, bits + b * words, lune, words)) return at;
    if (!has_no_loops(bits, words, lune, core, pending, link, rest)) return at;
    insert(bits + a * words, static_cast<Vertex>(b));
    insert(bits + b * words, static_cast<Vertex>(a));
  }
  return end;
}

// open loses the vertices within two steps of its row's vertex, whose neighbours are `near`, by way of its first few
// neighbours; true when nothing is left.
TOPOSCOPE_INLINE bool reaches_all_in_two(const Word* bits, std::size_t words, const Word* near, Word* open) {
  int few = 48;
  for (std::size_t w = 0; w < words; ++w) {
    for (Word rest = near[w]; rest; rest &= rest - 1) {
      const Word* second = bits + (w * word_bits + static_cast<std::size_t>(__builtin_ctzll(rest))) * words;
      if (!subtract(open, second, open, words)) return true;
      if (--few == 0) return false;
    }
  }
  return false;
}

}  // namespace toposcope::loops
