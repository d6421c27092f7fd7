"""Rows added up at their numbers, as the gradient of a table has it: a block for each row of the result.

A block goes through all numbers and adds the rows that are its own in their order, so that the same bits come out
every time; what several threads add at once would come in any order.
"""

from __future__ import annotations

from typing import Any

from nndsl.runtime.device.step import Space

SCATTERING = r"""
extern "C" __global__ void __launch_bounds__(256) add_rows(
        const real* __restrict__ values, const int* __restrict__ ids, real* __restrict__ out, const index count,
        const index width, const int n
) {
    __shared__ index found[256];
    __shared__ int of_warp[8];
    const index row = blockIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (index k = threadIdx.x; k < width; k += 256) out[row * width + k] = 0;
    for (index begin = 0; begin < count; begin += 256) {
        const index i = begin + threadIdx.x;
        const bool own = i < count && ids[i] == row;
        int before = own, total = 0;
        for (int step = 1; step < 32; step *= 2) {
            const int other = __shfl_up_sync(0xffffffffu, before, step);
            if (lane >= step) before += other;
        }
        if (lane == 31) of_warp[warp] = before;
        before -= own;
        __syncthreads();
        for (int other = 0; other < 8; other++) {
            if (other < warp) before += of_warp[other];
            total += of_warp[other];
        }
        if (own) found[before] = i;
        __syncthreads();
        for (index k = threadIdx.x; total > 0 && k < width; k += 256) {
            real sum = out[row * width + k];
            for (int other = 0; other < total; other++) {
                const real x = values[found[other] * width + k];
                sum += x;
            }
            out[row * width + k] = sum;
        }
        __syncthreads();
    }
}
"""


class ScatterAdd:
    """`scatter_add` of the host: `count` rows of `width` numbers, each to the row of `out` that its id names."""

    def __init__(self, space: Space, values: Any, ids: Any, out: Any, rows: int, count: int, width: int) -> None:
        kernels = space.kernels(SCATTERING)
        self._launch = kernels.over("add_rows", rows, 1)
        self._arguments = (values, ids, out, kernels.index(count), kernels.index(width))

    def __call__(self) -> None:
        """Computes it."""
        self._launch(*self._arguments)
