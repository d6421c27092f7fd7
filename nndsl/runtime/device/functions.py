"""What kernels call: functions in CUDA C with NumPy's meaning."""

from __future__ import annotations

FUNCTIONS = r"""
#ifndef INFINITY  // NVRTC includes no header that defines them
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#endif
__device__ __forceinline__ real larger(real a, real b) { return a > b || a != a ? a : b; }  // nan wins, as in NumPy
__device__ __forceinline__ real smaller(real a, real b) { return a < b || a != a ? a : b; }
__device__ __forceinline__ int larger(int a, int b) { return a > b ? a : b; }
__device__ __forceinline__ int smaller(int a, int b) { return a < b ? a : b; }
__device__ __forceinline__ real absolute(real x) { return fabs(x); }
__device__ __forceinline__ int absolute(int x) { return x < 0 ? -x : x; }
__device__ __forceinline__ real sign_of(real x) { return x > 0 ? real(1) : x < 0 ? real(-1) : x; }
__device__ __forceinline__ int sign_of(int x) { return (x > 0) - (x < 0); }
__device__ __forceinline__ real remainder_of(real a, real b) {
    const real rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest != 0 ? rest : copysign(rest, b);
}
__device__ __forceinline__ int remainder_of(int a, int b) {
    if (b == 0) return 0;
    const int rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
__device__ __forceinline__ real floor_divide(real a, real b) {
    if (b == 0) return a / b;
    const real rest = remainder_of(a, b), quotient = (a - rest) / b, whole = floor(quotient);
    return quotient - whole > real(0.5) ? whole + 1 : whole;
}
__device__ __forceinline__ int floor_divide(int a, int b) { return b == 0 ? 0 : (a - remainder_of(a, b)) / b; }

// One rounding each, as on the host: never one for both.
__device__ __forceinline__ float rounded_product(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double rounded_product(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ float rounded_sum(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ double rounded_sum(double a, double b) { return __dadd_rn(a, b); }

// The first of the largest, or smallest; the first nan before all numbers. `at` is -1 where there was nothing yet.
template <typename T> __device__ __forceinline__ void keep_larger(T &best, int &at, T x, int place) {
    const bool better = x > best || (x != x && best == best), worse = best > x || (best != best && x == x);
    if (place >= 0 && (at < 0 || better || (!worse && place < at))) { best = x; at = place; }
}
template <typename T> __device__ __forceinline__ void keep_smaller(T &best, int &at, T x, int place) {
    const bool better = x < best || (x != x && best == best), worse = best < x || (best != best && x == x);
    if (place >= 0 && (at < 0 || better || (!worse && place < at))) { best = x; at = place; }
}
"""

NARROWING = {
    "float32": r"""
// bfloat16: the upper half of a float, rounded to the nearest, of two to the even one. CUDA's header is not needed.
typedef unsigned short narrow;
__device__ __forceinline__ narrow to_narrow(float x) {
    const unsigned bits = __float_as_uint(x);
    return x != x ? narrow(0x7fff) : narrow((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
""",
    "float64": r"""
// Gradients are checked in float64, in which products are exact.
typedef double narrow;
__device__ __forceinline__ narrow to_narrow(double x) { return x; }
""",
}

QUANTILE = r"""
// Where a standard normal distribution has a share of its values below.
__device__ __forceinline__ real normal_quantile(real share) { return real(normcdfinv(double(share))); }
"""
