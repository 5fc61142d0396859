// One step of a decoder of the Llama family, in float32, on a CPU: the layers and the head, without an allocation.
//
// A plain C interface over addresses: no Python and no torch in here. Weights are packed once for a decoding, as
// panels that are read in order; where all of them are numbers of half precision they are kept as such, which
// halves what is read and changes no bit. `library.py` declares the same structures, and says what they mean.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <functional>

struct Linear { const void *weight; const float *bias; long in, out; int half; };
struct Layer {
  Linear q, k, v, o, gate, up, down;
  const float *norm[4], *q_norm, *k_norm;
  float eps, scale;
  long window;
  int rotation;
};
struct Model {
  long width, inner, heads, key_heads, size, layers;
  const Layer *layer;
  const float *norm;
  float eps;
  int activation;
  Linear head;
  const float *cos[2], *sin[2];
};
struct Cache { float *keys, *values; long rows, room; };

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
typedef _Float16 half;

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c,avx2,prefer-vector-width=512")
namespace wide {
#define VW 16
#define MR 12
#include "decoder_kernels.h"
#undef VW
#undef MR
}
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
namespace narrow {
#define VW 8
#define MR 6
#include "decoder_kernels.h"
#undef VW
#undef MR
}
#pragma GCC pop_options

extern "C" {

// 2 and 1: the instruction sets; 0: this machine has neither
int diptych_level() {
  __builtin_cpu_init();
  const bool fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool is_wide = fused && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return is_wide ? 2 : fused ? 1 : 0;
}

int diptych_is_half(int level, const float *w, long n) {
  return level == 2 ? wide::is_half(w, n) : narrow::is_half(w, n);
}

long diptych_packed_numbers(int level, long n, long k) {
  return level == 2 ? wide::packed_size(n, k) : narrow::packed_size(n, k);
}

void diptych_pack(int level, const float *w, long n, long k, int is_half, void *to) {
  if (level == 2) is_half ? wide::pack(w, n, k, (half *)to) : wide::pack(w, n, k, (float *)to);
  else is_half ? narrow::pack(w, n, k, (half *)to) : narrow::pack(w, n, k, (float *)to);
}

void diptych_layers(int level, const Model *model, const Cache *cache, long m, const int *row, const int *at, float *x, float *scratch) {
  (level == 2 ? wide::layers : narrow::layers)(*model, *cache, m, row, at, x, scratch);
}

void diptych_logits(int level, const Model *model, const float *x, long m, float *to, float *scratch) {
  (level == 2 ? wide::logits : narrow::logits)(*model, x, m, to, scratch);
}

void diptych_draw(int level, const float *logits, long rows, long v, const double *temperature, const int64_t *top_k, const double *top_p, const double *uniform, double *room, int64_t *to) {
  for (long r = 0; r < rows; r++)
    to[r] = (level == 2 ? wide::draw : narrow::draw)(logits + r * v, v, temperature[r], top_k[r], top_p[r], uniform[r], room);
}
}

#else  // no version for this machine or compiler yet: the engine does without
extern "C" int diptych_level() { return 0; }
#endif
