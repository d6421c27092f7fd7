"""Draws in a kernel: the numbers that the host draws for the same seed, site, step and sample (see `random.py`)."""

from __future__ import annotations

PHILOX = r"""
// Philox 4x64-10 (Salmon et al. 2011), addressed as on the host: key (seed, site), counter (position * blocks + block,
// 0, step, 0), where `blocks` of 256 bits hold all draws of one sample. NumPy counts up before each block: hence + 1.
struct Philox { unsigned long long a, b, c, d; };

__device__ __forceinline__ Philox philox_block(unsigned long long seed, unsigned long long site,
        unsigned long long step, unsigned long long counter) {
    Philox x = {counter + 1, 0, step, 0};
    #pragma unroll
    for (int round = 0; round < 10; ++round) {
        const unsigned long long left = 0xD2E7470EE14C6C93ull, right = 0xCA5A826395121157ull;
        x = {__umul64hi(right, x.c) ^ x.b ^ seed, right * x.c, __umul64hi(left, x.a) ^ x.d ^ site, left * x.a};
        seed += 0x9E3779B97F4A7C15ull;
        site += 0xBB67AE8584CAA73Bull;
    }
    return x;
}

// The `number`-th stretch of `bits` (16, 32 or 64) bits of a sample whose draws take `size` such stretches.
__device__ __forceinline__ unsigned long long philox_bits(unsigned long long seed, unsigned long long site,
        unsigned long long step, unsigned long long position, index number, index size, int bits) {
    const unsigned long long each = 256 / bits, blocks = (size + each - 1) / each;
    const Philox x = philox_block(seed, site, step, position * blocks + number / each);
    const unsigned place = number % each * bits;
    const unsigned long long word = place < 128 ? (place < 64 ? x.a : x.b) : (place < 192 ? x.c : x.d);
    return word >> place % 64 & ~0ull >> (64 - bits);
}

// Multiples of 2^-24 (float) or 2^-53 (double) in [0, 1).
__device__ __forceinline__ real uniform_at(unsigned long long seed, unsigned long long site, unsigned long long step,
        unsigned long long position, index element, index size) {
    if (sizeof(real) == 8) {
        return (real)((philox_bits(seed, site, step, position, element, size, 64) >> 11) * 0x1p-53);
    }
    return (real)((float)(unsigned)(philox_bits(seed, site, step, position, element, size, 32) >> 8) * 0x1p-24f);
}

// Standard normal numbers. Box and Muller 1958: a sample's first half are cosines, its second half sines.
__device__ __forceinline__ real normal_at(unsigned long long seed, unsigned long long site, unsigned long long step,
        unsigned long long position, index element, index size) {
    const index half = (size + 1) / 2, pair = element < half ? element : element - half;
    const real u = uniform_at(seed, site, step, position, pair, 2 * half);
    const real v = uniform_at(seed, site, step, position, half + pair, 2 * half);
    if (sizeof(real) == 8) {
        const double radius = sqrt(-2.0 * log(1.0 - (double)u)), angle = __dmul_rn((double)v, 6.283185307179586);
        return (real)(radius * (element < half ? cos(angle) : sin(angle)));
    }
    const float radius = sqrtf(-2.0f * logf(1.0f - (float)u)), angle = __fmul_rn((float)v, 6.2831855f);
    return (real)(radius * (element < half ? cosf(angle) : sinf(angle)));
}

// True with a probability of threshold / 65536; 16 bits a number.
__device__ __forceinline__ bool bernoulli_at(unsigned long long seed, unsigned long long site, unsigned long long step,
        unsigned long long position, index element, index size, unsigned threshold) {
    return (unsigned)philox_bits(seed, site, step, position, element, size, 16) < threshold;
}
"""
"""CUDA C. `real` (float or double) and `index` (int or long long) are the module's types.

`..._at(seed, site, step, position, element, size)`: number `element` of the `size` numbers of the sample at `position`;
a draw that is shared by all samples has step 0 and position 0.
"""
