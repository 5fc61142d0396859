// One instruction set's version of the kernels: included once for each, inside of a namespace of its own.
//
// VW is the floats of a vector, MR the rows of a tile at most. Every sum adds the same terms in the same order,
// whatever VW, MR and the number of rows are: a row's numbers are the same bits alone and in any batch.

typedef float vf __attribute__((vector_size(VW * 4), aligned(4)));

static inline vf load(const float *p) { return *(const vf *)p; }
#if VW == 16
static inline vf load(const half *p) { return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
#else
static inline vf load(const half *p) { return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
#endif
static inline void store(float *p, vf x) { *(vf *)p = x; }
#if VW == 16
static inline void store(half *p, vf x) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)x, 0)); }
#else
static inline void store(half *p, vf x) { _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)x, 0)); }
#endif

constexpr int NR = 2 * VW; // columns of a panel

// y[m][n] = x[m][k] . w, for M rows and P panels
template <int M, int P, class W>
static inline void tile(const float *x, long ldx, const W *w, long k, float *y, long ldy, long columns) {
  vf acc[M][2 * P] = {};
  const long panel = k * NR;
  for (long i = 0; i < k; i++) {
    vf b[2 * P];
    for (int p = 0; p < P; p++) {
      b[2 * p] = load(w + p * panel + i * NR);
      b[2 * p + 1] = load(w + p * panel + i * NR + VW);
    }
    for (int m = 0; m < M; m++) {
      const float a = x[m * ldx + i];
      for (int j = 0; j < 2 * P; j++) acc[m][j] += a * b[j];
    }
  }
  for (int m = 0; m < M; m++)
    for (int j = 0; j < 2 * P; j++) {
      const long left = columns - j * VW;
      if (left >= VW) store(y + m * ldy + j * VW, acc[m][j]);
      else for (long c = 0; c < left; c++) y[m * ldy + j * VW + c] = acc[m][j][c];
    }
}

template <class W>
static void rows_of(long rows, const float *x, const W *w, long k, float *y, long n, long columns) {
  switch (rows) {
#define ROWS(R) \
  case R: \
    tile<R, 1>(x, k, w, k, y, n, columns); \
    break;
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#if MR > 6
    ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#endif
#undef ROWS
  }
}

// y (m, n) = x (m, k) . w, packed
template <class W>
static void product(const float *x, long m, long k, const W *w, long n, float *y) {
  const long panels = (n + NR - 1) / NR;
  if (m == 1) { // bound by memory: several panels at once keep several reads under way
    long p = 0;
    for (; p + 4 <= panels; p += 4) tile<1, 4>(x, k, w + p * k * NR, k, y + p * NR, n, n - p * NR);
    for (; p < panels; p++) tile<1, 1>(x, k, w + p * k * NR, k, y + p * NR, n, n - p * NR);
    return;
  }
  const long tiles = (m + MR - 1) / MR;
  for (long p = 0; p < panels; p++)
    for (long t = 0; t < tiles; t++) { // tiles of nearly equal height
      const long r = t * m / tiles, stop = (t + 1) * m / tiles;
      rows_of(stop - r, x + r * k, w + p * k * NR, k, y + r * n + p * NR, n, n - p * NR);
    }
}

// whether each of n numbers is one of half precision
static int is_half(const float *w, long n) {
  long i = 0;
  for (; i + VW <= n; i += VW) {
    const vf x = load(w + i);
    half y[VW];
    store(y, x);
    const auto other = load(y) != x; // as signs: all bits set where they differ
    for (int c = 0; c < VW; c++)
      if (other[c]) return 0;
  }
  for (; i < n; i++)
    if ((float)(half)w[i] != w[i]) return 0;
  return 1;
}

static long packed_size(long n, long k) { return (n + NR - 1) / NR * NR * k; }

// w (n, k), row by row, as panels of NR columns
template <class W>
static void pack(const float *w, long n, long k, W *to) {
  for (long p = 0; p < n; p += NR, to += NR * k)
    for (int c = 0; c < NR; c++)
      for (long i = 0; i < k; i++) to[i * NR + c] = p + c < n ? (W)w[(p + c) * k + i] : (W)0;
}

// e^x to about 1 unit in the last place (Cephes' expf)
static inline vf exp_of(vf x) {
  typedef int vi __attribute__((vector_size(VW * 4)));
  x = x < -87.f ? vf{} - 87.f : x;
  x = x > 88.f ? vf{} + 88.f : x;
  vf n = x * 1.44269504088896341f;
  vf half = n < 0 ? vf{} - .5f : vf{} + .5f;
  vi whole = __builtin_convertvector(n + half, vi);
  n = __builtin_convertvector(whole, vf);
  x = x - n * .693359375f;
  x = x + n * 2.12194440e-4f;
  vf y = vf{} + 1.9875691500E-4f;
  y = y * x + 1.3981999507E-3f;
  y = y * x + 8.3334519073E-3f;
  y = y * x + 4.1665795894E-2f;
  y = y * x + 1.6666665459E-1f;
  y = y * x + 5.0000001201E-1f;
  y = y * x * x + x + 1.f;
  vi power = (whole + 127) << 23;
  return y * (vf)power;
}

