// The part of CUDA C that generated kernels use, for a C++ compiler: nothing more, so that stray names do not compile.
#pragma once
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "checked.h"
#include "threads.h"
#include "bfloat16.h"

#define __device__ static
#define __constant__ static
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static __attribute__((section("standin_shared")))

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct ulonglong2 { unsigned long long x, y; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline double2 make_double2(double x, double y) { return {x, y}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;

#define STANDIN_LEAST_AND_MOST(T) \
    static inline T min(T a, T b) { return b < a ? b : a; } \
    static inline T max(T a, T b) { return a < b ? b : a; }
STANDIN_LEAST_AND_MOST(int)
STANDIN_LEAST_AND_MOST(unsigned)
STANDIN_LEAST_AND_MOST(long long)
STANDIN_LEAST_AND_MOST(unsigned long long)
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float __fdividef(float x, float y) { return x / y; }
static inline float standin_sinpif(float x) { return (float)sin(M_PI * (double)x); }
static inline float standin_cospif(float x) { return (float)cos(M_PI * (double)x); }
static inline double standin_sinpi(double x) { return sin(M_PI * x); }
static inline double standin_cospi(double x) { return cos(M_PI * x); }
// Names that the C library may have for itself.
#define __expf expf
#define __logf logf
#define sinpif standin_sinpif
#define cospif standin_cospif
#define sinpi standin_sinpi
#define cospi standin_cospi
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fsub_rn(float x, float y) { return x - y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fdiv_rn(float x, float y) { return x / y; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline double __dadd_rn(double x, double y) { return x + y; }
static inline double __dsub_rn(double x, double y) { return x - y; }
static inline double __dmul_rn(double x, double y) { return x * y; }
static inline double __ddiv_rn(double x, double y) { return x / y; }
static inline double __dsqrt_rn(double x) { return sqrt(x); }

template <class To, class From>
static inline To standin_bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To result;
    std::memcpy(&result, &value, sizeof value);
    return result;
}
static inline int __float_as_int(float x) { return standin_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return standin_bits<unsigned>(x); }
static inline float __int_as_float(int x) { return standin_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return standin_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return standin_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return standin_bits<double>(x); }
static inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((unsigned long long)x * y >> 32); }
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned long long)((unsigned __int128)x * y >> 64);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }

// Where a standard normal distribution has the share p below: by bisection, then by Newton's steps.
static inline double normcdfinv(double p) {
    if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    auto below = [](double x) { return 0.5 * std::erfc(-x * 0.70710678118654752440); };
    double low = -40, high = 40;
    for (int i = 0; i < 40; i++) (below((low + high) / 2) < p ? low : high) = (low + high) / 2;
    double x = (low + high) / 2;
    for (int i = 0; i < 2; i++) x -= (below(x) - p) / (0.39894228040143267794 * std::exp(-0.5 * x * x));
    return x;
}
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline double __ull2double_rn(unsigned long long x) { return (double)x; }

// Atomics of whole numbers only: sums of floats would depend on the order of threads.
#define STANDIN_ATOMICS(T) \
    static inline T atomicAdd(T* at, T by) { T old = *at; *at = old + by; return old; } \
    static inline T atomicMax(T* at, T by) { T old = *at; if (old < by) *at = by; return old; } \
    static inline T atomicMin(T* at, T by) { T old = *at; if (by < old) *at = by; return old; }
STANDIN_ATOMICS(int)
STANDIN_ATOMICS(unsigned)
STANDIN_ATOMICS(unsigned long long)
static inline unsigned atomicInc(unsigned* at, unsigned limit) { unsigned old = *at; *at = old >= limit ? 0 : old + 1; return old; }
static inline unsigned atomicOr(unsigned* at, unsigned by) { unsigned old = *at; *at |= by; return old; }
float atomicAdd(float*, float) = delete;
double atomicAdd(double*, double) = delete;
static inline void __threadfence() {}
static inline void __threadfence_block() {}
[[noreturn]] static inline void __trap() { standin::fail("the kernel stops itself (__trap)"); }

#define reinterpret_cast standin::cast
