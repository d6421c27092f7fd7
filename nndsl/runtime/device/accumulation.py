"""Gradients of several batches make one update: added up on the device as `Memory.accumulated` does on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from nndsl.runtime.device.memory import BATCH_ALONE, BATCH_FIRST, BATCH_LAST, BATCH_LEFT_OUT
from nndsl.runtime.device.step import Space

ACCUMULATION = r"""
// weights: of all batches before this one together, and the sum of all samples' weights before it.
extern "C" __global__ void __launch_bounds__(256) note_weight(
        const double* __restrict__ total, double* __restrict__ weights, const int n
) {
    if (threadIdx.x == 0) weights[1] = total[0];
}

// The gradients of a batch times its weight, added to those before it; of the last one the mean of all.
extern "C" __global__ void __launch_bounds__(256) take_in_gradients(
        real* __restrict__ gradients, real* __restrict__ sums, const double* __restrict__ total,
        const double* __restrict__ weights, const double samples, const int first, const int last,
        const index count, const int n
) {
    const index i = (index)blockIdx.x * 256 + threadIdx.x;
    if (i >= count) return;
    const double weight = samples < 0 ? total[0] - weights[1] : samples, before = first ? 0.0 : weights[0];
    const real own = rounded_product(gradients[i], real(weight));
    const real sum = first ? own : rounded_sum(sums[i], own);
    const double all = before + weight;
    sums[i] = sum;
    gradients[i] = last ? sum / real(all == 0 ? 1.0 : all) : own;
}

extern "C" __global__ void __launch_bounds__(256) take_in_weight(
        const double* __restrict__ total, double* __restrict__ weights, const double samples, const int first,
        const int n
) {
    if (threadIdx.x == 0) {
        const double weight = samples < 0 ? total[0] - weights[1] : samples, before = first ? 0.0 : weights[0];
        weights[0] = before + weight;
    }
}
"""


class Accumulation:
    """Adds the gradients of a step to those of the batches before it.

    weight: of each batch; or `total`, an array of one number, grows by it in every step.
    """

    def __init__(self, space: Space, weight: float = -1.0, total: Any = None) -> None:
        kernels = space.kernels(ACCUMULATION)
        gradients, sums, weights = space.vector("gradients"), space.vector("sums"), space.vector("summed")
        self._by_total = total is not None
        total = space.zeros(1) if total is None else total
        self._note = kernels.alone("note_weight")
        self._note_arguments = (total, weights)
        self._add = kernels.over("take_in_gradients", gradients.size)
        self._add_arguments = (gradients, sums, total, weights, np.float64(weight))
        self._count = kernels.index(gradients.size)
        self._finish = kernels.alone("take_in_weight")
        self._finish_arguments = (total, weights, np.float64(weight))

    def begin(self) -> None:
        """Before anything else of the step."""
        if self._by_total:
            self._note(*self._note_arguments)

    def take_in(self, batch: int) -> None:
        """Takes in the gradients of a batch, whose place among those of the update it is told."""
        if batch in (BATCH_ALONE, BATCH_LEFT_OUT):
            return
        first, last = (np.int32(batch == place) for place in (BATCH_FIRST, BATCH_LAST))
        self._add(*self._add_arguments, first, last, self._count)
        self._finish(*self._finish_arguments, first)