template <class F>
static inline void map(float *x, long n, F f) {
  long i = 0;
  for (; i + VW <= n; i += VW) store(x + i, f(load(x + i), i));
  if (i < n) {
    float t[VW] = {};
    for (long j = i; j < n; j++) t[j - i] = x[j];
    store(t, f(load(t), i));
    for (long j = i; j < n; j++) x[j] = t[j - i];
  }
}

// the sum of 16 partial sums, whatever the vector's width
static inline float sum16(const float *s) {
  float t[8];
  for (int i = 0; i < 8; i++) t[i] = s[i] + s[i + 8];
  for (int i = 0; i < 4; i++) t[i] += t[i + 4];
  return (t[0] + t[2]) + (t[1] + t[3]);
}

static inline float dot(const float *a, const float *b, long n) {
  float s[16] = {};
  long i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) s[j] += a[i + j] * b[i + j];
  for (int j = 0; i < n; i++, j++) s[j] += a[i] * b[i];
  return sum16(s);
}

static void norm(const float *x, long rows, long n, const float *weight, float eps, float *y) {
  for (long r = 0; r < rows; r++, x += n, y += n) {
    const float scale = 1.f / sqrtf(dot(x, x, n) / n + eps);
    for (long i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
  }
}

static void activate(int kind, float *gate, const float *up, long n) {
  if (kind == 0) map(gate, n, [&](vf g, long) { return g / (1.f + exp_of(-g)); });
  else map(gate, n, [&](vf g, long) { // tanh(z) = 1 - 2 / (e^2z + 1)
    vf z = .7978845608028654f * (g + .044715f * g * g * g);
    return .5f * g * (2.f - 2.f / (exp_of(2.f * z) + 1.f));
  });
  for (long i = 0; i < n; i++) gate[i] *= up[i];
}

static void turn(float *x, long size, const float *cos, const float *sin) {
  float t[512];
  const long half = size / 2;
  for (long i = 0; i < size; i++) t[i] = x[i] * cos[i] + x[i < half ? i + half : i - half] * sin[i];
  memcpy(x, t, size * sizeof *x);
}

// one query, size, over keys (room / 16, size, 16) and values (room, size), of which places start to stop count
static void look(const float *q, const float *keys, const float *values, long start, long stop, long size, float scale, float *scores, float *y) {
  const long first = start / 16 * 16; // whole vectors; what lies before or behind is masked
  vf most = vf{} - INFINITY;
  for (long i = first; i < stop; i += 16) {
    vf s[16 / VW] = {};
    for (long c = 0; c < size; c++)
      for (int j = 0; j < 16 / VW; j++) s[j] += q[c] * load(keys + i * size + c * 16 + j * VW);
    for (int j = 0; j < 16 / VW; j++) {
      s[j] *= scale;
      store(scores + i + j * VW, s[j]);
    }
  }
  for (long i = first; i < start; i++) scores[i] = -INFINITY;
  const long end = (stop + 15) / 16 * 16;
  for (long i = stop; i < end; i++) scores[i] = -INFINITY;
  for (long i = first; i < end; i += VW) { vf s = load(scores + i); most = s > most ? s : most; }
  float top = most[0];
  for (int j = 1; j < VW; j++) top = most[j] > top ? most[j] : top;
  vf sums[16 / VW] = {};
  for (long i = first; i < end; i += 16)
    for (int j = 0; j < 16 / VW; j++) {
      vf e = load(scores + i + j * VW);
      e = e < -1e30f ? vf{} : exp_of(e - top);
      store(scores + i + j * VW, e);
      sums[j] += e;
    }
  float parts[16];
  for (int j = 0; j < 16 / VW; j++) store(parts + j * VW, sums[j]);
  const float share = 1.f / sum16(parts);
  long c = 0;
  for (; c + 2 * VW <= size; c += 2 * VW) { // two vectors of a value at once: each is read once, in order
    vf a[4] = {}, b[4] = {};
    const float *v = values + c;
    long i = start;
    for (; i & 3; i++) if (i < stop) { a[i & 3] += scores[i] * load(v + i * size); b[i & 3] += scores[i] * load(v + i * size + VW); } else break;
    for (; i + 4 <= stop; i += 4)
      for (int j = 0; j < 4; j++) {
        a[j] += scores[i + j] * load(v + (i + j) * size);
        b[j] += scores[i + j] * load(v + (i + j) * size + VW);
      }
    for (; i < stop; i++) { a[i & 3] += scores[i] * load(v + i * size); b[i & 3] += scores[i] * load(v + i * size + VW); }
    store(y + c, ((a[0] + a[1]) + (a[2] + a[3])) * share);
    store(y + c + VW, ((b[0] + b[1]) + (b[2] + b[3])) * share);
  }
  for (; c + VW <= size; c += VW) {
    vf a[4] = {};
    long i = start;
    for (; i & 3; i++) if (i < stop) a[i & 3] += scores[i] * load(values + i * size + c); else break;
    for (; i + 4 <= stop; i += 4)
      for (int j = 0; j < 4; j++) a[j] += scores[i + j] * load(values + (i + j) * size + c);
    for (; i < stop; i++) a[i & 3] += scores[i] * load(values + i * size + c);
    store(y + c, ((a[0] + a[1]) + (a[2] + a[3])) * share);
  }
  for (; c < size; c++) {
    float a[4] = {};
    for (long i = start; i < stop; i++) a[i & 3] += scores[i] * values[i * size + c];
    y[c] = ((a[0] + a[1]) + (a[2] + a[3])) * share;
  }
}

static void linear(const Linear &l, const float *x, long m, float *y) {
  if (l.half) product(x, m, l.in, (const half *)l.weight, l.out, y);
  else product(x, m, l.in, (const float *)l.weight, l.out, y);
  for (long r = 0; l.bias && r < m; r++)
    for (long i = 0; i < l.out; i++) y[r * l.out + i] += l.bias[i];
}

static void add(float *x, const float *y, long n) { for (long i = 0; i < n; i++) x[i] += y[i]; }

// x (m, d) is changed; entry i is the token at place at[i] of sequence row[i]
static void layers(const Model &model, const Cache &cache, long m, const int *row, const int *at, float *x, float *scratch) {
  const long d = model.width, size = model.size, heads = model.heads, key_heads = model.key_heads, shared = heads / key_heads;
  float *y = scratch, *q = y + m * d, *k = q + m * heads * size, *v = k + m * key_heads * size;
  float *seen = v + m * key_heads * size, *gate = seen + m * heads * size, *up = gate + m * model.inner, *scores = up + m * model.inner;
  for (long l = 0; l < model.layers; l++) {
    const Layer &layer = model.layer[l];
    const float *cos = model.cos[layer.rotation], *sin = model.sin[layer.rotation];
    norm(x, m, d, layer.norm[0], layer.eps, y);
    linear(layer.q, y, m, q); linear(layer.k, y, m, k); linear(layer.v, y, m, v);
    if (layer.q_norm) { norm(q, m * heads, size, layer.q_norm, layer.eps, q); norm(k, m * key_heads, size, layer.k_norm, layer.eps, k); }
    float *keys = cache.keys + l * cache.rows * key_heads * cache.room * size, *values = cache.values + l * cache.rows * key_heads * cache.room * size;
    for (long i = 0; i < m; i++) {
      for (long h = 0; h < heads; h++) turn(q + (i * heads + h) * size, size, cos + at[i] * size, sin + at[i] * size);
      for (long h = 0; h < key_heads; h++) {
        float *key = k + (i * key_heads + h) * size;
        turn(key, size, cos + at[i] * size, sin + at[i] * size);
        const long head = (row[i] * key_heads + h) * cache.room * size;
        for (long c = 0; c < size; c++) keys[head + (at[i] / 16 * size + c) * 16 + at[i] % 16] = key[c];
        memcpy(values + head + at[i] * size, v + (i * key_heads + h) * size, size * sizeof *key);
      }
    }
    for (long i = 0; i < m; i++) {
      const long stop = at[i] + 1, start = layer.window && stop > layer.window ? stop - layer.window : 0;
      for (long h = 0; h < heads; h++) {
        const long head = (row[i] * key_heads + h / shared) * cache.room * size;
        look(q + (i * heads + h) * size, keys + head, values + head, start, stop, size, layer.scale, scores, seen + (i * heads + h) * size);
      }
    }
    linear(layer.o, seen, m, y);
    if (layer.norm[1]) norm(y, m, d, layer.norm[1], layer.eps, y);
    add(x, y, m * d);
    norm(x, m, d, layer.norm[2], layer.eps, y);
    linear(layer.gate, y, m, gate); linear(layer.up, y, m, up);
    activate(model.activation, gate, up, m * model.inner);
    linear(layer.down, gate, m, y);
    if (layer.norm[3]) norm(y, m, d, layer.norm[3], layer.eps, y);
    add(x, y, m * d);
  }
}

static void logits(const Model &model, const float *x, long m, float *to, float *scratch) {
  norm(x, m, model.width, model.norm, model.eps, scratch);
  linear(model.head, scratch, m, to);
}

// Drawing a token

typedef double vd __attribute__((vector_size(VW * 4), aligned(8)));
typedef long vl __attribute__((vector_size(VW * 4)));
constexpr int DW = VW / 2;

// e^x for x <= 0, in double precision: 2^n times the Taylor series of what is left
static inline vd exp_of(vd x) {
  x = x < -700. ? vd{} - 700. : x;
  const vl whole = __builtin_convertvector(x * 1.4426950408889634 - .5, vl);
  const vd n = __builtin_convertvector(whole, vd);
  x = x - n * .693147180369123816490;
  x = x - n * 1.90821492927058770002e-10;
  vd y = vd{} + 1. / 6227020800.;
  static const double term[] = {1. / 479001600., 1. / 39916800., 1. / 3628800., 1. / 362880., 1. / 40320., 1. / 5040., 1. / 720., 1. / 120., 1. / 24., 1. / 6., .5, 1., 1.};
  for (double t : term) y = y * x + t;
  return y * (vd)((whole + 1023) << 52);
}

// The k-th largest of v keys, by its bits from the top down
static int32_t largest(const int32_t *key, long v, long k) {
  const uint32_t top = 0x80000000u; // turns the order of whole numbers with a sign into that of those without
  uint32_t at = 0;
  for (uint32_t bit = top; bit; bit >>= 1) {
    const int32_t limit = (int32_t)((at | bit) ^ top);
    int32_t count = 0;
    for (long i = 0; i < v; i++) count += key[i] >= limit;
    if (count >= k) at |= bit;
  }
  return (int32_t)(at ^ top);
}

// The id of a token, by the inverse of the CDF at a uniform number; see `ar.sampling.Sampler.draw`.
// room: 4 v numbers.
static long draw(const float *logits, long v, double temperature, long top_k, double top_p, double uniform, double *room) {
  long best = 0;
  bool is_sound = true;
  for (long i = 0; i < v; i++) {
    is_sound &= logits[i] < INFINITY; // false for NaN, too
    best = logits[i] > logits[best] ? i : best;
  }
  if (!is_sound || logits[best] == -INFINITY) return -1;
  if (temperature <= 0) return best;
  double *p = room;
  const double most = logits[best], scale = 1. / std::max(temperature, 1e-6);
  double total = 0;
  for (long i = 0; i < v; i += DW) {
    double t[DW];
    for (int j = 0; j < DW; j++) t[j] = i + j < v ? (logits[i + j] - most) * scale : -1e9;
    const vd e = exp_of(*(const vd *)t);
    for (int j = 0; j < DW && i + j < v; j++) total += p[i + j] = logits[i + j] == -INFINITY ? 0. : e[j];
  }
  if (top_k > 0 || top_p < 1) { // put the rest at 0
    const long count = top_k > 0 && top_k < v ? top_k : v;
    int32_t *key = (int32_t *)(room + v); // whole numbers that sort as the logits do
    for (long i = 0; i < v; i++) {
      int32_t bits;
      const float number = logits[i] + 0.f;
      memcpy(&bits, &number, 4);
      key[i] = bits ^ (bits >> 31 & 0x7fffffff);
    }
    const int32_t least = count < v ? largest(key, v, count) : INT32_MIN;
    int64_t *order = (int64_t *)(room + 2 * v); // keys, and where they stand: the first of equals first
    long above = 0, equal = 0, found = 0;
    for (long i = 0; i < v; i++) above += key[i] > least;
    for (long i = 0; i < v; i++)
      if (key[i] > least || (key[i] == least && equal++ < count - above)) order[found++] = (int64_t)key[i] * 4294967296 + (v - 1 - i);
    std::sort(order, order + found, std::greater<int64_t>());
    double before = 0, *chosen = room + 3 * v;
    long kept = 0;
    for (; kept < found; kept++) {
      if (kept > 0 && top_p < 1 && before >= top_p * total) break;
      const long i = v - 1 - (order[kept] & 0xffffffff);
      before += p[i];
      chosen[kept] = p[i];
    }
    for (long i = 0; i < v; i++) p[i] = 0;
    for (long i = 0; i < kept; i++) p[v - 1 - (order[i] & 0xffffffff)] = chosen[i];
  }
  double sum = 0;
  for (long i = 0; i < v; i++) sum += p[i];
  const double target = uniform * sum;
  double cumulative = 0;
  long last = best;
  for (long i = 0; i < v; i++) {
    if (p[i] <= 0) continue;
    cumulative += p[i];
    last = i;
    if (cumulative > target) break;
  }
  return last;
}
