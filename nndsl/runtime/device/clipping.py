"""Gradients whose norms are limited, weight by weight: a block for each stretch of a weight, in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np

from nndsl.runtime.device.step import Space

STRETCH = 4096
"""Elements that a block goes through."""

CLIPPING = r"""
// The sum of squares of each stretch, which begins and ends where the table says.
extern "C" __global__ void __launch_bounds__(256) squares_of_stretches(
        const real* __restrict__ flat, const index* __restrict__ table, real* __restrict__ squares, const int n
) {
    real sum = 0;
    for (index i = table[4 * blockIdx.x] + threadIdx.x; i < table[4 * blockIdx.x + 1]; i += 256) {
        const real x = flat[i];
        sum += x * x;
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    __shared__ real sum_of_warp[8];
    if (threadIdx.x % 32 == 0) sum_of_warp[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (int other = 1; other < 8; other++) sum += sum_of_warp[other];
    squares[blockIdx.x] = sum;
}

// Each stretch, made shorter where the norm of its weight, of which the table names all stretches, is above the limit.
extern "C" __global__ void __launch_bounds__(256) shortened_stretches(
        const real* __restrict__ flat, const index* __restrict__ table, const real* __restrict__ squares,
        real* __restrict__ out, const double limit, const int n
) {
    real sum = 0;
    for (index other = table[4 * blockIdx.x + 2]; other < table[4 * blockIdx.x + 3]; other++) sum += squares[other];
    const real norm = sqrt(sum), factor = norm > real(limit) ? real(limit) / norm : real(1);
    for (index i = table[4 * blockIdx.x] + threadIdx.x; i < table[4 * blockIdx.x + 1]; i += 256) {
        const real x = flat[i];
        out[i] = x * factor;
    }
}
"""


class ClipByNorm:
    """`clip_by_norm` of the host: parts of `flat` (`sizes`, in order) into `out`, at most of norm `limit`."""

    def __init__(self, space: Space, flat: Any, out: Any, sizes: tuple[int, ...], limit: float) -> None:
        kernels = space.kernels(CLIPPING)
        rows: list[tuple[int, int, int, int]] = []
        start = 0
        for size in sizes:
            first = len(rows)
            last = first + -(-size // STRETCH)
            stop = start + size
            rows += [(at, min(at + STRETCH, stop), first, last) for at in range(start, stop, STRETCH)]
            start = stop
        table = space.array(np.array(rows, kernels.index))
        squares = space.empty(len(rows), kernels.real)
        self._sum = kernels.over("squares_of_stretches", len(rows), 1)
        self._shorten = kernels.over("shortened_stretches", len(rows), 1)
        self._arguments = (flat, table, squares)
        self._more = (out, np.float64(limit))

    def __call__(self) -> None:
        """Computes it."""
        self._sum(*self._arguments)
        self._shorten(*self._arguments, *self._more)
