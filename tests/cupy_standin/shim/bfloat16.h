// bfloat16 as cuda_bf16.h has it: the upper half of a float, rounded to nearest even.
#pragma once

struct __nv_bfloat16 {
    unsigned short bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float value) {
        unsigned word;
        std::memcpy(&word, &value, 4);
        bits = value != value ? 0x7fff : (unsigned short)((word + 0x7fff + ((word >> 16) & 1)) >> 16);
    }
    operator float() const {
        unsigned word = (unsigned)bits << 16;
        float value;
        std::memcpy(&value, &word, 4);
        return value;
    }
};
struct alignas(4) __nv_bfloat162 { __nv_bfloat16 x, y; };

static inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
static inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
static inline float __bfloat162float(__nv_bfloat16 x) { return x; }
static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
static inline float __low2float(__nv_bfloat162 pair) { return pair.x; }
static inline float __high2float(__nv_bfloat162 pair) { return pair.y; }
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { __nv_bfloat16 x; x.bits = bits; return x; }
